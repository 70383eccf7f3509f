/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This node as a witness of the aggregator's audit log: the highest signed head that it was given is kept in
 * <state_dir>/witness, as a line for `weirctl audit verify --head`, and told with each poll. A log that went
 * back is said, and the head from before stays in <state_dir>/witness.before. A log that was cut may have grown
 * past its old end before this node sees it: in each session the head that is held is told and answered before
 * a higher one takes its place.
 */
#ifndef WEIR_AGENT_WITNESS_H
#define WEIR_AGENT_WITNESS_H

#include "lib/os/chain.h"

struct witness;
/* A file that holds no head is set aside, said, and begun anew. */
int witness_open(const char *state_dir, bool tells, struct witness **ret); /* tells: there is somebody to tell */
void witness_free(struct witness *w);
void witness_see(struct witness *w, const struct weir_chain_head *h);
/* A session began: what is held must be told again. */
void witness_untold(struct witness *w);
/* A request that carried the highest head was answered. */
void witness_told(struct witness *w);
const struct weir_chain_head *witness_highest(const struct witness *w); /* seq 0 = none */

#endif
