/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a cost is. Rows of recorded traffic and what they cost (a replay's, or the ledger's) go in, shares come out: each nano-unit
 * is of exactly one owner, or of a resource that nobody used (idle). Splits are by largest remainder, so shares sum to what went in. No clock,
 * no I/O, no global; the same input gives the same shares.
 *
 * - Of bytes between two workloads that are both known, the payer pays: sender, receiver, or who opened the connection. With a
 *   peer that is nobody's workload, the workload itself.
 * - What falls to a proxy in an hour passes on to the workloads behind it, by the bytes between the proxy and each of them in
 *   that hour; a row between them goes to that one whole. With nobody behind it in that hour it stays with the proxy.
 * - The hourly cost of a resource is of the team that the topology names as its owner, or is split over those who paid for bytes
 *   through it in that hour: by bytes, evenly over their teams, or by a ratio of teams; inside a team by bytes.
 */
#ifndef WEIR_MONEY_ALLOC_H
#define WEIR_MONEY_ALLOC_H

#include "lib/money/allocation.h"
#include "lib/money/replay.h"

enum weir_alloc_how {
	WEIR_ALLOC_DIRECT, /* its own bytes */
	WEIR_ALLOC_PROXY,  /* of a proxy, by the bytes between them */
	WEIR_ALLOC_ALONE,  /* a proxy's own: nobody was behind it in that hour */
	WEIR_ALLOC_OWNER,  /* hourly: the topology names the owner */
	WEIR_ALLOC_BYTES,  /* hourly, shared by bytes */
	WEIR_ALLOC_EVEN,   /* hourly, evenly over teams */
	WEIR_ALLOC_CUSTOM, /* hourly, by a ratio of teams */
	WEIR_ALLOC_IDLE,   /* hourly: nobody used it in that hour */
	WEIR_ALLOC_HOWS,
};
const char *weir_alloc_how_name(enum weir_alloc_how h); /* "direct", "shared by bytes" */

/* One per owner, how, and through what. Texts live as long as the allocation. */
struct weir_alloc_share {
	const char *namespace, *workload, *labels, *team, *cost_centre; /* "" = not known; of an idle resource its domain and name */
	enum weir_alloc_how how;
	const char *via; /* proxy "namespace/workload" or resource "domain/name"; "" = direct */
	uint64_t bytes;	 /* moved, each counted once; of a tag what was said with it */
	int64_t nanos;
	uint32_t tag; /* what was charged with a tag stays apart; 0 = none */
};
/* The ratio of a proxy: what passed between it and one behind it in all hours, and what was passed on. */
struct weir_alloc_behind {
	const char *proxy, *namespace, *workload, *team;
	uint64_t bytes;
	int64_t nanos;
};

struct weir_alloc;
#define WEIR_ALLOC_ROWS_MAX (16u << 20) /* some 56 bytes each */
/* rules must live as long. */
int weir_alloc_new(const struct weir_allocation *rules, enum weir_payer payer, struct weir_alloc **ret);
void weir_alloc_free(struct weir_alloc *a);
static inline void weir_alloc_freep(struct weir_alloc **a)
{
	weir_alloc_free(*a);
}
#define weir_auto_alloc weir_cleanup(weir_alloc_freep)

/* resource: of the row's domain, that its bytes pass (weir_alloc_resource()); "" = none. Rows are numbered as they come. -E2BIG. */
int weir_alloc_row(struct weir_alloc *a, const struct weir_traffic *row, const char *resource);
/* What a row cost; may come again and again. once: bytes of which this is the first meter. */
void weir_alloc_charge(struct weir_alloc *a, size_t row, int64_t nanos, uint64_t once);
/* The same of what is to stay apart from what has other tags: from 1, as the caller numbers them. With tags weir_alloc_behinds()
 * has none. -ENOMEM. */
int weir_alloc_charge_as(struct weir_alloc *a, uint32_t tag, size_t row, int64_t nanos, uint64_t bytes);
/* An hour of a resource. */
int weir_alloc_hour(struct weir_alloc *a, uint64_t hour_s, const char *domain, const char *name, const char *owner,
		    int64_t nanos);
int weir_alloc_hour_as(struct weir_alloc *a, uint32_t tag, uint64_t hour_s, const char *domain, const char *name, const char *owner,
		       int64_t nanos);
/* Once, behind the last of them. */
int weir_alloc_settle(struct weir_alloc *a);
size_t weir_alloc_count(const struct weir_alloc *a);
const struct weir_alloc_share *weir_alloc_at(const struct weir_alloc *a, size_t i);
size_t weir_alloc_behinds(const struct weir_alloc *a);
const struct weir_alloc_behind *weir_alloc_behind_at(const struct weir_alloc *a, size_t i);
int64_t weir_alloc_total(const struct weir_alloc *a); /* of what went in */

enum weir_alloc_by { WEIR_ALLOC_TEAM, WEIR_ALLOC_NAMESPACE, WEIR_ALLOC_WORKLOAD, WEIR_ALLOC_CENTRE, WEIR_ALLOC_LABEL };
/* "team", "namespace", "workload", "cost-centre", or "label:KEY", whose key is then *ret_label. -EINVAL. */
int weir_alloc_by_parse(const char *s, enum weir_alloc_by *ret, const char **ret_label);
/* Whose a share is by that: "" = nobody's (unallocated). A workload is "namespace/name". buf may hold it. */
#define WEIR_ALLOC_KEY_MAX 512
const char *weir_alloc_key(const struct weir_alloc_share *s, enum weir_alloc_by by, const char *label,
			   char buf[WEIR_ALLOC_KEY_MAX]);

/* The hourly resource of the row's domain that its bytes pass, as weir_resource_each() names it; "" = none, or not known. */
const char *weir_alloc_resource(const struct weir_topology *t, const struct weir_traffic *row);
/* All rows of a set and all that its replay with t and b charged. Adds rows from 0 on: before any other. */
int weir_alloc_replay(struct weir_alloc *a, const struct weir_topology *t, const struct weir_pricebook *b,
		      const struct weir_traffic_set *s, const struct weir_replay *r);

#endif
