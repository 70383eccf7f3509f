/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of promises share. */
#ifndef WEIR_MONEY_PROMISE_IMPL_H
#define WEIR_MONEY_PROMISE_IMPL_H

#include "lib/money/promise.h"
#include "lib/money/rules_impl.h"

#define PROMISE_EDITS_MAX WEIR_EDITS_MAX

/* A copy that lives as long as the promise; *r is -ENOMEM without memory. "" for NULL. */
const char *promise_string(struct weir_promise *p, const char *s, int *r);
/* A zeroed row behind the others; NULL without memory. */
struct weir_edit *promise_edit(struct weir_edit **list, size_t *count);
/* The rows of a set with what stayed in its zone crossing it as before. */
int promise_spread(const struct weir_promise *p, const struct weir_topology *t, const struct weir_traffic_set *s,
		   struct weir_traffic_set **ret);
/* Is row's traffic of the crossing; does it cross? */
bool promise_crosses(const struct weir_crossing *c, const struct weir_traffic *t, const struct weir_route *r, bool *ret_cross);

#endif
