/* SPDX-License-Identifier: Apache-2.0 */
/* What an allocation is made of, for the files that make it. */
#ifndef WEIR_MONEY_ALLOC_IMPL_H
#define WEIR_MONEY_ALLOC_IMPL_H

#include "lib/ds/map.h"
#include "lib/money/alloc.h"

#define ALLOC_NONE UINT32_MAX

struct alloc_party {
	const char *namespace, *workload, *labels, *team, *cost_centre;
	bool proxy;
};
struct alloc_name { /* a workload as its peers know it, in an hour: nothing depends on other hours */
	const char *namespace, *workload, *team;
	uint32_t party; /* as its own rows say; ALLOC_NONE: it has none */
};
struct alloc_row {
	uint64_t hour_s, bytes, once;
	int64_t nanos;
	uint32_t party, peer /* name */, resource; /* or ALLOC_NONE */
	bool sent, opened;
};
/* Of a row, apart from what it has itself. */
struct alloc_charge {
	size_t row;
	int64_t nanos;
	uint64_t bytes;
	uint32_t tag;
};
struct alloc_resource {
	const char *domain, *name, *via;
};
struct alloc_hour {
	uint64_t hour_s;
	int64_t nanos;
	uint32_t resource, tag;
	const char *owner;
};
/* So many bytes between a resource or proxy and a party in an hour. */
struct alloc_use {
	uint64_t hour_s, bytes;
	uint32_t of, party;
};
struct alloc_uses {
	struct alloc_use *rows; /* sorted by of, hour and party, each once */
	size_t count, cap;
};
struct alloc_pool { /* what fell to a proxy in an hour and is not passed on yet */
	uint64_t hour_s, bytes;
	int64_t nanos;
	uint32_t party, tag;
};

struct weir_alloc {
	const struct weir_allocation *rules;
	enum weir_payer payer;
	struct weir_map *texts, *party_ids, *name_ids, *resource_ids, *pool_ids, *share_ids; /* numbers plus one */
	struct alloc_party *parties;
	struct alloc_name *names;
	struct alloc_row *rows;
	struct alloc_resource *resources;
	struct alloc_charge *charges;
	struct alloc_hour *hours;
	struct alloc_pool *pools;
	struct weir_alloc_share *shares;
	struct weir_alloc_behind *behinds;
	size_t party_count, party_cap, name_count, name_cap, row_count, row_cap, resource_count, resource_cap;
	size_t charge_count, charge_cap, hour_count, hour_cap, pool_count, pool_cap, share_count, share_cap, behind_count, behind_cap;
	struct alloc_uses uses, behind; /* of resources, of proxies */
	int64_t total;
	uint32_t tag; /* of what is landing */
	bool tagged;
	const char *last_team; /* as the last row said it */
};

/* Room for one more. */
int alloc_grow(void *array_p, size_t count, size_t *cap, size_t size);
/* A copy that lives as long; NULL without memory. */
const char *alloc_text(struct weir_alloc *a, const char *s);
/* The number of what has this key, or of a new one: then *ret_new. */
int alloc_number(struct weir_map *ids, const void *key, size_t len, size_t count, uint32_t *ret, bool *ret_new);
int alloc_party(struct weir_alloc *a, const char *namespace, const char *workload, const char *labels, const char *known_team,
		uint32_t *ret);
/* A team as such. */
int alloc_team(struct weir_alloc *a, const char *team, uint32_t *ret);
/* What an idle resource stands as. */
int alloc_idle(struct weir_alloc *a, const struct alloc_resource *res, uint32_t *ret);
int alloc_use_add(struct alloc_uses *u, uint32_t of, uint64_t hour_s, uint32_t party, uint64_t bytes);
void alloc_uses_sort(struct alloc_uses *u);
const struct alloc_use *alloc_uses_of(const struct alloc_uses *u, uint32_t of, uint64_t hour_s, size_t *ret_count);
/* A proxy's passes on; of all others it is a share. It has the tag that a->tag says. */
int alloc_land(struct weir_alloc *a, uint32_t party, uint64_t hour_s, enum weir_alloc_how how, const char *via, int64_t nanos,
	       uint64_t bytes);
/* What is there of such a share without a tag; via is a text of alloc_text(). */
int64_t alloc_shared(const struct weir_alloc *a, uint32_t party, enum weir_alloc_how how, const char *via);
/* alloc_shared.c */
int alloc_share_hour(struct weir_alloc *a, const struct alloc_hour *h);
/* alloc_proxy.c */
int alloc_pass_on(struct weir_alloc *a);
int alloc_list_behind(struct weir_alloc *a);

#endif
