#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Rates on real traffic, through a router: what the receiver's interface counts against the limit, from
# second 2 on. WEIR_LONG=1 runs the whole matrix of ten seconds each.
. "$(dirname "$0")/../lib/e2e.sh"

REPORTS=analytics.slice/reports.service
SECONDS_MEASURED=4
CELLS="10:64:bbr 1000:8:cubic"
if [ -n "${WEIR_LONG:-}" ]; then
	SECONDS_MEASURED=10 CELLS=
	for rate in 10 100 1000; do
		for connections in 1 8 64; do
			CELLS="$CELLS $rate:$connections:bbr $rate:$connections:cubic"
		done
	done
fi

limit() { # MBIT MODE PER: the policy in force on n2
	cat >"$REPO/policies/rates.yaml" <<-YAML
		apiVersion: weir.dev/v1alpha1
		kind: FlowPolicy
		metadata: {name: rates}
		spec:
		  tier: admin
		  subject: {labels: {app: reports}}
		  egress:
		  - action: accept
		    limit: {rate: $1Mbit, mode: $2, per: $3}
	YAML
	fleet_sign && lab_wait 15 fleet_applied n2 "$(fleet_serial)" || broken "a limit of $1 Mbit/s is applied"
}
bulk() { # seconds-measured argument...
	local seconds=$1
	shift
	lab_traffic n2 $REPORTS bulk --to $INET4 --port 5001 --skip 2 --seconds "$seconds" "$@"
}
# What the receiver got while the command ran, in Mbit/s: METERED; what the command said: SAID.
metered() { # seconds-measured command...
	local seconds=$1 meter
	shift
	lab_traffic inet main.service meter --dev leg-r --skip 2 --seconds "$seconds" >"$LAB/log/meter.log" &
	meter=$!
	SAID=$("$@" 2>&1)
	wait $meter
	METERED=$(sed -n 's/.*mbit=//p' "$LAB/log/meter.log")
}
good() { # low high: the last cell is within, and kind to the network
	awk -v got="$METERED" -v lo="$1" -v hi="$2" -v said="$SAID" 'BEGIN {
		n = split(said, word, " ")
		for (i = 1; i <= n; i++) { split(word[i], kv, "="); v[kv[1]] = kv[2] }
		exit !(got >= lo && got <= hi && v["segments"] > 0 &&
		       v["retransmitted"] < 0.005 * v["segments"] && v["jain"] >= 0.95)
	}'
}
# One cell of the matrix. A machine that others use gets three tries, and each is shown.
cell() { # mbit connections congestion
	local claim="paced $1 Mbit/s x $2 $3" slack try
	slack=$(awk -v r="$1" -v n="$2" 'BEGIN { print r / n < 1 ? 0.1 : 0.03 }')
	for try in 1 2 3; do
		metered $SECONDS_MEASURED bulk $SECONDS_MEASURED --connections "$2" --congestion "$3"
		echo "# $claim: $METERED, $SAID"
		if good "$(awk -v r="$1" -v s="$slack" 'BEGIN { print r * (1 - s) }')" \
			"$(awk -v r="$1" -v s="$slack" 'BEGIN { print r * (1 + s) }')"; then
			pass "$claim"
			return
		fi
	done
	fail "$claim" "$METERED Mbit/s, $SAID"
}

lab_up && fleet_new && fleet_sign && fleet_up enforce n2 || broken "the fleet comes up"
lab_serve web inet main.service 5001
last=
for c in $CELLS; do
	IFS=: read -r rate connections congestion <<<"$c"
	[ "$rate" = "$last" ] || limit "$rate" pace workload
	last=$rate
	cell "$rate" "$connections" "$congestion"
done

# A changed limit reaches the connections that run.
limit 100 pace workload
lab_bg running n2 $REPORTS "$LAB_PYTHON" tests/lib/traffic.py bulk --to $INET4 --port 5001 --skip 2 --seconds 300 --connections 4
arriving() { lab_traffic inet main.service meter --dev leg-r --skip 2 --seconds 3 | sed -n 's/.*mbit=//p'; }
limit 20 pace workload
steadily "a changed limit holds running connections, Mbit/s" 19 21 arriving
limit 10 pace flow
steadily "four flows with a rate of their own, Mbit/s" 38.8 41.2 arriving
lab_kill running
twice=$(sed -n 's/.* segments=\([0-9]*\) retransmitted=\([0-9]*\) .*/\1 \2/p' "$LAB/log/running.log" | awk '{ print 100 * $2 / $1 }')
within "and hardly any of it was sent twice, percent" "$twice" 0 0.5

# Policing, offered twice the rate.
limit 10 police workload
policed() {
	metered $SECONDS_MEASURED lab_traffic n2 $REPORTS udp --to $INET4 --port 5001 --size 1400 --pps 1800 \
		--count $((1800 * (SECONDS_MEASURED + 3)))
	echo "$METERED"
}
steadily "policed UDP, Mbit/s" 9.8 10.2 policed

# Removal gives an idle connection back what it had.
limit 10 pace workload
lab_traffic n2 $REPORTS hold --to $INET4 --port 5001 --bytes 400000 --seconds 60 >"$LAB/log/hold.log" 2>&1 &
hold=$!
lab_wait 10 grep -q '^held' "$LAB/log/hold.log"
paced() { lab_ns n2 ss -tin "dst $INET4" | grep -c 'pacing_rate [0-9]*bps/'; }
soon "the idle connection is paced" 1 paced
lab_kill agent-n2
expect "detach succeeds" lab_in n2 weir-agent.service "$LAB_BIN/weir-agent" -c "$LAB/n2.yaml" --detach
soon "after the removal it is not" 0 paced
kill $hold 2>/dev/null
finish
