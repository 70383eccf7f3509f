/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Price books and meters: which meters a byte passes on a path, and what cumulative usage costs.
 *
 * A meter charges bytes of a path in stated directions. Usage is pooled per (pool, meter, month):
 * the pool is the billing scope of the tiers (an account or organisation and region). The price of
 * an amount is the difference of the cumulative cost before and after it, so the parts of a month
 * always sum to the month. All integers: bytes, and nano-units of the currency.
 */
#ifndef WEIR_PRICE_H
#define WEIR_PRICE_H

#include "lib/conf/yaml.h"
#include "lib/money/topology.h"

struct weir_pricebook;

struct weir_tier_price {
	uint64_t from_bytes;	    /* cumulative usage in the month at which this tier begins */
	int64_t nanos_per_unit;
};

struct weir_meter {
	const char *name;	/* "internet-out", stable, used in ledger and reports */
	const char *provider;	/* "aws" */
	const char *region;	/* "us-east-1" */
	uint64_t unit_bytes;	/* 1 GiB = 1073741824 for AWS "GB" */
	const struct weir_tier_price *tiers; /* ascending, first from 0; a free tier has price 0 */
	size_t tier_count;
	const char *source;	/* where the price comes from */
};

int weir_pricebook_new(struct weir_pricebook **ret);
int weir_pricebook_add(struct weir_pricebook *b, struct weir_y *doc, struct weir_err *err); /* kind: PriceBook */
int weir_pricebook_seal(struct weir_pricebook *b, struct weir_err *err);
void weir_pricebook_free(struct weir_pricebook *b);
const char *weir_pricebook_currency(const struct weir_pricebook *b);

#define WEIR_MAX_METERS 8
/* Meters that one byte of this route passes in this direction (weir_dir of the workload: 0 ingress,
 * 1 egress) at time_s; at most WEIR_MAX_METERS, in a fixed order. Returns the count; -ENOENT when a
 * needed price is missing: the path is then unpriced, never silently free. */
int weir_pricebook_meters(const struct weir_pricebook *b, const struct weir_route *r, unsigned int dir,
			  uint64_t time_s, const struct weir_meter *ret[WEIR_MAX_METERS]);
/* Pool of a meter for the account: "<account>/<meter scope>". buf is filled, returned. */
char *weir_meter_pool(const struct weir_meter *m, const char *account, char *buf, size_t size);

/* Cumulative cost in nanos of the first `bytes` of a month; exact, rounded down once. */
int64_t weir_meter_cost(const struct weir_meter *m, uint64_t bytes);

/* Splits total over n weights, largest remainder, ties to the lower index; Σ ret = total, exactly.
 * All weights 0: everything to index 0. Works for negative totals. */
void weir_split(int64_t total, const uint64_t *weights, size_t n, int64_t *ret);

#endif
