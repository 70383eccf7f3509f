/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl cost why --bills: why one month's bill is another than that of another month. Both are settled; what a workload
 * or team has of a bill on a path and meter is a leaf of lib/money/why.h, and what nobody was seen to cause changes as a
 * whole, by its reason: unmeasured. The parts of all lines sum to the change of the invoice, to the nano-unit.
 */
#include "cli/why.h"

#include "cli/prices.h"
#include "cli/settle.h"
#include "cli/table.h"
#include "lib/ds/grow.h"
#include "lib/ds/map.h"
#include "lib/money/why.h"

#define KEYS 3 /* owner, path, meter */
#define LEAVES_MAX 1000000u

enum part { VOLUME, PRICE, MIX, NEW, ENDED, UNMEASURED, PARTS };
static const char *const part_names[PARTS] = {"volume", "price", "mix", "new", "ended", "unmeasured"};

struct leaf {
	char *key[KEYS];
	struct weir_why why;
	bool unmeasured;
};
struct group {
	size_t first; /* leaf whose keys it has */
	int64_t nanos[2], parts[PARTS];
};
struct why_bill {
	struct settle_question q;
	unsigned int dims[KEYS]; /* of the table */
	size_t dim_count;
	uint64_t limit;
	int period; /* 0: the earlier month */
	struct leaf *leaves;
	size_t count, cap;
	struct weir_map *index; /* in leaves, plus one */
	struct group *groups;
	size_t group_count;
	int64_t total[2];
	char currency[16];
	struct weir_err *err;
};

static void why_fini(struct why_bill *w)
{
	for (size_t i = 0; i < w->count; i++)
		for (size_t k = 0; k < KEYS; k++)
			free(w->leaves[i].key[k]);
	free(w->leaves);
	free(w->groups);
	weir_map_free(w->index, NULL);
}

static int leaf_new(struct why_bill *w, const char *const key[KEYS], bool unmeasured)
{
	struct leaf *l;

	if (w->count == LEAVES_MAX)
		return weir_err_set(w->err, -E2BIG, "more than %u kinds of cost", LEAVES_MAX);
	if (weir_grow(&w->leaves, w->count, &w->cap, sizeof(*w->leaves)))
		return -ENOMEM;
	l = &w->leaves[w->count++];
	*l = (struct leaf){.unmeasured = unmeasured};
	for (size_t k = 0; k < KEYS; k++)
		if (!(l->key[k] = strdup(key[k])))
			return -ENOMEM;
	return 0;
}

static int add(struct why_bill *w, const char *const key[KEYS], bool unmeasured, uint64_t bytes, int64_t nanos)
{
	weir_auto_free char *text = weir_strf("%d%c%s%c%s%c%s", unmeasured, 1, key[0], 1, key[1], 1, key[2]);
	uintptr_t at = text ? (uintptr_t)weir_map_find(w->index, text, strlen(text)) : 0;
	int r = text ? 0 : -ENOMEM;

	if (!r && !at) {
		r = leaf_new(w, key, unmeasured);
		at = w->count;
		if (!r)
			r = weir_map_put(w->index, text, strlen(text), (void *)at, NULL);
	}
	if (r)
		return r;
	w->leaves[at - 1].why.bytes[w->period] += bytes;
	w->leaves[at - 1].why.nanos[w->period] += nanos;
	w->total[w->period] += nanos;
	return 0;
}

static int hear(const struct weir_settled *s, void *arg)
{
	struct why_bill *w = arg;
	int64_t given = 0;
	int r = 0;

	for (size_t i = 0; !r && i < s->share_count; i++) {
		const struct weir_settled_share *share = &s->shares[i];
		const char *const key[KEYS] = {share->claim->team, share->claim->path, s->meter};

		given += share->measured + share->adjusted;
		r = add(w, key, false, share->claim->by_hour ? 0 : share->bytes, share->measured + share->adjusted);
	}
	if (!r) { /* all that is no claim's */
		const char *const key[KEYS] = {"(nobody seen)", s->line ? weir_rest_name(s->line->rest) : "rounding", s->meter};

		r = add(w, key, true, 0, s->parts.measured + s->parts.adjusted + s->parts.unattributed - given);
	}
	return r;
}

static int settle_period(struct why_bill *w, const struct cli *c, const char *month, int period)
{
	struct settle_question q = w->q;
	auto_settle s = {0};
	int r;

	q.period = month;
	w->period = period;
	r = settle_open(&s, c, &q, hear, w, w->err);
	if (!r)
		r = settle_run(&s);
	if (!r && *w->currency && strcmp(w->currency, s.currency) != 0)
		r = weir_err_set(w->err, -EINVAL, "one month is billed in %s, the other in %s", w->currency, s.currency);
	if (!r)
		(void)weir_strcpy(w->currency, sizeof(w->currency), s.currency);
	return r;
}

/* Fills the parts of each leaf: what is measured is split together, what is not has one part. */
static int split(struct why_bill *w)
{
	struct weir_why *all = calloc(w->count + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < w->count; i++)
		if (!w->leaves[i].unmeasured)
			all[n++] = w->leaves[i].why;
	weir_why_split(all, n);
	n = 0;
	for (size_t i = 0; i < w->count; i++)
		if (!w->leaves[i].unmeasured)
			w->leaves[i].why = all[n++];
	free(all);
	return 0;
}

static void group_add(struct group *g, const struct leaf *l)
{
	_Static_assert(WEIR_WHY_PARTS == (int)UNMEASURED, "the others in their order");
	g->nanos[0] += l->why.nanos[0];
	g->nanos[1] += l->why.nanos[1];
	if (l->unmeasured)
		g->parts[UNMEASURED] += l->why.nanos[1] - l->why.nanos[0];
	for (int p = 0; p < WEIR_WHY_PARTS && !l->unmeasured; p++)
		g->parts[p] += l->why.parts[p];
}

/* What has no part in either month has none in the answer. */
static void drop_empty(struct why_bill *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->group_count; i++)
		if (w->groups[i].nanos[0] || w->groups[i].nanos[1])
			w->groups[n++] = w->groups[i];
	w->group_count = n;
}

static int by_change(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	int64_t dx = llabs(x->nanos[1] - x->nanos[0]), dy = llabs(y->nanos[1] - y->nanos[0]);

	return dx != dy ? (dx < dy) - (dx > dy) : (x->first > y->first) - (x->first < y->first);
}

static int group(struct why_bill *w)
{
	struct weir_map *index = NULL;
	int r = weir_map_new(&index);

	w->groups = calloc(w->count + 1, sizeof(*w->groups));
	if (!r && !w->groups)
		r = -ENOMEM;
	for (size_t i = 0; !r && i < w->count; i++) {
		char key[1024];
		size_t len = 0;
		uintptr_t at;

		for (size_t k = 0; k < w->dim_count && len < sizeof(key); k++)
			len += (size_t)snprintf(key + len, sizeof(key) - len, "%s\n", w->leaves[i].key[w->dims[k]]);
		len = WEIR_MIN(len, sizeof(key) - 1);
		at = (uintptr_t)weir_map_find(index, key, len);
		if (!at) {
			at = w->group_count + 1;
			r = weir_map_put(index, key, len, (void *)at, NULL);
			w->groups[w->group_count++].first = i;
		}
		if (!r)
			group_add(&w->groups[at - 1], &w->leaves[i]);
	}
	weir_map_free(index, NULL);
	drop_empty(w);
	if (!r)
		qsort(w->groups, w->group_count, sizeof(*w->groups), by_change);
	return r;
}

static const char *dim_name(const struct why_bill *w, unsigned int dim)
{
	static const char *const names[KEYS] = {"team", "path", "meter"};

	return dim ? names[dim] : w->q.by_workload ? "workload" : names[0];
}

static json_t *group_json(const struct why_bill *w, const struct group *g, const char *name)
{
	json_t *o = json_object();
	char field[32];
	int r = o ? 0 : -1;

	for (size_t k = 0; !r && k < w->dim_count; k++)
		r = json_object_set_new(o, dim_name(w, w->dims[k]), json_string(name ? k ? "" : name : w->leaves[g->first].key[w->dims[k]]));
	if (!r)
		r = json_object_set_new(o, "before_nanos", json_integer(g->nanos[0])) |
		    json_object_set_new(o, "after_nanos", json_integer(g->nanos[1])) |
		    json_object_set_new(o, "change_nanos", json_integer(g->nanos[1] - g->nanos[0]));
	for (int p = 0; !r && p < PARTS; p++) {
		snprintf(field, sizeof(field), "%s_nanos", part_names[p]);
		r = json_object_set_new(o, field, json_integer(g->parts[p]));
	}
	if (r) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static void fold(struct group *to, const struct group *g)
{
	to->nanos[0] += g->nanos[0];
	to->nanos[1] += g->nanos[1];
	for (int p = 0; p < PARTS; p++)
		to->parts[p] += g->parts[p];
}

static int answer(const struct why_bill *w, json_t **ret)
{
	view_auto_json json_t *root = json_pack("{s:s,s:[]}", "currency", w->currency, "items");
	struct group total = {0}, rest = {0};
	size_t shown = WEIR_MIN(w->group_count, (size_t)w->limit);
	int r = root ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < w->group_count; i++) {
		fold(i < shown ? &total : &rest, &w->groups[i]);
		if (i < shown && json_array_append_new(json_object_get(root, "items"), group_json(w, &w->groups[i], NULL)))
			r = -ENOMEM;
	}
	fold(&total, &rest);
	if (r || json_object_set_new(root, "hidden", json_integer((json_int_t)(w->group_count - shown))) ||
	    json_object_set_new(root, "rest", group_json(w, &rest, "others")) ||
	    json_object_set_new(root, "total", group_json(w, &total, "total")))
		return -ENOMEM;
	*ret = weir_take_ptr(root);
	return 0;
}

static int read_dims(struct why_bill *w, const char *by)
{
	weir_auto_free char *copy = strdup(by);
	char *save = NULL;

	if (!copy)
		return -ENOMEM;
	for (char *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		unsigned int dim = 0;

		if (!strcmp(p, "workload"))
			w->q.by_workload = true;
		else if (!strcmp(p, "path") || !strcmp(p, "meter"))
			dim = *p == 'p' ? 1 : 2;
		else if (strcmp(p, "team") != 0)
			dim = KEYS;
		for (size_t k = 0; dim < KEYS && k < w->dim_count; k++)
			dim = w->dims[k] == dim ? KEYS : dim;
		if (dim == KEYS)
			return weir_err_set(w->err, -EINVAL, "--by: of a bill, one of team and workload, and path, and meter, each once");
		w->dims[w->dim_count++] = dim;
	}
	return w->dim_count ? 0 : weir_err_set(w->err, -EINVAL, "--by is empty");
}

int why_bill(const struct cli *c, const struct why_question *q, json_t **ret, struct weir_err *err)
{
	weir_cleanup(why_fini) struct why_bill w = {.q = q->bill, .limit = q->limit, .err = err};
	int r = read_dims(&w, q->by);

	w.q.months = true;
	if (!r && (!q->since || !q->against))
		r = weir_err_set(err, -EINVAL, "--bills: say both months, as --since 2026-10 --against 2026-09");
	if (!r)
		r = weir_map_new(&w.index);
	if (!r)
		r = settle_period(&w, c, q->against, 0);
	if (!r)
		r = settle_period(&w, c, q->since, 1);
	if (!r)
		r = split(&w);
	if (!r)
		r = group(&w);
	return r ? r : answer(&w, ret);
}
