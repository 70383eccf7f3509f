#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A connection that stands follows a new policy at once (agent.established: cut), also when it was
# accepted under an older one than the last; or it is let run (keep), and only new ones are denied.
. "$(dirname "$0")/../lib/e2e.sh"

BACKUP=payments.slice/backup.service
lab_up && fleet_new && fleet_sign && fleet_up enforce n1 || broken "the fleet comes up"
lab_serve web inet main.service 5001

# Seconds until nothing more leaves: the client sends 4 Mbit/s for as long as it lives.
long_one() {
	lab_traffic n1 $BACKUP tcp --to $INET4 --port 5001 --seconds 600 --rate 4 --timeout 600 >"$LAB/log/long.log" 2>&1 &
	long=$!
	lab_wait 10 moves
}
left() { lab_counter n1 eth0 tx_bytes; }
moves() { local a; a=$(left); sleep 0.4; [ $(($(left) - a)) -gt 100000 ]; }
rests() { ! moves; }
commit() { # claim: signs what stands in the repository, waits until n1 has it
	fleet_sign || broken "$1: is signed"
	expect "$1" lab_wait 15 fleet_applied n1 "$(fleet_serial)"
}
fresh() { lab_traffic n1 $BACKUP tcp --to $INET4 --port 5001 --bytes 1000 --timeout 1; }
denied() { ! fresh 2>&1 | grep -q '^bytes='; }

long_one
# A revision that says nothing of it, so that it was accepted under one older than the last.
cp "$HELD/reports-capped.yaml" "$REPO/policies/"
commit "another policy is applied"
expect "the connection goes on" lab_wait 5 moves
fleet_commit
commit "the denial is applied"
expect "cut: the connection that stood stops" lab_wait 5 rests
expect "cut: new ones are denied" denied
kill $long 2>/dev/null
wait $long 2>/dev/null

fleet_revert
commit "the undo is applied"
lab_kill agent-n1
ESTABLISHED=keep fleet_agent_conf n1 enforce
fleet_agent_start n1 || broken "the agent starts with established: keep"
expect "the agent is connected again" lab_wait 10 fleet_connected n1
long_one
fleet_commit
commit "the denial is applied again"
expect "keep: new connections are denied" denied
# One that was cut would have stopped: see above.
lab_pass 2
expect "keep: the connection that stood goes on" lab_wait 5 moves
kill $long 2>/dev/null
wait $long 2>/dev/null
finish
