/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an allocation is made of: for each owner, domain, path and meter its part of the ledger's money and bytes. A bill is
 * settled with these where teams are to be those who pay (cli/settle.h).
 */
#ifndef AGGREGATOR_API_CLAIMS_H
#define AGGREGATOR_API_CLAIMS_H

#include "aggregator/alloc_ledger.h"

#include <jansson.h>

struct api_claims;
int api_claims_new(struct api_claims **ret);
void api_claims_free(struct api_claims *c);
/* An alloc_tags function; arg: the claims. */
uint32_t api_claims_tag(const struct query_charge *q, void *arg);
/* Adds a share of a tag. -E2BIG. */
int api_claims_add(struct api_claims *c, const struct weir_alloc_share *share, const char *kind, const char *owner);
/* [{team, kind, class, path, meter, bytes, nanos}]; class: the domain. NULL: no memory. */
json_t *api_claims_json(const struct api_claims *c);

#endif
