/* SPDX-License-Identifier: Apache-2.0 */
/* Which budgets cover which workload, remembered: a workload's part in them is the same for all of its bytes. */
#ifndef AGGREGATOR_BUDGET_MASKS_H
#define AGGREGATOR_BUDGET_MASKS_H

#include "aggregator/query_budget.h"
#include "lib/ds/map.h"
#include "lib/money/budget.h"

struct mask { /* bit i: budget i covers the workload */
	uint64_t bits[WEIR_BUDGETS_MAX / 64];
};

struct masks {
	const struct weir_budget *(*budget)(const void *owner, size_t i);
	const void *owner;
	size_t count; /* of budgets; when it or one of them is another, masks_forget() */
	struct weir_map *by_workload;
};

/* budget and owner are set by the caller. */
int masks_init(struct masks *m);
void masks_fini(struct masks *m);
int masks_forget(struct masks *m);
/* who: the workload with its names, NULL = they are to be asked for of the store. NULL with *ret_r: what failed. */
const struct mask *mask_of(struct masks *m, struct store *s, int64_t workload, const struct query_charged *who, int *ret_r);
/* Does budget i cover this way of the workload? */
bool mask_covers(const struct masks *m, const struct mask *mask, size_t i, uint8_t path, const char *meter);

#endif
