#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Signals of others: a real Prometheus is asked for series, Suricata's file and a log are followed through rotation and a kill -9,
# each event once, and what is none is counted and harms nobody.
. "$(dirname "$0")/../lib/e2e.sh"

lab_up && fleet_new || broken "keys and policy repository"
EVE=$LAB/eve.json APP=$LAB/app.json PORT=9090
cat >>"$LAB/aggregator.yaml" <<-YAML
	signals:
	  prometheus: http://127.0.0.1:$PORT/
	  queries: ["start=weir_start_timestamp_seconds", "bad=sum(", "none=does_not_exist"]
	  step: 1s
	  eve: $EVE
	  logs: ["app=$APP:time=ts,text=msg,level=level,address=client.ip,namespace=k8s.ns,pod=k8s.pod"]
YAML
cat >"$LAB/prometheus.yml" <<-YAML
	global: {scrape_interval: 1s}
	scrape_configs: [{job_name: weir, static_configs: [{targets: ["127.0.0.1:9100"]}]}]
YAML
prometheus() {
	lab_bg prometheus agg main.service "$PROMETHEUS" --config.file="$LAB/prometheus.yml" --storage.tsdb.path="$LAB/prometheus" \
		--web.listen-address=127.0.0.1:$PORT --log.level=warn
}
alert() { # text
	printf '{"timestamp":"%s","event_type":"alert","src_ip":"10.7.1.11","src_port":40001,"dest_ip":"198.18.0.10","dest_port":443,' \
		"$(date -u +%FT%T.123456+0000)"
	printf '"proto":"TCP","alert":{"signature":"%s","severity":1}}\n' "$1"
}
source_of() { api /api/v1/signals "[i for i in d['items'] if i['name'] == '$1'][0]$2"; }
series() { api /api/v1/signals "[s for s in d['series'] if s['query'] == '$1'][0]$2"; }
# What was said of, each time that it is there.
events() { api "/api/v1/signals?limit=1000" "' '.join(sorted(e['text'] for e in d['events'] if e['source'] == '$1'))"; }

alert before >"$EVE" # there already: only what comes behind it counts
fleet_aggregator_start || broken "the aggregator starts"
soon "a file that is not there is waited for" waits source_of app "['state']"

alert one >>"$EVE"
soon "an alert of Suricata comes" one events eve
expect "weirctl signals shows it" bash -c '"$1" --socket "$2" signals | grep -Eq "^[0-9TZ:-]+ +eve +high +10.7.1.11:40001 +198.18.0.10:443 +- +one$"' - \
	"$LAB_BIN/weirctl" "$SOCKET"
alert two >>"$EVE"
mv "$EVE" "$EVE.1"
alert three >>"$EVE.1"
alert four >"$EVE"
soon "none is lost by a rotation" "four one three two" events eve

echo "{\"ts\":$(date +%s%3N),\"level\":\"error\",\"msg\":\"pool is empty\",\"client\":{\"ip\":\"10.7.1.11\"},\"k8s\":{\"ns\":\"shop\",\"pod\":\"cart-0\"}}" >"$APP"
soon "a log that comes later is read from its start" "pool is empty" events app
equal "with whom it is about" "$(api /api/v1/signals "[(e['severity'], e['src'], e['namespace'], e['workload']) for e in d['events'] if e['source'] == 'app'][0]")" \
	"('high', '10.7.1.11', 'shop', 'cart-0')"

# 200 lines of nothing, one of a megabyte, and one that is deep; then one that is well.
{
	head -c 20000 /dev/urandom | tr -d '\n\0' | fold -b -w 100
	head -c 1000000 /dev/zero | tr '\0' x && echo
	head -c 60000 /dev/zero | tr '\0' '[' && echo
	alert five
} >>"$EVE" 2>/dev/null
soon "behind lines that are none one that is well comes" "five four one three two" events eve
within "those are counted" "$(source_of eve "['dropped']['not-json']")" 150 1000
equal "the long one, too" "$(source_of eve "['dropped']['too-long']")" 1
equal "the log says it once" "$(grep -c 'eve eve: left out: a line that is no JSON' "$LAB/log/aggregator.log")" 1

lab_kill aggregator KILL
alert six >>"$EVE"
mv "$EVE" "$EVE.1"
alert seven >"$EVE"
fleet_aggregator_start || broken "the aggregator starts again"
# The first start found the file with something in it; the places of before the kill -9 may be at most ten minutes older.
soon "what was written while nobody read is there, and nothing twice" "five four one seven six three two" \
	api "/api/v1/signals?limit=1000" "' '.join(sorted({'one', 'two', 'three', 'four'} | {e['text'] for e in d['events'] if e['source'] == 'eve'}))"
equal "each once" "$(api "/api/v1/signals?limit=1000" "len([e for e in d['events']]) - len({(e['source'], e['text']) for e in d['events']})")" 0

if PROMETHEUS=$(tests/promtool prometheus 2>"$LAB/log/promtool.log"); then
	soon "a Prometheus that is not there is told" fails source_of start "['state']"
	lab_bg exporter agg main.service "$LAB_PYTHON" tests/lib/exporter.py "$SOCKET" 9100
	lab_wait 10 grep -q '^listening' "$LAB/log/exporter.log" || broken "the exporter listens"
	prometheus
	began=$(curl -s --unix-socket "$SOCKET" -H 'Accept: text/plain' http://weir/metrics | sed -n 's/^weir_start_timestamp_seconds //p')
	is_start() { is_within "$(series start "['last']")" "${began%.*}" $((${began%.*} + 1)); } # an answer has ten digits
	expect "a series of a real Prometheus comes, with the value that it scraped" lab_wait 60 is_start
	equal "its labels" "$(series start "['labels']")" '{instance="127.0.0.1:9100",job="weir"}'
	soon "a query that finds nothing works" works source_of none "['state']"
	expect "one that is none says why" lab_wait 60 api /api/v1/signals "'parse error' in [i for i in d['items'] if i['name'] == 'bad'][0]['error']"
	expect "weirctl signals shows the series" bash -c '"$1" --socket "$2" signals | grep -Eq "^start +weir_start_timestamp_seconds +.instance=.127.0.0.1:9100"' - \
		"$LAB_BIN/weirctl" "$SOCKET"
	lab_kill prometheus
	soon "when it ends that is told" fails source_of start "['state']"
	points=$(series start "['points']")
	prometheus
	more() { [ "$(series start "['points']")" -gt "$points" ] && [ "$(source_of start "['state']")" = works ]; }
	expect "when it is back the series goes on" lab_wait 60 more
	lab_kill prometheus
else
	echo "skip signals: a real Prometheus: $(cat "$LAB/log/promtool.log")"
fi
expect "metrics have what was left out" bash -c 'curl -s --unix-socket "$1" http://weir/metrics | grep -q "^weir_signals_dropped_total{kind=\"eve\",source=\"eve\",reason=\"not-json\"}"' - "$SOCKET"
expect "and are OpenMetrics" "$LAB_PYTHON" tests/lib/openmetrics.py "$SOCKET"
finish
