/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is charged, told as it is committed: who keeps sums over the ledger reads it once, and then only adds. Charges of
 * an hour, workload, path and meter are one until they are taken.
 */
#ifndef AGGREGATOR_STORE_CHARGED_H
#define AGGREGATOR_STORE_CHARGED_H

#include "aggregator/store.h"

#define STORE_CHARGED_MAX 65536

struct store_charged {
	uint64_t hour_s;
	int64_t workload;
	uint8_t path;
	const char *meter;
	int64_t nanos;
};
/* Charges are noted from here on; once for ever, and again for nothing. */
int store_charged_begin(struct store *s);
/* What was committed since the last time. False: more kinds than are noted came meanwhile, and nothing was told: the
 * ledger has it all. */
bool store_charged_take(struct store *s, void (*fn)(const struct store_charged *c, void *arg), void *arg);

#endif
