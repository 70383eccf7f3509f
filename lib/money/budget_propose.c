/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would hold a cost to its budget, as the text of a FlowPolicy. A rate is that at which a whole period costs the amount:
 * bytes by what one cost so far, over the period's length and the nodes on which they moved. It stands in the baseline tier,
 * last: it slows what no other policy decides, and lets nothing through that another denies.
 */
#include "lib/money/budget.h"

#include "lib/base/clock.h"

#include <inttypes.h>

#define RATE_MIN_KBIT 64u /* less is a denial that hangs */
#define RATE_MAX_KBIT 1000000000u

typedef unsigned __int128 u128;

static uint64_t rate_kbit(const struct weir_budget *b, const struct weir_budget_view *v, const struct weir_budget_way *way)
{
	uint64_t each = (v->to_s - v->from_s) * WEIR_MAX(way->nodes, 1u) * 1000;
	u128 bits = (u128)way->bytes * 8 * (uint64_t)b->nanos / (uint64_t)way->nanos / each;

	return (uint64_t)WEIR_MAX(WEIR_MIN(bits, (u128)RATE_MAX_KBIT), (u128)RATE_MIN_KBIT);
}

static int put_subject(const struct weir_budget *b, struct weir_buf *ret)
{
	const char *team = b->scope[WEIR_BUDGET_TEAM], *namespace = b->scope[WEIR_BUDGET_NAMESPACE];
	bool labels = team || b->label_count;
	int r;

	if (!labels && !namespace)
		return 0;
	r = weir_buf_addf(ret, "  subject: {%s", namespace ? "namespace: " : "");
	if (!r && namespace)
		r = weir_buf_quote(ret, namespace);
	if (!r && labels)
		r = weir_buf_addf(ret, "%slabels: {", namespace ? ", " : "");
	if (!r && team) {
		r = weir_buf_addf(ret, "\"team\": ");
		r = r ? r : weir_buf_quote(ret, team);
	}
	for (size_t i = 0; !r && i < b->label_count; i++) {
		if (team && !strcmp(b->labels[i].key, "team"))
			continue; /* the same, or it covers nothing */
		r = i || team ? weir_buf_addf(ret, ", ") : 0;
		r = r ? r : weir_buf_quote(ret, b->labels[i].key);
		r = r ? r : weir_buf_addf(ret, ": ");
		r = r ? r : weir_buf_quote(ret, b->labels[i].value);
	}
	return r ? r : weir_buf_addf(ret, "%s}\n", labels ? "}" : "");
}

static int put_notes(const struct weir_budget *b, const struct weir_budget_view *v, const struct weir_budget_way *way,
		     uint64_t now_s, struct weir_buf *ret)
{
	char scope[256], now[32];
	int r = weir_buf_addf(ret,
			      "# SPDX-License-Identifier: Apache-2.0\n"
			      "# Proposed by the budget %s (%s): %.2f %% of it are spent as of %s.\n"
			      "# Nothing of this is in force until it is committed and approved.\n",
			      b->name, weir_budget_scope(b, scope, sizeof(scope)), (double)v->ppm / 1e4,
			      weir_time_text(now_s * WEIR_NS_PER_S, now));

	if (!r && !b->deny)
		r = weir_buf_addf(ret,
				  "# The rate is that at which a %s costs the budget, by what a byte cost so far, on each of %u node%s.\n"
				  "# In the baseline tier it slows what no other policy decides, and opens nothing that another closes.\n",
				  weir_budget_period_name(b->period), WEIR_MAX(way->nodes, 1u), way->nodes > 1 ? "s" : "");
	if (!r && b->scope[WEIR_BUDGET_TEAM])
		r = weir_buf_addf(ret, "# Workloads whose team is their namespace's name carry no such label: select them by namespace.\n");
	if (!r && b->scope[WEIR_BUDGET_WORKLOAD])
		r = weir_buf_addf(ret, "# Policies do not select by a workload's name: this holds all that has these labels or namespace.\n");
	return r;
}

int weir_budget_propose(const struct weir_budget *b, const struct weir_budget_view *v, const struct weir_budget_way *way,
			uint64_t now_s, struct weir_buf *ret)
{
	bool deny = b->deny;
	int r = deny || way->nanos > 0 ? put_notes(b, v, way, now_s, ret) : -ENODATA;

	if (!r)
		r = weir_buf_addf(ret,
				  "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: budget-%s}\nspec:\n"
				  "  tier: %s\n  priority: %d\n  mode: enforce\n",
				  b->name, deny ? "admin" : "baseline", deny ? 1000 : 1000000);
	if (!r)
		r = put_subject(b, ret);
	if (!r)
		r = weir_buf_addf(ret, "  egress:\n  - action: %s\n", deny ? "deny" : "accept");
	if (!r && *way->path)
		r = weir_buf_addf(ret, "    to: [{path: %s}]\n", way->path);
	if (!r && !deny)
		r = weir_buf_addf(ret, "    limit: {rate: %" PRIu64 "kbit, mode: pace, per: node}\n", rate_kbit(b, v, way));
	return r;
}
