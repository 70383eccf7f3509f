#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Conservation: after each fault all that was counted is stored once, or declared lost to the byte.
. "$(dirname "$0")/../lib/e2e.sh"
. tests/lib/identity.sh
. tests/lib/faults.sh

faults_up || broken "the fleet comes up"
FAULTS=${*:-agent_killed aggregator_killed both_killed link_silent link_reset agent_disk_full store_disk_full slow_disk
	odd_replies clock_steps state_of_yesterday store_of_yesterday}
# shellcheck disable=SC2086
for fault in $FAULTS; do scene "$fault"; done
finish
