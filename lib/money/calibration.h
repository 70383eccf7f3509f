/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a unit of a meter cost in a month, learnt from its bill: all that is charged for the meter in a region (usage with
 * its free allowance and tiers, credits, discounts, corrections) by its quantity. For a PriceCalibration document, which
 * lies over lists and contracts in that month.
 */
#ifndef WEIR_CALIBRATION_H
#define WEIR_CALIBRATION_H

#include "lib/money/bill_charge.h"

#define WEIR_CALIBRATION_RATES_MAX 4096u

enum weir_rate_why {
	WEIR_RATE_OK,
	WEIR_RATE_NO_REGION,  /* the bill's region is none of the meter's books */
	WEIR_RATE_NO_USAGE,   /* the bill takes back as much as there was, or more money than there was */
	WEIR_RATE_AMBIGUOUS,  /* meters of different prices have this usage type: the bill cannot tell which of them it is */
	WEIR_RATE_NO_PRICE,   /* above what a price may be */
};
const char *weir_rate_why(enum weir_rate_why w); /* a sentence; "" = OK */

struct weir_rate {
	const struct weir_meter *meter; /* of the list */
	const char *account;		/* "" = all */
	int64_t quantity;		/* bytes, or seconds */
	int64_t billed;			/* nanos */
	int64_t nanos_per_unit;		/* rounded to the nearest */
	enum weir_rate_why why;
};

struct weir_calibration;
/* by_account: a rate for each account, not one for all. The book must outlive it. */
int weir_calibration_new(const struct weir_pricebook *b, bool by_account, struct weir_calibration **ret);
void weir_calibration_free(struct weir_calibration *c);
static inline void weir_calibration_freep(struct weir_calibration **c)
{
	weir_calibration_free(*c);
}
/* Lines without a meter are left out. -E2BIG, -ERANGE. */
int weir_calibration_line(struct weir_calibration *c, const struct weir_charge *charge, const char *account, int64_t billed);
/* By provider, region, meter, account; meters of one usage type and price have a rate each. */
int weir_calibration_each(const struct weir_calibration *c, int (*fn)(const struct weir_rate *r, void *arg), void *arg);

#endif
