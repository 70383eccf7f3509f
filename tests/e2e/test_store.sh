#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The store is copied while the aggregator runs and put back while it does not; older ones go on, newer ones are refused.
. "$(dirname "$0")/../lib/e2e.sh"

lab_up && fleet_new && fleet_up observe n1 && lab_serve back n1 payments.slice/checkout.service 5001 || broken "the fleet comes up"
STORE=$LAB/weir.db COPY=$LAB/run/copy.db
sent() { # some traffic of n1, counted and stored
	lab_traffic n2 payments.slice/checkout.service tcp --to "$N1_4" --port 5001 --bytes 100000 --connections 5 && fleet_steady
}
stored() { fleet_cost bytes node "c['node'] == 'n1' and c['bytes']"; }
sql() { # file statements question
	"$LAB_PYTHON" -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.executescript(sys.argv[2])
print(db.execute(sys.argv[3]).fetchone()[0])' "$@"
}
ledger() { sql "$1" '' 'SELECT SUM(once) FROM ledger_hours'; }
refused() { # claim pattern command...: one line that matches, a status that is not 0
	local claim=$1 pattern=$2 said status
	shift 2
	said=$("$@" 2>&1)
	status=$?
	if [ $status -gt 0 ] && [ "$(grep -c . <<<"$said")" = 1 ] && grep -qE "$pattern" <<<"$said"; then
		pass "$claim"
	else
		fail "$claim" "$status: $said"
	fi
}

sent || broken "traffic is stored"
expect "a backup while the aggregator runs" weirctl store backup "$COPY"
within "the copy has what was stored" "$(ledger "$COPY")" 500000 "$(stored)"
had=$(ledger "$COPY")
refused "a backup never overwrites silently" 'copy.db: exists: .*--force' weirctl store backup "$COPY"
refused "a backup without its directory" 'nowhere.*No such file' weirctl store backup "$LAB/nowhere/copy.db"
refused "a running aggregator's store is not replaced" 'process [0-9]+ has the store open: stop the aggregator' \
	weirctl store restore "$COPY"
equal "info: rollups, and the path that the aggregator names" \
	"$(weirctl store info --json | "$LAB_PYTHON" -c "import json, sys; d = json.load(sys.stdin); \
print(d['path'], [t['rollup'] for t in d['items'] if t['kind'] == 'flow'], [t['retain_s'] for t in d['items']][:2])")" \
	"$STORE ['10s', '1m', '1h', '1d'] [86400, 604800]"

# More is counted; then the store goes back to what the copy has.
sent
[ "$(stored)" -gt "$had" ] || fail "more was stored" "$(stored) after $had"
lab_kill aggregator
cp "$COPY" "$LAB/run/bad.db" && printf 'damage' | dd of="$LAB/run/bad.db" bs=1 seek=20480 conv=notrunc status=none
refused "a damaged backup is not restored" 'bad.db: is damaged' weirctl store restore "$LAB/run/bad.db" --store "$STORE"
expect "a backup is restored" weirctl store restore "$COPY" --store "$STORE"
equal "and the store that was there is kept" "$(find "$LAB" -maxdepth 1 -name 'weir.db.replaced-*' | wc -l)" 1
equal "the store has what the copy had" "$(ledger "$STORE")" "$had"
fleet_aggregator_start || broken "the aggregator starts with the restored store"
expect "the agent goes on" lab_wait 15 fleet_connected n1
sent || fail "new windows are stored" ""
lab_kill agent-n1
counted() { api /api/v1/agents "sum(t['bytes'] for a in d['items'] if a['node'] == 'n1' for t in a['identity'] if t['term'] == 'sockets')"; }
lost() { api /api/v1/agents "[a for a in d['items'] if a['node'] == 'n1'][0]['lost_bytes']"; }
equal "stored + lost = counted, to the byte" $(($(stored) + $(lost))) "$(counted)"

# Stores of other versions.
lab_kill aggregator
rm -f "$STORE"* && sql "$STORE" "$(cat tests/store/v1.sql)" 'PRAGMA user_version' >/dev/null && fleet_aggregator_start || broken "it starts with the first version's store"
equal "a store of the first version answers" \
	"$(api "/api/v1/cost?by=node&from=1795000000&to=1796000000" "sorted(c['node'] for c in d['items'])")" "['n1', 'n2']"
lab_kill aggregator
sql "$STORE" 'PRAGMA user_version=99' 'PRAGMA user_version' >/dev/null
refused "a newer store is refused" 'schema 99 and this program knows up to [0-9]+' "$LAB_BIN/weir-aggregator" -c "$LAB/aggregator.yaml"
finish
