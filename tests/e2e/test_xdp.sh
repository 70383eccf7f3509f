#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Early drop: what policy denies to everybody is dropped by XDP, counted to the byte, and nothing else is.
. "$(dirname "$0")/../lib/e2e.sh"

CHECKOUT=payments.slice/checkout.service
BPF_SIZES='hooks: [cgroup, observer, xdp]'
lab_up && lab_ns inet ip route add 10.7.1.0/24 via 198.18.0.1 && fleet_new || broken "the lab comes up"
rm -f "$HELD"/*
cat >"$HELD/nobody.yaml" <<-YAML
	apiVersion: weir.dev/v1alpha1
	kind: FlowPolicy
	metadata: {name: nobody}
	spec:
	  tier: admin
	  priority: 1
	  mode: enforce
	  subject: {}
	  egress:
	  - action: deny
	    to: [{cidr: 198.18.0.10/32}, {cidr: "2001:db8:99::10/128"}]
	  ingress:
	  - action: deny
	    from: [{cidr: 198.18.0.10/32}, {cidr: "2001:db8:99::10/128"}]
YAML
fleet_sign && fleet_up enforce n1 || broken "the fleet comes up"
grep -q 'hooks in use:.* xdp' "$LAB/log/agent-n1.log" && pass "XDP runs in the driver" || fail "XDP runs in the driver" "$(grep hooks "$LAB/log/agent-n1.log")"
lab_serve peer n1 $CHECKOUT 5001
lab_serve ssh n1 weir-agent.service 22
flood() { # address: 1,000 datagrams of 200 bytes
	lab_traffic inet main.service udp --to "$1" --port 5001 --size 200 --count 1000 --pps 5000
}
# With XDP in its driver veth counts, at both ends, what XDP was given, without the Ethernet header.
wire() { lab_counter n1 eth0 rx_bytes; }
early() { fleet_term n1 eth0 ingress denied_early "${1:-bytes}"; }
seen() { echo $(($(fleet_term n1 eth0 ingress interface) + $(fleet_term n1 eth0 ingress non_ip) + $(early))); }
same() { [ $(($(wire) - wire0)) -eq $(($(seen) - seen0)) ]; }
has_early() { [ "$(early packets)" = "$1" ]; }
explained() { [ "$(fleet_term n1 eth0 ingress unexplained)" = 0 ]; }

quiet() { local a; a=$(wire); sleep 1.5; [ "$a" = "$(wire)" ]; }
lab_wait 20 quiet && fleet_steady || broken "the node falls silent"
wire0=$(wire) seen0=$(seen)
expect "before the commit a flood arrives" flood $N1_4
expect "before the commit inet reaches n1" lab_traffic inet main.service tcp --to $N1_4 --port 5001 --bytes 1000
equal "nothing is dropped early" "$(early)" 0
fleet_commit && fleet_sign || broken "the commit is signed"
expect "n1 applies the commit" lab_wait 15 fleet_applied n1 "$(fleet_serial)"
expect "a flood over IPv4" flood $N1_4
expect "a flood over IPv6" flood $N1_6
expect "each packet of the floods is counted as dropped early" lab_wait 10 has_early 2000
equal "to the byte" "$(early)" $((1000 * (20 + 8 + 200) + 1000 * (40 + 8 + 200)))
# A commit that adds a prefix beside changes the tables in place.
sed -i 's,{cidr: 198.18.0.10/32},{cidr: 198.18.0.10/32}\, {cidr: 203.0.113.9/32},' "$REPO/policies/nobody.yaml"
fleet_sign && lab_wait 15 fleet_applied n1 "$(fleet_serial)" || broken "a prefix more is applied"
expect "a prefix more: a flood is still dropped" flood $N1_4
expect "and counted" lab_wait 10 has_early 3000
refused() { ! lab_traffic "$@" --bytes 1000 --timeout 1 | grep -q '^bytes='; }
expect "inet no longer reaches n1" refused inet main.service tcp --to $N1_4 --port 5001
expect "n1 no longer reaches inet" refused n1 $CHECKOUT tcp --to $INET4 --port 5001
expect "the failsafe list is kept: ssh" lab_traffic inet main.service tcp --to $N1_4 --port 22 --bytes 1000
lab_wait 15 same
equal "interface + non-IP + dropped early = interface counter" $(($(seen) - seen0)) $(($(wire) - wire0))
lab_wait 10 explained
equal "nothing is unexplained" "$(fleet_term n1 eth0 ingress unexplained)" 0
lab_kill agent-n1 KILL
expect "agent dead: a flood is still dropped" flood $N1_4
fleet_agent_start n1 || broken "the agent starts again"
later() { [ "$(early packets)" -ge 4000 ]; }
expect "agent back: it was counted" lab_wait 10 later
fleet_revert && fleet_sign || broken "the undo is signed"
expect "the undo is applied" lab_wait 15 fleet_applied n1 "$(fleet_serial)"
expect "after the undo inet reaches n1" lab_traffic inet main.service tcp --to $N1_4 --port 5001 --bytes 1000
detach() { lab_in n1 weir-agent.service "$LAB_BIN/weir-agent" -c "$LAB/n1.yaml" --detach; }
lab_kill agent-n1
expect "detach succeeds" detach
equal "no XDP program is left" "$(lab_ns n1 ip -d link show eth0 | grep -c xdp)" 0
finish
