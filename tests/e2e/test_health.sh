#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# TCP health: what weirctl health says of held connections, the one older than the agent included, is
# what `ss -ti` says; failures and resets are counted by kind; a killed agent counts nothing twice.
. "$(dirname "$0")/../lib/e2e.sh"

OLD=payments.slice/backup.service NEW=analytics.slice/reports.service SHORT=payments.slice/checkout.service
WINDOW=500ms BPF_SIZES=$(printf 'health_pass: 500ms\n  flow_health: 1s')
RETIRE=${WEIR_LONG:+3s} # rows go while many short ones come, more than there are rows for

# One number: health NODE WORKLOAD-PART FIELD
health() {
	api "/api/v1/health?since=900&by=workload" \
		"sum(h['$3'] for h in d['items'] if h['node'] == '$1' and '$2' in h['workload'])"
}
# The same by path, where it has one: told NODE WORKLOAD-PART FIELD PATH
told() {
	api "/api/v1/health?since=900&by=workload,path" \
		"sum(h['$3'] for h in d['items'] if h['node'] == '$1' and '$2' in h['workload'] and h['path'] == '$4')"
}
# Its paths: all of what the flows of what begun under the agent say is of one.
compare_paths() { # claim node workload-part path
	whole() {
		[ "$(told "$1" "$2" retransmits "$3")" = "$(health "$1" "$2" retransmits)" ] &&
			[ "$(told "$1" "$2" rtt_samples "$3")" = "$(health "$1" "$2" rtt_samples)" ]
	}
	lab_wait 20 whole "$2" "$3" "$4"
	equal "$1: retransmits by path" "$(told "$2" "$3" retransmits "$4")" "$(health "$2" "$3" retransmits)"
	equal "$1: round trips by path" "$(told "$2" "$3" rtt_samples "$4")" "$(health "$2" "$3" rtt_samples)"
}
# The same of the kernel, over the node's connections from a cgroup to port 5001: kernel CGROUP FIELD
kernel() {
	lab_ns n1 ss -HtinO "dst :5001 and cgroup $(lab_cgroup_path "$1")" | sed -n "s/.*[[:space:]]$2:\([0-9./]*\).*/\1/p" |
		awk -F/ -v last="$([ "$2" = retrans ] && echo 1)" '{ n += last ? $2 : $1 } END { print n + 0 }'
}
lab_cgroup_path() { echo "$LAB_CGROUPS/$LAB_NAME/n1/$1"; }
same_as_kernel() { # workload-part cgroup
	[ "$(health n1 "$1" retransmits)" = "$(kernel "$2" retrans)" ] &&
		[ "$(health n1 "$1" bytes_out)" = "$(kernel "$2" bytes_sent)" ] &&
		[ "$(health n1 "$1" segments_out)" = "$(kernel "$2" segs_out)" ]
}
compare() { # claim workload-part cgroup
	lab_wait 40 same_as_kernel "$2" "$3"
	equal "$1: retransmits as ss" "$(health n1 "$2" retransmits)" "$(kernel "$3" retrans)"
	equal "$1: bytes sent as ss" "$(health n1 "$2" bytes_out)" "$(kernel "$3" bytes_sent)"
	equal "$1: segments sent as ss" "$(health n1 "$2" segments_out)" "$(kernel "$3" segs_out)"
	equal "$1: one connection, open" "$(health n1 "$2" connections) $(health n1 "$2" open)" "1 1"
}
hold() { # name cgroup seconds bytes [--reset]
	lab_bg "$1" n1 "$2" "$LAB_PYTHON" "$LAB_ROOT/tests/lib/traffic.py" hold --to $N2_4 --port 5001 \
		--seconds "$3" --bytes "$4" ${5:-}
	lab_wait 20 grep -q '^held' "$LAB/log/$1.log" || broken "$1 sends"
}

counter() { lab_ns n1 nstat -asz "$1" | awk -v name="$1" '$1 == name { print $2 }'; }

lab_up && fleet_new || broken "the lab comes up"
lab_serve peer n2 $SHORT 5001
# Every 60th segment towards the server is lost on the way.
lab_ns r nft -f - <<-NFT || broken "segments are lost"
	table inet loss { chain way { type filter hook forward priority 0
		tcp dport 5002 drop
		tcp dport 5001 meta length > 500 numgen inc mod 60 0 drop; }; }
NFT
hold old $OLD 900 4000000
within "the old connection lost segments before there was an agent" "$(kernel $OLD retrans)" 10 10000
fleet_up observe n1 n2 || broken "the fleet comes up"
compare "older than the agent" backup $OLD
rtt() { health n1 backup rtt_mean_ms | awk '{ printf "%.3f", $1 }'; }
soon "its round-trip time as ss, in ms" "$(kernel $OLD rtt | awk '{ printf "%.3f", $1 }')" rtt

# A connection that the agent sees begin, through a queue: its round trips are slow, and it loses segments.
lab_ns r tc qdisc add dev n2 root tbf rate 30mbit burst 32k limit 400k || broken "a queue is made"
hold new $NEW 900 8000000
within "the new connection loses segments" "$(kernel $NEW retrans)" 10 10000
compare "begun under the agent" reports $NEW
within "round trips through the queue, 99th percentile in ms" "$(health n1 reports rtt_p99_ms)" 1 150
within "without it they were below" "$(health n1 backup rtt_p99_ms)" 0 "$(health n1 reports rtt_p99_ms)"

compare_paths "begun under the agent" n1 reports cross-zone
within "and how long they took, in ms" "$(told n1 reports rtt_mean_ms cross-zone)" 0.1 150

short() { lab_traffic n1 $SHORT "$@" >>"$LAB/log/short.log" 2>&1; }
lab_ns n1 sysctl -qw net.ipv4.tcp_syn_retries=1
short tcp --to $N2_4 --port 1 --bytes 1       # nobody listens
short tcp --to $N2_6 --port 1 --bytes 1
short tcp --to $N2_4 --port 5002 --bytes 1    # nobody answers: the kernel gives up
short tcp --to $N2_4 --port 5002 --bytes 1 --timeout 0.3 # the program gives up
short hold --to $N2_4 --port 5001 --bytes 1000 --seconds 0 --reset
short tcp --to $N2_4 --port 5001 --bytes 1000 --connections 5 || fail "short connections work" "$(tail -1 "$LAB/log/short.log")"
ended() { [ "$(health n1 checkout closed)" = 6 ] && [ "$(health n1 checkout failed)" = 4 ]; }
lab_wait 10 ended
equal "connections, closed, still open" "$(health n1 checkout connections) $(health n1 checkout closed) $(health n1 checkout open)" "6 6 0"
equal "failed connects: refused, timed out, given up" "$(health n1 checkout refused) $(health n1 checkout timeouts) \
$(($(health n1 checkout failed) - $(health n1 checkout refused) - $(health n1 checkout timeouts)))" "2 1 1"
# Where the machine is slow, a segment of another connection may be sent again too.
within "SYNs sent again are retransmits, as the namespace counts them" "$(health n1 checkout retransmits)" \
	"$(counter TcpExtTCPSynRetrans)" "$(counter TcpRetransSegs)"
equal "resets sent, received" "$(health n1 checkout resets_out) $(health n1 checkout resets_in)" "1 0"
resets() { echo "$(health n2 checkout resets_in) $(health n2 checkout resets_out)"; }
soon "the peer's node received one" "1 0" resets

# Killed three times, in the middle of traffic.
for round in 1 2 3; do
	lab_kill agent-n1 KILL
	short tcp --to $N2_4 --port 5001 --bytes 1000 --connections 3
	fleet_agent_start n1 || broken "the agent starts again, round $round"
	short tcp --to $N2_4 --port 5001 --bytes 1000 --connections 2
done
all_closed() { [ "$(health n1 checkout closed)" -ge 21 ]; }
lab_wait 15 all_closed
equal "after three kills: 6 + 3 * 5 connections" "$(health n1 checkout connections) $(health n1 checkout closed)" "21 21"
equal "resets are not counted again" "$(health n1 checkout resets_out)" 1
compare "the old one after three kills" backup $OLD
compare "the new one after three kills" reports $NEW
compare_paths "the new one after three kills" n1 reports cross-zone
compare_paths "short ones after three kills" n1 checkout cross-zone
equal "retransmits of all workloads, as the namespace counts them" "$(health n1 '' retransmits)" \
	"$(counter TcpRetransSegs)"
# Many short ones, each seen on both nodes from its beginning to its end.
many=${WEIR_LONG:+20000}
many=${many:-500}
before=$(health n1 checkout closed)
before2=$(health n2 checkout closed)
short tcp --to $N2_4 --port 5001 --bytes 100 --connections $((many / 2))
short tcp --to $N2_6 --port 5001 --bytes 100 --connections $((many / 2)) --close server
all_seen() { [ $(($(health n1 checkout closed) - before)) = "$many" ] && [ $(($(health n2 checkout closed) - before2)) = "$many" ]; }
lab_wait 20 all_seen
equal "$many short connections are seen by the node that opens" $(($(health n1 checkout closed) - before)) "$many"
equal "and by the node that answers" $(($(health n2 checkout closed) - before2)) "$many"

compare_paths "many short ones, of the node that opens" n1 checkout cross-zone
# Its end of the old connection was taken over before a packet of it passed: one round trip without a row.
answered() { [ "$(told n2 checkout rtt_samples cross-zone)" = $(($(health n2 checkout rtt_samples) - 1)) ]; }
lab_wait 20 answered
equal "of the node that answers: round trips by path" "$(told n2 checkout rtt_samples cross-zone)" \
	$(($(health n2 checkout rtt_samples) - 1))

# Under a policy, peers are told apart by its classes.
by_class() { # class or its absence
	api "/api/v1/health?since=900" "sum(h['connections'] for h in d['items'] if h['peer_class'] $1
and h['node'] == 'n1' and 'checkout' in h['workload'])"
}
lab_serve web inet main.service 5001
short tcp --to $INET4 --port 5001 --bytes 1000 --connections 3
fleet_commit && fleet_sign && lab_wait 15 fleet_applied n1 "$(fleet_serial)" || broken "a policy is applied"
short tcp --to $INET4 --port 5001 --bytes 1000 --connections 4
classes() { echo "$(by_class "== 'public'") $(by_class ".startswith('public:')")"; }
soon "three connections before the policy, four in a class of it" "3 4" classes
within "it lives, seconds" "$(health n1 reports mean_duration_s)" 5 900
if weirctl health | grep -qE 'reports.*private +1 +1 +0 +0 +[0-9]+ '; then
	pass "weirctl health prints it"
else
	fail "weirctl health prints it" "$(weirctl health)"
fi
if weirctl health --by path | grep -qE '^cross-zone +[0-9]+ +[0-9.]+ +[0-9]+$'; then
	pass "and by path"
else
	fail "and by path" "$(weirctl health --by path)"
fi
finish
