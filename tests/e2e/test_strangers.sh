#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who may speak: an agent with a certificate of another CA, with another node's identity key, or with
# a name that the aggregator does not know gets in with none of them.
. "$(dirname "$0")/../lib/e2e.sh"

lab_up && fleet_new && fleet_up observe n1 || broken "the fleet comes up"
pass "the valid agent is connected"
known() { api /api/v1/agents "any(a['node'] == '$1' and a['connected'] for a in d['items'])"; }
refuse() { # claim pattern: n2 as configured now stays outside, and says why in its log
	: >"$LAB/log/agent-n2.log"
	fleet_agent_start n2 || { fail "$1: the agent starts" "$(tail -n 2 "$LAB/log/agent-n2.log")"; return; }
	expect "$1: the agent says so" lab_wait 25 grep -qiE "$2" "$LAB/log/agent-n2.log"
	if known n2 >/dev/null 2>&1; then fail "$1: stays outside" "n2 is connected"; else pass "$1: stays outside"; fi
	lab_kill agent-n2
}

weirctl pki init --dir "$LAB/foreign" >/dev/null && weirctl pki node --dir "$LAB/foreign" n2 >/dev/null && chown -R $FLEET_USER "$LAB/foreign" || broken "a foreign CA is made"
fleet_agent_conf n2 observe
sed -i "s#cert: .*#cert: $LAB/foreign/nodes/n2/cert.pem#; s#  key: .*key.pem#  key: $LAB/foreign/nodes/n2/key.pem#" "$LAB/n2.yaml"
refuse "certificate of a foreign CA" 'no session'

fleet_agent_conf n2 observe
sed -i "s#identity: {key: [^,]*,#identity: {key: $PKI/nodes/n1/node.key,#" "$LAB/n2.yaml"
refuse "another node's identity key" 'signature'

fleet_agent_conf n2 observe
mv "$PKI/nodes/n2.pub" "$PKI/n2.pub.away"
refuse "a node without a key on the aggregator" 'unknown|no public key|no key'
mv "$PKI/n2.pub.away" "$PKI/nodes/n2.pub"

fleet_agent_conf n2 observe
fleet_agent_start n2
expect "with all of it right the same node is let in" lab_wait 15 known n2
expect "and the first one was never thrown out" known n1
finish
