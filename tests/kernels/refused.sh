#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs inside the test machine, on a kernel below the minimum: one clear sentence, and nothing is left.
. "$(dirname "$0")/../lib/e2e.sh"
E2E=linux-$(uname -r | cut -d . -f 1,2)

cat >/tmp/agent.yaml <<-YAML
	node: {name: old}
	agent: {mode: observe, state_dir: /tmp/state}
	bpf: {cgroup_root: /sys/fs/cgroup, interfaces: ["lo"]}
YAML
one_sentence() { # file
	[ "$(wc -l <"$1")" = 1 ] &&
		grep -qE "^weir-agent: error: this kernel \(Linux $(uname -r)\) lacks .* Linux 5\.15 or newer with BTF is needed" "$1"
}
timeout 60 "$LAB_BIN/weir-agent" -c /tmp/agent.yaml >/tmp/start 2>&1
equal "weir-agent does not start" $? 1
sed 's/^/# /' /tmp/start
expect "it says why in one sentence" one_sentence /tmp/start
equal "no program is left" "$(bpftool prog show | grep -c weir)" 0
equal "no pin is left" "$(find /sys/fs/bpf -type f | wc -l)" 0
timeout 60 "$LAB_BIN/weir-agent" --probe >/tmp/rungs 2>/tmp/probe
equal "weir-agent --probe ends with a failure" $? 1
sed 's/^/# /' /tmp/rungs
expect "it ends with the same sentence" one_sentence /tmp/probe
expect "it names what is refused, with errno" grep -qE '^refused  BPF compare-and-swap: errno [0-9]+' /tmp/rungs
expect "and what is not" grep -q '^yes      cgroup_skb egress: ' /tmp/rungs
finish
