/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/budgets.h"

#include "aggregator/budget_masks.h"
#include "aggregator/query_budget.h"
#include "aggregator/store_budget.h"
#include "aggregator/store_charged.h"
#include "lib/ds/map.h"
#include "lib/money/topology.h"

/* What was said is kept so long: longer than any period. */
#define KEEP_S (400 * 86400ull)

struct budgets {
	struct store *store;
	struct budget_kept kept[WEIR_BUDGETS_MAX];
	size_t count;
	uint8_t print[32];
	bool loaded;
	uint64_t until_s; /* the first end of a period */
	uint64_t since_s; /* the last update */
	struct masks masks;
	int failed; /* while charges are added */
};

static const struct weir_budget *budget_of(const void *owner, size_t i)
{
	const struct budgets *b = owner;

	return b->kept[i].budget;
}

int budgets_new(struct store *s, struct budgets **ret)
{
	struct budgets *b = calloc(1, sizeof(*b));
	int r = b ? masks_init(&b->masks) : -ENOMEM;

	if (r) {
		free(b);
		return r;
	}
	b->masks.budget = budget_of;
	b->masks.owner = b;
	b->store = s;
	*ret = b;
	return 0;
}

void budgets_free(struct budgets *b)
{
	if (!b)
		return;
	masks_fini(&b->masks);
	free(b);
}

size_t budgets_count(const struct budgets *b)
{
	return b->count;
}

struct budget_kept *budgets_at(struct budgets *b, size_t i)
{
	return &b->kept[i];
}

struct budget_kept *budgets_find(struct budgets *b, const char *name)
{
	for (size_t i = 0; i < b->count; i++)
		if (!strcmp(b->kept[i].budget->name, name))
			return &b->kept[i];
	return NULL;
}

struct reading {
	struct budgets *b;
	uint64_t from_s, to_s;
};

static int add_stored(const struct query_charged *c, void *arg)
{
	const struct reading *at = arg;
	struct budgets *b = at->b;
	int r;
	const struct mask *m = mask_of(&b->masks, b->store, c->workload, c, &r);

	for (size_t i = 0; m && i < b->count; i++) {
		struct budget_kept *k = &b->kept[i];

		if (k->view.from_s == at->from_s && k->view.to_s == at->to_s && mask_covers(&b->masks, m, i, c->path, c->meter))
			k->spent_nanos += c->nanos;
	}
	return r;
}

static void add_charged(const struct store_charged *c, void *arg)
{
	struct budgets *b = arg;
	int r;
	const struct mask *m = mask_of(&b->masks, b->store, c->workload, NULL, &r);

	for (size_t i = 0; m && i < b->count; i++) {
		struct budget_kept *k = &b->kept[i];

		if (c->hour_s >= k->view.from_s && c->hour_s < k->view.to_s && mask_covers(&b->masks, m, i, c->path, c->meter))
			k->spent_nanos += c->nanos;
	}
	b->failed = b->failed ? b->failed : r;
}

static int add_said(const struct store_alert *a, void *arg)
{
	struct budget_kept *k = arg;

	for (size_t t = 0; t < k->budget->threshold_count; t++)
		if (!strcmp(k->budget->thresholds[t].name, a->threshold))
			snprintf(k->said[t], sizeof(k->said[t]), "%s", a->said);
	return 0;
}

/* Each period that a budget has, once. */
static int read_ledger(struct budgets *b, uint64_t now_s)
{
	int r = 0;

	for (enum weir_budget_period p = WEIR_BUDGET_MONTH; !r && p <= WEIR_BUDGET_YEAR; p++) {
		struct reading at = {.b = b};
		bool wanted = false;

		weir_budget_bounds(p, now_s, &at.from_s, &at.to_s);
		for (size_t i = 0; i < b->count; i++)
			wanted |= b->kept[i].budget->period == p;
		if (wanted)
			r = query_charged(b->store, at.from_s, at.to_s, add_stored, &at);
	}
	return r;
}

static int read_said(struct budgets *b)
{
	int r = 0;

	for (size_t i = 0; !r && i < b->count; i++) {
		memset(b->kept[i].said, 0, sizeof(b->kept[i].said));
		r = store_alerts(b->store, b->kept[i].name, b->kept[i].view.from_s, add_said, &b->kept[i]);
	}
	return r;
}

/* Most revisions of a repository are not about budgets, or about their amounts alone: what is spent stays. */
static bool measured_alike(const struct budgets *b, const struct weir_budget_set *set)
{
	bool alike = set && weir_budget_count(set) == b->count;

	for (size_t i = 0; alike && i < b->count; i++)
		alike = !strcmp(b->kept[i].name, weir_budget_at(set, i)->name) &&
			b->kept[i].measure == weir_budget_measure(weir_budget_at(set, i));
	return alike;
}

static int rebind(struct budgets *b, const struct weir_budget_set *set, const uint8_t print[32])
{
	int r;

	for (size_t i = 0; i < b->count; i++)
		b->kept[i].budget = weir_budget_at(set, i);
	r = read_said(b);
	if (!r)
		memcpy(b->print, print, sizeof(b->print));
	return r;
}

static void nothing(const struct store_charged *c, void *arg)
{
	(void)c;
	(void)arg;
}

static int load(struct budgets *b, const struct weir_budget_set *set, const uint8_t print[32], uint64_t now_s)
{
	int r = masks_forget(&b->masks);

	b->loaded = false;
	b->count = b->masks.count = set ? weir_budget_count(set) : 0;
	b->until_s = UINT64_MAX;
	memcpy(b->print, print, sizeof(b->print));
	for (size_t i = 0; i < b->count; i++) {
		b->kept[i] = (struct budget_kept){.budget = weir_budget_at(set, i)};
		b->kept[i].measure = weir_budget_measure(b->kept[i].budget);
		strcpy(b->kept[i].name, b->kept[i].budget->name);
		weir_budget_evaluate(b->kept[i].budget, 0, now_s, &b->kept[i].view);
		b->until_s = WEIR_MIN(b->until_s, b->kept[i].view.to_s);
	}
	if (!r && b->count)
		r = store_charged_begin(b->store);
	/* What is noted up to now is in the ledger as well. */
	store_charged_take(b->store, nothing, NULL);
	if (!r && b->count)
		r = read_ledger(b, now_s);
	if (!r)
		r = read_said(b);
	if (!r && b->count && now_s > KEEP_S)
		r = store_budget_forget(b->store, now_s - KEEP_S);
	b->loaded = !r;
	return r;
}

int budgets_update(struct budgets *b, const struct weir_budget_set *set, const uint8_t print[32], uint64_t now_s)
{
	bool other = !b->loaded || now_s >= b->until_s || now_s < b->since_s, revised = memcmp(b->print, print, sizeof(b->print)) != 0;
	int r = 0;

	b->failed = 0;
	/* The same revision may have been read again since, and another in between: its documents are elsewhere now. */
	for (size_t i = 0; !other && !revised && i < b->count; i++)
		b->kept[i].budget = weir_budget_at(set, i);
	if (!other && revised) {
		other = !measured_alike(b, set);
		r = other ? 0 : rebind(b, set, print);
	}
	if (r)
		return r;
	if (!other)
		other = !store_charged_take(b->store, add_charged, b) || b->failed;
	if (other)
		r = load(b, set, print, now_s);
	b->since_s = now_s;
	for (size_t i = 0; i < b->count; i++)
		weir_budget_evaluate(b->kept[i].budget, b->kept[i].spent_nanos, now_s, &b->kept[i].view);
	return r;
}

struct ways {
	struct budgets *b;
	const struct budget_kept *k;
	size_t index;
	struct weir_budget_way way[WEIR_PATHS];
	struct weir_map *nodes; /* path and node */
};

static int add_way(const struct query_charged *c, void *arg)
{
	struct ways *w = arg;
	char key[256];
	int r;
	const struct mask *m = mask_of(&w->b->masks, w->b->store, c->workload, c, &r);

	/* What costs by the hour moves no byte, and no rate holds it. */
	if (!m || c->path >= WEIR_PATHS || !(c->moved | c->metered) || !mask_covers(&w->b->masks, m, w->index, c->path, c->meter))
		return r;
	w->way[c->path].bytes += w->k->budget->scope[WEIR_BUDGET_METER] ? c->metered : c->moved;
	w->way[c->path].nanos += c->nanos;
	snprintf(key, sizeof(key), "%u %s", c->path, c->node);
	if (!weir_map_find(w->nodes, key, strlen(key))) {
		w->way[c->path].nodes++;
		r = weir_map_put(w->nodes, key, strlen(key), w, NULL);
	}
	return r;
}

int budgets_way(struct budgets *b, const struct budget_kept *k, struct weir_budget_way *ret)
{
	struct ways w = {.b = b, .k = k, .index = (size_t)(k - b->kept)};
	int best = 0, r = weir_map_new(&w.nodes);

	if (r)
		return r;
	r = query_charged(b->store, k->view.from_s, k->view.to_s, add_way, &w);
	weir_map_free(w.nodes, NULL);
	if (r)
		return r;
	for (int p = 1; p < WEIR_PATHS; p++)
		if (w.way[p].nanos > w.way[best].nanos)
			best = p;
	*ret = w.way[best];
	ret->path = ret->nanos > 0 ? weir_path_name((enum weir_path)best) : "";
	return 0;
}
