# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What tests on the real kernel need mounted: cgroup v2 and bpffs. Mounts what is missing, and leaves it;
# prints where cgroup v2 is.
mounts() {
	local cgroups
	cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[ -n "$cgroups" ] || {
		cgroups=/run/weir-cgroup2
		mkdir -p $cgroups && mount -t cgroup2 none $cgroups || { echo "cgroup v2 cannot be mounted" >&2; return 1; }
	}
	grep -q ' /sys/fs/bpf bpf ' /proc/mounts || mount -t bpf bpf /sys/fs/bpf || { echo "bpffs cannot be mounted" >&2; return 1; }
	echo "$cgroups"
}
