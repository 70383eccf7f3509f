#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Conservation: after each fault all that was counted is stored once, or declared lost to the byte. Six faults, or
# all of them with WEIR_LONG=1; test_soak.sh takes the others in random order.
. "$(dirname "$0")/../lib/e2e.sh"
. tests/lib/identity.sh
. tests/lib/faults.sh

faults_up || broken "the fleet comes up"
FAULTS=${*:-both_killed link_reset odd_replies clock_steps state_of_yesterday store_of_yesterday}
[ -z "${WEIR_LONG:-}" ] || FAULTS="agent_killed aggregator_killed link_silent agent_disk_full store_disk_full slow_disk $FAULTS"
# shellcheck disable=SC2086
for fault in $FAULTS; do
	if [ "$fault" = clock_steps ] && [ -z "$FAKETIME_LIB" ]; then
		echo "skip $E2E clock_steps: libfaketime is not installed"
	else
		scene "$fault"
	fi
done
finish
