/* SPDX-License-Identifier: Apache-2.0 */
/* Topology, price books and budgets, as the aggregator takes them from a policy repository. */
#include "lib/money/budget.h"
#include "lib/money/price.h"
#include "tests/fuzz/fuzz.h"

static void look_up(const struct weir_topology *t, const struct weir_pricebook *b)
{
	static const char *const addresses[] = {"10.1.2.3", "192.0.2.1", "::1", "2001:db8::1"};
	const struct weir_meter *meters[WEIR_MAX_METERS];
	struct weir_addr local, peer;
	struct weir_route route;

	MUST(weir_addr_parse("10.1.0.1", &local) == 0);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(addresses); i++) {
		int n;

		MUST(weir_addr_parse(addresses[i], &peer) == 0);
		weir_topology_route(t, "d", &local, &peer, &route);
		n = b ? weir_pricebook_meters(b, &route, 1, 1800000000, meters) : 0;
		for (int k = 0; k < n; k++)
			(void)weir_meter_cost(meters[k], UINT64_MAX / 3);
	}
}

/* Whatever it says, it can be measured by, told of and proposed for. */
static void budgets(const struct weir_budget_set *s)
{
	const struct weir_budget_way way = {"nat", 1ull << 40, 1ull << 40, 3};
	struct weir_budget_view v;

	for (size_t i = 0; i < weir_budget_count(s); i++) {
		const struct weir_budget *b = weir_budget_at(s, i);
		weir_auto_buf struct weir_buf text = {0};
		char said[WEIR_BUDGET_SAID];

		weir_budget_evaluate(b, INT64_MAX, 1800000000, &v);
		MUST(v.crossed && b->threshold_count && weir_budget_find(s, b->name) == b);
		for (size_t t = 0; t < b->threshold_count; t++)
			MUST(weir_budget_news(b, &v, t, weir_budget_said(b, t, said)) == WEIR_BUDGET_QUIET);
		MUST(weir_budget_propose(b, &v, &way, 1800000000, &text) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_pricebook *book = NULL;
	struct weir_topology *t = NULL;
	struct weir_budget_set *limits = NULL;
	struct weir_err err = {0};
	bool priced = false, placed = false;
	int r = weir_ydoc_parse((const char *)data, len, "input.yaml", &doc, &err);

	MUST(weir_topology_new(&t) == 0 && weir_pricebook_new(&book) == 0 && weir_budget_set_new(&limits) == 0);
	for (size_t i = 0; !r && i < weir_ydoc_count(doc); i++) {
		placed |= weir_topology_add(t, weir_ydoc_root(doc, i), &err) == 0;
		priced |= weir_pricebook_add(book, weir_ydoc_root(doc, i), &err) == 0;
		(void)weir_budget_set_add(limits, weir_ydoc_root(doc, i), &err);
	}
	placed = placed && weir_topology_seal(t, &err) == 0;
	priced = priced && weir_pricebook_seal(book, &err) == 0;
	if (placed)
		look_up(t, priced ? book : NULL);
	budgets(limits);
	weir_budget_set_free(limits);
	weir_topology_free(t);
	weir_pricebook_free(book);
	return 0;
}
