/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contracts and calibrated rates over list prices. Each rule makes, of every list row that it is about, a row
 * with prices of its own; a list row keeps them in the order in which they are tried: calibrated before
 * contract, and within a layer the one that says more about where it holds. Two that say equally much must
 * not hold at once.
 */
#include "lib/money/book.h"

static const char *const layer_names[] = {"list", "contract", "calibrated"};

const char *weir_price_layer_name(enum weir_price_layer l)
{
	return layer_names[l];
}

static bool holds(const struct book_row *row, const char *account, uint64_t time_s)
{
	const struct book_list *accounts = &row->rule->accounts;

	return time_s >= row->pub.valid_from && time_s < row->pub.valid_to &&
	       (!accounts->count || book_has(accounts, account));
}

static const struct weir_meter *over(const struct weir_meter *list, enum weir_price_layer least,
				     enum weir_price_layer most, const char *account, uint64_t time_s)
{
	const struct book_row *row = (const struct book_row *)list->list;

	for (row = row->over; row; row = row->over)
		if (row->pub.layer >= least && row->pub.layer <= most && holds(row, account ? account : "", time_s))
			return &row->pub;
	return NULL;
}

const struct weir_meter *weir_meter_layer(const struct weir_meter *list, enum weir_price_layer layer,
					  const char *account, uint64_t time_s)
{
	return layer == WEIR_PRICE_LIST ? list->list : over(list, layer, layer, account, time_s);
}

const struct weir_meter *weir_meter_effective(const struct weir_meter *list, const char *account, uint64_t time_s)
{
	const struct weir_meter *m = over(list, WEIR_PRICE_CONTRACT, WEIR_PRICE_CALIBRATED, account, time_s);

	return m ? m : list->list;
}

const struct weir_meter *weir_meter_over(const struct weir_meter *m)
{
	const struct book_row *row = (const struct book_row *)m;

	return row->over ? &row->over->pub : NULL;
}

const char *weir_meter_account(const struct weir_meter *m, size_t i)
{
	const struct book_rule *rule = ((const struct book_row *)m)->rule;

	return rule && i < rule->accounts.count ? rule->accounts.items[i] : NULL;
}

static bool is_about(const struct book_rule *rule, const struct book_row *row)
{
	return !strcmp(rule->provider, row->pub.provider) &&
	       (!rule->meters.count || book_has(&rule->meters, row->pub.name)) &&
	       (!rule->regions.count || book_has(&rule->regions, row->pub.region));
}

static int strength(const struct book_rule *r)
{
	return 16 * (int)r->layer + 4 * (r->meters.count > 0) + 2 * (r->regions.count > 0) + (r->accounts.count > 0);
}

/* Rounded half up to the nano-unit, once, at the price: what is charged then follows from it exactly. */
static int64_t price_by(const struct book_rule *rule, int64_t list)
{
	if (rule->fixed)
		return rule->nanos_per_unit;
	return (int64_t)(((unsigned __int128)(uint64_t)list * (1000000 - rule->discount_ppm) + 500000) / 1000000);
}

static int make_row(struct weir_pricebook *b, const struct book_rule *rule, const struct book_row *list,
		    struct book_row **ret)
{
	size_t n = rule->fixed ? 1 : list->pub.tier_count;
	struct weir_tier_price *tiers = book_alloc(b, n * sizeof(*tiers));
	struct book_row *row = book_alloc(b, sizeof(*row));

	if (!tiers || !row)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		tiers[i] = (struct weir_tier_price){list->pub.tiers[i].from_bytes,
						    price_by(rule, list->pub.tiers[i].nanos_per_unit)};
	*row = *list;
	row->rule = rule;
	row->where = rule->where;
	row->pub.tiers = tiers;
	row->pub.tier_count = n;
	row->pub.layer = rule->layer;
	row->pub.source = rule->source;
	row->pub.confidence = rule->confidence;
	row->pub.valid_from = rule->valid_from;
	row->pub.valid_to = rule->valid_to;
	if (*rule->sku)
		row->pub.sku = rule->sku;
	if (rule->layer == WEIR_PRICE_CALIBRATED)
		row->pub.free_bytes = 0;
	*ret = row;
	return 0;
}

static bool accounts_meet(const struct book_rule *a, const struct book_rule *b)
{
	if (!a->accounts.count || !b->accounts.count)
		return true;
	for (size_t i = 0; i < a->accounts.count; i++)
		if (book_has(&b->accounts, a->accounts.items[i]))
			return true;
	return false;
}

static bool clash(const struct book_rule *a, const struct book_rule *b)
{
	return strength(a) == strength(b) && a->valid_from < b->valid_to && b->valid_from < a->valid_to &&
	       accounts_meet(a, b);
}

/* Puts the row behind those that are stronger; *ret_clash is one that holds with it, or stays. */
static void chain(struct book_row *list, struct book_row *row, const struct book_rule **ret_clash)
{
	struct book_row **at = &list->over;

	for (; *at && strength((*at)->rule) >= strength(row->rule); at = &(*at)->over)
		if (clash((*at)->rule, row->rule))
			*ret_clash = (*at)->rule;
	row->over = *at;
	*at = row;
}

static int apply_to(struct weir_pricebook *b, const struct book_rule *rule, size_t first, size_t count, bool *ret_used,
		    const struct book_rule **ret_clash)
{
	for (size_t i = first; i < first + count; i++) {
		struct book_row *row = NULL;
		int r;

		if (!is_about(rule, b->rows[i]))
			continue;
		if (b->over_count == BOOK_MAX_OVER)
			return -E2BIG;
		r = make_row(b, rule, b->rows[i], &row);
		if (r < 0)
			return r;
		b->over_count++;
		chain(b->rows[i], row, ret_clash);
		*ret_used = true;
	}
	return 0;
}

/* Rates are many, and each is about one region. */
static int apply(struct weir_pricebook *b, const struct book_rule *rule, bool *ret_used,
		 const struct book_rule **ret_clash)
{
	int r = 0;

	if (!rule->regions.count)
		return apply_to(b, rule, 0, b->count, ret_used, ret_clash);
	for (size_t i = 0; r == 0 && i < rule->regions.count; i++) {
		size_t count, first = book_place(b, rule->provider, strlen(rule->provider), rule->regions.items[i],
						 &count);

		r = apply_to(b, rule, first, count, ret_used, ret_clash);
	}
	return r;
}

/* A name that no list price has would be money that is silently not there. */
static const char *unknown_name(const struct weir_pricebook *b, const struct book_rule *rule, bool used)
{
	const struct book_list *lists[] = {&rule->meters, &rule->regions};

	if (used && rule->meters.count <= 1 && rule->regions.count <= 1)
		return NULL;
	for (size_t l = 0; l < WEIR_ARRAY_SIZE(lists); l++)
		for (size_t i = 0; i < lists[l]->count; i++) {
			bool known = false;

			for (size_t k = 0; k < b->count && !known; k++)
				known = !strcmp(b->rows[k]->pub.provider, rule->provider) &&
					!strcmp(l ? b->rows[k]->pub.region : b->rows[k]->pub.name, lists[l]->items[i]);
			if (!known)
				return lists[l]->items[i];
		}
	return NULL;
}

int book_apply_rules(struct weir_pricebook *b, void (*fn)(enum weir_problem kind, const char *line, void *arg),
		     void *arg)
{
	int r = 0, result = 0;

	for (size_t i = 0; r == 0 && i < b->rule_count; i++) {
		const struct book_rule *clashes = NULL;
		const char *unknown = NULL;
		weir_auto_free char *line = NULL;
		bool used = false;

		r = apply(b, b->rules[i], &used, &clashes);
		if (r == 0)
			unknown = unknown_name(b, b->rules[i], used);
		if (r == -E2BIG)
			line = weir_strf("%s: contracts and rates make more than %d prices", b->rules[i]->where,
					 BOOK_MAX_OVER);
		else if (r == 0 && unknown)
			line = weir_strf("%s: no price book of %s has '%.60s'", b->rules[i]->where,
					 b->rules[i]->provider, unknown);
		else if (r == 0 && !used)
			line = weir_strf("%s: no price book of %s has these meters in these regions",
					 b->rules[i]->where, b->rules[i]->provider);
		else if (r == 0 && clashes)
			line = weir_strf("%s: prices the same as %s at the same time", b->rules[i]->where,
					 clashes->where);
		if (line) {
			fn(WEIR_PROBLEM_ERROR, line, arg);
			result = -EINVAL;
		}
	}
	return r < 0 ? r : result;
}
