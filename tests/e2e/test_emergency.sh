#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In an emergency one command returns to the bundle that was confirmed before: an operator's over the aggregator,
# root's on a node without it, with its agent running or dead. All of it is audited, and an alarm until a new
# serial is in force; the bundle that was taken back does not come again.
. "$(dirname "$0")/../lib/e2e.sh"

BACKUP=payments.slice/backup.service

policy() { # name cidr: nothing may go there
	rm -f "$REPO"/policies/*.yaml
	cat >"$REPO/policies/$1.yaml" <<-YAML
		apiVersion: weir.dev/v1alpha1
		kind: FlowPolicy
		metadata: {name: $1}
		spec: {tier: admin, priority: 10, egress: [{action: deny, to: [{cidr: $2}]}]}
	YAML
}
passes() { lab_in "$1" $BACKUP timeout 1 bash -c "exec 3<>/dev/tcp/$INET4/5001" 2>/dev/null; }
stops() { ! passes "$1"; }
agent() { api /api/v1/agents "[a for a in d['items'] if a['node'] == '$1'][0]['$2']"; }
agent_is() { [ "$(agent "$1" "$2")" = "$3" ]; }
confirmed() { grep -q "bundle $2 is confirmed" "$LAB/log/agent-$1.log"; }
everywhere() { "$1" n1 "$2" && "$1" n2 "$2"; }
rollback() { weirctl policy rollback --emergency --key "$PKI/operators/$1.key" 2>&1; }
audited() { # event node
	api "/api/v1/audit?limit=1000" "sum(e['event'] == '$1' and e['fields'].get('node', '') == '$2' for e in d['items'])"
}
release() { # name cidr: signed, in force and confirmed on both nodes; its serial is $serial
	policy "$1" "$2"
	fleet_sign || broken "$1 is signed"
	serial=$(fleet_serial)
	expect "$1 is in force and confirmed" lab_wait 20 everywhere confirmed "$serial"
}

lab_up && fleet_new || broken "the fleet's keys are made"
weirctl pki operator --dir "$PKI" olga >/dev/null && weirctl pki operator --dir "$PKI" oscar >/dev/null ||
	broken "operators' keys are made"
OPERATORS="\"$(cat "$PKI/operators/olga.pub")\""
sed -i "s#operators: \[\]#operators: [$OPERATORS]#" "$REPO/weir.yaml"
policy harmless 198.18.0.77/32
fleet_sign && fleet_up enforce n1 n2 || broken "the fleet comes up"
lab_serve web inet main.service 5001
good=$(fleet_serial)
expect "the first bundle is in force and confirmed" lab_wait 20 everywhere confirmed "$good"
release harmful $INET4/32
bad=$serial
expect "packets stop" stops n1

equal "a key that is no operator's" "$(rollback oscar)" \
	"weirctl: the key is not in spec.operators of weir.yaml"
expect "without --emergency it is refused" eval '! weirctl policy rollback --key x 2>/dev/null'
expect "one operator, one command" rollback olga
expect "n1 is back" lab_wait 10 fleet_applied n1 "$good"
expect "n2 is back" lab_wait 10 fleet_applied n2 "$good"
expect "packets pass on n1" passes n1
expect "packets pass on n2" passes n2
equal "an alarm" "$(agent n1 alarm)" "emergency-operator $bad -> $good"
equal "which is shown of a node" "$(weirctl agents n2 | grep -c "^alarm .*emergency-operator $bad -> $good$")" 1
equal "all is not well" "$(weirctl status | grep -c 'taken back: emergency-operator .*n1, n2')" 1
equal "and the status counts" "$(api /api/v1/status "d['alarms']")" 2
equal "audited: the order" "$(audited emergency-ordered '')" 1
equal "audited: n1" "$(audited emergency n1)" 1
lab_kill aggregator && fleet_aggregator_start || broken "the aggregator starts again"
expect "n1 is connected again" lab_wait 20 fleet_connected n1
lab_pass 2
expect "what was taken back does not come again" fleet_applied n1 "$good"
expect "packets still pass" passes n1

release forward 198.18.0.78/32
expect "a new serial goes forward" passes n1
expect "the alarm is over" lab_wait 10 agent_is n1 alarm ""
first=$serial
release harmful-again $INET4/32
bad=$serial
expect "packets stop" stops n1

# The aggregator is dead.
lab_kill aggregator KILL
equal "root on n1, its agent running" "$("$LAB_BIN/weir-agent" --rollback -c "$LAB/n1.yaml" 2>&1)" \
	"done: bundle $bad is taken back, $first is in force"
expect "packets pass on n1" passes n1
lab_kill agent-n2 KILL
expect "n2 enforces without an agent" stops n2
equal "root on n2, its agent dead" "$(lab_in n2 weir-agent.service "$LAB_BIN/weir-agent" --rollback -c "$LAB/n2.yaml" 2>/dev/null)" \
	"done: bundle $bad is taken back, $first is in force"
expect "packets pass on n2" passes n2
fleet_agent_start n2 || broken "the agent starts again"
expect "n2: packets pass on" passes n2
fleet_aggregator_start || broken "the aggregator starts again"
expect "n1 reports it" lab_wait 30 agent_is n1 alarm "emergency-root $bad -> $first"
expect "n2 reports it" lab_wait 30 agent_is n2 alarm "emergency-root $bad -> $first"
equal "audited: n1" "$(audited emergency n1)" 2
equal "audited: n2" "$(audited emergency n2)" 2
equal "the reason of the refusal" "$(agent n1 refused_reason)" rolled-back
expect "the audit log is whole" weirctl audit verify "$LAB/audit.log"
finish
