#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The aggregator is killed for ten seconds under traffic: every window arrives once.
. "$(dirname "$0")/../lib/e2e.sh"

WORK=payments.slice/backup.service
lab_up && fleet_new && fleet_up observe n1 || broken "the fleet comes up"
lab_serve web inet main.service 5001
stored() { fleet_cost bytes workload,node "c['node'] == 'n1' and 'backup' in c['workload']"; }
at_sockets() { echo $(($(fleet_term n1 eth0 ingress sockets) + $(fleet_term n1 eth0 egress sockets))); }
agree() { [ "$(stored)" = "$(at_sockets)" ]; }
sequence() { api /api/v1/agents "[a['sequence'] for a in d['items'] if a['node'] == 'n1'][0]"; }
later() { [ "$(sequence)" -ge "$1" ]; }

lab_traffic n1 $WORK tcp --to $INET4 --port 5001 --seconds 14 --rate 40 >"$LAB/log/client.log" 2>&1 &
client=$!
expect "windows arrive" lab_wait 10 later 2
before=$(sequence)
lab_kill aggregator KILL
lab_pass 10
fleet_aggregator_start || broken "the aggregator starts again"
wait $client
expect "the windows of the outage arrive" lab_wait 15 later $((before + 10))
fleet_steady
expect "stored bytes come to equal the bytes at the sockets" lab_wait 15 agree
equal "stored = at the sockets, every window once" "$(stored)" "$(at_sockets)"
# Payload as the server counted it; headers and acknowledgements come on top.
sent=$(sed -n 's/^bytes=\([0-9]*\).*/\1/p' "$LAB/log/client.log")
within "all of the transfer is in it" "$(stored)" "${sent:-none}" $((sent + sent / 4))
soon "unexplained" 0 fleet_term n1 eth0 egress unexplained
finish
