#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Conservation: after each fault all that was counted is stored once, or declared lost to the byte. Two faults, or
# all of them with WEIR_LONG=1, or those that are named.
. "$(dirname "$0")/../lib/e2e.sh"
. tests/lib/identity.sh
. tests/lib/faults.sh

faults_up || broken "the fleet comes up"
FAULTS=${*:-both_killed state_of_yesterday}
[ -z "${WEIR_LONG:-}" ] || FAULTS="agent_killed aggregator_killed link_silent link_reset agent_disk_full store_disk_full
	slow_disk odd_replies clock_steps store_of_yesterday host_reboot $FAULTS"
# shellcheck disable=SC2086
for fault in $FAULTS; do
	if [ "$fault" = clock_steps ] && [ -z "$FAKETIME_LIB" ]; then
		echo "skip $E2E clock_steps: libfaketime is not installed"
	else
		scene "$fault"
	fi
done
finish
