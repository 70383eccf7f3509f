/* SPDX-License-Identifier: Apache-2.0 */
/* What models found, each event once: who tells of it again within a while means the same one. */
#ifndef AGGREGATOR_STORE_FINDING_H
#define AGGREGATOR_STORE_FINDING_H

#include "aggregator/store.h"

/* So long after its last sight an event of the same key is still the same. */
#define STORE_FINDING_SAME_S 1800

struct store_finding {
	int64_t id;		  /* grows */
	const char *key, *kind, *namespace, *workload, *team;
	uint64_t since_s, last_s; /* as in struct weir_finding */
	uint64_t ended_s;	  /* 0: it goes on */
	double score;		  /* the highest */
	int64_t nanos_per_hour;	  /* the highest */
	const char *body;	  /* as last told: JSON */
};
/* Adds it or, when it is told again, what is new of it; a transaction is the caller's. *ret_new: it was not there before. */
int store_finding_put(struct store *s, const struct store_finding *f, int64_t *ret_id, bool *ret_new);
/* Those of which nothing was heard since then have ended when they were last seen. */
int store_findings_end(struct store *s, uint64_t before_s);
int store_findings_forget(struct store *s, uint64_t before_s);

struct store_finding_filter {
	uint64_t since_s; /* last seen since then */
	bool open;	  /* those alone that go on */
	const char *kind, *namespace, *workload, *team; /* NULL: all */
	int64_t id;	  /* 0: all */
	uint32_t limit;
};
/* Those that go on first, then by cost, then the latest first. */
int store_findings(struct store *s, const struct store_finding_filter *by, int (*fn)(const struct store_finding *f, void *arg),
		   void *arg);
/*
 * How many go on, and what they cost an hour together, by kind. Of what one kind says of a workload on a path with a peer (its bytes, and
 * what they cost) the dearest counts: it is one traffic.
 */
int store_findings_open(struct store *s, int (*fn)(const char *kind, uint64_t count, int64_t nanos_per_hour, void *arg), void *arg);
/* The same of all kinds: of a workload on a path the dearest counts, whoever it is with. */
int store_findings_sum(struct store *s, uint64_t *ret_count, int64_t *ret_nanos_per_hour);

#endif
