/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a month had used besides what was logged: a bill's bytes of a meter less those of the logs. Where few hours are
 * logged their bytes are not the month's first: a free allowance is not theirs alone, and what is saved is saved at the
 * price of the last byte.
 */
#include "cli/assess.h"
#include "lib/money/charge.h"

#define USES_MAX 4096u

struct use { /* logged bytes of a meter in a pool */
	const char *pool;
	const struct weir_meter *meter;
	char account[128];
	uint64_t bytes;
};
struct uses {
	struct use *rows;
	size_t count, last;
};

void assess_before_fini(struct assess *a)
{
	for (size_t i = 0; i < a->before_count; i++) {
		free((char *)a->before[i].pool);
		free((char *)a->before[i].meter);
	}
	free(a->before);
}

int assess_billed_bytes(struct assess *a, const struct weir_bill_line *l)
{
	struct weir_charge charge;
	int r = weir_charges_of(a->settle.charges, l, &charge);

	if (r || charge.kind != WEIR_CHARGE_USAGE || charge.quantity <= 0 || !*charge.meter)
		return r;
	for (size_t i = 0; i < a->billed_count; i++) {
		struct assess_billed *b = &a->billed[i];

		if (strcmp(b->meter, charge.meter) != 0 || strcmp(b->region, charge.region) != 0)
			continue;
		return __builtin_add_overflow(b->bytes, (uint64_t)charge.quantity, &b->bytes) ?
			       weir_err_set(a->err, -ERANGE, "meter %s: the bill has more bytes than fit", charge.meter) : 0;
	}
	if (a->billed_count == WEIR_ARRAY_SIZE(a->billed))
		return weir_err_set(a->err, -E2BIG, "the bill has more than %u meters and regions", ASSESS_METERS_MAX);
	a->billed[a->billed_count] = (struct assess_billed){.meter = charge.meter, .bytes = (uint64_t)charge.quantity};
	(void)weir_strcpy(a->billed[a->billed_count++].region, sizeof(a->billed[0].region), charge.region);
	return 0;
}

static bool same_use(const struct use *u, const struct weir_replay_charge *c)
{
	return !strcmp(u->pool, c->pool) && !strcmp(u->meter->name, c->meter->name) && !strcmp(u->meter->region, c->meter->region);
}

static int use_add(struct assess *a, struct uses *s, const struct weir_replay_charge *c)
{
	const struct weir_subnet *subnet;
	struct weir_traffic t;

	for (size_t i = 0; i <= s->count; i++) {
		size_t at = i ? i - 1 : s->last; /* most often that of the row before */

		if (at >= s->count || !same_use(&s->rows[at], c))
			continue;
		s->rows[at].bytes += c->bytes;
		s->last = at;
		return 0;
	}
	if (s->count == USES_MAX)
		return weir_err_set(a->err, -E2BIG, "more than %u pools of meters", USES_MAX);
	weir_traffic_get(a->traffic, c->row, &t);
	subnet = weir_topology_subnet(a->topology, t.domain, &t.local);
	s->rows[s->count] = (struct use){.pool = c->pool, .meter = c->meter, .bytes = c->bytes};
	if (subnet)
		(void)weir_strcpy(s->rows[s->count].account, sizeof(s->rows[0].account), subnet->account);
	s->last = s->count++;
	return 0;
}

/* Meters that a bill does not tell apart are one. */
static bool one_to_the_bill(const struct assess *a, const struct weir_meter *x, const struct weir_meter *y)
{
	return !strcmp(x->region, y->region) &&
	       !strcmp(weir_charges_meter(a->settle.charges, x->name), weir_charges_meter(a->settle.charges, y->name));
}

/* What of the bill's bytes nobody logged, by the logged bytes of each pool. */
static uint64_t besides(const struct assess *a, const struct uses *s, const struct use *u)
{
	const char *name = weir_charges_meter(a->settle.charges, u->meter->name);
	unsigned __int128 billed = 0, logged = 0;

	for (size_t i = 0; i < a->billed_count; i++)
		if (!strcmp(a->billed[i].meter, name) && (!*a->billed[i].region || !strcmp(a->billed[i].region, u->meter->region)))
			billed += a->billed[i].bytes;
	for (size_t i = 0; i < s->count; i++)
		if (one_to_the_bill(a, s->rows[i].meter, u->meter))
			logged += s->rows[i].bytes;
	return billed <= logged || billed > INT64_MAX ? 0 : (uint64_t)((billed - logged) * u->bytes / logged);
}

static int put(struct assess *a, const char *pool, const char *meter, uint64_t bytes)
{
	struct weir_replay_usage *row = &a->before[a->before_count];

	*row = (struct weir_replay_usage){.pool = strdup(pool), .meter = strdup(meter), .month = a->month, .bytes = bytes};
	a->before_count++;
	return row->pool && row->meter ? 0 : -ENOMEM;
}

static int usage_of(struct assess *a, const struct uses *s)
{
	int r = 0;

	a->before = calloc(2 * s->count + 1, sizeof(*a->before));
	if (!a->before)
		return -ENOMEM;
	for (size_t i = 0; !r && i < s->count; i++) {
		const struct use *u = &s->rows[i];
		char pool[WEIR_POOL_MAX], name[WEIR_POOL_MAX];
		uint64_t bytes = besides(a, s, u);

		if (!bytes)
			continue;
		r = put(a, u->pool, u->meter->name, bytes);
		if (!r && u->meter->free_bytes)
			r = put(a, weir_meter_free_pool(u->meter, u->account, pool, sizeof(pool)),
				weir_free_name(u->meter, name, sizeof(name)), bytes);
	}
	return r;
}

int assess_before(struct assess *a)
{
	weir_auto_free struct use *rows = calloc(USES_MAX, sizeof(*rows));
	weir_auto_replay struct weir_replay *first = NULL;
	struct uses s = {.rows = rows};
	int r = rows ? weir_replay_run(a->topology, a->settle.book, a->traffic, NULL, 0, &first) : -ENOMEM;

	for (size_t i = 0; !r && i < weir_replay_count(first); i++) {
		const struct weir_replay_charge *c = weir_replay_at(first, i);

		if (c->meter && c->row != WEIR_REPLAY_RESOURCE && c->month == a->month && c->bytes)
			r = use_add(a, &s, c);
	}
	return r ? r : usage_of(a, &s);
}
