#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Connections to virtual addresses, as kube-proxy makes them for processes of the host (DNAT in OUTPUT) and
# for pods with a network namespace of their own (PREROUTING): both directions are tagged and priced, and
# those of the host decided, by the backend that really answers.
. "$(dirname "$0")/../lib/e2e.sh"

WORK=payments.slice/checkout.service
BACKUP=payments.slice/backup.service
VIP4=10.96.0.10 VIP6=fd07:96::10 VIP_OUT=10.96.0.20
lab_up && fleet_new || broken "the lab comes up"
lab_ns n1 nft -f - <<-NFT || broken "nftables takes DNAT rules"
	table ip pods { chain pre { type nat hook prerouting priority -100;
		ip daddr $VIP4 tcp dport 80 dnat to $N2_4:5001
		ip daddr $VIP_OUT tcp dport 443 dnat to $INET4:5001
	}; }
	table ip6 pods { chain pre { type nat hook prerouting priority -100;
		ip6 daddr $VIP6 tcp dport 80 dnat to [$N2_6]:5001
	}; }
	table ip services { chain out { type nat hook output priority -100;
		ip daddr $VIP4 tcp dport 80 dnat to $N2_4:5001
		ip daddr $VIP4 udp dport 53 dnat to $N2_4:5002
		ip daddr $VIP_OUT tcp dport 443 dnat to $INET4:5001
	}; }
	table ip6 services { chain out { type nat hook output priority -100;
		ip6 daddr $VIP6 tcp dport 80 dnat to [$N2_6]:5001
		ip6 daddr $VIP6 udp dport 53 dnat to [$N2_6]:5002
	}; }
NFT
fleet_sign && fleet_up enforce n1 || broken "the fleet comes up"
lab_serve peer n2 payments.slice/checkout.service 5001
lab_serve web inet main.service 5001
lab_bg echo n2 payments.slice/checkout.service "$LAB_PYTHON" -uc '
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 5002))
print("listening")
while True:
    data, who = s.recvfrom(2000)
    s.sendto(data, who)'
lab_wait 10 grep -q listening "$LAB/log/echo.log" || broken "the echo server listens"

up() { lab_traffic n1 $WORK tcp --to "$1" --port "$2" --bytes 300000; }
ask() { # address: 100 datagrams of 500 bytes, each answered
	lab_in n1 $WORK "$LAB_PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.connect((sys.argv[1], 53))
for _ in range(100):
    s.send(b"w" * 500)
    assert len(s.recv(2000)) == 500' "$1"
}
# Bytes of n1's workload with a peer: moved PEER DIRECTION PROTOCOL PATH
moved() {
	api "/api/v1/flows?since=600&limit=1000" "sum(f['bytes'] for f in d['items'] if f['node'] == 'n1' \
and 'checkout' in f['workload'] and f['peer'] == '$1' and f['dir'] == '$2' and f['proto'] == '$3' and f['path'] == '$4')"
}
some() { [ "$(moved "$1" "$2" "$3" "$4")" -ge "$5" ]; }
expect "TCP to a virtual IPv4 address works" up $VIP4 80
expect "TCP to a virtual IPv6 address works" up $VIP6 80
expect "UDP to a virtual IPv4 address is answered" ask $VIP4
expect "UDP to a virtual IPv6 address is answered" ask $VIP6
expect "TCP to a virtual address of the internet works" up $VIP_OUT 443
fleet_steady
for way in egress ingress; do
	least=$([ $way = egress ] && echo 300000 || echo 500)
	expect "TCP over IPv4, $way: the peer is the backend" lab_wait 10 some $N2_4 $way tcp cross-zone "$least"
	expect "TCP over IPv6, $way: the peer is the backend" lab_wait 10 some $N2_6 $way tcp cross-zone "$least"
	soon "UDP over IPv4, $way: to the byte" 52800 moved $N2_4 $way udp cross-zone
	soon "UDP over IPv6, $way: to the byte" 54800 moved $N2_6 $way udp cross-zone
	expect "a backend in the internet, $way: its path is nat" lab_wait 10 some $INET4 $way tcp nat "$least"
	soon "$way: unexplained" 0 fleet_term n1 eth0 $way unexplained
done
virtual() { api "/api/v1/flows?since=600&limit=1000" \
	"[f['peer'] for f in d['items'] if f['peer'].startswith('10.96.') or f['peer'].startswith('fd07:96:')]"; }
equal "no byte is left with a virtual address" "$(virtual)" "[]"
opened() { api "/api/v1/flows?since=600&limit=1000" "all(f['service_port'] in (5001, 5002) and f['peer_port'] == f['service_port'] \
for f in d['items'] if f['node'] == 'n1' and 'checkout' in f['workload'])"; }
expect "the port is the backend's, and the workload opened every connection" opened

# A pod: its packets leave its own namespace with the virtual address.
trap 'ip netns del ${LAB_NET}neigh-pod 2>/dev/null; lab_down' EXIT
pod() {
	ip netns add "${LAB_NET}neigh-pod" &&
		ip link add pod0 netns "${LAB_NET}n1" type veth peer name eth0 netns "${LAB_NET}neigh-pod" &&
		lab_address n1 pod0 10.7.9.1/24 fd07:1:9::1/64 && lab_address neigh-pod eth0 10.7.9.2/24 fd07:1:9::2/64 &&
		lab_ns n1 ip link set pod0 up && lab_ns neigh-pod ip link set eth0 up &&
		lab_ns neigh-pod ip route add default via 10.7.9.1 && lab_ns neigh-pod ip -6 route add default via fd07:1:9::1 &&
		lab_ns n1 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 &&
		lab_ns r ip route add 10.7.9.0/24 via $N1_4 && lab_ns r ip -6 route add fd07:1:9::/64 via $N1_6
}
pod || broken "the pod's network comes up"
in_pod() { # cgroup traffic-arguments...
	(
		echo "$BASHPID" >"$LAB_CGROUPS/$LAB_NAME/n1/$1/cgroup.procs" || exit 1
		shift
		exec nsenter --net="/var/run/netns/${LAB_NET}neigh-pod" "$LAB_PYTHON" tests/lib/traffic.py "$@" 9>&-
	)
}
expect "a pod reaches a virtual IPv4 address" in_pod analytics.slice/reports.service tcp --to $VIP4 --port 80 --bytes 300000
expect "a pod reaches a virtual IPv6 address" in_pod analytics.slice/reports.service tcp --to $VIP6 --port 80 --bytes 300000
podded() {
	[ "$(api "/api/v1/flows?since=600&limit=1000" "sum(f['bytes'] for f in d['items'] if 'reports' in f['workload'] \
and f['peer'] == '$1' and f['dir'] == '$2' and f['service_port'] == 5001)")" -ge "$3" ]
}
for way in egress ingress; do
	least=$([ $way = egress ] && echo 300000 || echo 500)
	expect "a pod's TCP over IPv4, $way: the peer is the backend" lab_wait 10 podded $N2_4 $way "$least"
	expect "a pod's TCP over IPv6, $way: the peer is the backend" lab_wait 10 podded $N2_6 $way "$least"
done
equal "still no byte is left with a virtual address" "$(virtual)" "[]"

# Policy: backup may not reach the internet, whatever name the internet has.
fleet_commit && fleet_sign || broken "the commit is signed"
expect "the commit is applied" lab_wait 15 fleet_applied n1 "$(fleet_serial)"
denied() { ! lab_traffic n1 $BACKUP tcp --to "$1" --port "$2" --bytes 1000 --timeout 2 2>&1 | grep -q '^bytes='; }
expect "a backend that is denied is denied behind its virtual address" denied $VIP_OUT 443
expect "a backend that is allowed is allowed behind its virtual address" \
	lab_traffic n1 $BACKUP tcp --to $VIP4 --port 80 --bytes 1000
# The pod's first packets leave before anybody knows the backend; then the connection is decided by it.
cut_off() { ! in_pod $BACKUP tcp --to $VIP_OUT --port 443 --seconds 30 --rate 20 --timeout 3 2>&1 | grep -q '^bytes='; }
expect "a pod's connection to a denied backend is cut" cut_off
expect "a pod's connection to an allowed backend is not" in_pod $BACKUP tcp --to $VIP4 --port 80 --seconds 1 --rate 20
cut_rows() { api "/api/v1/flows?since=60&limit=1000" "any(f['verdict'] == 'deny' and f['peer'] == '$INET4' and 'backup' in \
f['workload'] and f['local'] == '10.7.9.2' for f in d['items'])"; }
expect "what was denied to the pod is counted at the backend" lab_wait 10 cut_rows
finish
