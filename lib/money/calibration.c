/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/calibration.h"

#define PRICE_MAX (1000ll * 1000000000) /* that a document takes */

struct sum {
	const struct weir_meter *meter;
	const char *account; /* owned */
	bool placed;
	int64_t quantity, billed;
};
struct weir_calibration {
	const struct weir_pricebook *book;
	bool by_account;
	struct sum sums[WEIR_CALIBRATION_RATES_MAX];
	size_t count, last;
};

const char *weir_rate_why(enum weir_rate_why w)
{
	static const char *const whys[] = {
		[WEIR_RATE_OK] = "",
		[WEIR_RATE_NO_REGION] = "the region of the bill is none of the meter's",
		[WEIR_RATE_NO_USAGE] = "nothing is left of its quantity or its cost",
		[WEIR_RATE_AMBIGUOUS] = "other meters of its usage type have another price, and the bill does not say which is which",
		[WEIR_RATE_NO_PRICE] = "its rate is above what a price may be",
	};

	return (unsigned int)w < WEIR_ARRAY_SIZE(whys) ? whys[w] : "?";
}

int weir_calibration_new(const struct weir_pricebook *b, bool by_account, struct weir_calibration **ret)
{
	struct weir_calibration *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->book = b;
	c->by_account = by_account;
	*ret = c;
	return 0;
}

void weir_calibration_free(struct weir_calibration *c)
{
	for (size_t i = 0; c && i < c->count; i++)
		free((char *)(uintptr_t)c->sums[i].account);
	free(c);
}

/* Versions of a meter in time are one. */
static bool same_meter(const struct weir_meter *a, const struct weir_meter *b)
{
	return a == b || (!strcmp(a->name, b->name) && !strcmp(a->provider, b->provider) && !strcmp(a->region, b->region));
}

static bool is_sum(const struct sum *s, const struct weir_meter *m, const char *account, bool placed)
{
	return s->placed == placed && same_meter(s->meter, m) && !strcmp(s->account, account);
}

/* Lines of a kind mostly follow each other. */
static int sum_of(struct weir_calibration *c, const struct weir_meter *m, const char *account, bool placed, struct sum **ret)
{
	struct sum *s = &c->sums[c->last];

	if (!c->count || !is_sum(s, m, account, placed)) {
		for (s = c->sums; s < c->sums + c->count && !is_sum(s, m, account, placed);)
			s++;
		if (s == c->sums + c->count) {
			if (c->count == WEIR_CALIBRATION_RATES_MAX)
				return -E2BIG;
			*s = (struct sum){.meter = m, .account = strdup(account), .placed = placed};
			if (!s->account)
				return -ENOMEM;
			c->count++;
		}
		c->last = (size_t)(s - c->sums);
	}
	*ret = s;
	return 0;
}

int weir_calibration_line(struct weir_calibration *c, const struct weir_charge *charge, const char *account, int64_t billed)
{
	struct sum *s = NULL;
	int r = charge->list ? sum_of(c, charge->list, c->by_account ? account : "", *charge->region != '\0', &s) : 0;

	if (r || !s)
		return r;
	return __builtin_add_overflow(s->quantity, charge->quantity, &s->quantity) ||
			       __builtin_add_overflow(s->billed, billed, &s->billed) ?
		       -ERANGE :
		       0;
}

static bool same_price(const struct weir_meter *a, const struct weir_meter *b)
{
	if (a->tier_count != b->tier_count || a->free_bytes != b->free_bytes || a->unit_bytes != b->unit_bytes)
		return false;
	for (size_t i = 0; i < a->tier_count; i++)
		if (a->tiers[i].from_bytes != b->tiers[i].from_bytes || a->tiers[i].nanos_per_unit != b->tiers[i].nanos_per_unit)
			return false;
	return true;
}

/* Another name for the same usage type of the same region, and whether its price is another. */
static const struct weir_meter *other_name(const struct weir_calibration *c, const struct weir_meter *m, size_t *at, bool *ret_differs)
{
	const struct weir_meter *o;

	while ((o = weir_pricebook_at(c->book, (*at)++)))
		if (!strcmp(o->provider, m->provider) && !strcmp(o->region, m->region) && !strcmp(o->sku, m->sku) &&
		    strcmp(o->name, m->name) != 0) {
			*ret_differs |= !same_price(o, m);
			return o;
		}
	return NULL;
}

static struct weir_rate rate_of(const struct weir_calibration *c, const struct sum *s)
{
	struct weir_rate r = {.meter = s->meter, .account = s->account, .quantity = s->quantity, .billed = s->billed};
	bool differs = false;
	__int128 twice;
	size_t at = 0;

	while (other_name(c, s->meter, &at, &differs))
		;
	if (!s->placed)
		r.why = WEIR_RATE_NO_REGION;
	else if (s->quantity <= 0 || s->billed < 0)
		r.why = WEIR_RATE_NO_USAGE;
	else if (differs)
		r.why = WEIR_RATE_AMBIGUOUS;
	if (r.why != WEIR_RATE_OK)
		return r;
	twice = 2 * (__int128)s->billed * (__int128)s->meter->unit_bytes / s->quantity;
	if ((twice + 1) / 2 > PRICE_MAX)
		r.why = WEIR_RATE_NO_PRICE;
	else
		r.nanos_per_unit = (int64_t)((twice + 1) / 2);
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct sum *x = *(const struct sum *const *)a, *y = *(const struct sum *const *)b;
	int by = strcmp(x->meter->provider, y->meter->provider);

	if (!by)
		by = strcmp(x->meter->region, y->meter->region);
	if (!by)
		by = strcmp(x->meter->name, y->meter->name);
	return by ? by : strcmp(x->account, y->account);
}

int weir_calibration_each(const struct weir_calibration *c, int (*fn)(const struct weir_rate *r, void *arg), void *arg)
{
	weir_auto_free const struct sum **sorted = calloc(c->count + 1, sizeof(*sorted));
	int r = sorted ? 0 : -ENOMEM;

	for (size_t i = 0; sorted && i < c->count; i++)
		sorted[i] = &c->sums[i];
	if (sorted)
		qsort(sorted, c->count, sizeof(*sorted), by_name);
	for (size_t i = 0; !r && i < c->count; i++) {
		struct weir_rate rate = rate_of(c, sorted[i]);
		const char *last = rate.meter->name;
		bool differs = false;
		size_t at = 0;

		r = fn(&rate, arg);
		while (!r && rate.why == WEIR_RATE_OK && (rate.meter = other_name(c, sorted[i]->meter, &at, &differs)))
			if (strcmp(rate.meter->name, last) != 0) {
				last = rate.meter->name;
				r = fn(&rate, arg);
			}
	}
	return r;
}
