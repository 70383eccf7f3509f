#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Counting goes on while no agent runs: bytes sent between kill -9 and the restart are reported once.
. "$(dirname "$0")/../lib/e2e.sh"

WORK=payments.slice/backup.service
lab_up && fleet_new && fleet_up observe n1 || broken "the fleet comes up"
lab_serve web inet main.service 5001
lab_serve peer n2 payments.slice/checkout.service 5001

stored() { fleet_cost bytes workload,node "c['node'] == 'n1' and 'backup' in c['workload']"; }
at_sockets() { echo $(($(fleet_term n1 eth0 ingress sockets) + $(fleet_term n1 eth0 egress sockets))); }
wire() { echo $(($(lab_counter n1 eth0 "$1_bytes") - 14 * $(lab_counter n1 eth0 "$1_packets"))); }
all_stored() { [ "$(stored)" -ge "$1" ]; }
agree() { [ "$(stored)" = "$(at_sockets)" ]; }

lab_traffic n1 $WORK tcp --to $INET4 --port 5001 --bytes 5000000 >/dev/null
expect "bytes sent with an agent are stored" lab_wait 10 all_stored 5000000
fleet_steady
before=$(wire tx)
lab_kill agent-n1 KILL
lab_traffic n1 $WORK tcp --to $N2_6 --port 5001 --bytes 20000000 >/dev/null
lab_traffic n1 $WORK tcp --to $INET4 --port 5001 --bytes 20000000 >/dev/null
sent=$(($(wire tx) - before))
within "the interface carried bytes while the agent was dead" $sent 40000000 60000000
fleet_agent_start n1 || broken "the agent starts again"
expect "what was counted meanwhile arrives" lab_wait 15 all_stored 45000000
fleet_steady
lab_wait 10 agree
equal "stored bytes = bytes at the sockets, none lost, none twice" "$(stored)" "$(at_sockets)"
for way in ingress egress; do
	soon "unexplained $way" 0 fleet_term n1 eth0 $way unexplained
done
# Again, killed in the middle of a transfer, three times in a row.
lab_traffic n1 $WORK tcp --to $N2_4 --port 5001 --seconds 6 --rate 80 >"$LAB/log/client.log" 2>&1 &
client=$!
for round in 1 2 3; do
	lab_kill agent-n1 KILL
	fleet_agent_start n1 || broken "the agent starts again, round $round"
done
wait $client
equal "the connection lived through three kills" $? 0
fleet_steady
expect "after three kills: stored = at the sockets" lab_wait 10 agree
soon "after three kills: unexplained" 0 fleet_term n1 eth0 egress unexplained
finish
