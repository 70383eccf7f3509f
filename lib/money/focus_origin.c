/* SPDX-License-Identifier: Apache-2.0 */
/* An origin: what moved through one meter of one account in one period is cut, priced, shared and written. */
#include <inttypes.h>

#include "lib/money/focus_export_impl.h"

#define Q_DIGITS 1000000000000 /* of quantities that have no end as decimals, hours out of seconds */

int focus_find_meter(const struct weir_focus_export *x, const struct weir_focus_charge *c, const struct weir_meter **ret,
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

struct origin_work { /* n charges, k pieces */
	uint64_t *bytes, *spread, *scratch;
	int64_t *list, *contracted, *parts; /* list first holds what was charged; what of a charge's nanos each piece has: [k * n] */
	uint64_t *quantity; /* [k * n], in parts of a pricing unit: */
	uint64_t quantity_unit;
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
	o->quantity = calloc(n * k, sizeof(uint64_t));
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

static uint64_t hours_quantity(const struct weir_meter *m, uint64_t seconds)
{
	return (uint64_t)((unsigned __int128)seconds * Q_DIGITS / m->unit_bytes);
}

/*
 * Quantities in pricing units: bytes of a unit as they are. Hours have no end as decimals, so the piece's are shared: by what
 * each was charged, where that is all that is known of it, else by seconds.
 */
static void quantities(const struct weir_meter *m, const struct weir_focus_piece *pieces, size_t k,
		       const struct weir_focus_charge *c, size_t n, struct origin_work *o)
{
	o->quantity_unit = m->by_hour ? Q_DIGITS : m->unit_bytes;
	for (size_t p = 0; p < k; p++) {
		uint64_t *row = o->quantity + p * n, *weights = o->spread + p * n;

		if (!m->by_hour) {
			memcpy(row, weights, n * sizeof(*row));
			continue;
		}
		for (size_t i = 0; i < n && k == 1 && c[0].charged; i++)
			o->scratch[i] = (uint64_t)c[i].nanos;
		weir_split((int64_t)hours_quantity(m, pieces[p].bytes), k == 1 && c[0].charged ? o->scratch : weights, n, (int64_t *)row);
	}
}

static int price(const struct weir_meter *m, const struct weir_focus_piece *pieces, size_t k, const struct weir_focus_charge *c,
		 size_t n, struct origin_work *o)
{
	int r = 0;

	quantities(m, pieces, k, c, n, o);
	for (size_t p = 0; !r && p < k; p++)
		r = focus_costs(cost_of(m, &pieces[p]), pieces[p].contracted_nanos, o->quantity_unit, o->quantity + p * n, n,
				o->contracted + p * n);
	for (size_t i = 0; !r && i < n; i++) {
		if (c[i].charged)
			share_charged(&c[i], i, n, k, o);
		for (size_t p = 0; p < k && !c[i].charged; p++)
			o->parts[p * n + i] = o->contracted[p * n + i];
	}
	return r;
}

int focus_sink_line(struct weir_focus_export *x)
{
	return x->sink(x->w.line.data, x->w.line.len, x->arg);
}

static int write_rows(struct weir_focus_export *x, const struct focus_origin *origin, size_t at, const struct weir_focus_charge *c,
		      size_t n, const struct origin_work *o)
{
	const uint64_t *bytes = o->spread + at * n, *quantity = o->quantity + at * n;
	const int64_t *contracted = o->contracted + at * n, *billed = o->parts + at * n;
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		const struct focus_share s = {&c[i], bytes[i], o->list[i], contracted[i], billed[i], quantity[i],
					      (uint64_t)o->ratio[i]};

		if (!bytes[i] && !billed[i])
			continue;
		r = focus_write_row(&x->w, origin, &s);
		if (!r)
			r = focus_sink_line(x);
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
	const uint64_t *quantity = o->quantity + at * n;
	char pool[256];
	struct focus_origin origin = {.first = c, .meter = m, .piece = piece, .list = cost_of(m->list, piece),
				      .contracted = cost_of(m, piece), .whole = n == 1 && *c->resource && !*c->workload && !*c->how,
				      .quantity = m->by_hour ? hours_quantity(m, piece->bytes) : piece->bytes,
				      .quantity_unit = o->quantity_unit,
				      .pool = weir_meter_pool(m, c->account, pool, sizeof(pool))};
	int r = focus_costs(origin.list, piece->list_nanos, o->quantity_unit, quantity, n, o->list);

	if (r)
		return r;
	for (size_t i = 0; i < n; i++)
		origin.billed += o->parts[at * n + i];
	weir_split(Q_DIGITS, m->by_hour ? quantity : o->spread + at * n, n, o->ratio);
	x->stats.origins++;
	return write_rows(x, &origin, at, c, n, o);
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

/* The seconds of what cost so much in all, dealt by cost. */
static int deal_seconds(const struct weir_meter *m, int64_t price, int64_t nanos, struct weir_focus_charge *c, size_t n)
{
	weir_auto_free uint64_t *weights = calloc(n, sizeof(*weights));
	weir_auto_free int64_t *parts = calloc(n, sizeof(*parts));
	uint64_t seconds = (uint64_t)(((unsigned __int128)nanos * m->unit_bytes + (uint64_t)price / 2) / (uint64_t)price);

	if (!weights || !parts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		weights[i] = (uint64_t)c[i].nanos;
	weir_split((int64_t)seconds, weights, n, parts);
	for (size_t i = 0; i < n; i++)
		c[i].bytes = (uint64_t)parts[i];
	return 0;
}

/* Of hours the ledger has what they cost alone: how many there were follows from the price. */
static int hours_of(const struct weir_meter *m, struct weir_focus_charge *c, size_t n, struct weir_err *err)
{
	int64_t price = m->tiers[m->tier_count - 1].nanos_per_unit, nanos = 0;
	bool known = false, negative = false;

	for (size_t i = 0; i < n; i++) {
		known |= !c[i].charged || c[i].bytes;
		negative |= c[i].nanos < 0;
		nanos += c[i].nanos;
	}
	if (known || !nanos)
		return 0;
	if (!m->by_hour || price <= 0 || negative)
		return weir_err_set(err, -EINVAL, "%s was charged %lld nanos for nothing: give the books that held in %u", m->name,
				    (long long)nanos, c->month);
	return deal_seconds(m, price, nanos, c, n);
}

int focus_origin_write(struct weir_focus_export *x, struct weir_focus_charge *c, size_t n, struct weir_err *err)
{
	weir_auto_free struct weir_focus_piece *pieces = NULL;
	weir_cleanup(work_fini) struct origin_work o = {0};
	const struct weir_meter *m;
	uint64_t sum = 0;
	size_t k = 0;
	int r = focus_find_meter(x, c, &m, err);

	if (!r)
		r = hours_of(m, c, n, err);
	for (size_t i = 0; i < n; i++)
		sum += c[i].bytes;
	if (!r)
		r = weir_focus_cut(x->usage, m, c->account, c->month, sum, &pieces, &k);
	if (r || !k)
		return r;
	r = work_init(&o, n, k);
	if (!r)
		r = spread(m, pieces, k, c, n, &o);
	if (!r)
		r = price(m, pieces, k, c, n, &o);
	if (!r)
		note_difference(x, c, n, k, &o);
	for (size_t p = 0; !r && p < k; p++)
		r = write_piece(x, m, &pieces[p], p, c, n, &o);
	return r;
}
