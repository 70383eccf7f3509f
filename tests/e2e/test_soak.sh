#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Faults in random order under continuous traffic, then the books: ten minutes with WEIR_LONG=1, as many as WEIR_SOAK
# says (`make soak MINUTES=60`), else 30 s. WEIR_TEST_SEED repeats a schedule.
. "$(dirname "$0")/../lib/e2e.sh"
. tests/lib/identity.sh
. tests/lib/faults.sh

LASTS=$((${WEIR_SOAK:-0} * 60))
[ $LASTS -gt 0 ] || LASTS=${WEIR_LONG:+600}
LASTS=${LASTS:-30}
RANDOM=${WEIR_TEST_SEED:=$((SRANDOM % 32768))}
echo "# WEIR_TEST_SEED=$WEIR_TEST_SEED, $LASTS s"
ALL=(agent_killed aggregator_killed both_killed link_silent link_reset agent_disk_full store_disk_full slow_disk odd_replies)

faults_up || broken "the fleet comes up"
LOSS_OF=
id_begin
faults_traffic
began=$SECONDS missed='' struck=0
while [ $((SECONDS - began)) -lt "$LASTS" ]; do
	fault=${ALL[RANDOM % ${#ALL[@]}]}
	STRUCK=
	"fault_$fault" && [ -n "$STRUCK" ] && struck=$((struck + 1)) || missed+=" $fault"
	echo "# $((SECONDS - began)) s: $fault: ${STRUCK:-did not strike}"
	lab_pass "0.$((RANDOM % 10))"
done
equal "each fault struck" "none$missed" none
within "faults in $LASTS s" $struck $((LASTS / 20)) 100000
f_flows || fail "windows arrive again" "n1 $(f_agent n1 sequence), n2 $(f_agent n2 sequence)"
faults_rest
id_check "after $struck faults"
f_balance "after $struck faults"
finish
