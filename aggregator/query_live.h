/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What models watch, as series: by workload and way, at equal steps of a minute or an hour. Asked by the worker's own connection
 * (store_reader()); a pass over the rows of the range, whatever was asked before.
 */
#ifndef AGGREGATOR_QUERY_LIVE_H
#define AGGREGATOR_QUERY_LIVE_H

#include "aggregator/query.h"

enum live_measure {
	LIVE_BYTES,   /* that passed, both ways */
	LIVE_COST,    /* nano-units of the price book's currency; hourly resources left out, which nobody moves */
	LIVE_DENIES,  /* packets that a verdict stopped, of deny and limits */
	LIVE_RTT,     /* mean round trip of TCP, microseconds */
	LIVE_RETRANS, /* segments sent again */
	LIVE_MEASURES,
};
const char *live_measure_name(enum live_measure m); /* "bytes", "cost", "denies", "rtt", "retransmits" */
const char *live_measure_unit(enum live_measure m);

/* The way of a value is a path: "internet". */
const char *live_way_name(uint32_t way);

struct query_live {
	enum live_measure measure;
	uint64_t time_s; /* of the step's begin */
	int64_t workload;
	uint32_t way;
	double sum, weight; /* the value is their sum; of LIVE_RTT sums divided by weights */
};
/* Of [from_s, to_s), begins of steps. step: STORE_1M, of which minutes not folded yet are read finely, or STORE_1H. */
int query_live(struct store *s, uint64_t from_s, uint64_t to_s, enum store_res step,
	       int (*fn)(const struct query_live *q, void *arg), void *arg);

/* Up to when all agents that were heard of since since_s have told of what they saw; now_s when there are none. */
int query_told_until(struct store *s, uint64_t since_s, uint64_t now_s, uint64_t *ret_s);

struct query_live_who {
	const char *domain, *namespace, *name, *kind, *team, *labels, *node; /* labels: JSON */
};
/* -ENOENT */
int query_live_who(struct store *s, int64_t workload, int (*fn)(const struct query_live_who *w, void *arg), void *arg);

#endif
