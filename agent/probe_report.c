/* SPDX-License-Identifier: Apache-2.0 */
/* `weir-agent --probe`: every rung of the ladder with what this kernel said. */
#include "agent/probe.h"
#include "agent/probe_ladder.h"

int probe_report(FILE *f, struct weir_err *err)
{
	struct ladder l;

	ladder_ask(&l);
	for (enum rung i = 0; i < RUNGS; i++) {
		weir_auto_free char *refusal = ladder_refusal(&l, i);

		if (!refusal)
			fprintf(f, "yes      %s: %s\n", ladder_name(i), ladder_use(i));
		else
			fprintf(f, "refused  %s\n", refusal);
	}
	return ladder_check(&l, err);
}
