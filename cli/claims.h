/* SPDX-License-Identifier: Apache-2.0 */
/* What a replay measured, as claims of a settlement: what is of one meter, account, region, time, team and path is one. */
#ifndef WEIR_CLI_CLAIMS_H
#define WEIR_CLI_CLAIMS_H

#include "cli/settle.h"
#include "lib/money/replay.h"

#define CLAIMS_MAX 500000u

struct claims;
/* s, with its bill read, and t are borrowed until the end. */
int claims_new(struct settle *s, const struct weir_topology *t, struct claims **ret);
void claims_free(struct claims *c);
static inline void claims_freep(struct claims **c)
{
	claims_free(*c);
}
#define auto_claims weir_cleanup(claims_freep) struct claims
/* Adds a charge of a row (NULL: of a resource), nanos in the bill's currency; one without a meter is left out. A resource is
 * of the whole month, as its seconds are of no single hour. */
int claims_add(struct claims *c, const struct weir_replay_charge *charge, const struct weir_traffic *row, const char *team,
	       int64_t nanos);
/* Gives them to the settlement. */
int claims_give(struct claims *c);

#endif
