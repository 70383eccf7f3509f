#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The identity closes to the byte, per direction and interface, however packets are cut, lost or carried:
# the observer says what interface counters say, and nothing is unexplained.
. "$(dirname "$0")/../lib/e2e.sh"
. tests/lib/identity.sh

MB=1000000 BULK=2 SHORT=400 LOSSY=80 MANY=500 PARALLELS=48
[ "${WEIR_LONG:-}" = 1 ] && BULK=40 SHORT=20000 LOSSY=800 MANY=1000 PARALLELS="1 8 64 512" ID_PATIENCE=30
WORK=payments.slice/checkout.service
ID_LEGS="n1/eth0 n2/eth0"
WINDOW=200ms
# Twice the connections in both directions, and those of the scenes before.
BPF_SIZES="flow_rows6: 4096"

lab_up && fleet_new && fleet_up observe n1 n2 || broken "the fleet comes up"
lab_serve peer n2 $WORK 5001

work() { lab_traffic n1 $WORK "$@" >>"$LAB/log/traffic.log" 2>&1; }
tcp4() { work tcp --to $N2_4 --port 5001 "$@"; }
tcp6() { work tcp --to $N2_6 --port 5001 "$@"; }
udp4() { work udp --to $N2_4 --port 5001 --pps 4000 "$@"; }
udp6() { work udp --to $N2_6 --port 5001 --pps 4000 "$@"; }
bulk() { tcp4 --bytes $((BULK * MB)) "$@" && tcp6 --bytes $((BULK * MB)) "$@"; }
down() { bulk --down "$@"; }
fragments() { udp4 --size 60000 --count 60 --pps 200 && udp6 --size 60000 --count 60 --pps 200; }
# Datagrams given to the kernel 20 at a time.
udp_gso() { udp4 --size 20000 --segment 1000 --count 200 --pps 500 && udp6 --size 20000 --segment 1000 --count 200 --pps 500; }

# One scene: traffic goes through, uses the wire, and the identity closes on each leg.
scene() { # name least-bytes command...
	local name=$1 least=$2 before
	shift 2
	before=$(($(id_counter n1 eth0 tx) + $(id_counter n1 eth0 rx)))
	id_settle "$@" || fail "$name: traffic flows" "$(tail -n 1 "$LAB/log/traffic.log")"
	[ $(($(id_counter n1 eth0 tx) + $(id_counter n1 eth0 rx) - before)) -ge "$least" ] || fail "$name: traffic used the wire" "less than $least bytes"
	id_check "$name"
}

on_path() { # command with the space and the device behind it, for each device between n1 and n2
	"$@" n1 eth0 && "$@" r n1 && "$@" r n2 && "$@" n2 eth0
}
set_mtu() { lab_ns "$2" ip link set "$3" mtu "$1"; }
drop() { # space hook percent
	lab_ns "$1" nft -f - <<-NFT
		table inet loss { counter lost {}
		chain lose { type filter hook $2 priority 0
		numgen random mod 1000 < ${3}0 counter name lost drop; }; }
	NFT
}
dropped() { lab_ns "$1" nft list counter inet loss lost | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
undrop() { lab_ns "$1" nft delete table inet loss; }

id_begin

# Sizes.
for mtu in 1280 9000 1500; do
	on_path set_mtu $mtu || broken "MTU $mtu"
	scene "MTU $mtu: TCP both ways, fragments, UDP GSO" $((4 * BULK * MB + 15 * MB)) eval "bulk && down && fragments && udp_gso"
done

# Segmentation by the device: its own counter sees super-packets, the router's next one what they become.
segmentation() { lab_ns n1 ethtool -K eth0 tso "$1" gso "$1" tx-udp-segmentation "$1" >/dev/null 2>&1; }
segmentation on
own=$(lab_counter n1 eth0 tx_packets) next=$(lab_counter r n2 tx_packets)
ID_TRUTH[n1/eth0/tx]="r n2 tx"
id_begin
scene "TSO and UDP segmentation on" $((4 * BULK * MB)) eval "bulk && down && udp_gso"
own=$(($(lab_counter n1 eth0 tx_packets) - own)) next=$(($(lab_counter r n2 tx_packets) - next))
within "TSO on: $own packets left n1 and became $next" $own 1 $((next / 2))
segmentation off
unset "ID_TRUTH[n1/eth0/tx]"
id_begin

# Copies: sockets that hear all of a protocol get each packet beside the one that it is for.
hear() {
	lab_bg hear n2 $WORK "$LAB_PYTHON" -c "import signal; from socket import *
ears = [socket(family, SOCK_RAW, proto) for family in (AF_INET, AF_INET6) for proto in (IPPROTO_TCP, IPPROTO_UDP)]
print('hears', flush=True); signal.pause()"
	lab_wait 10 grep -q hears "$LAB/log/hear.log"
}
hear || broken "raw sockets open"
scene "raw sockets beside" $((2 * BULK * MB)) eval "bulk && udp4 --size 1000 --count 50 && udp6 --size 1000 --count 50"
lab_kill hear

# Numbers.
for parallel in $PARALLELS; do
	scene "$parallel connections at once" $((BULK * MB)) eval \
		"tcp4 --connections $parallel --parallel $parallel --bytes $((BULK * MB / parallel)) --timeout 60 &&
		tcp6 --connections $parallel --parallel $parallel --bytes $((BULK * MB / parallel)) --down --timeout 60"
done
scene "$SHORT short connections closed by the client" $((SHORT * 500)) tcp4 --connections $SHORT --parallel 8 --bytes 500
scene "$SHORT short connections closed by the server" $((SHORT * 500)) tcp6 --connections $SHORT --parallel 8 --bytes 500 --close server

# Requests, answers to them and ends that are lost and sent again. Of many, some find both processors at
# work: a segment comes to the listener, and again to the connection that the other processor just made.
handshakes() { # count
	tcp4 --connections "$1" --parallel 40 --bytes 500 --timeout 60 &&
		tcp6 --connections "$1" --parallel 40 --bytes 500 --timeout 60 --close server
}
drop r forward 3 || broken "nft drops at r"
scene "3 % lost of $((2 * MANY)) handshakes" $((MANY * 1000)) handshakes $MANY
undrop r
# Loss: on the way, and at the node itself before a socket is reached.
for at in "r forward" "n2 input" "n1 input"; do
	# shellcheck disable=SC2086
	drop $at 3 || broken "nft drops at $at"
	scene "3 % lost at $at" $((2 * BULK * MB)) eval "bulk && handshakes $LOSSY"
	within "3 % lost at $at: packets dropped" "$(dropped "${at% *}")" 10 1000000
	undrop "${at% *}"
done

# Packets that nobody takes come in by a timer, where tasks are at freeing other packets: what interrupts a
# program of the tracepoint is counted by the second.
freer() { # a task that frees what nobody read
	lab_bg freer n2 weir-agent.service taskset -c 0 "$LAB_PYTHON" -c "from socket import *
while True:
    a, b = socketpair(AF_UNIX, SOCK_DGRAM); a.setblocking(False)
    try:
        while True: a.send(b'x')
    except OSError: b.close(); a.close()"
}
unwanted() { # count: datagrams that nobody takes
	lab_in n1 $WORK taskset -c 0 "$LAB_PYTHON" -c "from socket import *
s = socket(AF_INET, SOCK_DGRAM)
for i in range($1):
    try: s.sendto(bytes(100), ('$N2_4', 7))
    except OSError: pass"
}
skipped() { # node: how often its program at the tracepoint was
	bpftool -j link show pinned "/sys/fs/bpf/$LAB_NAME/$1/links/kfree" | sed 's/.*"prog_id":\([0-9]*\).*/\1/' |
		xargs bpftool -j prog show id | sed -n 's/.*"recursion_misses":\([0-9]*\).*/\1/p'
}
if lab_ns n1 tc qdisc replace dev eth0 root tbf rate 8mbit burst 2000 limit 1000000 2>/dev/null; then
	freer
	unseen=$(id_unseen)
	unwanted 20000
	lab_kill freer
	lab_wait 10 id_closed
	unseen=$((128 * ($(id_unseen) - unseen)))
	within "drops that interrupt drops: programs that were skipped" "$(skipped n2)" 1 1000000
	within "drops that interrupt drops: n2/eth0 rx, unexplained, of $unseen that PID 1 hid" "$(id_open n2/eth0/rx)" 0 $unseen
	lab_ns n1 tc qdisc del dev eth0 root
	id_begin_anew
else
	echo "skip $E2E drops that interrupt drops: this kernel has no tbf"
fi

# Both processors.
for cpu in 0 1; do
	[ -d /sys/devices/system/cpu/cpu$cpu ] || { echo "skip $E2E CPU $cpu: not in this machine"; continue; }
	pinned() { lab_in n1 $WORK taskset -c $cpu "$LAB_PYTHON" tests/lib/traffic.py tcp --to "$1" --port 5001 --bytes $((BULK * MB)) >/dev/null; }
	scene "on CPU $cpu" $((2 * BULK * MB)) eval "pinned $N2_4 && pinned $N2_6"
done

# Once against a capture, summed by tshark.
captured() {
	tshark -r "$LAB/run/eth0.pcap" -Y "eth.src == $(lab_mac n1 eth0)" -T fields -e frame.len 2>/dev/null |
		awk '{ sum += $1 - 14 } END { printf "%.0f\n", sum }'
}
left() { id_read; echo $((${ID_SEEN[n1/eth0/tx]} - before)); }
capture_is_complete() { [ "$(captured)" = "$(left)" ]; }
if command -v tshark >/dev/null && command -v tcpdump >/dev/null; then
	id_read
	before=${ID_SEEN[n1/eth0/tx]}
	lab_bg dump n1 weir-agent.service tcpdump --immediate-mode -B 16384 -i eth0 -s 64 -w "$LAB/run/eth0.pcap" -U -Z root
	lab_wait 10 grep -q listening "$LAB/log/dump.log"
	tcp4 --bytes $((2 * MB)) --rate 20 && udp6 --size 8000 --count 20
	lab_wait 10 id_closed
	lab_wait 15 capture_is_complete
	lab_kill dump INT
	equal "tshark: L3 bytes that left eth0" "$(left)" "$(captured)"
else
	echo "skip $E2E tshark: tshark or tcpdump is not installed"
fi
finish
