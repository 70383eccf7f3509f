/* SPDX-License-Identifier: Apache-2.0 */
/* The export: charges of a period are sorted, those alike are one, and each origin is cut, shared and written. */
#include "lib/money/focus_export.h"

#include <inttypes.h>
#include <time.h>

#include "lib/ds/map.h"
#include "lib/money/focus_export_impl.h"

#define Q_DIGITS 1000000000000 /* of quantities that have no end as decimals, hours out of seconds */
#define TEXTS 10

struct weir_focus_export {
	const struct weir_pricebook *book;
	struct focus_writer w;
	int (*sink)(const void *data, size_t len, void *arg);
	void *arg;
	struct weir_focus_usage *usage;
	struct weir_map *texts; /* themselves, the charges' own */
	struct weir_focus_charge *charges;
	size_t count, cap;
	uint64_t from_s; /* of the period that is held */
	bool head;
	struct weir_focus_export_stats stats;
};

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
				   &c->domain, &c->namespace, &c->workload, &c->team, &c->labels};

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

static int find_meter(const struct weir_focus_export *x, const struct weir_focus_charge *c, const struct weir_meter **ret,
		      struct weir_err *err)
{
	const struct weir_meter *list = weir_pricebook_find(x->book, c->provider, c->region, c->meter, c->from_s);

	if (!list)
		return weir_err_set(err, -EINVAL,
				    "no price book has meter '%.60s' of %.20s in region '%.40s' as of %u: give the books that held then",
				    c->meter, c->provider, c->region, c->month);
	*ret = weir_meter_effective(list, c->account, c->from_s);
	return 0;
}

/* --- an origin --- */

struct origin_work { /* n charges, k pieces */
	uint64_t *bytes, *spread, *scratch;
	int64_t *list, *contracted, *parts; /* list first holds what was charged; of a piece; what of a charge's nanos each piece has: [k * n] */
	uint64_t *quantity;
	int64_t *ratio;
};

static void work_fini(struct origin_work *o)
{
	free(o->bytes);
	free(o->spread);
	free(o->scratch);
	free(o->list);
	free(o->contracted);
	free(o->parts);
	free(o->quantity);
	free(o->ratio);
}

static int work_init(struct origin_work *o, size_t n, size_t k)
{
	o->bytes = calloc(n, sizeof(uint64_t));
	o->spread = calloc(n * k, sizeof(uint64_t));
	o->scratch = calloc(WEIR_MAX(n, k), sizeof(uint64_t));
	o->list = calloc(n, sizeof(int64_t));
	o->contracted = calloc(n * k, sizeof(int64_t));
	o->parts = calloc(n * k, sizeof(int64_t));
	o->quantity = calloc(n, sizeof(uint64_t));
	o->ratio = calloc(WEIR_MAX(n, k), sizeof(int64_t));
	return o->bytes && o->spread && o->scratch && o->list && o->contracted && o->parts && o->quantity && o->ratio ? 0
														   : -ENOMEM;
}

/* The cost of a piece: a difference of the cumulative cost, so that pieces sum to what the usage costs. */
static int64_t cost_of(const struct weir_meter *m, const struct weir_focus_piece *p)
{
	return p->tier ? weir_meter_between(m, p->from, p->from + p->bytes) : 0;
}

/* What a charge was charged goes to its pieces as they cost; where none does, as they have bytes. */
static void share_charged(const struct weir_focus_charge *c, size_t i, size_t n, size_t k, struct origin_work *o)
{
	uint64_t sum = 0;

	for (size_t p = 0; p < k; p++)
		sum += o->scratch[p] = (uint64_t)o->contracted[p * n + i];
	for (size_t p = 0; p < k && !sum; p++)
		o->scratch[p] = o->spread[p * n + i];
	weir_split(c->nanos, o->scratch, k, o->ratio);
	for (size_t p = 0; p < k; p++)
		o->parts[p * n + i] = o->ratio[p];
}

static int price(const struct weir_meter *m, const struct weir_focus_piece *pieces, size_t k, const struct weir_focus_charge *c,
		 size_t n, struct origin_work *o)
{
	int r = 0;

	for (size_t p = 0; !r && p < k; p++)
		r = focus_costs(cost_of(m, &pieces[p]), pieces[p].contracted_nanos, m->unit_bytes, o->spread + p * n, n,
				o->contracted + p * n);
	for (size_t i = 0; !r && i < n; i++) {
		if (c[i].charged)
			share_charged(&c[i], i, n, k, o);
		for (size_t p = 0; p < k && !c[i].charged; p++)
			o->parts[p * n + i] = o->contracted[p * n + i];
	}
	return r;
}

/* Quantities in pricing units: bytes of a unit as they are; hours have no end as decimals, so they are shared. */
static void quantities(const struct weir_meter *m, const struct weir_focus_piece *piece, const uint64_t *bytes, size_t n,
		       struct focus_origin *o, uint64_t *ret)
{
	o->quantity = piece->bytes;
	o->quantity_unit = m->unit_bytes;
	if (m->by_hour) {
		o->quantity = (uint64_t)((unsigned __int128)piece->bytes * Q_DIGITS / m->unit_bytes);
		o->quantity_unit = Q_DIGITS;
		weir_split((int64_t)o->quantity, bytes, n, (int64_t *)ret);
	} else {
		memcpy(ret, bytes, n * sizeof(*ret));
	}
}

static int write_line(struct weir_focus_export *x)
{
	return x->sink(x->w.line.data, x->w.line.len, x->arg);
}

static int write_rows(struct weir_focus_export *x, const struct focus_origin *origin, const uint64_t *bytes,
		      const int64_t *contracted, const int64_t *billed, const struct weir_focus_charge *c, size_t n,
		      struct origin_work *o)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		const struct focus_share s = {&c[i], bytes[i], o->list[i], contracted[i], billed[i], o->quantity[i],
					      (uint64_t)o->ratio[i]};

		if (!bytes[i] && !billed[i])
			continue;
		r = focus_write_row(&x->w, origin, &s);
		if (!r)
			r = write_line(x);
		x->stats.rows++;
		x->stats.billed += billed[i];
		x->stats.contracted += contracted[i];
		x->stats.off_nanos += (uint64_t)llabs(billed[i] - contracted[i]);
	}
	return r;
}

static int write_piece(struct weir_focus_export *x, const struct weir_meter *m, const struct weir_focus_piece *piece, size_t at,
		       const struct weir_focus_charge *c, size_t n, struct origin_work *o)
{
	const uint64_t *bytes = o->spread + at * n;
	char pool[256];
	struct focus_origin origin = {.first = c, .meter = m, .piece = piece, .list = cost_of(m->list, piece),
				      .contracted = cost_of(m, piece), .whole = n == 1 && *c->resource && !*c->workload,
				      .pool = weir_meter_pool(m, c->account, pool, sizeof(pool))};
	int r = focus_costs(origin.list, piece->list_nanos, m->unit_bytes, bytes, n, o->list);

	if (r)
		return r;
	for (size_t i = 0; i < n; i++)
		origin.billed += o->parts[at * n + i];
	quantities(m, piece, bytes, n, &origin, o->quantity);
	weir_split(Q_DIGITS, bytes, n, o->ratio);
	x->stats.origins++;
	return write_rows(x, &origin, bytes, o->contracted + at * n, o->parts + at * n, c, n, o);
}
_Static_assert(WEIR_FOCUS_RATIO_DIGITS == 12, "of Q_DIGITS");

/* Charged otherwise than the books say: by more than a nano-unit for each second of the period. */
static void note_difference(struct weir_focus_export *x, const struct weir_focus_charge *c, size_t n, size_t k,
			    const struct origin_work *o)
{
	int64_t off = 0;

	for (size_t i = 0; i < n * k; i++)
		off += o->parts[i] - o->contracted[i];
	if ((off < 0 ? -off : off) > (int64_t)(c->to_s - c->from_s) * (int64_t)n)
		x->stats.differing++;
}

static int spread(const struct weir_meter *m, const struct weir_focus_piece *pieces, size_t k, const struct weir_focus_charge *c,
		  size_t n, struct origin_work *o)
{
	bool charged = k > 1;

	for (size_t i = 0; i < n; i++) {
		o->bytes[i] = c[i].bytes;
		o->list[i] = c[i].nanos;
		charged &= c[i].charged;
	}
	if (charged)
		return focus_spread_charged(pieces, k, m->unit_bytes, o->bytes, o->list, n, o->spread);
	focus_spread(pieces, k, o->bytes, n, o->spread, o->scratch);
	return 0;
}

/* Hours that the ledger has by what they cost alone: their seconds follow from the price. */
static int hours_of(const struct weir_meter *m, struct weir_focus_charge *c, size_t n, struct weir_err *err)
{
	int64_t price = m->tiers[m->tier_count - 1].nanos_per_unit;

	for (size_t i = 0; i < n; i++) {
		if (!c[i].charged || c[i].bytes || !c[i].nanos)
			continue;
		if (!m->by_hour || price <= 0 || c[i].nanos < 0)
			return weir_err_set(err, -EINVAL, "%s was charged %lld nanos for nothing: give the books that held in %u", m->name,
					    (long long)c[i].nanos, c[i].month);
		c[i].bytes = (uint64_t)(((unsigned __int128)c[i].nanos * m->unit_bytes + (uint64_t)price / 2) / (uint64_t)price);
	}
	return 0;
}

static int write_origin(struct weir_focus_export *x, struct weir_focus_charge *c, size_t n, struct weir_err *err)
{
	weir_auto_free struct weir_focus_piece *pieces = NULL;
	weir_cleanup(work_fini) struct origin_work o = {0};
	const struct weir_meter *m;
	uint64_t sum = 0;
	size_t k = 0;
	int r = find_meter(x, c, &m, err);

	if (!r)
		r = hours_of(m, c, n, err);
	for (size_t i = 0; i < n; i++)
		sum += c[i].bytes;
	if (!r)
		r = weir_focus_cut(x->usage, m, c->account, c->month, sum, &pieces, &k);
	if (r || !k)
		return r;
	r = work_init(&o, n, k);
	if (r)
		return r;
	r = spread(m, pieces, k, c, n, &o);
	if (!r)
		r = price(m, pieces, k, c, n, &o);
	if (!r)
		note_difference(x, c, n, k, &o);
	for (size_t p = 0; !r && p < k; p++)
		r = write_piece(x, m, &pieces[p], p, c, n, &o);
	return r;
}

static int flush(struct weir_focus_export *x, struct weir_err *err)
{
	int r = 0;

	if (!x->head) {
		r = focus_write_head(&x->w);
		if (!r)
			r = write_line(x);
		x->head = true;
	}
	merge(x);
	for (size_t i = 0, n; !r && i < x->count; i += n) {
		for (n = 1; i + n < x->count && !compare_texts(&x->charges[i], &x->charges[i + n], ORIGIN_TEXTS);)
			n++;
		r = write_origin(x, &x->charges[i], n, err);
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
	r = find_meter(x, c, &m, err);
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
