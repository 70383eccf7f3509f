/* SPDX-License-Identifier: Apache-2.0 */
/* Where a charge of the ledger was: it has domain, node class and pool, a price book is asked by region and account. */
#ifndef WEIR_MONEY_PLACE_H
#define WEIR_MONEY_PLACE_H

#include "lib/money/price.h"

struct weir_place {
	const char *region, *account; /* of the topology */
};

/*
 * The subnet of the domain whose account has the meter in that pool at time_s: that of the class ("<domain>/<subnet>") if
 * it does, else the first. Where books or topology have changed so that none does: the first that has the meter at all.
 * -ENOENT. Costs a look at each subnet.
 */
int weir_place_find(const struct weir_topology *t, const struct weir_pricebook *b, const char *domain, const char *class,
		    const char *meter, const char *pool, uint64_t time_s, struct weir_place *ret);

#endif
