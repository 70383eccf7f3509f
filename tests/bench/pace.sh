#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Pacing on real traffic through a router: eight TCP connections (cubic) under 100 Mbit/s, by weir, tc tbf and tc htb in
# turn, three rounds. What the receiver's interface counts of L3 bytes from second 2 to 5, against the limit, and how
# much was sent twice; the worst of the rounds. With --json FILE, also as a list like the other benchmarks'; with names,
# only if one of them is a figure of it.
WEIR_BIN=${WEIR_BIN:-$PWD/build}
. "$(dirname "$0")/../lib/lab.sh"
. "$(dirname "$0")/../lib/fleet.sh"
REPORTS=analytics.slice/reports.service
MBIT=100

NAMES="pace_error_percent pace_retransmitted_percent"
JSON=
[ "${1:-}" != --json ] || { JSON=$2; shift 2; }
asked() { # pattern...
	local pattern name
	[ $# -gt 0 ] || return 0
	for pattern; do
		for name in $NAMES; do
			# shellcheck disable=SC2053
			[[ $name == $pattern ]] && return 0
		done
	done
	return 1
}
asked "$@" || exit 0
die() { echo "pace.sh: $*" >&2; exit 1; }
policy() { # the limit, or none
	rm -f "$REPO/policies/rates.yaml"
	[ "$1" = none ] || cat >"$REPO/policies/rates.yaml" <<-YAML
		apiVersion: weir.dev/v1alpha1
		kind: FlowPolicy
		metadata: {name: rates}
		spec:
		  tier: admin
		  subject: {labels: {app: reports}}
		  egress:
		  - action: accept
		    limit: {rate: ${MBIT}Mbit, mode: pace, per: workload}
	YAML
	fleet_sign && lab_wait 15 fleet_applied n2 "$(fleet_serial)" || die "the policy is not applied"
}
shape() { # weir tbf htb
	case $1 in
	weir) policy pace ;;
	tbf) lab_ns n2 tc qdisc add dev eth0 root tbf rate ${MBIT}mbit burst 64kb latency 50ms ;;
	htb) lab_ns n2 tc qdisc add dev eth0 root handle 1: htb default 1 && lab_ns n2 tc class add dev eth0 parent 1: classid 1:1 htb rate ${MBIT}mbit quantum 60000 ;;
	esac || die "$1 is not set up"
}
unshape() {
	if [ "$1" = weir ]; then policy none; else lab_ns n2 tc qdisc del dev eth0 root; fi
}
# "error-percent sent-twice-percent" of one run
measure() {
	local meter said got
	lab_traffic inet main.service meter --dev leg-r --skip 2 --seconds 3 >"$LAB/log/meter.log" &
	meter=$!
	said=$(lab_traffic n2 $REPORTS bulk --to "$INET4" --port 5001 --skip 2 --seconds 3 --connections 8 --congestion cubic)
	wait $meter
	got=$(sed -n 's/.*mbit=//p' "$LAB/log/meter.log")
	echo "$got $said" | sed 's/[a-z]*=//g' | awk -v limit=$MBIT 'NF == 5 {
		e = ($1 - limit) / limit * 100; printf "%.2f %.3f\n", e < 0 ? -e : e, $3 ? $4 / $3 * 100 : 0 }'
}

lab_up && fleet_new && fleet_sign && fleet_up enforce n2 >/dev/null || die "the lab does not come up"
lab_serve web inet main.service 5001
declare -A ERROR=([weir]=0 [tbf]=0 [htb]=0) TWICE=([weir]=0 [tbf]=0 [htb]=0)
larger() { awk -v a="$1" -v b="$2" 'BEGIN { print (a > b ? a : b) }'; }
for _ in 1 2 3; do
	for by in weir tbf htb; do
		shape $by
		read -r error twice < <(measure) && [ -n "$twice" ] || die "$by: nothing was measured"
		ERROR[$by]=$(larger "$error" "${ERROR[$by]}") TWICE[$by]=$(larger "$twice" "${TWICE[$by]}")
		unshape $by
	done
done
rows=
for name in pace_error_percent:ERROR pace_retransmitted_percent:TWICE; do
	declare -n of=${name#*:}
	printf '%-34s %8s %%   tbf %s, htb %s\n' "${name%:*}" "${of[weir]}" "${of[tbf]}" "${of[htb]}"
	rows+=$(awk -v name="${name%:*}" -v a="${of[weir]}" -v b="${of[htb]}" 'BEGIN {
		printf "  {\"name\": \"%s\", \"unit\": \"%%\", \"value\": %s, \"baseline\": %s, \"ratio\": %s},\n.",
			name, a, b, (b > 0 ? sprintf("%.3f", a / b) : "null") }')
	rows=${rows%.}
done
[ -z "$JSON" ] || printf '[\n%s\n]\n' "${rows%,*}" >"$JSON"
