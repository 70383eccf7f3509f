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
# Given to owners it is the same money, whoever pays, and an explained amount is what the ledger has of it.
for payer in sender receiver initiator; do
	equal "of the month's cost each nano has one owner: $payer pays" \
		"$(cost --by team --payer $payer --json | "$LAB_PYTHON" -c 'import json, sys
d = json.load(sys.stdin)
print(d["total"]["nanos"], sum(i["nanos"] for i in d["items"]), {i["owner"]: i["nanos"] for i in d["items"]}["data"])')" \
		"$all $all $((409090909 + 917650000000 + 9313226))"
done
equal "an amount is explained by its flows" \
	"$(weirctl cost explain --workload front/web --from 2026-11-24 --to 2026-11-25 --json | "$LAB_PYTHON" -c 'import json, sys
d = json.load(sys.stdin)
flows = sum(f["nanos"] for i in d["items"] for f in i["flows"] + [i.get("others", {"nanos": 0})])
print(d["total"]["nanos"], flows, d["identity"][0]["node"], d["identity"][0]["cgroup"])')" "$((490909091 + 79999999)) $((490909091 + 79999999)) n1 /web"
equal "both teams have their label, none a cost centre" "$(api "/api/v1/coverage?from=$before&to=$to&labels=team,cost-centre" \
	"[l['missing_nanos'] for l in d['labels']]")" "[0, $all]"
# Recorded hours: all that passed and not the 7 GiB that a verdict stopped, hour by hour, as one file that reads back.
equal "recorded traffic has the bytes of the fixture" \
	"$(weirctl export traffic --from 2026-11-01 --to 2026-12-01 | awk -F, 'NR > 1 { n += $10 } END { printf "%.0f", n }')" \
	$(((60 + 50 + 3 + 5 + 2 + 10200) * 1073741824 + 1000000007 + 1))

# As FOCUS, with the topology and the prices of the fixture: what the ledger has, to the nano-unit, each tier a price of its own.
books=$LAB/books
cp -r "$REPO" "$books" && rm -rf "$books"/topology/* "$books"/prices/* "$books"/budgets || broken "a repository of the fixture"
cat >"$books/topology/t.yaml" <<-YAML
	apiVersion: weir.dev/v1alpha1
	kind: Topology
	metadata: {name: t}
	spec:
	  domain: aws/vpc
	  provider: aws
	  account: "111111111111"
	  zones: [{id: use1-az1, region: us-east-1}, {id: use1-az2, region: us-east-1}]
	  prefixes: [10.1.0.0/16]
	  subnets:
	  - {name: a, cidrs: [10.1.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}
	  - {name: b, cidrs: [10.1.2.0/24], zone: use1-az2, routes: [{to: 0.0.0.0/0, via: igw}]}
YAML
cat >"$books/prices/p.yaml" <<-YAML
	apiVersion: weir.dev/v1alpha1
	kind: PriceBook
	metadata: {name: p}
	spec:
	  provider: aws
	  currency: USD
	  region: us-east-1
	  source: list
	  meters:
	  - {name: internet-out, paths: [internet], directions: [egress], unit: GiB, pool: account,
	     tiers: [{from: 0GiB, price: "0"}, {from: 100GiB, price: "0.09"}, {from: 10240GiB, price: "0.085"}]}
	  - {name: cross-zone, paths: [cross-zone], directions: [ingress, egress], unit: GiB, price: "0.01"}
YAML
focus() { weirctl export focus --period 2026-11 --dir "$books" "$@"; }
sums() { # file column key...: nano-units or GiB of a column by other columns
	"$LAB_PYTHON" - "$@" <<-PYTHON
		import csv, decimal, gzip, sys
		decimal.getcontext().prec = 60
		path, column, keys, sums = sys.argv[1], sys.argv[2], sys.argv[3:], {}
		with (gzip.open(path, "rt") if path.endswith(".gz") else open(path)) as f:
		    for row in csv.DictReader(f):
		        key = "/".join(row[k] for k in keys)
		        sums[key] = sums.get(key, 0) + decimal.Decimal(row[column])
		unit = 10 ** 9 if column.endswith("Cost") else 1
		print(*(f"{k}={v * unit:f}" for k, v in sorted(sums.items())))
	PYTHON
}
whole() { "$LAB_PYTHON" -c 'import re, sys; print(re.sub(r"\.0+(?= |$)", "", sys.stdin.read().strip()))'; }
equal "the export sums to the ledger" \
	"$(focus --version 1.3 --output "$LAB/o.csv.gz" --json | "$LAB_PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["billed_nanos"])')" "$all"
equal "and each team's rows to what the CLI says" "$(sums "$LAB/o.csv.gz" BilledCost x_Team x_PathClass | whole)" \
	"data/cross-zone=9313226 data/internet=918059090909 shop/cross-zone=79999999 shop/internet=490909091"
equal "each tier is a price of its own, full to its edge (a byte more than 10,310 GiB passed)" "$(sums "$LAB/o.csv.gz" PricingQuantity SkuMeter ListUnitPrice | whole | sed 's/ *cross-zone[^ ]* //')" \
	"internet-out/0.0=100 internet-out/0.085=70.000000000931322574615478515625 internet-out/0.09=10140"
expect "nothing is found in 1.3" weirctl export check --version 1.3 "$LAB/o.csv.gz"
focus --output "$LAB/o.csv" >/dev/null
weirctl export traffic --from 2026-11-01 --to 2026-12-01 --output "$LAB/traffic.csv.gz" || broken "recorded hours"
focus --traffic "$LAB/traffic.csv.gz" --output "$LAB/p.csv" >/dev/null
equal "the recorded hours replayed are the same money by the same prices" "$(sums "$LAB/p.csv" BilledCost SkuPriceId)" \
	"$(sums "$LAB/o.csv.gz" BilledCost SkuPriceId)"
weirctl export focus --from 2026-11-24 --to 2026-12-01 --by hour --version 1.3 --share-hours sender --dir "$books" --output "$LAB/h.csv" >/dev/null
equal "and so it is by the hour, from a day behind the begin of the month" "$(sums "$LAB/h.csv" BilledCost SkuPriceId)" \
	"$(sums "$LAB/o.csv.gz" BilledCost SkuPriceId)"
equal "1.2 is the same money" "$(sums "$LAB/o.csv" BilledCost BillingCurrency | whole)" "USD=$all"
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
equal "where nobody else pays, who pays are the same" \
	"$(weirctl --json bill reconcile --period 2026-11 --payer sender --dir policies --bills "$LAB/bills.db" |
		"$LAB_PYTHON" -c 'import json, sys; print(sorted(t["share_nanos"] for t in json.load(sys.stdin)["teams"])[:2])')" \
	"[4801163919, 820198836081]"
# Lines of a day are asked for by the day: all of it passed on 24 November, and the next day has nothing of it.
{
	head -n 1 "$LAB/bill.csv"
	echo "1000,acme,USD,2026-12-01,2026-11-01,Usage,2026-11-25,2026-11-24,20620,GB,EC2,AWS,DataTransfer-Out-Bytes"
	echo "1000,acme,USD,2026-12-01,2026-11-01,Usage,2026-11-26,2026-11-25,20620,GB,EC2,AWS,DataTransfer-Out-Bytes"
} >"$LAB/days.csv"
expect "the bill of days is imported" weirctl import bill "$LAB/days.csv" --bills "$LAB/days.db"
equal "a day's line has what passed on it" \
	"$(weirctl --json bill reconcile --period 2026-11 --lines --dir policies --bills "$LAB/days.db" |
		"$LAB_PYTHON" -c 'import json, sys; print([(i["from"], i["unattributed_nanos"]) for i in json.load(sys.stdin)["lines"]])')" \
	"[('2026-11-24', 500000000000), ('2026-11-25', 1000000000000)]"
finish
