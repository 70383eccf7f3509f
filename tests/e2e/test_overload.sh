#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Overload: agents offer three times what the aggregator takes. It stays responsive to control and to people, agents
# spool, the lag is seen and falls afterwards, and in the end every byte is stored.
. "$(dirname "$0")/../lib/e2e.sh"
. tests/lib/identity.sh
. tests/lib/faults.sh

MANY=200 # agents that only speak, of 200 rows a window
CALM=3 LOAD=8
[ -z "${WEIR_LONG:-}" ] || LOAD=20
FLEET_BIN=build/bench/fleet

many() { # name first window_ms seconds
	lab_bg "$1" n2 weir-agent.service "$FLEET_BIN" "$PKI" tls+tcp://192.0.2.1:7471 tls+tcp://192.0.2.1:7472 \
		"$FLEET_EAST" "$FLEET_EAST/east-a" "$2" $MANY "$3" "$4"
}
many_said() { grep "^$2" "$LAB/log/$1.log"; } # name word
many_over() { ! lab_alive "$1"; }
# The slowest of so many questions, in ms.
asked() { # times path
	local i began worst=0 took
	for ((i = 0; i < $1; i++)); do
		began=$(date +%s%N)
		api "$2" "len(d['items']) > 0" || { echo "no answer"; return; }
		took=$((($(date +%s%N) - began) / 1000000))
		[ $took -le $worst ] || worst=$took
	done
	echo $worst
}
lag() { f_agent n1 lag_s | cut -d. -f1; }
# Looks at the node that counts until it is ended: a backlog grows and falls when it will, not when one looks once.
watched() {
	while kill -0 $$ && lab_pass 0.2; do
		api /api/v1/agents "['%d %d' % (a['lag_s'] * 1000, a['spool_bytes']) for a in d['items'] if a['node'] == 'n1'][0]" && echo
	done >"$LAB/watched" 2>/dev/null
}
most() { sort -n -k"$1,$1" "$LAB/watched" | tail -n 1 | cut -d' ' -f"$1"; } # column: 1 lag in ms, 2 bytes on disk

lab_up && fleet_new || broken "the fleet has keys"
# shellcheck disable=SC2086
fleet_up enforce $F_NODES && lab_serve peer n2 $F_WORK 5001 && lab_serve back n1 $F_WORK 5001 || broken "the fleet comes up"
mkdir -p "$PKI/operators" && weirctl pki node --dir "$PKI" fleet >/dev/null && weirctl pki operator --dir "$PKI" ops >/dev/null ||
	broken "keys of those who only speak"
faults_traffic
f_flows || broken "windows arrive before"

# What it takes: summaries one after another from all.
many calm 0 0 $CALM
lab_wait 120 many_over calm
takes=$(many_said calm acks | awk -v s=$CALM '{ printf "%.0f\n", $4 / s }')
within "what it takes, rows a second" "${takes:-0}" 1000 10000000
every=$((MANY * 200 * 1000 / (3 * takes)))
[ $every -gt 0 ] || broken "so many rows cannot be offered"
echo "# it takes $takes rows a second; $MANY agents offer a window of 200 each $every ms"

many_ready() { many_said load ready >/dev/null; }
many load 1000 $every $LOAD
lab_wait 120 many_ready || broken "they connect"
watched &
LAB_PID[watched]=$!
disown $!
lab_pass $((LOAD / 2))
within "overloaded: the slowest of ten answers about agents, ms" "$(asked 10 /api/v1/agents)" 0 5000
within "overloaded: the slowest of ten answers about cost, ms" "$(asked 10 "/api/v1/cost?by=team")" 0 5000
fleet_commit && fleet_sign || broken "a policy is approved"
expect "overloaded: a policy reaches the nodes" lab_wait 10 fleet_applied n1 "$(fleet_serial)"
expect "overloaded: a policy reaches both" lab_wait 10 fleet_applied n2 "$(fleet_serial)"
many_reported() { many_said load acks >/dev/null; }
lab_wait 60 many_reported || broken "the load ends"
offered=$(many_said load acks | awk '{ print $2 + $9 }') behind=$(many_said load acks | awk '{ print $9 }')
within "it struck: windows that had ended and were not taken, of $offered" "$behind" $((offered / 4)) "$offered"
caught_up() { [ "$(lag)" -le 1 ]; }
expect "all that was offered is told" lab_wait 300 many_over load
lab_kill watched KILL
within "it struck: the longest lag of a node that counts, seen, ms" "$(most 1)" 1500 1000000
within "it struck: the most that waited on that node's disk, bytes" "$(most 2)" 1 100000000
expect "the lag falls" lab_wait 60 caught_up || echo "# lag $(f_agent n1 lag_s) s, $(f_agent n1 lag_windows) windows, spool $(f_agent n1 spool_bytes)"
faults_rest
stored=$(api "/api/v1/cost?by=node&from=$((LAB_BEGAN - 4 * 3600))&to=$(($(date +%s) + 7200))" \
	"sum(c['bytes'] for c in d['items'] if c['node'].startswith('f'))")
equal "of those who only speak each byte is stored once" "$stored" \
	$(($(many_said calm told | awk '{ print $4 }') + $(many_said load told | awk '{ print $4 }')))
equal "of those who only speak nothing is declared lost" \
	"$(api /api/v1/agents "sum(a['lost_bytes'] + a['gaps'] for a in d['items'] if a['node'].startswith('f'))")" 0
LOSS_OF= f_balance overload
finish
