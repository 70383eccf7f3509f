#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Slow, silent, half-open, rude and leaving peers by the hundred, on both sockets: honest agents are served as before,
# new ones get in, and what the peers took is given back.
. "$(dirname "$0")/../lib/e2e.sh"

export ASAN_OPTIONS=quarantine_size_mb=1 # what is freed counts no more
SECONDS_OF_IT=${WEIR_LONG:+60}
SECONDS_OF_IT=${SECONDS_OF_IT:-10}
lab_up && fleet_new && fleet_up observe n1 || broken "the fleet comes up"
files() { ls "/proc/${LAB_PID[aggregator]}/fd" | wc -l; }
resident_kib() { awk '$1 == "VmRSS:" { print $2 }' "/proc/${LAB_PID[aggregator]}/status"; }
lag_ms() { api /api/v1/agents "int(1000 * [a for a in d['items'] if a['node'] == 'n1'][0]['lag_s'])"; }
seed=$RANDOM
echo "# seed $seed"
files_before=$(files) kib_before=$(resident_kib)
for port in 7471 7472; do
	lab_bg bad-$port n2 weir-agent.service "$LAB_PYTHON" tests/lib/bad_peers.py --pki "$PKI" --to 192.0.2.1 --port $port \
		--seconds "$SECONDS_OF_IT" --seed "$seed"
done
all_stand() { grep -q standing "$LAB/log/bad-7471.log" && grep -q standing "$LAB/log/bad-7472.log"; }
expect "they stand" lab_wait 30 all_stand
expect "those in their handshake are told" "$LAB_PYTHON" tests/lib/openmetrics.py "$SOCKET" \
	"one('weir_handshakes', socket='telemetry') >= 190 and one('weir_handshakes', socket='control') >= 190"
fleet_agent_conf n3 observe
fleet_agent_start n3 || broken "an agent starts"
expect "another agent gets in among them" lab_wait 15 fleet_connected n3
worst=0 kib=0 asked=0
while lab_alive bad-7471 || lab_alive bad-7472; do
	now=$(lag_ms) size=$(resident_kib) asked=$((asked + 1))
	worst=$((now > worst ? now : worst)) kib=$((size > kib ? size : kib))
	read -rt 0.2 -u "$LAB_SILENCE"
done
within "the honest agent was asked after" $asked 5 100000
within "it was behind by at most, ms" "$worst" 0 8000
echo "# behind by $worst ms, $((kib - kib_before)) KiB more, $(files) files"
within "memory for them, KiB" $((kib - kib_before)) 0 200000
for port in 7471 7472; do
	expect "all of them came and went ($port)" grep -qE 'held=244 left=[0-9]{2}' "$LAB/log/bad-$port.log"
done
given_back() { [ "$(files)" -le $((files_before + 6)) ]; } # n3 has two connections, and a question is a third
expect "their descriptors are given back" lab_wait 20 given_back
expect "so are handshakes and requests" lab_wait 20 "$LAB_PYTHON" tests/lib/openmetrics.py "$SOCKET" \
	"one('weir_handshakes', socket='telemetry') == one('weir_handshakes', socket='control') == 0 and \
one('weir_requests_bytes', socket='telemetry') == 0 and one('weir_requests_bytes', socket='control') < 10000"
for node in n1 n3; do
	lab_kill agent-$node
	fleet_agent_start $node || broken "$node starts again"
done
for node in n1 n3; do expect "$node gets in after them" lab_wait 15 fleet_connected $node; done
finish
