/* SPDX-License-Identifier: Apache-2.0 */
/* The export: charges of a period are held, sorted, and those alike are one. */
#include "lib/money/focus_export.h"

#include <inttypes.h>
#include <time.h>

#include "lib/ds/map.h"
#include "lib/money/focus_export_impl.h"

#define TEXTS 11

void weir_focus_export_free(struct weir_focus_export *x)
{
	if (!x)
		return;
	weir_focus_usage_free(x->usage);
	if (x->texts)
		weir_map_free(x->texts, free);
	focus_writer_fini(&x->w);
	free(x->charges);
	free(x);
}

int weir_focus_export_new(const struct weir_focus_export_options *o, int (*sink)(const void *data, size_t len, void *arg),
			  void *arg, struct weir_focus_export **ret)
{
	weir_auto_focus_export struct weir_focus_export *x = calloc(1, sizeof(*x));
	int r = x ? weir_focus_usage_new(&x->usage) : -ENOMEM;

	if (!r)
		r = weir_map_new(&x->texts);
	if (r)
		return r;
	x->book = o->book;
	x->sink = sink;
	x->arg = arg;
	x->w.version = o->version;
	x->w.currency = weir_pricebook_currency(o->book);
	x->w.account_prefix = o->account_prefix ? o->account_prefix : "";
	*ret = weir_take_ptr(x);
	return 0;
}

/* --- charges --- */

static void texts_of(struct weir_focus_charge *c, const char **ret[TEXTS])
{
	const char **all[TEXTS] = {&c->provider, &c->meter, &c->region, &c->account, &c->resource,
				   &c->domain, &c->namespace, &c->workload, &c->team, &c->labels, &c->how};

	memcpy(ret, all, sizeof(all));
}

/* The first five are the origin's. */
#define ORIGIN_TEXTS 5

static int compare_texts(const struct weir_focus_charge *a, const struct weir_focus_charge *b, size_t n)
{
	const char **x[TEXTS], **y[TEXTS];
	int c = 0;

	texts_of((struct weir_focus_charge *)a, x);
	texts_of((struct weir_focus_charge *)b, y);
	for (size_t i = 0; !c && i < n; i++)
		c = *x[i] == *y[i] ? 0 : strcmp(*x[i], *y[i]);
	return c;
}

static int compare(const void *p, const void *q)
{
	const struct weir_focus_charge *a = p, *b = q;
	int c = compare_texts(a, b, TEXTS);

	if (!c)
		c = strcmp(a->kind, b->kind);
	if (!c)
		c = (a->path > b->path) - (a->path < b->path);
	return c ? c : a->flow_log - b->flow_log;
}

static int intern(struct weir_focus_export *x, const char **text)
{
	const char *s = *text ? *text : "";
	char *own = weir_map_find(x->texts, s, strlen(s));
	int r = 0;

	if (!own) {
		if (weir_map_count(x->texts) >= WEIR_FOCUS_TEXTS_MAX)
			return -E2BIG;
		own = strdup(s);
		r = own ? weir_map_put(x->texts, s, strlen(s), own, NULL) : -ENOMEM;
		if (r)
			free(own);
	}
	if (!r)
		*text = own;
	return r;
}

/* Charges alike become one; afterwards the array is sorted. */
static void merge(struct weir_focus_export *x)
{
	size_t n = 0;

	if (x->count)
		qsort(x->charges, x->count, sizeof(*x->charges), compare);
	for (size_t i = 0; i < x->count; i++) {
		struct weir_focus_charge *last = n ? &x->charges[n - 1] : NULL;

		if (last && !compare(last, &x->charges[i])) {
			last->bytes += x->charges[i].bytes;
			last->nanos += x->charges[i].nanos;
			last->charged |= x->charges[i].charged;
		} else {
			x->charges[n++] = x->charges[i];
		}
	}
	x->count = n;
}

static int hold(struct weir_focus_export *x, const struct weir_focus_charge *c)
{
	struct weir_focus_charge copy = *c;
	const char **texts[TEXTS];
	int r = intern(x, &copy.kind);

	texts_of(&copy, texts);
	for (size_t i = 0; !r && i < TEXTS; i++)
		r = intern(x, texts[i]);
	if (r)
		return r;
	if (x->count == x->cap) {
		merge(x);
		if (2 * x->count >= x->cap) {
			size_t cap = x->cap ? 2 * x->cap : 256;
			void *p = cap > WEIR_FOCUS_PERIOD_CHARGES_MAX ? NULL : reallocarray(x->charges, cap, sizeof(copy));

			if (!p)
				return cap > WEIR_FOCUS_PERIOD_CHARGES_MAX ? -E2BIG : -ENOMEM;
			x->charges = p;
			x->cap = cap;
		}
	}
	x->charges[x->count++] = copy;
	return 0;
}

static int flush(struct weir_focus_export *x, struct weir_err *err)
{
	int r = 0;

	if (!x->head) {
		r = focus_write_head(&x->w);
		if (!r)
			r = focus_sink_line(x);
		x->head = true;
	}
	merge(x);
	for (size_t i = 0, n; !r && i < x->count; i += n) {
		for (n = 1; i + n < x->count && !compare_texts(&x->charges[i], &x->charges[i + n], ORIGIN_TEXTS);)
			n++;
		r = focus_origin_write(x, &x->charges[i], n, err);
	}
	x->count = 0;
	return r;
}

int weir_focus_export_before(struct weir_focus_export *x, const struct weir_focus_charge *c, struct weir_err *err)
{
	weir_auto_free struct weir_focus_piece *pieces = NULL;
	const struct weir_meter *m;
	size_t n;
	int r;

	if (!strcmp(c->meter, "none") || !strcmp(c->meter, "unpriced"))
		return 0;
	r = focus_find_meter(x, c, &m, err);
	return r ? r : weir_focus_cut(x->usage, m, c->account, c->month, c->bytes, &pieces, &n);
}

int weir_focus_export_add(struct weir_focus_export *x, const struct weir_focus_charge *c, struct weir_err *err)
{
	int r = 0;

	if (x->count && c->from_s < x->from_s)
		return weir_err_set(err, -EINVAL, "a charge of %" PRIu64 " behind those of %" PRIu64, c->from_s, x->from_s);
	if (c->from_s != x->from_s)
		r = flush(x, err);
	x->from_s = c->from_s;
	x->stats.charges++;
	if (!strcmp(c->meter, "none"))
		x->stats.free_bytes += c->bytes;
	else if (!strcmp(c->meter, "unpriced"))
		x->stats.unpriced_bytes += c->bytes;
	else if (!r)
		r = hold(x, c);
	if (r == -E2BIG)
		return weir_err_set(err, r, "more than %u charges in one period, or more than %u texts: export by hour, or less",
				    WEIR_FOCUS_PERIOD_CHARGES_MAX, WEIR_FOCUS_TEXTS_MAX);
	return r;
}

int weir_focus_export_end(struct weir_focus_export *x, struct weir_focus_export_stats *ret, struct weir_err *err)
{
	int r = flush(x, err);

	if (!r)
		*ret = x->stats;
	return r;
}
