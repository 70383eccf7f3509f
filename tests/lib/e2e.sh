# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What every end-to-end test starts with: the lab, the fleet, and checks that print the line protocol
# of tests/run. Sourced by tests/e2e/test_*.sh, which end with `finish`.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
set -u
# The programs under test are the sanitized ones; what a sanitizer says is a failure (see finish).
[ -x build/asan/weir-agent ] && : "${WEIR_BIN:=$PWD/build/asan}"
export LSAN_OPTIONS=suppressions=$PWD/tests/lib/lsan.supp:print_suppressions=0
. tests/lib/lab.sh
. tests/lib/fleet.sh

E2E=$(basename "$0" .sh)
E2E=${E2E#test_}
E2E_FAILED=0
E2E_CHECKS=0

pass() { echo "ok $E2E: $1"; E2E_CHECKS=$((E2E_CHECKS + 1)); }
fail() { # claim what-was-seen
	echo "not ok $E2E: $1"
	echo "# ${2:-}"
	E2E_FAILED=$((E2E_FAILED + 1)) E2E_CHECKS=$((E2E_CHECKS + 1))
}
# expect CLAIM COMMAND...: the command succeeds
expect() {
	local claim=$1 said
	shift
	if said=$("$@" 2>&1); then pass "$claim"; else fail "$claim" "$* -> $said"; fi
}
# equal CLAIM GOT WANT
equal() { if [ -n "$2" ] && [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got '$2', want '$3'"; fi; }
is_within() { awk -v v="$1" -v lo="$2" -v hi="$3" 'BEGIN { exit !(v != "" && v + 0 >= lo && v + 0 <= hi) }'; }
# within CLAIM VALUE LOW HIGH, integers or decimals
within() {
	if is_within "$2" "$3" "$4"; then
		pass "$1"
	else
		fail "$1" "$2 is not within $3 .. $4"
	fi
}
# soon CLAIM WANT COMMAND...: what the command prints comes to be WANT
soon() {
	local claim=$1 want=$2 got=
	shift 2
	says_want() { got=$("$@" 2>/dev/null); [ "$got" = "$want" ]; }
	lab_wait 10 says_want "$@"
	equal "$claim" "$got" "$want"
}
# steadily CLAIM LOW HIGH COMMAND...: what the command measures is within. What else runs on the machine may
# spoil a measurement, so there are three tries, and each that failed is shown; wrong code fails all of them.
steadily() {
	local claim=$1 low=$2 high=$3 got= try
	shift 3
	for try in 1 2 3; do
		got=$("$@")
		is_within "$got" "$low" "$high" && break
		echo "# $claim: try $try: $got"
	done
	within "$claim" "$got" "$low" "$high"
}
# The scene could not be set: nothing that follows would mean anything.
broken() { fail "$1" "see build/log/$E2E/"; finish; }
finish() {
	local log
	for log in "${!LAB_PID[@]}"; do case $log in agent-*) lab_kill "$log" ;; esac; done
	lab_kill aggregator
	if grep -lE 'Sanitizer|runtime error:' "$LAB"/log/*.log 2>/dev/null; then
		fail "no sanitizer spoke" "$(grep -hE 'Sanitizer|runtime error:' "$LAB"/log/*.log | head -n 3)"
	fi
	if [ $E2E_FAILED -gt 0 ] && [ -d "$LAB/log" ]; then
		rm -rf "build/log/$E2E" && mkdir -p "build/log/$E2E" && cp "$LAB"/log/* "$LAB"/*.yaml "build/log/$E2E/"
		for log in "$LAB"/log/agent-*.log "$LAB"/log/aggregator.log; do
			[ -s "$log" ] && tail -n 5 "$log" | sed "s/^/# $(basename "$log"): /"
		done
	fi
	exit $((E2E_FAILED > 0))
}
