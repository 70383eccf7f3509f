/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a PriceBook document; the schema is in price.c. */
#include "lib/money/book.h"

#define MAX_TIERS 32

static const char *const leg_names[] = {"processing", "hop", "transfer", NULL};
static const char *const pool_names[] = {"account", "account-region", "organisation", "organisation-region", NULL};
static const char *const direction_names[] = {"ingress", "egress", NULL};
static const char *const when_names[] = {"public", "service", "same-region", "other-region", "same-zone",
					 "other-zone", "target", "client", "internet-facing", "internal",
					 "alb", "nlb", "clb", "azure-lb", "gcp-lb", NULL};

/* By the hour: what is charged is a thing's seconds, an hour has 3600 of them. */
#define FIRST_HOURLY 9
static const char *const unit_names[] = {"B",  "KiB",  "MiB",	   "GiB",	"TiB",	   "kB", "MB", "GB",
					 "TB", "hour", "lcu-hour", "gbps-hour", "vm-hour", NULL};
static const uint64_t unit_sizes[] = {1,	  1ULL << 10,	 1ULL << 20, 1ULL << 30, 1ULL << 40, 1000, 1000000,
				      1000000000, 1000000000000, 3600,	     3600,	 3600,	     3600};

/* What a price says, or inherits from its meter, and that from its book. */
struct entry {
	struct book_list regions;
	const char *source, *area, *sku;
	enum weir_confidence confidence;
	uint64_t valid_from, valid_to;
};

struct reading {
	struct weir_pricebook *b;
	struct weir_y *groups; /* NULL: none */
	struct weir_err *err;
};

const char *weir_meter_pool_scope(const struct weir_meter *m)
{
	return pool_names[((const struct book_row *)m)->pool];
}

const char *weir_meter_free_pool_scope(const struct weir_meter *m)
{
	return pool_names[((const struct book_row *)m)->free_pool];
}

static int read_bits(struct weir_y *seq, const char *const *names, uint32_t *ret,
		     struct weir_err *err)
{
	uint32_t bits = 0;
	int r;

	r = weir_y_seq(seq, err);
	for (size_t i = 0; i < weir_y_count(seq) && r == 0; i++) {
		unsigned int index;

		r = weir_y_enum(weir_y_item(seq, i), names, &index, err);
		if (r == 0)
			bits |= 1u << index;
	}
	if (r == 0 && !bits)
		return weir_y_err(seq, err, "the list is empty");
	if (r == 0)
		*ret = bits;
	return r;
}

static int read_paths(struct weir_y *map, uint32_t *ret, struct weir_err *err)
{
	const char *names[WEIR_PATHS + 1] = {NULL};
	struct weir_y *y;
	int r;

	for (unsigned int i = 0; i < WEIR_PATHS; i++)
		names[i] = weir_path_name((enum weir_path)i);
	r = weir_y_get(map, "paths", &y, err);
	if (r == 0)
		r = read_bits(y, names, ret, err);
	if (r == 0 && (*ret & (1u << WEIR_PATH_UNKNOWN)))
		return weir_y_err(y, err, "path unknown has no price");
	return r;
}

static int read_choice(struct weir_y *map, const char *key, const char *const *names,
		       unsigned int *inout, struct weir_err *err)
{
	struct weir_y *y = weir_y_find(map, key);

	return y ? weir_y_enum(y, names, inout, err) : 0;
}

static int read_unit(struct weir_y *map, struct weir_meter *m, bool resource, struct weir_err *err)
{
	unsigned int index;
	struct weir_y *y;
	int r;

	r = weir_y_get(map, "unit", &y, err);
	if (r == 0)
		r = weir_y_enum(y, unit_names, &index, err);
	if (r < 0)
		return r;
	if (index >= FIRST_HOURLY && !resource)
		return weir_y_err(y, err, "a path's meter counts bytes; what costs by the hour stands in resources");
	m->unit = unit_names[index];
	m->unit_bytes = unit_sizes[index];
	m->by_hour = index >= FIRST_HOURLY;
	return 0;
}

static int read_tier(struct weir_y *y, const struct weir_tier_price *before,
		     struct weir_tier_price *ret, struct weir_err *err)
{
	struct weir_tier_price tier;
	struct weir_y *from, *price = NULL;
	int r;

	r = weir_y_get(y, "from", &from, err);
	if (r == 0)
		r = weir_y_get(y, "price", &price, err);
	if (r == 0)
		r = weir_y_size(from, &tier.from_bytes, err);
	if (r == 0)
		r = book_read_price(price, &tier.nanos_per_unit, err);
	if (r == 0)
		r = weir_y_end(y, err);
	if (r < 0)
		return r;
	if (!before && tier.from_bytes != 0)
		return weir_y_err(from, err, "the first tier begins at 0GiB");
	if (before && tier.from_bytes <= before->from_bytes)
		return weir_y_err(from, err, "tiers must ascend");
	*ret = tier;
	return 0;
}

/* price: is short for one tier. */
static int read_flat(struct reading *in, struct weir_y *map, struct weir_y *price, struct weir_meter *m)
{
	struct weir_tier_price *tier = book_alloc(in->b, sizeof(*tier));
	int r;

	if (!tier)
		return -ENOMEM;
	if (weir_y_find(map, "tiers"))
		return weir_y_err(price, in->err, "price or tiers, not both");
	r = book_read_price(price, &tier->nanos_per_unit, in->err);
	m->tiers = tier;
	m->tier_count = 1;
	return r;
}

static int read_tiers(struct reading *in, struct weir_y *map, struct weir_meter *m)
{
	struct weir_y *seq, *price = weir_y_find(map, "price");
	struct weir_tier_price *tiers;
	size_t n;
	int r;

	if (price)
		return read_flat(in, map, price, m);
	r = weir_y_get(map, "tiers", &seq, in->err);
	if (r == 0)
		r = weir_y_seq(seq, in->err);
	if (r < 0)
		return r;
	if (m->by_hour)
		return weir_y_err(seq, in->err, "what costs by the hour has one price, no tiers");
	n = weir_y_count(seq);
	if (n == 0 || n > MAX_TIERS)
		return weir_y_err(seq, in->err, "1 to %d tiers are needed", MAX_TIERS);
	tiers = book_alloc(in->b, n * sizeof(*tiers));
	if (!tiers)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++)
		r = read_tier(weir_y_item(seq, i), i ? &tiers[i - 1] : NULL, &tiers[i], in->err);
	m->tiers = tiers;
	m->tier_count = n;
	return r;
}

/* A month's allowance before the tiers, and over what it is pooled. */
static int read_free(struct weir_y *map, struct book_row *row, struct weir_err *err)
{
	struct weir_y *y = weir_y_find(map, "free"), *amount = NULL;
	unsigned int pool = row->pool;
	int r;

	if (!y)
		return 0;
	r = weir_y_map(y, err);
	if (r == 0)
		r = weir_y_get(y, "amount", &amount, err);
	if (r == 0)
		r = weir_y_size(amount, &row->pub.free_bytes, err);
	if (r == 0 && row->pub.by_hour)
		return weir_y_err(amount, err, "hours have no free allowance");
	if (r == 0 && !row->pub.free_bytes)
		return weir_y_err(amount, err, "an allowance of nothing; leave it out");
	if (r == 0)
		r = read_choice(y, "pool", pool_names, &pool, err);
	/* Who shares tiers shares the allowance before them. */
	if (r == 0 && row->pool >= BOOK_POOL_ORGANISATION && pool < BOOK_POOL_ORGANISATION)
		return weir_y_err(y, err, "the tiers are an organisation's, so must the allowance be");
	if (r == 0)
		r = weir_y_end(y, err);
	row->free_pool = pool;
	return r;
}

/* Which bytes the meter charges. */
static int read_scope(struct reading *in, struct weir_y *y, struct book_row *row)
{
	struct weir_y *directions, *when;
	unsigned int leg = WEIR_LEG_TRANSFER;
	int r;

	r = read_choice(y, "leg", leg_names, &leg, in->err);
	if (r == 0)
		r = read_paths(y, &row->paths, in->err);
	if (r == 0)
		r = weir_y_get(y, "directions", &directions, in->err);
	if (r == 0)
		r = read_bits(directions, direction_names, &row->directions, in->err);
	if (r < 0)
		return r;
	row->leg = leg;
	when = weir_y_find(y, "when");
	if (when)
		r = read_bits(when, when_names, &row->when, in->err);
	if (r == 0)
		r = book_read_list(in->b, y, "peer_regions", in->groups, &row->peer_regions, in->err);
	return r < 0 ? r : book_read_list(in->b, y, "peer_services", NULL, &row->peer_services, in->err);
}

static int read_entry(struct reading *in, struct weir_y *y, struct entry *e)
{
	struct weir_y *region = weir_y_find(y, "region");
	int r = 0;

	if (region && weir_y_find(y, "regions"))
		return weir_y_err(region, in->err, "region or regions, not both");
	if (region) {
		e->regions = (struct book_list){book_alloc(in->b, sizeof(*e->regions.items)), 1};
		r = e->regions.items ? book_need_string(in->b, y, "region", e->regions.items, in->err) : -ENOMEM;
	}
	if (r == 0)
		r = book_read_list(in->b, y, "regions", in->groups, &e->regions, in->err);
	if (r == 0)
		r = book_read_string(in->b, y, "source", &e->source, in->err);
	if (r == 0)
		r = book_read_string(in->b, y, "area", &e->area, in->err);
	if (r == 0)
		r = book_read_string(in->b, y, "sku", &e->sku, in->err);
	if (r == 0)
		r = book_read_confidence(y, &e->confidence, in->err);
	return r < 0 ? r : book_read_validity(y, &e->valid_from, &e->valid_to, in->err);
}

/* One row for each region in which the price holds. */
static int add_price(struct reading *in, struct weir_y *y, const struct entry *e, struct book_row *row)
{
	char where[512];
	int r = read_tiers(in, y, &row->pub);

	if (r < 0)
		return r;
	if (!e->source)
		return weir_y_err(y, in->err, "needs a source: where the price stands");
	if (!e->regions.count)
		return weir_y_err(y, in->err, "needs region or regions, here or above");
	snprintf(where, sizeof(where), "%s:%u:1 spec.%s", weir_y_file(y), weir_y_line(y),
		 row->leg == BOOK_RESOURCE ? "resources" : "meters");
	row->where = book_string(in->b, where);
	if (!row->where)
		return -ENOMEM;
	row->area = e->area;
	row->pub.source = e->source;
	row->pub.sku = e->sku;
	row->pub.confidence = e->confidence;
	row->pub.valid_from = e->valid_from;
	row->pub.valid_to = e->valid_to;
	for (size_t i = 0; r == 0 && i < e->regions.count; i++) {
		if (in->b->count == BOOK_MAX_ROWS)
			return weir_y_err(y, in->err, "more than %d prices", BOOK_MAX_ROWS);
		row->pub.region = e->regions.items[i];
		r = book_add_row(in->b, row);
	}
	return r;
}

static int add_prices(struct reading *in, struct weir_y *seq, const struct entry *above, struct book_row *row)
{
	int r = weir_y_seq(seq, in->err);

	if (r == 0 && !weir_y_count(seq))
		return weir_y_err(seq, in->err, "the list is empty");
	for (size_t i = 0; r == 0 && i < weir_y_count(seq); i++) {
		struct weir_y *y = weir_y_item(seq, i);
		struct entry e = *above;

		r = weir_y_map(y, in->err);
		if (r == 0)
			r = read_entry(in, y, &e);
		if (r == 0)
			r = add_price(in, y, &e, row);
		if (r == 0)
			r = weir_y_end(y, in->err);
	}
	return r;
}

static int add_meter(struct reading *in, struct weir_y *y, const char *provider, const struct entry *above,
		     bool resource)
{
	struct book_row row = {.pub = {.provider = provider}, .leg = BOOK_RESOURCE};
	unsigned int pool = BOOK_POOL_ACCOUNT_REGION;
	struct entry e = *above;
	struct weir_y *prices;
	int r = weir_y_map(y, in->err);

	if (r == 0)
		r = book_need_string(in->b, y, "name", &row.pub.name, in->err);
	if (r == 0)
		r = read_entry(in, y, &e);
	if (r == 0 && !resource)
		r = read_scope(in, y, &row);
	if (r == 0)
		r = read_unit(y, &row.pub, resource, in->err);
	if (r == 0)
		r = read_choice(y, "pool", pool_names, &pool, in->err);
	row.pool = row.free_pool = pool;
	if (r == 0)
		r = read_free(y, &row, in->err);
	if (r < 0)
		return r;
	prices = weir_y_find(y, "prices");
	r = prices ? add_prices(in, prices, &e, &row) : add_price(in, y, &e, &row);
	return r < 0 ? r : weir_y_end(y, in->err);
}

static int add_meters(struct reading *in, struct weir_y *spec, const char *key, const char *provider,
		      const struct entry *e, bool resource)
{
	struct weir_y *seq = weir_y_find(spec, key);
	int r = seq ? weir_y_seq(seq, in->err) : 0;

	for (size_t i = 0; r == 0 && seq && i < weir_y_count(seq); i++)
		r = add_meter(in, weir_y_item(seq, i), provider, e, resource);
	return r;
}

static int set_currency(struct weir_pricebook *b, struct weir_y *spec, struct weir_err *err)
{
	struct weir_y *y;
	const char *s;
	int r;

	r = weir_y_get(spec, "currency", &y, err);
	if (r == 0)
		r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	if (strlen(s) != 3)
		return weir_y_err(y, err, "'%.60s' is no ISO 4217 code such as USD", s);
	if (b->currency && strcmp(b->currency, s))
		return weir_y_err(y, err, "currency %s, but another price book has %s", s,
				  b->currency);
	if (!b->currency)
		b->currency = book_string(b, s);
	return b->currency ? 0 : -ENOMEM;
}

/* Names for lists of regions, which stand for them wherever regions are listed. */
static int read_groups(struct reading *in, struct weir_y *spec)
{
	struct weir_y *groups = weir_y_find(spec, "groups");
	int r = groups ? weir_y_map(groups, in->err) : 0;

	for (size_t i = 0; r == 0 && groups && i < weir_y_count(groups); i++)
		r = weir_y_seq(weir_y_item(groups, i), in->err);
	in->groups = groups;
	return r;
}

int book_add_prices(struct weir_pricebook *b, struct weir_y *spec, struct weir_err *err)
{
	struct reading in = {.b = b, .err = err};
	struct entry e = {.area = "", .sku = "", .valid_to = UINT64_MAX};
	const char *provider = NULL;
	int r;

	r = book_need_string(b, spec, "provider", &provider, err);
	if (r == 0)
		r = set_currency(b, spec, err);
	if (r == 0)
		r = read_groups(&in, spec);
	if (r == 0)
		r = read_entry(&in, spec, &e);
	if (r == 0 && !weir_y_find(spec, "meters") && !weir_y_find(spec, "resources"))
		return weir_y_err(spec, err, "needs meters or resources");
	if (r == 0)
		r = add_meters(&in, spec, "meters", provider, &e, false);
	if (r == 0)
		r = add_meters(&in, spec, "resources", provider, &e, true);
	return r < 0 ? r : weir_y_end(spec, err);
}
