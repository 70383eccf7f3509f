#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A runaway egress and a port scan in real traffic are found within 30 s, priced and explained, told to a webhook once, and not
# again after a kill -9 of the aggregator; what is proposed is a policy that the repository takes; what Suricata said of the same
# workload stands beside. What weeks in the store say is forecast.
. "$(dirname "$0")/../lib/e2e.sh"

EXPORT=analytics.slice/reports.service
PROBE=payments.slice/backup.service
lab_up && fleet_new || broken "keys and policy repository"
: >"$LAB/hook.jsonl"
: >"$LAB/eve.json"
lab_bg hook agg main.service "$LAB_PYTHON" "$LAB_ROOT/tests/lib/webhook.py" "$LAB/hook.jsonl" 9001
lab_wait 10 grep -q '^listening' "$LAB/log/hook.log" || broken "the webhook listens"
cat >>"$LAB/aggregator.yaml" <<-YAML
	notify: {webhooks: ["chat=http://localhost:9001/x"], findings: [chat], least: "0.01"}
	signals: {eve: $LAB/eve.json}
YAML
fleet_up observe n1 n2 || broken "the fleet comes up"
lab_serve web inet main.service 5001
lab_serve peer n2 payments.slice/checkout.service 5001

found() { api "/api/v1/anomalies?since=3600" "[i for i in d['items'] if i['kind'] == '$1' and '$2' in i['workload']]"; }
is_found() { [ "$(api "/api/v1/anomalies?since=3600" "any(i['kind'] == '$1' and '$2' in i['workload'] for i in d['items'])")" = True ]; }
of() { api "/api/v1/anomalies?since=3600" "[i for i in d['items'] if i['kind'] == '$1'][0]$2"; }
count() { api "/api/v1/anomalies?since=3600" "sum(i['kind'] == '$1' for i in d['items'])"; }
told() { grep -c "\"$1\"" "$LAB/hook.jsonl"; }

# What is usual: a little each few seconds, for as long as a runaway needs a past.
usual() { while :; do lab_traffic n2 $EXPORT tcp --to "$INET4" --port 5001 --bytes 20000; sleep 5; done; }
usual >"$LAB/log/usual.log" 2>&1 &
USUAL=$!
trap 'kill $USUAL 2>/dev/null; lab_down' EXIT
began=$(date +%s)
lab_pass 75
equal "nothing is found in what is usual" "$(count runaway-egress)" 0

runaway=$(date +%s)
lab_traffic n2 $EXPORT tcp --to "$INET4" --port 5001 --seconds 45 --rate 60 >"$LAB/log/runaway.log" 2>&1 &
RUNAWAY=$!
printf '{"timestamp":"%s","event_type":"alert","src_ip":"%s","dest_ip":"%s","proto":"TCP","alert":{"signature":"large upload","severity":2}}\n' \
	"$(date -u +%FT%T.000000+0000)" "$N2_4" "$INET4" >>"$LAB/eve.json"
expect "a runaway egress is found" lab_wait 150 is_found runaway-egress reports
took=$(($(date +%s) - runaway))
echo "# found $took s after it began (goal: 30 s)"
expect "it is worth money" [ "$(of runaway-egress "['nanos_per_hour']")" -gt 0 ]
expect "said in a sentence with numbers" grep -q '[0-9]' <<<"$(of runaway-egress "['sentence']")"
equal "whose it is" "$(of runaway-egress "['namespace']")" analytics
of runaway-egress "['proposal']" >"$LAB/proposed.yaml"
cp "$LAB/proposed.yaml" "$REPO/policies/proposed.yaml"
expect "the repository takes what is proposed" "$LAB_BIN/weirctl" policy lint "$REPO"
rm "$REPO/policies/proposed.yaml"
soon "the webhook hears of it" 1 told runaway-egress
expect "what Suricata said stands beside" [ "$(of runaway-egress ".get('related', [{}])[0].get('text', '')")" = "large upload" ]

lab_exec_scan() { lab_in n1 $PROBE "$LAB_PYTHON" -c "
import socket
for port in range(2000, 2400):
    s = socket.socket(); s.settimeout(0.2)
    try: s.connect(('$N2_4', port))
    except OSError: pass
    s.close()"; }
expect "a scan of 400 ports runs" lab_exec_scan
expect "a port scan is found" lab_wait 150 is_found port-scan backup
expect "against whom" grep -q "${N2_4//./\\.}" <<<"$(of port-scan "['peer']")"

lab_kill aggregator KILL
expect "weeks of hours are put into the store" "$LAB_PYTHON" "$LAB_ROOT/tests/lib/history.py" "$LAB/weir.db" n1 3 2
fleet_aggregator_start || broken "the aggregator starts again"
expect "after a kill -9 the finding is there" is_found runaway-egress reports
lab_pass 15
equal "once" "$(count runaway-egress)" 1
equal "and nobody is told again" "$(grep -c '"event":"found".*"kind":"runaway-egress"' "$LAB/hook.jsonl")" 1
# Of three weeks: a day ahead costs what the days before did, within the interval.
ahead() { api "/api/v1/forecast?measure=cost&namespace=shop" "$1"; }
is_ahead() { [ "$(ahead "sum(i['state'] == 'forecast' for i in d['items'])")" = 2 ]; }
expect "what is in the store is forecast" lab_wait 150 is_ahead
equal "about what came, with an interval" "$(ahead "[i['next_24h']['lower'] < i['next_24h']['mean'] < i['next_24h']['upper']
	and 0.3 < i['next_24h']['mean'] / sum(i['past'][24:]) < 3 for i in d['items']]")" "[True, True]"
expect "weirctl forecast shows it" bash -c '"$1" --socket "$2" forecast | grep -Eq "^shop +svc-[01] +internet .* mix$"' - "$LAB_BIN/weirctl" "$SOCKET"
kill $USUAL $RUNAWAY 2>/dev/null
wait $USUAL $RUNAWAY 2>/dev/null
finish
