/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What costs while it exists, in the ledger: each hour that is over, each hourly resource of the topology (lib/money/resource.h) is
 * charged once, by the topology and prices of that hour. In the ledger it is a workload of kind "resource": namespace its
 * domain, name its own, label team the owner that the topology names, no node; bytes 0. Booked at the last ten seconds of
 * the hour, so that whoever asks for the last hour sees one hour of it.
 *
 * Up to where is a mark in the store, which moves in the transaction of the rows: neither a kill nor a restart charges an
 * hour twice or leaves one out. The first hour is the first that begins after the store was made; after days without an
 * aggregator, hours come one by one, as far back as HOURS_BACK_S.
 */
#ifndef AGGREGATOR_HOURS_H
#define AGGREGATOR_HOURS_H

#include "aggregator/ingest.h"

/* As long as rows of an hour are kept by default. */
#define HOURS_BACK_S (400ull * 86400)

struct hours_done {
	bool more;	  /* there is another hour to charge now */
	uint64_t skipped; /* hours further back than HOURS_BACK_S, that are not charged any more */
};
/* One hour at most. Without topology or prices nothing is charged, and the mark stays. */
int hours_charge(struct store *s, const struct ingest_pricing *pricing, uint64_t now_s, struct hours_done *ret);

#endif
