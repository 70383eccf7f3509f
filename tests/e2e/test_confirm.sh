#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A bundle that cuts a node off from its aggregator is taken back by the node itself, within the time that its
# manifest gives, each time; it does not come again, and is reported when the aggregator is heard of.
. "$(dirname "$0")/../lib/e2e.sh"

BACKUP=payments.slice/backup.service
ROUNDS=$([ -n "${WEIR_LONG:-}" ] && echo 100 || echo 20)
WITHIN_MS=800

# The aggregator's port is on the failsafe list of the example; here it is behind an address like any other.
mortal() { sed -i '/port: 7471/d' "$REPO/weir.yaml" && ! grep -q 7471 "$REPO/weir.yaml"; }
within_ms() { sed -i "s/confirmWithin: [0-9a-z]*/confirmWithin: $1/" "$REPO/weir.yaml"; }
policy() { # name cidr...: nothing may go there
	local name=$1 to='' cidr
	shift
	for cidr; do to="$to{cidr: $cidr}, "; done
	cat >"$REPO/policies/$name.yaml" <<-YAML
		apiVersion: weir.dev/v1alpha1
		kind: FlowPolicy
		metadata: {name: $name}
		spec: {tier: admin, priority: 10, egress: [{action: deny, to: [${to%, }]}]}
	YAML
}
sign() { weirctl policy sign "$REPO" --serial "$1" --key "$PKI/approvers/alice.key" >>"$LAB/log/fleet.log" 2>&1; }
passes() { lab_in n1 $BACKUP timeout 0.3 bash -c "exec 3<>/dev/tcp/$INET4/5001" 2>/dev/null; }
said() { grep -q "bundle $1" "$LAB/log/agent-n1.log"; }
# Waits as closely as a measurement needs; prints milliseconds.
await_ms() { # what
	local t0=$(date +%s%N) until=$(($(date +%s) + 30))
	until said "$1"; do
		[ "$(date +%s)" -lt $until ] || return 1
		sleep 0.01
	done
	echo $((($(date +%s%N) - t0) / 1000000))
}
agent() { api /api/v1/agents "[a for a in d['items'] if a['node'] == 'n1'][0]['$1']"; }
agent_is() { [ "$(agent "$1")" = "$2" ]; }

lab_up && fleet_new && fleet_revert && mortal && fleet_sign && fleet_up enforce n1 || broken "the fleet comes up"
lab_serve web inet main.service 5001
last=$(fleet_serial)
expect "the first bundle is in force" lab_wait 15 fleet_applied n1 "$last"
expect "and confirmed" lab_wait 10 said "$last is confirmed"
expect "packets pass" passes

policy cut 192.0.2.0/24 198.18.0.0/24
within_ms ${WITHIN_MS}ms
back=0 worst=0 round=0 late=0
while [ $((round - late)) -lt "$ROUNDS" ] && [ $late -lt "$ROUNDS" ]; do
	round=$((round + 1)) serial=$((last + round))
	sign $serial || broken "serial $serial is signed"
	await_ms "$serial applied" >/dev/null || { fail "serial $serial came in force" "round $round"; break; }
	cut=yes
	# A machine that others use may look only when it is over: such a round is another time.
	if passes; then said "$serial taken back" && cut=late || cut=no; fi
	took=$(await_ms "$serial taken back") || { fail "serial $serial was taken back" "round $round"; break; }
	[ "$took" -gt "$worst" ] && worst=$took
	[ $cut = late ] && late=$((late + 1)) && continue
	if [ $cut = yes ] && passes; then back=$((back + 1)); else echo "# round $round: cut off: $cut"; fi
done
equal "cut off and back, of $ROUNDS times" "$back" "$ROUNDS"
within "the slowest return, ms after its packets were seen to be denied" "$worst" 0 $((WITHIN_MS + 500))
expect "the aggregator hears of it" lab_wait 20 agent_is undone_from "$serial"
equal "with its reason" "$(agent refused_reason)" unconfirmed
equal "what is in force" "$(agent serial)" "$last"
equal "the alarm is shown" "$(weirctl agents n1 | grep -c "unconfirmed $serial -> $last")" 1
lab_pass 2
equal "none came in force twice" "$(grep -c 'applied; in force before' "$LAB/log/agent-n1.log")" $((round + 1))
equal "the audit log has the last one" "$(api "/api/v1/audit?limit=1000" "sum(e['event'] == 'rolled-back' and \
e['fields']['serial'] == '$serial' and e['fields']['in_force'] == '$last' for e in d['items'])")" 1

# The agent is killed while the bundle is not confirmed.
within_ms 3s
serial=$((serial + 1))
sign $serial || broken "serial $serial is signed"
expect "one more comes in force" await_ms "$serial applied"
lab_kill agent-n1 KILL
expect "agent dead: the kernel goes by it" eval '! passes'
fleet_agent_start n1 || broken "the agent starts again"
expect "agent back: it is taken back" await_ms "$serial taken back"
expect "agent back: packets pass" passes
expect "agent back: reported" lab_wait 20 agent_is undone_from "$serial"

# What does no harm stays.
within_ms 60s
policy cut 198.18.0.11/32
fleet_sign || broken "a harmless commit is signed"
serial=$(fleet_serial)
expect "a harmless one is confirmed" await_ms "$serial is confirmed"
expect "and stays in force" lab_wait 10 fleet_applied n1 "$serial"
expect "the alarm is over" lab_wait 10 agent_is alarm ""
expect "packets pass" passes
finish
