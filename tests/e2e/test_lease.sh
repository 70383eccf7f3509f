#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The orphan lease: without an agent enforcement ends by itself, visibly; one that returns resumes it.
. "$(dirname "$0")/../lib/e2e.sh"

BACKUP=payments.slice/backup.service
LEASE=3s WINDOW=500ms
REPORTS=analytics.slice/reports.service
lab_up && fleet_new && fleet_commit && sed -i 's/mode: police/mode: pace/' "$REPO"/policies/reports*.yaml &&
	fleet_sign && fleet_up enforce n1 || broken "the fleet comes up"
lab_serve web inet main.service 5001
backup() { lab_traffic n1 $BACKUP tcp --to $INET4 --port 5001 --bytes 10000 --timeout 0.5; }
denied() { ! backup 2>&1 | grep -q '^bytes='; }
agent() { api /api/v1/agents "[a['$1'] for a in d['items'] if a['node'] == 'n1'][0]"; }
shown() { weirctl agents n1 | grep -qE "^lease .*$1"; }
lapsed() { [ "$(agent lapsed_s)" -ge 1 ]; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

expect "the commit is applied" lab_wait 15 fleet_applied n1 "$(fleet_serial)"
expect "backup is denied" denied
lab_pass 4
expect "after longer than the lease, the agent alive, backup is still denied" denied
expect "weirctl shows what is left of the lease" lab_wait 5 shown '[0-9]s left'
# Mbit/s that leave n1 in the next second.
rate() {
	local before at
	before=$(lab_counter n1 eth0 tx_bytes) at=${EPOCHREALTIME/[.,]/}
	lab_pass 1
	echo $((($(lab_counter n1 eth0 tx_bytes) - before) * 8 / (${EPOCHREALTIME/[.,]/} - at)))
}
lab_traffic n1 $REPORTS tcp --to $INET4 --port 5001 --seconds 9 >"$LAB/log/client.log" 2>&1 &
client=$!
lab_pass 1
within "a connection is paced at 50 Mbit/s" "$(rate)" 35 56
lab_kill agent-n1 KILL
died=$(now_ms)
expect "agent killed: backup is denied while the lease lasts" denied
expect "then enforcement ends by itself" lab_wait 10 backup
# From the last renewal, a window or a little more before the kill.
within "as long after the kill as the lease says, milliseconds" $(($(now_ms) - died)) 1500 15000
within "the paced connection, still the same, runs free, Mbit/s" "$(rate)" 100 100000
expect "weirctl shows how long ago it ended" lab_wait 5 shown 'ended [0-9]+s ago'
audited() { weirctl audit --limit 100 | grep -q "$1.*n1"; }
expect "the audit log says that it ended" lab_wait 5 audited lease-ended
fleet_agent_start n1 || broken "the agent starts again"
expect "an agent is back: backup is denied again" lab_wait 5 denied
wait $client
equal "the connection lived through all of this" $? 0
within "an agent is back: a new connection is paced again" \
	"$(lab_traffic n1 $REPORTS tcp --to $INET4 --port 5001 --seconds 3 | sed -n 's/.*mbit=//p')" 35 54
expect "its log says from what to what, since when and why" \
	grep -qE 'mode observe -> enforce: an agent is back; enforcement had ended by itself [0-9]+ s ago, because no agent renewed agent.lease' \
	"$LAB/log/agent-n1.log"
expect "the seconds without enforcement are reported" lab_wait 5 lapsed
expect "the audit log says that it resumed" lab_wait 5 audited lease-resumed
equal "it ended once and was said once" "$(weirctl audit --limit 100 | grep -c lease-ended)" 1
finish
