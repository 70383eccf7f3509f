#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The audit log is cut while the aggregator is stopped, and what its database knows of it is cleared: nodes have
# seen more, so it is found when they come back, here by a node's own log and by its file.
. "$(dirname "$0")/../lib/e2e.sh"

lab_up && fleet_new && fleet_up observe n1 || broken "the fleet comes up"
entries() { api /api/v1/status "d['audit_entries']"; }
alarm() { api /api/v1/status "d['audit_alarm'] != ''"; }
seen() { cut -d ' ' -f 1 "$LAB/state-n1/witness"; }
all_seen() { [ "$(seen)" = "$(entries)" ]; }
told() { api /api/v1/witnesses "d['items'][0]['sequence'] >= 3"; }
verify() { weirctl audit verify --key "$LAB/audit.log.key.pub" "$@" "$LAB/audit.log"; }

expect "a node keeps the head of the log" lab_wait 20 all_seen
lab_kill agent-n1 && fleet_agent_start n1
expect "and tells it" lab_wait 20 told
expect "a whole log holds what was seen" verify --head "$LAB/state-n1/witness" --witnessed
if alarm >/dev/null 2>&1; then fail "no alarm" "$(api /api/v1/status "d['audit_alarm']")"; else pass "no alarm"; fi

lab_wait 20 all_seen || broken "the node has seen all"
lab_kill agent-n1
lab_kill aggregator
cp "$LAB/audit.log" "$LAB/whole.log"
cut_to=$(($(wc -l <"$LAB/whole.log") - 2))
head -n $cut_to "$LAB/whole.log" >"$LAB/audit.log"
"$LAB_PYTHON" -c "import sqlite3; c = sqlite3.connect('$LAB/weir.db'); c.execute('DELETE FROM witness'); c.commit()"
expect "the chain alone does not show a cut" verify
if said=$(verify --head "$LAB/state-n1/witness" 2>&1); then
	fail "what a node has kept does" "$said"
else
	expect "what a node has kept does" grep -q 'entries were cut off' <<<"$said"
fi
fleet_aggregator_start && fleet_agent_start n1 || broken "all start again"
expect "the aggregator raises an alarm" lab_wait 20 alarm
expect "with its reason in the log" grep -q 'audit: ALARM: node n1 has seen entry' "$LAB/log/aggregator.log"
expect "and in the audit log" api /api/v1/audit "any(e['event'] == 'audit-alarm' for e in d['items'])"
finish
