#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What weirctl prints for a recorded fixture is the hand calculation that stands in
# tests/unit/aggregator_cost.c, prices typed from the provider's list: past the free tier of 100 GiB and
# past the tier edge at 10,240 GiB, to the nano-unit. The aggregator serves the store that test recorded.
. "$(dirname "$0")/../lib/e2e.sh"

lab_up && fleet_new || broken "keys and policy repository"
WEIR_TEST_STORE=$LAB/weir.db build/asan/unit/aggregator_cost >"$LAB/log/fixture.log" 2>&1 || broken "the fixture is recorded"
sed -i 's/^store: .*/store: {path: '"${LAB//\//\\/}"'\/weir.db, retain_10s: 3660d, retain_1m: 3660d, retain_1h: 3660d}/' "$LAB/aggregator.yaml"
fleet_aggregator_start || broken "the aggregator serves the fixture"

cost() { weirctl cost --by team,path --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z "$@"; }
nanos() { # team path
	cost --json | "$LAB_PYTHON" -c 'import json, sys
print(*[i["nanos"] for i in json.load(sys.stdin)["items"] if (i["team"], i["path"]) == tuple(sys.argv[1:])])' "$1" "$2"
}
# 110 GiB, 100 free: 10 x 0.09 split 60:50; then data's 10,200 GiB: 10,130 x 0.09 and 70 x 0.085.
equal "shop, internet" "$(nanos shop internet)" 490909091
equal "data, internet" "$(nanos data internet)" $((409090909 + 917650000000))
# 0.01 a GiB in each direction: 8 GiB, and 1,000,000,007 bytes; 89,313,225 in all, largest remainder.
equal "shop, cross-zone" "$(nanos shop cross-zone)" 79999999
equal "data, cross-zone" "$(nanos data cross-zone)" 9313226
equal "no price in this book: shown at nothing, not hidden" "$(nanos shop same-zone)" 0
equal "total" "$(cost --json | "$LAB_PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["total"]["nanos"])')" \
	$((918550000000 + 89313225))
# Of a month against the half month before, in which nothing was stored, and the other way around.
from=$(date -ud 2026-11-15 +%s) to=$(date -ud 2026-12-01 +%s) before=$(date -ud 2026-11-01 +%s)
why() { # from to against_from against_to field
	api "/api/v1/cost/why?by=team,path&from=$1&to=$2&against_from=$3&against_to=$4" "d['total']['$5'], sum(i['$5'] for i in d['items'])"
}
all=$((918550000000 + 89313225))
equal "why: all of it is new" "$(why "$from" "$to" "$before" "$from" new_nanos)" "($all, $all)"
equal "why: and is the change" "$(why "$from" "$to" "$before" "$from" change_nanos)" "($all, $all)"
equal "why: the other way around it ended" "$(why "$before" "$from" "$from" "$to" ended_nanos)" "(-$all, -$all)"
equal "why: a month against itself did not change" "$(why "$from" "$to" "$from" "$to" volume_nanos)" "(0, 0)"
of() { api "/api/v1/cost?by=team&from=$1&to=$2&compare=1&series=7" "d['total']['$3'], $4"; }
equal "cost beside the half month before: all of it came" "$(of "$from" "$to" change_nanos "sum(i['change_nanos'] for i in d['items'])")" \
	"($all, $all)"
equal "three days in which nothing passed, beside those in which it did" \
	"$(of "$(date -ud 2026-11-25 +%s)" "$(date -ud 2026-11-28 +%s)" before_nanos "d['against']['from']")" "($all, $(date -ud 2026-11-22 +%s))"
equal "the slots of a series sum to the cost" "$(of "$from" "$to" nanos "sum(d['total']['series'])")" "($all, $all)"
expect "weirctl cost --compare --trend prints both" bash -c '"$1" --socket "$2" cost --since 30d --compare --trend | grep -q "^trend: from "' - \
	"$LAB_BIN/weirctl" "$SOCKET"
expect "weirctl cost why says it in a sentence" bash -c '"$1" --socket "$2" cost why --since 30d --against 60d | grep -q "^cost "' - \
	"$LAB_BIN/weirctl" "$SOCKET"
# Recorded hours: all that passed and not the 7 GiB that a verdict stopped, hour by hour, as one file that reads back.
equal "recorded traffic has the bytes of the fixture" \
	"$(weirctl export traffic --from 2026-11-01 --to 2026-12-01 | awk -F, 'NR > 1 { n += $10 } END { printf "%.0f", n }')" \
	$(((60 + 50 + 3 + 5 + 2 + 10200) * 1073741824 + 1000000007 + 1))
equal "the table says the same" "$(cost | awk '$1 == "data" && $2 == "internet" { print $NF }')" 918.059091
# A month's bill of 20,620 GiB in two lines, twice what was measured: 550 and 1,100 USD, half of which is theirs, by
# bytes 60 : 10,250 (largest remainder); and what is no network is nobody's.
{
	echo "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargePeriodEnd,ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ServiceName,ProviderName,SkuMeter"
	echo "550,acme,USD,2026-12-01,2026-11-01,Usage,2026-12-01,2026-11-01,5155,GB,EC2,AWS,DataTransfer-Out-Bytes"
	echo "1100,acme,USD,2026-12-01,2026-11-01,Usage,2026-12-01,2026-11-01,15465,GB,EC2,AWS,DataTransfer-Out-Bytes"
	echo "7.5,acme,USD,2026-12-01,2026-11-01,Usage,2026-12-01,2026-11-01,10,Hours,EC2,AWS,BoxUsage:t3.micro"
} >"$LAB/bill.csv"
expect "the bill is imported" weirctl import bill "$LAB/bill.csv" --bills "$LAB/bills.db"
reconciled() { # expression of d
	weirctl --json bill reconcile --period 2026-11 --lines --dir policies --bills "$LAB/bills.db" |
		"$LAB_PYTHON" -c "import json, sys; d = json.load(sys.stdin); print($1)"
}
equal "a line is its parts" "$(reconciled '[i["billed_nanos"] - i["measured_nanos"] - i["tier_nanos"] - i["discount_nanos"] - i["over-measured_nanos"] - i["rounding_nanos"] - i["unattributed_nanos"] for i in d["lines"]]')" "[0, 0, 0]"
equal "half of each line was seen" "$(reconciled 'sorted(i["unattributed_nanos"] for i in d["lines"])')" "[7500000000, 275000000000, 550000000000]"
equal "and is theirs, by bytes" "$(reconciled 'sorted(t["share_nanos"] for t in d["teams"])[:2]')" \
	"[4801163919, 820198836081]" # 825 x 60 / 10,310 = 4.80116391852...
finish
