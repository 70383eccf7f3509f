#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Interfaces of pods come and go while traffic flows: each is observed at once and exactly, whatever
# index or name it takes from one before it.
. "$(dirname "$0")/../lib/e2e.sh"

WORK=payments.slice/backup.service
LAB_SPACES="$LAB_SPACES pod"
WINDOW=4s INTERFACES='"eth*", "pod*"'
lab_up && fleet_new && fleet_up observe n1 || broken "the fleet comes up"
lab_serve web inet main.service 5001
pins() { ls /sys/fs/bpf/$LAB_NAME/n1/links; }
index_of() { lab_ns n1 ip -o link show dev "$1" | cut -d: -f1; }
attached() { pins | grep -qx "tc$(index_of "$1")in" && pins | grep -qx "tc$(index_of "$1")out"; }

# The host's end in n1, the pod's in a namespace of its own; index 0: any.
plug() { # name index address-third
	local index=()
	[ "$2" = 0 ] || index=(index "$2")
	ip link add "$1" netns "${LAB_NET}n1" "${index[@]}" type veth peer name eth0 netns "${LAB_NET}pod" || return
	lab_ns n1 ethtool -K "$1" tso off gso off gro off >/dev/null && lab_ns pod ethtool -K eth0 tso off gso off gro off >/dev/null &&
		lab_ns n1 ip addr add "10.8.$3.1/24" dev "$1" && lab_ns pod ip addr add "10.8.$3.2/24" dev eth0 &&
		lab_ns n1 ip link set "$1" addrgenmode none && lab_ns pod ip link set eth0 addrgenmode none &&
		lab_ns n1 ip link set "$1" up && lab_ns pod ip link set eth0 up || return
	lab_ns n1 ip neigh replace "10.8.$3.2" lladdr "$(lab_mac pod eth0)" dev "$1" nud permanent &&
		lab_ns pod ip neigh replace "10.8.$3.1" lladdr "$(lab_mac n1 "$1")" dev eth0 nud permanent
}
unplug() { lab_ns n1 ip link del "$1"; }
wire() { echo $(($(lab_counter n1 "$1" "$2_bytes") - 14 * $(lab_counter n1 "$1" "$2_packets"))); }
observed() { fleet_term n1 "$1" "$2" interface; }
same() { [ "$(observed "$1" egress)" = "$(wire "$1" tx)" ] && [ "$(observed "$1" ingress)" = "$(wire "$1" rx)" ]; }
explained() { [ "$(fleet_term n1 "$1" egress unexplained)" = 0 ] && [ "$(fleet_term n1 "$1" ingress unexplained)" = 0 ]; }
is_exact() { # claim interface
	lab_wait 12 same "$2"
	equal "$1: what left $2 = its counter" "$(observed "$2" egress)" "$(wire "$2" tx)"
	equal "$1: what came by $2 = its counter" "$(observed "$2" ingress)" "$(wire "$2" rx)"
	lab_wait 12 explained "$2"
	equal "$1: $2, unexplained" "$(fleet_term n1 "$2" egress unexplained) $(fleet_term n1 "$2" ingress unexplained)" "0 0"
}
to_pod() { lab_traffic n1 $WORK tcp --to "10.8.$1.2" --port 5001 --bytes 3000000 && lab_traffic n1 $WORK udp --to "10.8.$1.2" --port 5001 --size 500 --count 500 --pps 5000; }

quiet() { local a; a=$(wire eth0 tx)$(wire eth0 rx); sleep 0.5; [ "$a" = "$(wire eth0 tx)$(wire eth0 rx)" ]; }
lab_wait 20 quiet && fleet_steady || broken "the node falls silent"
before_tx=$(($(wire eth0 tx) - $(observed eth0 egress))) before_rx=$(($(wire eth0 rx) - $(observed eth0 ingress)))
# All the while eth0 is busy.
lab_bg steady n1 $WORK "$LAB_PYTHON" "$LAB_ROOT/tests/lib/traffic.py" tcp --to $INET4 --port 5001 --seconds 60 --rate 20
mkdir -p "$LAB_CGROUPS/$LAB_NAME/pod/main.service"
lab_serve pod pod main.service 5001

# A window has just begun: the next one is further away than a test waits for what comes at once.
sequence() { api /api/v1/agents "[a['sequence'] for a in d['items'] if a['node'] == 'n1'][0]"; }
begun=$(sequence)
next_window() { [ "$(sequence)" != "$begun" ]; }
lab_wait 5 next_window || broken "a window begins"
plug pod1 0 1 || broken "a pod's interface appears"
expect "a new interface is attached at once, not with the next window" lab_wait 1 attached pod1
expect "traffic reaches the pod" to_pod 1
is_exact "a new interface" pod1
index=$(index_of pod1)

unplug pod1
gone() { ! pins | grep -q "^tc${index}[io]"; }
expect "its pins go at once" lab_wait 1 gone
plug pod2 "$index" 2 || broken "another interface takes the index"
equal "the index is used again" "$(index_of pod2)" "$index"
expect "the one that takes an index is attached at once" lab_wait 1 attached pod2
expect "traffic reaches the second pod" to_pod 2
is_exact "the same index, another name" pod2

unplug pod2
plug pod2 0 3 || broken "the same name comes back"
expect "the one that takes a name is attached at once" lab_wait 1 attached pod2
expect "traffic reaches the third pod" to_pod 3
is_exact "the same name, another index" pod2
expect "the line of a vanished interface has ended" lab_wait 10 api /api/v1/agents \
	"not [t for a in d['items'] for t in a['identity'] if t['interface'] == 'pod1']"

# A burst of them, each with traffic in its first moment; then an agent that was dead meanwhile.
burst() {
	local i
	for i in 1 2 3 4 5; do
		unplug pod2 && plug pod2 0 4 && lab_traffic n1 $WORK udp --to 10.8.4.2 --port 5001 --size 100 --count 50 || return
	done
}
expect "five come and go in a burst" burst
expect "the last of a burst is attached" lab_wait 1 attached pod2
is_exact "after the burst" pod2
lab_kill agent-n1 KILL
before=$(index_of pod2)
unplug pod2
plug pod2 "$before" 5 || broken "an interface is replaced while no agent runs"
fleet_agent_start n1 || broken "the agent starts again"
returned() { [ "$(grep -c 'hooks in use' "$LAB/log/agent-n1.log")" = 2 ] && attached pod2; }
expect "the returned agent attaches to the one that was replaced" lab_wait 15 returned
expect "traffic reaches the last pod" to_pod 5
is_exact "replaced while no agent ran" pod2
lab_kill steady
stayed() {
	[ "$(observed eth0 egress)" = $(($(wire eth0 tx) - before_tx)) ] && [ "$(observed eth0 ingress)" = $(($(wire eth0 rx) - before_rx)) ]
}
expect "the interface that stayed: observer = its counters" lab_wait 15 stayed
lab_wait 12 explained eth0
equal "the interface that stayed: unexplained" "$(fleet_term n1 eth0 egress unexplained) $(fleet_term n1 eth0 ingress unexplained)" "0 0"
finish
