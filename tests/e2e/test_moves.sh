#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A flow that moves to another interface, and a packet that passes devices on top of each other (bridge,
# VXLAN), count once: for the workload, and in the identity of each interface.
. "$(dirname "$0")/../lib/e2e.sh"
. tests/lib/identity.sh

MOVES=6
[ "${WEIR_LONG:-}" = 1 ] && MOVES=60
WORK=payments.slice/checkout.service
WINDOW=200ms
ID_LEGS="n1/eth0 n1/eth1 n1/ethbr n1/ethvx n2/eth0 n2/ethvx"
# A bridge counts its packets on the way in without a link header, and super-packets as one on the way
# out; its port, which is not observed, has the truth. A VXLAN device counts inner packets alone.
ID_TRUTH[n1/ethbr/rx]="n1 port0 rx" ID_TRUTH[n1/ethbr/tx]="n1 port0 tx"
for node in n1 n2; do
	ID_TRUTH[$node/ethvx/rx]="$node ethvx rx 0" ID_TRUTH[$node/ethvx/tx]="$node ethvx tx 0"
done

# One more way from n1 to its router: address 10.7.LEG.11 and fd07:1:LEG::11, the router's at .1 and ::1.
neighbours() { # space dev peer-space peer-dev address...
	local space=$1 dev=$2 mac a
	mac=$(lab_mac "$3" "$4")
	shift 4
	for a; do
		lab_ns "$space" ip neigh replace "$a" lladdr "$mac" dev "$dev" nud permanent || return
	done
}
leg() { # number device router-device
	lab_address n1 "$2" "10.7.$1.11/24" "fd07:1:$1::11/64" && lab_address r "$3" "10.7.$1.1/24" "fd07:1:$1::1/64" &&
		neighbours n1 "$2" r "$3" "10.7.$1.1" "fd07:1:$1::1" && neighbours r "$3" n1 "$2" "10.7.$1.11" "fd07:1:$1::11"
}
bridge() {
	lab_link n1 port0 r n1p && lab_ns n1 ip link add ethbr type bridge && lab_ns n1 ip link set ethbr up &&
		lab_ns n1 ip link set port0 master ethbr
}
vxlan() { # node own peer address
	lab_ns "$1" ip link add ethvx type vxlan id 7 local "$2" remote "$3" dstport 4789 dev eth0 &&
		lab_ns "$1" ethtool -K ethvx tso off gso off tx-udp-segmentation off >/dev/null &&
		lab_ns "$1" ip link set ethvx up && lab_address "$1" ethvx "10.99.0.$4/24" "fd99::$4/64"
}
vxlans() {
	vxlan n1 $N1_4 $N2_4 1 && vxlan n2 $N2_4 $N1_4 2 && neighbours n1 ethvx n2 ethvx 10.99.0.2 fd99::2 &&
		neighbours n2 ethvx n1 ethvx 10.99.0.1 fd99::1
}
# Both directions of all between n1 and n2 take a leg from here on.
take() { # number device router-device
	lab_ns n1 ip route replace $N2_4 via "10.7.$1.1" dev "$2" src $N1_4 && lab_ns n1 ip route replace $N2_6 via "fd07:1:$1::1" dev "$2" src $N1_6 &&
		lab_ns r ip route replace $N1_4 via "10.7.$1.11" dev "$3" && lab_ns r ip route replace $N1_6 via "fd07:1:$1::11" dev "$3"
}
# The leg of eth0 has the addresses themselves.
take_first() {
	lab_ns n1 ip route replace $N2_4 via 10.7.1.1 dev eth0 && lab_ns n1 ip route replace $N2_6 via fd07:1:1::1 dev eth0 &&
		lab_ns r ip route replace $N1_4 dev n1 && lab_ns r ip route replace $N1_6 dev n1
}

lab_up && lab_link n1 eth1 r n1b && leg 3 eth1 n1b && bridge && leg 4 ethbr n1p && vxlans || broken "the devices are made"
lab_ns n1 sysctl -qw net.ipv4.conf.all.rp_filter=0 && lab_ns r sysctl -qw net.ipv4.conf.all.rp_filter=0
fleet_new && fleet_up observe n1 n2 || broken "the fleet comes up"
lab_serve peer n2 $WORK 5001

stored() { fleet_cost bytes workload,node "c['node'] == 'n1' and 'checkout' in c['workload']"; }
at_sockets() {
	api /api/v1/agents "sum(t['bytes'] for a in d['items'] if a['node'] == 'n1' for t in a['identity'] \
if t['interface'].startswith('eth') and t['term'] == 'sockets')"
}
all_stored() { [ "$(stored)" = "$(at_sockets)" ]; }
carried() { id_counter n1 "$1" tx; }

id_begin
lab_bg v4 n1 $WORK "$LAB_PYTHON" tests/lib/traffic.py tcp --to $N2_4 --port 5001 --seconds 3000 --rate 40
lab_bg v6 n1 $WORK "$LAB_PYTHON" tests/lib/traffic.py tcp --to $N2_6 --port 5001 --seconds 3000 --rate 40
grown() { [ $(($(carried "$1") - was)) -gt 1000000 ]; }
stuck=none
for ((i = 0; i < MOVES; i++)); do
	case $((i % 3)) in
	0) dev=eth1 && way="take 3 eth1 n1b" ;; 1) dev=port0 && way="take 4 ethbr n1p" ;; 2) dev=eth0 && way=take_first ;;
	esac
	was=$(carried $dev)
	$way || broken "the route changes"
	lab_wait 10 grown $dev || stuck+=" $dev"
done
equal "$MOVES moves: both connections went on by each interface, the bridge too" "$stuck" none
expect "neither connection broke" lab_alive v4
expect "nor the other" lab_alive v6
lab_kill v4
lab_kill v6
id_check "a flow that moved"
lab_wait 20 all_stored
equal "a flow that moved: stored bytes = bytes at the sockets of all interfaces" "$(stored)" "$(at_sockets)"

take_first
was=$(carried eth0)
for to in 10.99.0.2 fd99::2; do
	expect "TCP through VXLAN to $to" lab_traffic n1 $WORK tcp --to $to --port 5001 --bytes 4000000
	expect "UDP through VXLAN to $to" lab_traffic n1 $WORK udp --to $to --port 5001 --size 1000 --count 500 --pps 5000
done
within "through VXLAN: bytes of eth0" $(($(carried eth0) - was)) 9000000 20000000
id_check "through VXLAN"
within "through VXLAN: outer packets have a term of their own" "$(fleet_term n1 eth0 egress encapsulation)" 9000000 20000000
lab_wait 20 all_stored
equal "through VXLAN: stored bytes = bytes at the sockets, outer packets apart" "$(stored)" "$(at_sockets)"
finish
