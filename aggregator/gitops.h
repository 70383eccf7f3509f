/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy repository: what is in the directory, what of it is approved, what is served.
 *
 * Two things move apart: the *repository* (topology, prices: the last revision that loaded; they need
 * no approval to price bytes) and the *release* (bundles: the last revision that loaded and that
 * enough approvers signed). A revision that does not load, or is not approved, changes neither of
 * what runs; its reason is stated. A revision that is approved for shadow alone is the *candidate*:
 * served beside the release, evaluated and never enforced.
 */
#ifndef AGGREGATOR_GITOPS_H
#define AGGREGATOR_GITOPS_H

#include "lib/policy/repo.h"

enum gitops_state {
	GITOPS_EMPTY,	  /* nothing was ever loaded */
	GITOPS_REJECTED,  /* what is in the directory does not load */
	GITOPS_UNAPPROVED, /* loads, and waits for signatures */
	GITOPS_SHADOW,	  /* what is in the directory is the candidate */
	GITOPS_APPROVED,  /* what is in the directory is what is served */
};
const char *gitops_state_name(enum gitops_state s);

struct gitops;
int gitops_new(const char *dir, struct gitops **ret);
void gitops_free(struct gitops *g);

/* What a poll changed; bits. */
#define GITOPS_LOADED 1	  /* another revision loaded */
#define GITOPS_RELEASED 2 /* another release is served */
#define GITOPS_FAILED 4	  /* rejected or not approved, for a reason not yet stated */
#define GITOPS_CANDIDATE 8 /* there is another candidate, or none any more */
int gitops_poll(struct gitops *g);

enum gitops_state gitops_state(const struct gitops *g);
const char *gitops_error(const struct gitops *g);	/* "" = none */
const struct weir_repo *gitops_repo(const struct gitops *g);	  /* NULL = none was ever good */
const struct weir_approval *gitops_approval(const struct gitops *g); /* of the release; NULL = none */
/* Serial served to a node class; 0 = nothing for it. */
uint64_t gitops_serial(const struct gitops *g, const char *class);
const struct weir_buf *gitops_bundle(const struct gitops *g, const char *class);

/* False while no revision was ever good: then it is not known whether there is a candidate. */
bool gitops_settled(const struct gitops *g);
const struct weir_approval *gitops_candidate(const struct gitops *g); /* NULL = none */
const struct weir_buf *gitops_candidate_bundle(const struct gitops *g, const char *class); /* NULL = none */
/* SHA-256 of its manifest; of a candidate only. */
const uint8_t *gitops_candidate_digest(const struct gitops *g);

/* Pure: how many distinct approvers of the repository have validly signed. */
uint32_t gitops_signers(const struct weir_repo *r, const struct weir_approval *a);

#endif
