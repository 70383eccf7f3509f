#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A budget that real traffic crosses is told to its webhooks once, over TLS that is verified, and not again after a kill -9 of
# the aggregator; another amount is told again; what is proposed is a policy that the repository takes.
. "$(dirname "$0")/../lib/e2e.sh"

WORK=payments.slice/checkout.service
hook() { # name port [cert key]
	: >"$LAB/$1.jsonl"
	lab_bg "$1" agg main.service "$LAB_PYTHON" "$LAB_ROOT/tests/lib/webhook.py" "$LAB/$1.jsonl" "${@:2}"
	lab_wait 10 grep -q '^listening' "$LAB/log/$1.log" || broken "$1 listens"
}
budget() { # amount [", THRESHOLD"]
	cat >"$REPO/budgets/e2e.yaml" <<-YAML
		apiVersion: weir.dev/v1alpha1
		kind: Budget
		metadata: {name: nat}
		spec:
		  scope: {team: payments, path: nat, labels: {app: checkout}}
		  amount: "$1"
		  currency: USD
		  thresholds: [{name: full, at: 100%}${2-}]
		  notify: [plain, tls, stranger, nobody]
		  at_limit: propose
	YAML
}
lab_up && fleet_new || broken "keys and policy repository"
hook plain 9001
hook tls 9002 "$PKI/server/cert.pem" "$PKI/server/key.pem"
cat >>"$LAB/aggregator.yaml" <<-YAML
	notify:
	  webhooks: ["plain=http://localhost:9001/x", "tls=https://192.0.2.1:9002/x?key=s3cret", "stranger=https://127.0.0.1:9002/x"]
	  ca: $PKI/ca/cert.pem
YAML
budget 0.0001
fleet_up observe n1 || broken "the fleet comes up"
lab_serve web inet main.service 5001

told() { wc -l <"$LAB/$1.jsonl"; }
field() { "$LAB_PYTHON" -c 'import json, sys; print(json.loads(open(sys.argv[1]).read().splitlines()[-1])[sys.argv[2]])' "$LAB/$1.jsonl" "$2"; }
spent() { api "/api/v1/budgets?name=nat" "d['spent_nanos']"; }
dearer() { [ "$(spent)" -gt "$1" ]; }
notice() { api "/api/v1/budgets?name=nat" "[n['$2'] for n in d['notices'] if n['webhook'] == '$1'][-1]"; }
traffic() { lab_traffic n1 $WORK tcp --to "$INET4" --port 5001 --bytes 5000000 >>"$LAB/log/client.log" 2>&1; }

# 5 MB through a NAT gateway, in another zone: 0.045 and 0.01 USD a GiB, and 0.09 behind the free 100 GiB: some 0.00026 USD.
equal "nothing is spent, and nobody is told" "$(spent) $(told plain) $(told tls)" "0 0 0"
expect "traffic passes" traffic
soon "a crossed budget is told" 1 told plain
soon "over TLS too" 1 told tls
equal "what is told: the threshold" "$(field tls event) $(field tls threshold) $(field tls budget)" "crossed full nat"
fleet_steady
equal "what is spent is what the ledger says" "$(spent)" \
	"$(fleet_cost nanos team,path,workload "c['team'] == 'payments' and c['path'] == 'nat' and 'checkout' in c['workload']")"
within "a certificate for another address is refused" "$(notice stranger attempts_failed)" 1 12
expect "and that is said" grep -qi 'stranger: .*\(certificate\|ssl\|subject\)' "$LAB/log/aggregator.log"
expect "as is a name that no webhook has" grep -q 'webhook nobody: notify.webhooks has none of that name' "$LAB/log/aggregator.log"
expect "no URL's secret is in the log or the answers" bash -c '! grep -q s3cret "$1"/log/aggregator.log && ! "$2" --socket "$3" budget show nat | grep -q s3cret' - \
	"$LAB" "$LAB_BIN/weirctl" "$SOCKET"

before=$(spent)
lab_kill aggregator KILL
fleet_aggregator_start || broken "the aggregator starts again"
expect "after a kill -9 it knows what was spent" lab_wait 10 dearer $((before - 1))
expect "more traffic passes" traffic
expect "and is added" lab_wait 10 dearer "$before"
lab_pass 7 # two evaluations
equal "nobody is told twice" "$(told plain) $(told tls)" "1 1"
equal "the crossing is on record once" "$(api "/api/v1/audit?limit=200" "len([i for i in d['items'] if i['event'] == 'budget'])")" 1

budget 0.0002
soon "another amount is told again" "2" told plain
equal "as such" "$(field plain event) $(field plain amount)" "restated 0.0002"
budget 1000
soon "and one that is not reached" "3" told plain
equal "too" "$(field plain event)" withdrawn
budget 0.0001
soon "then what is crossed is news" "4" told plain

expect "weirctl budget lists it" bash -c '"$1" --socket "$2" budget | grep -Eq "^nat +team=payments path=nat label:app=checkout +month .* over"' - "$LAB_BIN/weirctl" "$SOCKET"
expect "weirctl budget show says who was told" bash -c '"$1" --socket "$2" budget show nat | grep -Eq "^tls +full +sent"' - "$LAB_BIN/weirctl" "$SOCKET"
weirctl budget show nat --proposal >"$REPO/policies/proposed.yaml"
expect "what is proposed is a policy that the repository takes" weirctl policy lint "$REPO"
expect "it is narrow" grep -q 'subject: {labels: {"team": "payments", "app": "checkout"}}' "$REPO/policies/proposed.yaml"
expect "and limits the path" grep -q 'to: \[{path: nat}\]' "$REPO/policies/proposed.yaml"
expect "metrics have it" bash -c 'curl -s --unix-socket "$1" http://weir/metrics | grep -Eq "^weir_budget_spent_ratio\{budget=\"nat\",currency=\"USD\",period=\"month\"\} [1-9]"' - "$SOCKET"
expect "and are OpenMetrics" "$LAB_PYTHON" tests/lib/openmetrics.py "$SOCKET"

# Eight weeks of what was spent, again and again: a forecast needs a day at least.
lab_kill aggregator KILL
"$LAB_PYTHON" - "$LAB/weir.db" <<-PY || broken "hours are written"
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	db.execute("INSERT OR IGNORE INTO ledger_1h WITH RECURSIVE h(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM h WHERE n < 1344) "
	           "SELECT bucket - 3600 * n, workload, path, meter, pool, month, bytes, once, nanos FROM ledger_hours, h")
	db.commit()
PY
budget 1000
fleet_aggregator_start || broken "the aggregator starts once more"
foretold() { api "/api/v1/budgets?name=nat" "str(d.get('forecast_by')) + ': ' + str(d.get('outlook'))"; }
soon "a budget is foretold" "pool: will not exceed (80 %: at most 1 % of it)" foretold
expect "metrics have its forecast" bash -c 'curl -s --unix-socket "$1" http://weir/metrics | grep -Eq "^weir_budget_forecast\{budget=\"nat\",currency=\"USD\",period=\"month\",bound=\"upper\"\} 0"' - "$SOCKET"
expect "and are OpenMetrics still" "$LAB_PYTHON" tests/lib/openmetrics.py "$SOCKET"
budget 0.0001 ", {at: 100%, on: forecast}"
foreseen() { grep -c 'forecast 100%' "$LAB/plain.jsonl"; }
soon "a threshold on the forecast is told" 1 foreseen
lab_pass 7
equal "once" "$(foreseen)" 1
finish
