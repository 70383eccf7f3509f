#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is seen: /metrics of aggregator and agent under a strict reader, weirctl agents, and weirctl status, where a
# real fault makes its line appear and its repair makes it vanish.
. "$(dirname "$0")/../lib/e2e.sh"

lab_up && fleet_new && fleet_sign && fleet_up enforce n1 n2 || broken "the fleet comes up"
AGENT=$LAB/state-n1/agent.sock
metrics() { "$LAB_PYTHON" tests/lib/openmetrics.py "$@"; }
agent() { api "/api/v1/agents?node=n1" "d['items'][0]['$1']"; }
lab_serve web inet main.service 5001
lab_traffic n1 payments.slice/checkout.service tcp --to $INET4 --port 5001 --bytes 50000000 >/dev/null 2>&1
expect "the policy is applied" lab_wait 15 fleet_applied n1 "$(fleet_serial)"

# Each fact is there, and the two programs say the same.
expect "the aggregator's metrics are OpenMetrics" metrics "$SOCKET"
expect "so are an agent's own" metrics "$AGENT"
equal "an agent's socket is for owner and group" "$(stat -c %a "$AGENT")" 660
# It is 96 MB of Debian's prometheus: fetched by the long check alone.
if [ -n "${WEIR_LONG:-}" ]; then promtool=$(tests/promtool 2>&1); else promtool=$(command -v promtool); fi
if [ -x "$promtool" ]; then
	for socket in "$SOCKET" "$AGENT"; do
		expect "promtool has nothing against $(basename "$socket")" \
			bash -c '"$1" tests/lib/openmetrics.py "$2" --classic | "$3" check metrics' - "$LAB_PYTHON" "$socket" "$promtool"
	done
else
	echo "skip seen: promtool has nothing against them: ${promtool:-promtool is not here, the long check fetches it}"
fi
measure_caps() { awk '$1 == "CapPrm:" { print $2 }' "/proc/${LAB_PID[measure]}/status"; }
# It was refused and is gone, or it was not and has given its capability up.
measure_settled() { ! lab_alive measure || [ "$(measure_caps)" = 0000000000000000 ]; }
cost_known() { metrics "$SOCKET" "0 < one('weir_agent_packet_seconds', node='n1') < 1e-4"; }
if metrics "$SOCKET" "any(s == 'weir_agent_packet_seconds' for s, p in m)"; then
	echo "skip seen: the time per packet appears: this machine measures always (kernel.bpf_stats_enabled)"
elif lab_bg measure n1 weir-agent.service "$LAB_BIN/weir-agent" --measure 30 && lab_wait 10 measure_settled && lab_alive measure; then
	lab_traffic n1 payments.slice/checkout.service tcp --to $INET4 --port 5001 --bytes 5000000 >/dev/null 2>&1
	expect "the time per packet is measured by a process of its own, and told by the agent, which may not" \
		lab_wait 20 cost_known
	equal "that process keeps no capability" "$(measure_caps)" 0000000000000000
	lab_kill measure
else
	expect "who may not ask for the time per packet is told so" grep -q 'CAP_SYS_ADMIN' "$LAB/log/measure.log"
fi
digest() { metrics "$1" "[dict(p)['digest'] for (s, p) in m if s == 'weir_agent_policy_info' and ('node', 'n1') in p][0]"; }
soon "the kernel's digest is the same from both" "$(digest "$AGENT")" digest "$SOCKET"
equal "and what weirctl shows" "$(weirctl agents n1 | sed -n 's/^digest in kernel  *//p')" "$(digest "$SOCKET")"
expect "connected, in step, nothing lost" metrics "$SOCKET" "one('weir_agent_connected', node='n1') == 1 and \
one('weir_agent_lag_seconds', node='n1') < 10 and one('weir_agent_lost_bytes', node='n1') == 0 and \
one('weir_agent_gaps_total', node='n1') == 0 and one('weir_agent_connected_since_timestamp_seconds', node='n1') > $LAB_BEGAN"
expect "clocks of one machine are apart by no more than the error" lab_wait 10 metrics "$SOCKET" \
	"abs(one('weir_agent_clock_skew_seconds', node='n1')) <= one('weir_agent_clock_error_seconds', node='n1') + 0.005"
balanced() { metrics "$SOCKET" "all(one('weir_agent_unexplained_bytes', node='n1', interface='eth0', dir=d) == 0 \
for d in ('ingress', 'egress'))"; }
expect "unexplained bytes are told by interface and direction, and 0" lab_wait 10 balanced
expect "summaries and commits are counted" lab_wait 10 metrics "$SOCKET" "one('weir_summaries_total', result='stored') > 3 and \
one('weir_commit_seconds_count') > 3 and one('weir_sessions') == 4 and one('weir_store_bytes') > 4096"
wide() { weirctl agents | awk 'length > 120 { exit 1 }'; }
expect "weirctl agents keeps to 120 columns" wide

# Status: well, and 0; then faults.
well() { weirctl status; }
problem() { weirctl status | grep -q "$1"; }
gone() { ! problem "$1"; }
expect "all is well, and the exit status says so" lab_wait 15 well
weirctl status | sed 's/^/# /'
sed -i '1i # a change that nobody approved' "$REPO/weir.yaml"
cp "$HELD"/deny*.yaml "$REPO/policies/" 2>/dev/null || cp "$HELD"/*.yaml "$REPO/policies/"
expect "a commit without approval is a problem" lab_wait 10 problem 'policy waits for approval.*policy sign'
weirctl status >/dev/null
equal "and the exit status is 1" $? 1
fleet_sign
expect "its approval ends it" lab_wait 10 gone 'policy waits for approval'

# Somebody stops n2: 20 s of silence.
lab_kill agent-n2
expect "a silent agent is named, with what to do" lab_wait 40 problem 'agent not seen .* n2 .*systemctl status weir-agent'
equal "the machine's answer names it, too" \
	"$(api /api/v1/status "[p['nodes'] for p in d['problems'] if p['check'] == 'silent'][0]")" "['n2']"
fleet_agent_start n2 || broken "n2 starts again"
expect "its return ends it" lab_wait 15 gone 'agent not seen'
expect "all is well again" lab_wait 40 well
weirctl status | sed 's/^/# /'

# The aggregator dies: the node can still be looked at.
lab_kill aggregator KILL
expect "without the aggregator an agent's own metrics are there" metrics "$AGENT" "one('weir_agent_policy_serial', node='n1') > 0"
behind() { metrics "$AGENT" "one('weir_agent_lag_seconds', node='n1') > 4"; }
expect "and say how far it is behind" lab_wait 15 behind
finish
