/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl cost by owner: the ledger given to who pays for it (the aggregator's /api/v1/allocation). */
#ifndef WEIR_CLI_ALLOC_H
#define WEIR_CLI_ALLOC_H

#include "cli/view.h"

/* Whether --by asks for an owner that the ledger alone does not know: cost-centre, label:KEY. */
bool alloc_by_owner(const char *by);
/* payer NULL: as the repository says. to 0: what is being counted right now is included. */
int alloc_cost(const struct cli *c, const char *by, const char *payer, uint64_t from_s, uint64_t to_s, struct weir_err *err);
/* All pages of an answer as one; *ret is the caller's. */
int alloc_fetch(const struct cli *c, const char *by, const char *payer, uint64_t from_s, uint64_t to_s, json_t **ret,
		struct weir_err *err);

/* The range that --since, --from and --to mean; *from is set when it was not given. */
int alloc_range(const struct cli *c, uint64_t default_s, uint64_t since, uint64_t *from, uint64_t to, struct weir_err *err);
/* For a URL; NULL without memory. */
char *alloc_escaped(const char *s);

#endif
