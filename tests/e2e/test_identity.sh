#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Byte-exactness on the real kernel: what the sockets' programs and the observer's terms say is what
# the interface counters, which neither of them reads, say; per direction, for each kind of traffic.
. "$(dirname "$0")/../lib/e2e.sh"
. tests/lib/identity.sh

ID_LEGS="n1/eth0 n2/eth0"

WORK=payments.slice/backup.service

lab_up && fleet_new && fleet_up observe n1 n2 || broken "the fleet comes up"
lab_serve web inet main.service 5001
lab_serve peer n2 payments.slice/checkout.service 5001
# Super-packets are seen by a counter in the output hook: it counts what the sockets' program saw.
lab_ns n1 nft -f - <<-NFT
	table inet lab { counter supers {}
	chain out { type filter hook output priority 0; oifname "eth0" counter name supers; }; }
NFT

super_packets() { lab_ns n1 nft list counter inet lab supers | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }

quiet() {
	local a b
	id_wires && a=${ID_WIRE[*]} && sleep 0.5 && id_wires && b=${ID_WIRE[*]}
	[ "$a" = "$b" ]
}
workload_bytes() { # node direction
	api "/api/v1/flows?since=600&limit=1000" \
		"sum(f['bytes'] for f in d['items'] if f['node'] == '$1' and f['dir'] == '$2' and 'backup' in f['workload'])"
}

both() { echo $(($(id_counter n1 eth0 tx) + $(id_counter n1 eth0 rx))); }
# One kind of traffic: the reports catch up with the counters, and then nothing is unexplained.
kind() { # name minimum-bytes traffic-arguments...
	local name=$1 least=$2 before said
	shift 2
	before=$(both)
	said=$(lab_traffic n1 $WORK "$@") || { fail "$name: traffic flows" "$said"; return; }
	[ $(($(both) - before)) -ge "$least" ] || fail "$name: traffic used the interface" "$said"
	id_check "$name"
}

lab_wait 20 quiet && fleet_steady || broken "the nodes fall silent"
id_begin
MB=1000000
supers=$(super_packets)
packets=$(lab_counter n1 eth0 tx_packets)
kind "TCP IPv4 to the other zone" $((40 * MB)) tcp --to $N2_4 --port 5001 --bytes $((40 * MB))
kind "TCP IPv6 to the other zone" $((40 * MB)) tcp --to $N2_6 --port 5001 --bytes $((40 * MB))
supers=$(($(super_packets) - supers))
packets=$(($(lab_counter n1 eth0 tx_packets) - packets))
within "the sockets sent super-packets ($packets packets left, $supers left the stack)" "$supers" 1 $((packets / 3))
kind "TCP IPv4 from the internet" $((20 * MB)) tcp --to $INET4 --port 5001 --bytes $((20 * MB)) --down
kind "TCP IPv6 from the internet" $((20 * MB)) tcp --to $INET6 --port 5001 --bytes $((20 * MB)) --down
kind "UDP IPv4" $MB udp --to $N2_4 --port 5001 --size 1000 --count 1000 --pps 5000
kind "UDP IPv6" $MB udp --to $N2_6 --port 5001 --size 1000 --count 1000 --pps 5000
kind "UDP IPv4 fragmented" $((8 * MB)) udp --to $N2_4 --port 5001 --size 8000 --count 1000 --pps 2000
kind "UDP IPv6 fragmented" $((8 * MB)) udp --to $N2_6 --port 5001 --size 8000 --count 1000 --pps 2000
# Later than the longest delayed acknowledgement: the FIN comes when a TIME_WAIT socket stands there.
kind "client closes first, the other late" 10000 tcp --to $N2_4 --port 5001 --bytes 1000 --connections 100 --late 0.2
kind "server closes first, the other late" 10000 tcp --to $N2_6 --port 5001 --bytes 1000 --connections 100 --late 0.2 --close server
for node in n1 n2; do
	for way in ingress egress; do
		within "time-wait: packets of $node $way in its own term" "$(fleet_term $node eth0 $way time_wait packets)" 90 150
	done
done

# Once against a capture: the sum of what tcpdump saw leave.
captured() {
	"$LAB_PYTHON" - "$LAB/run/eth0.pcap" "$(lab_mac n1 eth0)" <<-'PY'
		import struct, sys
		data, source = open(sys.argv[1], "rb").read(), bytes.fromhex(sys.argv[2].replace(":", ""))
		at, total = 24, 0
		while at + 16 <= len(data):
		    size, length = struct.unpack_from("<8xII", data, at)
		    if data[at + 22:at + 28] == source:
		        total += length - 14
		    at += 16 + size
		print(total)
	PY
}
left() { id_read; echo $((${ID_SEEN[n1/eth0/tx]} - before)); }
capture_is_complete() { [ "$(captured)" = "$(left)" ]; }
if command -v tcpdump >/dev/null; then
	id_read
	before=${ID_SEEN[n1/eth0/tx]}
	lab_bg dump n1 weir-agent.service tcpdump --immediate-mode -B 16384 -i eth0 -s 64 -w "$LAB/run/eth0.pcap" -U -Z root
	lab_wait 10 grep -q listening "$LAB/log/dump.log"
	lab_traffic n1 $WORK tcp --to $N2_4 --port 5001 --bytes $((2 * MB)) --rate 20 >/dev/null
	lab_wait 10 id_closed
	lab_wait 10 capture_is_complete
	lab_kill dump INT
	equal "capture: L3 bytes that left eth0" "$(left)" "$(captured)"
else
	echo "skip $E2E capture: tcpdump is not installed"
fi
within "the workload's own bytes are attributed to it" "$(workload_bytes n1 egress)" $((80 * MB)) $((200 * MB))
finish
