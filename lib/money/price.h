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

/* What a price rests on. The later wins where it holds for the account and the time. */
enum weir_price_layer { WEIR_PRICE_LIST, WEIR_PRICE_CONTRACT, WEIR_PRICE_CALIBRATED, WEIR_PRICE_LAYERS };
enum weir_confidence { WEIR_CONFIDENCE_UNSTATED, WEIR_CONFIDENCE_LOW, WEIR_CONFIDENCE_MEDIUM, WEIR_CONFIDENCE_HIGH };

struct weir_meter {
	const char *name;	/* "internet-out", stable, used in ledger and reports */
	const char *provider;	/* "aws" */
	const char *region;	/* "us-east-1" */
	const char *unit;	/* "GiB", "hour" */
	uint64_t unit_bytes;	/* 1 GiB = 1073741824 for AWS "GB"; of an hour 3600: its quantities are seconds */
	const struct weir_tier_price *tiers; /* ascending, first from 0; a free tier has price 0 */
	size_t tier_count;
	uint64_t free_bytes;	/* a month's allowance, pooled on its own; its bytes count in the tiers too */
	const char *source;	/* where the price comes from */
	const char *sku;	/* pattern of the bill's usage type or meter; "" */
	enum weir_confidence confidence;
	enum weir_price_layer layer;
	const struct weir_meter *list;	/* the list price under a contract or a calibrated rate; else itself */
	uint64_t valid_from, valid_to;	/* Unix seconds, half open; UINT64_MAX = no end */
	bool by_hour;			/* a resource that costs while it exists */
};

int weir_pricebook_new(struct weir_pricebook **ret);
int weir_pricebook_add(struct weir_pricebook *b, struct weir_y *doc, struct weir_err *err);
/* ^ kind: PriceBook, PriceContract or PriceCalibration; in any order, many. */
/* Checks the documents against each other and puts contracts and calibrated rates over the list. Call
 * once, after the last add; err is the first problem. */
int weir_pricebook_seal(struct weir_pricebook *b, struct weir_err *err);
/* The same, and every problem is told: returns -EINVAL after an error, 0 with warnings alone (a time
 * between two prices of a meter in which it has none). */
enum weir_problem { WEIR_PROBLEM_ERROR, WEIR_PROBLEM_WARNING };
int weir_pricebook_check(struct weir_pricebook *b, void (*fn)(enum weir_problem kind, const char *line, void *arg),
			 void *arg);
/* Every .yaml file of a directory, not sealed; each error is told, -EINVAL when there was one. */
int weir_pricebook_load_dir(struct weir_pricebook *b, const char *dir, void (*on_error)(const char *line, void *arg),
			    void *arg);
void weir_pricebook_free(struct weir_pricebook *b);
const char *weir_pricebook_currency(const struct weir_pricebook *b);

/* What a byte pays for on its way, in this order; which ones a route has is decided by its path. */
enum weir_leg { WEIR_LEG_PROCESSING, WEIR_LEG_HOP, WEIR_LEG_TRANSFER, WEIR_LEGS };
const char *weir_leg_name(enum weir_leg leg); /* "processing" */
struct weir_route_leg {
	enum weir_leg leg;
	const struct weir_meter *meter; /* NULL: no price book has a meter for it */
};
#define WEIR_MAX_LEGS (2 * WEIR_LEGS) /* a transit gateway's, and those of the way behind it */
/* The legs of a route, priced or not; the count, 0 for a path that is unknown. */
int weir_pricebook_legs(const struct weir_pricebook *b, const struct weir_route *r, unsigned int dir,
			uint64_t time_s, struct weir_route_leg ret[WEIR_MAX_LEGS]);

/* The same when all are priced, and -ENOENT when a needed price is missing. */
int weir_pricebook_priced(const struct weir_pricebook *b, const struct weir_route *r, unsigned int dir,
			  uint64_t time_s, struct weir_route_leg ret[WEIR_MAX_LEGS]);

#define WEIR_MAX_METERS 8
/* Meters that one byte of this route passes in this direction (weir_dir of the workload: 0 ingress,
 * 1 egress) at time_s; at most WEIR_MAX_METERS, in a fixed order. Returns the count; -ENOENT when a
 * needed price is missing: the path is then unpriced, never silently free. */
int weir_pricebook_meters(const struct weir_pricebook *b, const struct weir_route *r, unsigned int dir,
			  uint64_t time_s, const struct weir_meter *ret[WEIR_MAX_METERS]);
/* List prices of all books, by provider and region; NULL behind the last. */
const struct weir_meter *weir_pricebook_at(const struct weir_pricebook *b, size_t i);
/* A meter by its name as it is at time_s: the list price, or what is over it in exactly that layer; NULL. */
const struct weir_meter *weir_pricebook_find(const struct weir_pricebook *b, const char *provider, const char *region,
					     const char *name, uint64_t time_s);
const struct weir_meter *weir_meter_layer(const struct weir_meter *list, enum weir_price_layer layer,
					  const char *account, uint64_t time_s);
/* What lies over a list price, and over that, whatever the account and time, the strongest first; NULL. */
const struct weir_meter *weir_meter_over(const struct weir_meter *m);
/* The i-th account that alone it is for; NULL behind the last, none for all. */
const char *weir_meter_account(const struct weir_meter *m, size_t i);
/* What the account pays: the last layer that holds. */
const struct weir_meter *weir_meter_effective(const struct weir_meter *list, const char *account, uint64_t time_s);

/* Pool of a meter's tiers, or of its free allowance, for the account: "<account>/<meter scope>", or the
 * organisation's name in place of its account. buf is filled, returned. */
char *weir_meter_pool(const struct weir_meter *m, const char *account, char *buf, size_t size);
char *weir_meter_free_pool(const struct weir_meter *m, const char *account, char *buf, size_t size);
const char *weir_meter_pool_scope(const struct weir_meter *m);	    /* "account-region" */
const char *weir_meter_free_pool_scope(const struct weir_meter *m);

/* Cumulative cost in nanos of the first `bytes` of a month, of which only the meter charges in its pools;
 * exact, rounded down once. */
int64_t weir_meter_cost(const struct weir_meter *m, uint64_t bytes);
/* Cost of `more` behind `used` in the tiers' pool and free_used in the free one. What of it is free is at
 * its beginning; *ret_free (may be NULL) says how much. Costs of a month sum to what the month costs. */
int64_t weir_meter_charge(const struct weir_meter *m, uint64_t used, uint64_t free_used, uint64_t more,
			  uint64_t *ret_free);
/* The tiers alone: what lies between two points of the cumulative usage costs. */
int64_t weir_meter_between(const struct weir_meter *m, uint64_t from, uint64_t to);

const char *weir_price_layer_name(enum weir_price_layer l);
const char *weir_confidence_name(enum weir_confidence c);

/* Splits total over n weights, largest remainder, ties to the lower index; Σ ret = total, exactly.
 * All weights 0: everything to index 0. Works for negative totals. */
void weir_split(int64_t total, const uint64_t *weights, size_t n, int64_t *ret);

#endif
