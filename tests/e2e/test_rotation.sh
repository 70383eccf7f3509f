#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keys, certificates and the authority are exchanged under traffic, by the same processes and without loss; what is
# broken, expired or revoked is refused, and each says why.
. "$(dirname "$0")/../lib/e2e.sh"
. tests/lib/faults.sh

WORK=payments.slice/backup.service
node_up() { # node: as the fleet's, with lists of what is revoked
	fleet_agent_conf "$1" observe
	sed -i "s#^  key: .*key.pem#&\n  crl: $PKI/crl.pem#; s#^trust: {#&revoked: $PKI/revoked.keys, #" "$LAB/$1.yaml"
	fleet_agent_start "$1" && lab_wait 15 fleet_connected "$1"
}
lab_up && fleet_new || broken "the keys are made"
sed -i "s#server/key.pem}#server/key.pem, crl: $PKI/crl.pem}#; s#^nodes: {#&revoked: $PKI/revoked.keys, #" "$LAB/aggregator.yaml"
fleet_aggregator_start && node_up n1 && node_up n2 || broken "the fleet comes up"
lab_serve web inet main.service 5001

pids() { echo "${LAB_PID[aggregator]} ${LAB_PID[agent-n1]}"; }
of_node() { api /api/v1/agents "[a['$2'] for a in d['items'] if a['node'] == '$1'][0]"; }
audited() { api "/api/v1/audit?limit=200" "any(e['event'] == '$1' and '$2' in str(e['fields']) for e in d['items'])"; }
days() { weirctl --json pki expiry --dir "$PKI" | "$LAB_PYTHON" -c "import json,sys; print([i['expires_s'] for i in json.load(sys.stdin)['items'] if i['name'] == '$1'][0])"; }
rotate() { weirctl pki rotate --dir "$PKI" "$@" >>"$LAB/log/fleet.log" 2>&1; }
serial_of() { openssl x509 -noout -serial -in "$1"; }
served() { # the certificate that the aggregator shows now
	lab_ns agg openssl s_client -connect 192.0.2.1:7471 -CAfile "$PKI/ca/cert.pem" </dev/null 2>/dev/null | openssl x509 -noout -serial
}
both_connected() { fleet_connected n1 && fleet_connected n2; }
same_cert() { [ "$(of_node n1 cert_expires_s)" = "$(days n1)" ]; }

began=$(pids)
lab_traffic n1 $WORK tcp --to $INET4 --port 5001 --seconds 25 --rate 40 >"$LAB/log/client.log" 2>&1 &
client=$!
rotate --days 100 n1 || broken "n1 is rotated"
expect "a node takes its new certificate" lab_wait 10 same_cert
expect "and it is audited" lab_wait 10 audited node-certificate-rotated n1
rotate --finish n1
expect "its new key counts alone" lab_wait 10 audited node-key-rotated n1
rotate --days 200 server
soon "the aggregator shows its new certificate" "$(serial_of "$PKI/server/cert.pem")" served
rotate ca || broken "a new authority is made"
two_listed() { [ "$(grep -c 'taken anew' "$LAB/log/agent-n2.log")" -ge "$1" ]; }
expect "both authorities are taken" lab_wait 10 two_listed 1
rotate server && rotate n1 && rotate n2 && rotate n3 && rotate r || broken "all are rotated"
expect "n1 goes over to the new authority" lab_wait 10 same_cert
soon "so does the aggregator" "$(serial_of "$PKI/server/cert.pem")" served
lab_wait 10 two_listed 2
expect "the authority before can be left" rotate --finish ca
renewed() { [ "$(grep -c 'taken anew' "$LAB/log/aggregator.log")" -ge 4 ]; }
expect "the aggregator leaves it" lab_wait 10 renewed
wait $client
expect "both nodes are there" lab_wait 20 both_connected
equal "by the same processes" "$(pids)" "$began"
stored() { fleet_cost bytes workload,node "c['node'] == 'n1' and 'backup' in c['workload']"; }
at_sockets() { echo $(($(fleet_term n1 eth0 ingress sockets) + $(fleet_term n1 eth0 egress sockets))); }
agree() { [ "$(stored)" = "$(at_sockets)" ]; }
fleet_steady
expect "nothing was lost" lab_wait 20 agree
equal "and nothing is missing" "$(of_node n1 lost_bytes)" 0

cp "$PKI/server/cert.pem" "$LAB/good.pem"
echo broken >"$PKI/server/cert.pem"
broken_keys() { api /api/v1/status "d['keys_broken'] == $1"; }
expect "a broken file is said" lab_wait 10 broken_keys True
equal "in one line" "$(grep -c 'new files refused: .*server/cert.pem' "$LAB/log/aggregator.log")" 1
equal "what it held before stays in use" "$(served)" "$(serial_of "$LAB/good.pem")"
cp "$LAB/good.pem" "$PKI/server/cert.pem"
expect "until it is mended" lab_wait 10 broken_keys False

if [ -n "$FAKETIME_LIB" ]; then
	past() { LD_PRELOAD=$FAKETIME_LIB FAKETIME=-3d build/weirctl "$@" >>"$LAB/log/fleet.log" 2>&1; }
	cp -r "$PKI/nodes/n1" "$LAB/n1.good"
	past pki rotate --dir "$PKI" --days 1 n1 || broken "an expired certificate is made"
	soon "a node does not take an expired certificate" True of_node n1 keys_broken
	expect "and says so" grep -q 'refused: .*nodes/n1/cert.pem.*expired' "$LAB/log/agent-n1.log"
	expect "it stays inside" fleet_connected n1
	mv "$PKI/nodes/n3" "$LAB/n3.good" && mv "$PKI/nodes/n3.pub" "$LAB/"
	past pki node --dir "$PKI" --days 1 n3 || broken "an expired node is made"
	fleet_agent_conf n3 observe
	fleet_agent_start n3
	expect "expired: an agent stays outside" lab_wait 25 grep -q 'no session: no connection' "$LAB/log/agent-n3.log"
	lab_kill agent-n3
	cp "$LAB"/n1.good/*.pem "$PKI/nodes/n1/"
	soon "a node takes what is good again" False of_node n1 keys_broken
else
	echo "skip $E2E expired: libfaketime is not installed"
fi

sed 's/$/ n2/' "$PKI/nodes/n2.pub" >>"$PKI/revoked.keys"
gone() { ! fleet_connected n2; }
expect "revoked key: the session ends at once" lab_wait 5 audited session-ended "the key of this node is revoked"
expect "and none begins" lab_wait 10 audited agent-refused "the key of this node is revoked"
soon "which the fleet's list says" "the key of this node is revoked" of_node n2 session_refused
weirctl pki revoke --dir "$PKI" n2 >/dev/null || broken "n2 is revoked"
lab_kill agent-n2
expect "the list of certificates is taken" lab_wait 10 eval '[ "$(grep -c "taken anew" "$LAB/log/aggregator.log")" -ge 6 ]'
: >"$LAB/log/agent-n2.log"
fleet_agent_start n2
expect "revoked certificate: no connection at all" lab_wait 25 grep -q 'no session: no connection' "$LAB/log/agent-n2.log"
lab_kill agent-n2
expect "n1 was never thrown out" fleet_connected n1

weirctl pki revoke --dir "$PKI" --approver alice >/dev/null
expect "a node takes the list of approvers" lab_wait 10 grep -q 'trust: 0 of 1 approvers' "$LAB/log/agent-n1.log"
fleet_sign || broken "alice signs"
soon "a revoked approver's signature does not count" unsigned of_node n1 refused_reason
finish
