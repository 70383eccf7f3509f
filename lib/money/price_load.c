/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a PriceBook document; the schema is in price.c. */
#include "lib/money/book.h"

#define MAX_TIERS 32
/* 1,000 units of the currency per unit of bytes: keeps cumulative cost inside 128 bits. */
#define MAX_PRICE_NANOS 1000000000000LL

static const char *const leg_names[] = {"processing", "hop", "transfer", NULL};
static const char *const pool_names[] = {"account", "account-region", NULL};
static const char *const direction_names[] = {"ingress", "egress", NULL};
static const char *const when_names[] = {"public",    "service",    "same-region", "other-region",
					 "same-zone", "other-zone", NULL};

static int read_copy(struct weir_y *map, const char *key, char **ret, struct weir_err *err)
{
	struct weir_y *y;
	int r = weir_y_get(map, key, &y, err);

	return r < 0 ? r : weir_y_dup(y, ret, err);
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

static int read_unit(struct weir_y *map, uint64_t *ret, struct weir_err *err)
{
	static const char *const names[] = {"B",  "KiB", "MiB", "GiB", "TiB",
					    "kB", "MB",	 "GB",	"TB",  NULL};
	static const uint64_t bytes[] = {1,    1ULL << 10, 1ULL << 20, 1ULL << 30,   1ULL << 40,
					 1000, 1000000,	   1000000000, 1000000000000};
	unsigned int index;
	struct weir_y *y;
	int r;

	r = weir_y_get(map, "unit", &y, err);
	if (r == 0)
		r = weir_y_enum(y, names, &index, err);
	if (r == 0)
		*ret = bytes[index];
	return r;
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
		r = weir_y_nanos(price, &tier.nanos_per_unit, err);
	if (r == 0)
		r = weir_y_end(y, err);
	if (r < 0)
		return r;
	if (tier.nanos_per_unit < 0 || tier.nanos_per_unit > MAX_PRICE_NANOS)
		return weir_y_err(price, err, "a price lies between 0 and 1000");
	if (!before && tier.from_bytes != 0)
		return weir_y_err(from, err, "the first tier begins at 0GiB");
	if (before && tier.from_bytes <= before->from_bytes)
		return weir_y_err(from, err, "tiers must ascend");
	*ret = tier;
	return 0;
}

static int read_tiers(struct weir_y *map, struct weir_meter *m, struct weir_err *err)
{
	weir_auto_free struct weir_tier_price *tiers = NULL;
	struct weir_y *seq;
	size_t n;
	int r;

	r = weir_y_get(map, "tiers", &seq, err);
	if (r == 0)
		r = weir_y_seq(seq, err);
	if (r < 0)
		return r;
	n = weir_y_count(seq);
	if (n == 0 || n > MAX_TIERS)
		return weir_y_err(seq, err, "1 to %d tiers are needed", MAX_TIERS);
	tiers = calloc(n, sizeof(*tiers));
	if (!tiers)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++)
		r = read_tier(weir_y_item(seq, i), i ? &tiers[i - 1] : NULL, &tiers[i], err);
	if (r < 0)
		return r;
	m->tiers = weir_take_ptr(tiers);
	m->tier_count = n;
	return 0;
}

static int read_peer_regions(struct weir_y *map, struct book_row *row, struct weir_err *err)
{
	struct weir_y *seq = weir_y_find(map, "peer_regions");
	int r;

	if (!seq)
		return 0;
	r = weir_y_seq(seq, err);
	if (r < 0)
		return r;
	row->peer_regions = calloc(weir_y_count(seq) + 1, sizeof(*row->peer_regions));
	if (!row->peer_regions)
		return -ENOMEM;
	for (size_t i = 0; i < weir_y_count(seq); i++) {
		r = weir_y_dup(weir_y_item(seq, i), &row->peer_regions[i], err);
		if (r < 0)
			return r;
		row->peer_region_count++;
	}
	return row->peer_region_count ? 0 : weir_y_err(seq, err, "the list is empty");
}

static int read_validity(struct weir_y *map, struct book_row *row, struct weir_err *err)
{
	struct weir_y *from = weir_y_find(map, "valid_from"), *to = weir_y_find(map, "valid_to");
	int r = 0;

	row->valid_from = 0;
	row->valid_to = UINT64_MAX;
	if (from)
		r = weir_y_time(from, &row->valid_from, err);
	if (r == 0 && to)
		r = weir_y_time(to, &row->valid_to, err);
	if (r == 0 && row->valid_to <= row->valid_from)
		return weir_y_err(to, err, "valid_to must lie behind valid_from");
	return r;
}

/* Which bytes the meter charges. */
static int read_scope(struct weir_y *y, struct book_row *row, struct weir_err *err)
{
	unsigned int leg = BOOK_TRANSFER, pool = BOOK_POOL_ACCOUNT_REGION;
	struct weir_y *directions, *when;
	int r;

	r = read_choice(y, "leg", leg_names, &leg, err);
	if (r == 0)
		r = read_choice(y, "pool", pool_names, &pool, err);
	if (r == 0)
		r = read_paths(y, &row->paths, err);
	if (r == 0)
		r = weir_y_get(y, "directions", &directions, err);
	if (r == 0)
		r = read_bits(directions, direction_names, &row->directions, err);
	if (r < 0)
		return r;
	row->leg = leg;
	row->pool = pool;
	when = weir_y_find(y, "when");
	if (when)
		r = read_bits(when, when_names, &row->when, err);
	return r < 0 ? r : read_peer_regions(y, row, err);
}

static int read_meter(struct weir_y *y, const char *provider, const char *region,
		      struct book_row *row, struct weir_err *err)
{
	int r;

	row->pub.provider = strdup(provider);
	row->pub.region = strdup(region);
	row->where = weir_strf("%s:%u:1 spec.meters", weir_y_file(y), weir_y_line(y));
	if (!row->pub.provider || !row->pub.region || !row->where)
		return -ENOMEM;
	r = read_copy(y, "name", (char **)&row->pub.name, err);
	if (r == 0)
		r = read_copy(y, "source", (char **)&row->pub.source, err);
	if (r == 0)
		r = read_scope(y, row, err);
	if (r == 0)
		r = read_unit(y, &row->pub.unit_bytes, err);
	if (r == 0)
		r = read_tiers(y, &row->pub, err);
	if (r == 0)
		r = read_validity(y, row, err);
	return r < 0 ? r : weir_y_end(y, err);
}

static int add_meter(struct weir_pricebook *b, struct weir_y *y, const char *provider,
		     const char *region, struct weir_err *err)
{
	weir_cleanup(book_row_freep) struct book_row *row = NULL;
	struct book_row **rows;
	int r;

	if (b->count == BOOK_MAX_ROWS)
		return weir_y_err(y, err, "more than %d meters", BOOK_MAX_ROWS);
	row = calloc(1, sizeof(*row));
	rows = reallocarray(b->rows, b->count + 1, sizeof(*rows));
	if (rows)
		b->rows = rows;
	if (!row || !rows)
		return -ENOMEM;
	r = read_meter(y, provider, region, row, err);
	if (r == 0)
		b->rows[b->count++] = weir_take_ptr(row);
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
		b->currency = strdup(s);
	return b->currency ? 0 : -ENOMEM;
}

static int add_spec(struct weir_pricebook *b, struct weir_y *spec, struct weir_err *err)
{
	weir_auto_free char *provider = NULL, *region = NULL;
	struct weir_y *meters = NULL;
	int r;

	r = read_copy(spec, "provider", &provider, err);
	if (r == 0)
		r = read_copy(spec, "region", &region, err);
	if (r == 0)
		r = set_currency(b, spec, err);
	if (r == 0)
		r = weir_y_get(spec, "meters", &meters, err);
	if (r == 0)
		r = weir_y_seq(meters, err);
	for (size_t i = 0; r == 0 && i < weir_y_count(meters); i++)
		r = add_meter(b, weir_y_item(meters, i), provider, region, err);
	return r < 0 ? r : weir_y_end(spec, err);
}

int weir_pricebook_add(struct weir_pricebook *b, struct weir_y *doc, struct weir_err *err)
{
	struct weir_y *spec = NULL;
	int r;

	r = weir_y_head(doc, "PriceBook", &spec, err);
	if (r == 0)
		r = add_spec(b, spec, err);
	if (r == -ENOMEM)
		weir_err_set(err, r, "%s:%u:1 .: out of memory", weir_y_file(doc),
			     weir_y_line(doc));
	return r;
}
