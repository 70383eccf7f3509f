#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Hours of what costs while it exists: days without an aggregator are charged when it is back, each hour once, whatever ends it
# between. The example repository's nat-a costs 0.045 USD an hour (policies/prices/aws-us-east-1.yaml).
. "$(dirname "$0")/../lib/e2e.sh"

lab_up && fleet_new || broken "keys and policy repository"
sql() {
	"$LAB_PYTHON" -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=10)
with db:
    for row in db.execute(sys.argv[2]): print(*row)' "$LAB/weir.db" "$1"
}
# The mark, and hours of the present one's begin behind it.
NOW=$(date +%s) HOUR=$(($(date +%s) / 3600 * 3600))
paid() { # from: by workload and meter, of hours that were over when the test began
	api "/api/v1/cost?by=workload,meter&from=$1&to=$HOUR" "sorted((i['workload'], i['meter'], i['nanos']) for i in d['items'])"
}

fleet_aggregator_start || broken "the aggregator starts"
soon "a new store charges from the first whole hour on" 1 sql "SELECT charged_s>=$NOW AND charged_s<$NOW+7200 AND charged_s%3600=0 FROM hours"
equal "and nothing before" "$(sql "SELECT COUNT(*) FROM ledger_10s")" 0
lab_kill aggregator

# As if it had been away for 200 hours; killed at a random moment while it catches up, then back.
from=$((HOUR - 200 * 3600))
sql "UPDATE hours SET charged_s=$from"
for round in 1 2 3; do
	fleet_aggregator_start || broken "the aggregator is back"
	lab_pass "0.$((RANDOM % 8 + 1))"
	lab_kill aggregator KILL
done
expect "it was killed within" [ "$(sql "SELECT charged_s>$from FROM hours")" = 1 ]
fleet_aggregator_start || broken "the aggregator is back for good"
soon "it catches up to the present hour" 1 sql "SELECT charged_s>=$HOUR FROM hours"
equal "200 hours of the gateway, each once" "$(paid $((from - 86400)))" "[('nat-a', 'nat-gateway-hour', $((200 * 45000000)))]"
equal "an hour of them is one hour" "$(paid $((HOUR - 3600)))" "[('nat-a', 'nat-gateway-hour', 45000000)]"
equal "as the CLI shows it" "$(weirctl cost --by workload,meter --from "$from" --to "$HOUR" | awk '$1 == "nat-a" { print $2, $5 }')" \
	"nat-gateway-hour 9.000000"
equal "nobody used it: idle, whoever pays" "$(api "/api/v1/allocation?from=$((HOUR - 7200))&to=$HOUR&payer=receiver" \
	"[(i['kind'], i['nanos']) for i in d['items']]")" "[('idle', 90000000)]"
finish
