#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A commit that is approved for shadow alone is evaluated beside the policy in force: nothing that it says
# happens, and what would happen is counted per rule, once per flow, of connections that stand already too.
# It outlives its agent, and ends when it is withdrawn or approved for real.
. "$(dirname "$0")/../lib/e2e.sh"

BACKUP=payments.slice/backup.service
CHECKOUT=payments.slice/checkout.service

policy() { # name app action: everything to the internet
	cat >"$REPO/policies/$1.yaml" <<-YAML
		apiVersion: weir.dev/v1alpha1
		kind: FlowPolicy
		metadata: {name: $1}
		spec:
		  tier: admin
		  priority: 10
		  subject: {labels: {app: $2}}
		  egress:
		  - action: $3
		    to: [{path: internet}, {path: nat}]
	YAML
}
commit_a() { rm -f "$REPO"/policies/*.yaml; policy shop checkout deny; }
commit_b() { policy shop checkout accept; policy backups backup deny; }

fresh() { lab_traffic n1 "$1" tcp --to $INET4 --port 5001 --bytes 20000 --timeout 2; }
backup() { fresh $BACKUP; }
checkout() { fresh $CHECKOUT; }
denied() { ! "$1" 2>&1 | grep -q '^bytes='; }
left() { lab_counter n1 eth0 tx_bytes; }
moves() { local a; a=$(left); sleep 0.4; [ $(($(left) - a)) -gt 100000 ]; }
rests() { ! moves; }

node() { api /api/v1/shadow "[n for n in d['nodes'] if n['node'] == 'n1'][0]$1"; }
evaluates() { node "['evaluates']" && node "['candidate'] == $1"; } # serial
ended() { node "['candidate'] == 0"; }
# Flows that the candidate would deny (accept) by a rule: flows denied backups#1
flows() { api /api/v1/shadow "sum(i['$1'] for i in d['items'] if i['node'] == 'n1' and i['rule'] == '$2')"; }
counted() { [ "$(flows "$1" "$2")" = "$3" ]; }
# Windows pass: what n1 said of its candidate is so much newer, seconds.
seen() { node "['seen_s']"; }
newer() { [ "$(seen)" -ge "$1" ]; }
windows() { lab_wait 20 newer $(($(seen) + $1)); }
# How often an event of n1 and a serial stands in the audit log.
audited() { # event serial
	api "/api/v1/audit?limit=1000" "sum(e['event'] == '$1' and e['fields'].get('node') == 'n1' and \
e['fields'].get('serial') == '$2' for e in d['items'])"
}

lab_up && fleet_new && commit_a && fleet_sign && fleet_up enforce n1 || broken "the fleet comes up"
lab_serve web inet main.service 5001
a=$(fleet_serial)
expect "commit A is in force" lab_wait 15 fleet_applied n1 "$a"
expect "A denies checkout" denied checkout
lab_traffic n1 $BACKUP tcp --to $INET4 --port 5001 --seconds 300 --rate 4 --timeout 300 >"$LAB/log/long.log" 2>&1 &
long=$!
expect "a connection of backup stands" lab_wait 10 moves
equal "without a candidate there is none to show" "$(weirctl policy shadow | grep -c '^state  *none')" 1

commit_b
fleet_shadow || broken "B is signed for shadow"
b=$(fleet_serial)
expect "n1 evaluates B" lab_wait 15 evaluates "$b"
expect "A stays in force" fleet_applied n1 "$a"
expect "the connection older than B is counted" lab_wait 15 counted denied 'backups#1' 1
expect "and goes on" moves
expect "what B denies still flows" backup
expect "the new flow is counted too" lab_wait 15 counted denied 'backups#1' 2
expect "what A denies stays denied" denied checkout
expect "that B would accept it is counted" lab_wait 15 counted accepted 'shop#1' 1
expect "windows pass" windows 3
equal "under traffic no flow is counted twice" "$(flows denied 'backups#1')" 2
equal "the table shows the rule" "$(weirctl policy shadow | grep -c '^n1  *backups#1  *2  *0  *0$')" 1
expect "--json shows the same" eval "weirctl policy shadow --json | grep -q '\"rule\":\"backups#1\",\"denied\":2,'"
expect "the state of the policy is said" api /api/v1/policy \
	"d['state'] == 'shadow' and d['serial'] == $a and d['candidate_serial'] == $b"

lab_kill agent-n1 KILL
expect "agent dead: what B denies still flows" backup
expect "agent dead: what A denies stays denied" denied checkout
fleet_agent_start n1 || broken "the agent starts again"
expect "agent back: n1 is connected" lab_wait 15 fleet_connected n1
expect "agent back: windows pass" windows 2
expect "agent back: n1 evaluates B" evaluates "$b"
# The start is a generation of its own, in which the flow that lives may count again.
expect "agent back: what was counted is not lost, and what passed meanwhile was counted" \
	[ "$(flows denied 'backups#1')" -ge 3 ]
before=$(flows denied 'backups#1')
expect "agent back: what B denies still flows" backup
expect "agent back: a new flow counts one more" lab_wait 15 counted denied 'backups#1' $((before + 1))
equal "B was pushed once: the agent found it on its disk" "$(audited candidate-pushed "$b")" 1

fleet_withdraw "$b"
expect "withdrawn: B ends" lab_wait 15 ended
expect "withdrawn: its counts can be read" counted denied 'backups#1' $((before + 1))
equal "withdrawn: the end is shown" "$(weirctl policy shadow | grep -c '^state  *ended')" 1
expect "withdrawn: the connection goes on" moves
fleet_shadow || broken "B is signed for shadow again"
b=$(fleet_serial)
expect "n1 evaluates B again" lab_wait 15 evaluates "$b"
expect "counts begin anew" lab_wait 15 counted denied 'backups#1' 1

fleet_sign || broken "B is signed"
real=$(fleet_serial)
expect "B is in force" lab_wait 15 fleet_applied n1 "$real"
expect "approved for real: the candidate ends" lab_wait 15 ended
expect "approved for real: the connection is cut" lab_wait 5 rests
expect "approved for real: backup is denied" denied backup
expect "approved for real: checkout is not" checkout
kill $long 2>/dev/null
wait $long 2>/dev/null
for event in pushed applied ended; do
	expect "the audit log says that B was $event" [ "$(audited "candidate-$event" "$b")" -ge 1 ]
done
expect "the audit log is whole" weirctl audit verify "$LAB/audit.log"

# A candidate takes no serial away from what is approved for real.
commit_a
fleet_sign || broken "A is signed again"
expect "A is in force again" lab_wait 15 fleet_applied n1 "$(fleet_serial)"
commit_b
fleet_shadow || broken "B is signed for shadow a third time"
b=$(fleet_serial)
expect "n1 evaluates B a third time" lab_wait 15 evaluates "$b"
fleet_withdraw "$b"
expect "it is withdrawn" lab_wait 15 ended
fleet_sign || broken "B is signed under the serial that the candidate had"
equal "B has the serial that the candidate had" "$(fleet_serial)" "$b"
expect "B is in force under it" lab_wait 15 fleet_applied n1 "$b"
expect "backup is denied again" denied backup
finish
