# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The network lab: nodes of two clusters, two routers with NAT, an "internet", a management network,
# in network namespaces named weir-*; workloads in cgroups below weir-lab/<node>/. Source it as root.
#
#   weir-n1 10.7.1.11 fd07:1:1::11 (east-a) --+
#                                             +-- weir-r  (198.18.0.1) --+
#   weir-n2 10.7.2.11 fd07:1:2::11 (east-b) --+                          +-- weir-inet 198.18.0.10
#   weir-n3 10.7.1.11 fd07:2:1::11 (west-a) ----- weir-r2 (198.18.0.2) --+            2001:db8:99::10
#   mgmt0 of each node 192.0.2.11 .12 .13 ------- weir-agg 192.0.2.1
#
# n3 belongs to another cluster that uses n1's IPv4 address again, hence its own router. Everything
# lives below fixed names, so that a lab whose owner was killed is found and removed by the next one.

PATH=$PATH:/usr/sbin:/sbin
LAB_NAME=weir-lab${WEIR_LAB:-}      # three at a time: the others' WEIR_LAB is 2 and 3
LAB_NET=weir-${WEIR_LAB:+$WEIR_LAB-} # what its namespaces' names begin with
LAB=/run/$LAB_NAME
LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_BIN=${WEIR_BIN:-$LAB_ROOT/build}
LAB_SPACES="agg r r2 n1 n2 n3 inet"
. "$LAB_ROOT/tests/lib/mounts.sh"
LAB_CGROUPS=$([ "$(id -u)" != 0 ] || mounts)
LAB_PYTHON=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || command -v python3)
INET4=198.18.0.10 INET6=2001:db8:99::10
N1_4=10.7.1.11 N1_6=fd07:1:1::11 N2_4=10.7.2.11 N2_6=fd07:1:2::11 N3_6=fd07:2:1::11
declare -A LAB_PID=()
exec {LAB_SILENCE}<> <(:) # nothing ever comes

lab_die() { echo "lab: $*" >&2; exit 1; }

# Ends what runs in the lab's cgroups, then removes namespaces, pins and files.
lab_down() {
	local name i
	[ -n "$LAB_CGROUPS" ] && [ -d "$LAB_CGROUPS/$LAB_NAME" ] && {
		echo 1 >"$LAB_CGROUPS/$LAB_NAME/cgroup.kill"
		for i in $(seq 100); do
			grep -q 'populated 0' "$LAB_CGROUPS/$LAB_NAME/cgroup.events" && break
			sleep 0.05
		done
		find "$LAB_CGROUPS/$LAB_NAME" -depth -type d -exec rmdir {} + 2>/dev/null
	}
	rm -rf /sys/fs/bpf/$LAB_NAME
	for name in $LAB_SPACES; do
		[ -e "/var/run/netns/$LAB_NET$name" ] && ip netns del "$LAB_NET$name"
	done
	awk -v lab="$LAB/" 'index($2, lab) == 1 { print $2 }' /proc/mounts | xargs -r umount -l
	rm -rf "$LAB"
	wait 2>/dev/null
	LAB_PID=()
	return 0
}

lab_ns() { local name=$1; shift; nsenter --net="/var/run/netns/$LAB_NET$name" "$@"; }

# One veth pair between two namespaces. Segmentation is done before the device on both ends, so that
# the interface counters are the wire's; the sockets above still make super-packets.
lab_link() { # space dev space dev
	ip link add "$2" netns "$LAB_NET$1" type veth peer name "$4" netns "$LAB_NET$3" || return
	lab_ns "$1" ethtool -K "$2" tso off gso off tx-udp-segmentation off gro off >/dev/null &&
		lab_ns "$3" ethtool -K "$4" tso off gso off tx-udp-segmentation off gro off >/dev/null || return
	lab_ip "$1" <<<"link set $2 up" && lab_ip "$3" <<<"link set $4 up"
}

# Many commands of ip in one namespace, one a line.
lab_ip() { ip -n "$LAB_NET$1" -batch -; }
lab_address() { # space dev address...
	local space=$1 dev=$2 a
	shift 2
	for a; do
		case $a in *:*) echo "addr add $a dev $dev nodad" ;; *) echo "addr add $a dev $dev" ;; esac
	done | lab_ip "$space"
}

# Not from /sys, which belongs to the namespace that mounted it.
lab_mac() { lab_ns "$1" ip -o link show dev "$2" | sed -n 's/.*link\/ether \([0-9a-f:]*\).*/\1/p'; }

# A node: data interface eth0 towards its router, mgmt0 towards the aggregator. Neighbours are
# permanent, so that no ARP and no neighbour discovery stands between counters and traffic.
lab_node() { # name router leg v4 v6 gateway4 gateway6 management
	local node=$1 router=$2 leg=$3 v4=$4 v6=$5 gw4=$6 gw6=$7 mgmt=$8 here there
	lab_link "$node" eth0 "$router" "$leg" && lab_link "$node" mgmt0 agg "mgmt-$node" || return
	here=$(lab_mac "$node" eth0) there=$(lab_mac "$router" "$leg")
	lab_ip agg <<<"link set mgmt-$node master mgmt" && lab_ip "$node" <<-IP && lab_ip "$router" <<-IP
		addr add $v4/24 dev eth0
		addr add $v6/64 dev eth0 nodad
		addr add $mgmt/24 dev mgmt0
		neigh replace $gw4 lladdr $there dev eth0 nud permanent
		neigh replace $gw6 lladdr $there dev eth0 nud permanent
		route add default via $gw4
		route add ::/0 via $gw6
	IP
		addr add $gw4/24 dev $leg
		addr add $gw6/64 dev $leg nodad
		neigh replace $v4 lladdr $here dev $leg nud permanent
		neigh replace $v6 lladdr $here dev $leg nud permanent
	IP
}

lab_router() { # name inet4 inet6
	lab_link "$1" inet inet "leg-$1" && lab_ns inet ip link set "leg-$1" master wan &&
		lab_address "$1" inet "$2/24" "$3/64" &&
		lab_ns "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 || return
	lab_ns "$1" nft -f - <<-NFT || lab_die "$1: nftables gave no masquerade"
		table ip nat { chain out { type nat hook postrouting priority 100; oifname "inet" masquerade; }; }
	NFT
}

lab_spaces() {
	local name
	for name in $LAB_SPACES; do
		ip netns add "$LAB_NET$name" || return
		lab_ns "$name" sysctl -qw net.ipv6.conf.all.router_solicitations=0 net.ipv6.conf.default.router_solicitations=0 \
			net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.accept_dad=0
		lab_ip "$name" <<<"link set lo up" || return
	done
	lab_ns agg ip link add mgmt type bridge && lab_ns agg ip link set mgmt up &&
		lab_address agg mgmt 192.0.2.1/24 &&
		lab_ns inet ip link add wan type bridge && lab_ns inet ip link set wan up &&
		lab_address inet wan $INET4/24 $INET6/64
}

lab_cgroups() {
	local node
	for node in n1 n2 n3; do
		mkdir -p "$LAB_CGROUPS/$LAB_NAME/$node/weir-agent.service" \
			"$LAB_CGROUPS/$LAB_NAME/$node/payments.slice/"{checkout,backup}.service \
			"$LAB_CGROUPS/$LAB_NAME/$node/analytics.slice/reports.service" || return
	done
	mkdir -p "$LAB_CGROUPS/$LAB_NAME/"{agg,inet,r,r2}/main.service
	# Somebody in each namespace, whose /proc shows its counters.
	for node in $LAB_SPACES; do
		case $node in n?) lab_bg "in-$node" "$node" weir-agent.service sleep infinity ;;
		*) lab_bg "in-$node" "$node" main.service sleep infinity ;; esac
	done
}

# Removes what an earlier lab left, then builds. Waits for a lab that is in use.
lab_up() {
	local tool lock=
	[ "$(id -u)" = 0 ] || lab_die "needs root"
	for tool in ip nft ethtool nsenter "$LAB_PYTHON"; do
		command -v "$tool" >/dev/null || lab_die "$tool is not installed: run packaging/deps"
	done
	[ -n "$LAB_CGROUPS" ] || lab_die "needs cgroup v2 and bpffs"
	# Cgroups are shared by all, a container or chroot with a /run of its own included.
	case ${WEIR_LAB:-} in 2) lock=cgroup.procs ;; 3) lock=cgroup.threads ;; esac
	exec 9<"$LAB_CGROUPS/$lock" && flock -w 300 9 || lab_die "another lab is in use"
	lab_down
	trap lab_down EXIT
	trap 'exit 130' INT TERM HUP
	LAB_BEGAN=$(date +%s)
	mkdir -p $LAB/log $LAB/run /sys/fs/bpf/$LAB_NAME
	lab_spaces && lab_cgroups && lab_router r 198.18.0.1 2001:db8:99::1 && lab_router r2 198.18.0.2 2001:db8:99::2 &&
		lab_node n1 r n1 $N1_4 $N1_6 10.7.1.1 fd07:1:1::1 192.0.2.11 &&
		lab_node n2 r n2 $N2_4 $N2_6 10.7.2.1 fd07:1:2::1 192.0.2.12 &&
		lab_node n3 r2 n3 $N1_4 $N3_6 10.7.1.1 fd07:2:1::1 192.0.2.13 &&
		for r in r r2; do lab_ns $r ip -6 route add default via $INET6 || return; done &&
		lab_ns inet ip -6 route add fd07:1::/32 via 2001:db8:99::1 &&
		lab_ns inet ip -6 route add fd07:2::/32 via 2001:db8:99::2 || lab_die "the network could not be built"
}

# The shell becomes the command inside a cgroup and a network namespace.
lab_enter() { # space cgroup command...
	local space=$1 group=$LAB_CGROUPS/$LAB_NAME/$1/$2
	shift 2
	echo "$BASHPID" >"$group/cgroup.procs" || exit 1
	exec nsenter --net="/var/run/netns/$LAB_NET$space" "$@" 9>&-
}
lab_in() { (lab_enter "$@"); }
# In the background, under a name: log in $LAB/log/<name>.log, process in LAB_PID[name].
lab_bg() { # name space cgroup command...
	local name=$1
	shift
	(lab_enter "$@") >>"$LAB/log/$name.log" 2>&1 </dev/null &
	LAB_PID[$name]=$!
	disown $!
}
lab_alive() { [ -n "${LAB_PID[$1]:-}" ] && kill -0 "${LAB_PID[$1]}" 2>/dev/null; }
lab_kill() { # name [signal]
	local i
	lab_alive "$1" || return 1
	kill "-${2:-TERM}" "${LAB_PID[$1]}"
	for i in $(seq 200); do lab_alive "$1" || { unset "LAB_PID[$1]"; return 0; }; sleep 0.05; done
	kill -9 "${LAB_PID[$1]}"
	unset "LAB_PID[$1]"
	return 1
}

# Polls a condition: no test sleeps to wait. A test says how long that takes a slow machine; one that
# others use too, or an emulated one, needs more patience.
lab_wait() { # seconds condition...
	local until=$((${EPOCHREALTIME/[.,]/} + $1 * ${LAB_PATIENCE:-3} * 1000000))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/[.,]/}" -lt "$until" ] || return 1
		read -rt 0.2 <&$LAB_SILENCE || : # as sleep does, without a process
	done
}

# Where it is the time itself that must pass: an outage that lasts, traffic before what comes next.
lab_pass() { sleep "$1"; }

# Interfaces of a namespace, a line each: name, bytes and packets received, bytes and packets sent. Costs no process.
lab_counters() { # space
	local dev rx_bytes rx_packets tx_bytes tx_packets _
	while read -r dev rx_bytes rx_packets _ _ _ _ _ _ tx_bytes tx_packets _; do
		case $dev in *:) echo "${dev%:} $rx_bytes $rx_packets $tx_bytes $tx_packets" ;; esac
	done <"/proc/${LAB_PID[in-$1]}/net/dev"
}
# One fact of an interface: lab_counter NODE DEV rx_bytes|tx_bytes|rx_packets|tx_packets
lab_counter() {
	local dev rx_bytes rx_packets tx_bytes tx_packets
	while read -r dev rx_bytes rx_packets tx_bytes tx_packets; do
		[ "$dev" != "$2" ] || echo "${!3}"
	done < <(lab_counters "$1")
}

lab_traffic() { # space cgroup traffic-arguments...
	local space=$1 group=$2
	shift 2
	lab_in "$space" "$group" "$LAB_PYTHON" "$LAB_ROOT/tests/lib/traffic.py" "$@"
}
lab_serve() { # name space cgroup port
	lab_bg "$1" "$2" "$3" "$LAB_PYTHON" "$LAB_ROOT/tests/lib/traffic.py" serve --port "$4"
	lab_wait 10 grep -q '^listening' "$LAB/log/$1.log" || lab_die "$1 does not listen: $(tail -n 1 "$LAB/log/$1.log")"
}
