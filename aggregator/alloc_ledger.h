/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger of an hour as shares of its owners (lib/money/alloc.h). A row of the ledger is what a workload paid for a path by a meter: it is
 * split by bytes over the flows of that hour that pass this meter, by the topology and prices of then; so each flow's peer and
 * direction say who pays. What no flow is there for stays with the workload.
 */
#ifndef AGGREGATOR_ALLOC_LEDGER_H
#define AGGREGATOR_ALLOC_LEDGER_H

#include "aggregator/ingest.h"
#include "aggregator/query_charges.h"
#include "lib/money/alloc.h"

/* Flows of one hour, some 300 bytes each while it is read. */
#define ALLOC_HOUR_ROWS 500000u

/* What of the ledger is to stay apart: the tag of a row, from 1; 0 = it cannot be told, which ends it (-E2BIG). A share's bytes are
 * then those of its meter, not moved ones. */
struct alloc_tags {
	uint32_t (*of)(const struct query_charge *q, void *arg);
	void *arg;
};
/* tags NULL: all is one. The hour's shares, settled: *ret is the caller's. Without topology nobody used a resource. *ret_rows: flows that were read. -E2BIG
 * behind ALLOC_HOUR_ROWS. */
int alloc_ledger_hour(struct store *s, const struct ingest_pricing *pricing, const struct weir_allocation *rules,
		      enum weir_payer payer, uint64_t hour_s, const struct alloc_tags *tags, struct weir_alloc **ret,
		      uint32_t *ret_rows);

/* The meters that bytes of a row pass, by the topology and prices of its hour, and its route; 0 also when a price is missing. */
int alloc_meters(const struct ingest_pricing *pricing, const struct weir_traffic *t, struct weir_route *ret_route,
		 const struct weir_meter *ret[WEIR_MAX_METERS]);

#endif
