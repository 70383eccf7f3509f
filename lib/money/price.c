/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Price books. The whole schema, by example:
 *
 *   apiVersion: weir.dev/v1alpha1
 *   kind: PriceBook
 *   metadata: {name: aws-us-east-1}
 *   spec:
 *     provider: aws
 *     currency: USD
 *     region: us-east-1                 # of the workload
 *     meters:
 *     - name: internet-out              # stable: meters of one name pool their usage
 *       leg: transfer                   # transfer (default), processing, hop
 *       paths: [internet, nat]
 *       directions: [egress]            # as the workload sees it
 *       when: [public]                  # optional, all must hold: public, service, same-region,
 *                                       # other-region, same-zone, other-zone
 *       peer_regions: [us-east-2]       # optional
 *       unit: GiB                       # B, KiB, MiB, GiB, TiB, kB, MB, GB, TB
 *       pool: account                   # scope of the tiers: account, account-region
 *       tiers: [{from: 0GiB, price: "0"}, {from: 100GiB, price: "0.09"}]
 *       valid_from: 2024-01-01          # optional, inclusive; valid_to is exclusive
 *       source: where the price stands
 *
 * A path needs legs: every path a transfer; nat, endpoint and tgw a processing; a hop when the
 * gateway is in another zone. A leg takes the one meter that fits with the most conditions. A leg
 * that no meter fits makes the path unpriced: what is free must be written with price 0. Meters of
 * one name, region and time must have the same tiers, since they share one cumulative usage.
 */
#include "lib/money/book.h"

int weir_pricebook_new(struct weir_pricebook **ret)
{
	struct weir_pricebook *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	*ret = b;
	return 0;
}

static void row_fini(struct book_row *row)
{
	for (size_t i = 0; i < row->peer_region_count; i++)
		free(row->peer_regions[i]);
	free(row->peer_regions);
	free((char *)row->pub.name);
	free((char *)row->pub.provider);
	free((char *)row->pub.region);
	free((char *)row->pub.source);
	free((struct weir_tier_price *)row->pub.tiers);
	free(row->where);
}

void book_row_free(struct book_row *row)
{
	if (!row)
		return;
	row_fini(row);
	free(row);
}

void weir_pricebook_free(struct weir_pricebook *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->count; i++)
		book_row_free(b->rows[i]);
	free(b->rows);
	free(b->currency);
	free(b);
}

const char *weir_pricebook_currency(const struct weir_pricebook *b)
{
	return b->currency ? b->currency : "";
}

static int specificity(const struct book_row *m)
{
	return __builtin_popcount(m->when) + (m->peer_region_count > 0);
}

/* Two opposite conditions never hold together. */
static bool exclusive(uint32_t when)
{
	static const uint32_t pairs[] = {
		BOOK_PUBLIC | BOOK_SERVICE,
		BOOK_SAME_REGION | BOOK_OTHER_REGION,
		BOOK_SAME_ZONE | BOOK_OTHER_ZONE,
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(pairs); i++)
		if ((when & pairs[i]) == pairs[i])
			return true;
	return false;
}

static bool has_region(const struct book_row *m, const char *region)
{
	for (size_t i = 0; i < m->peer_region_count; i++)
		if (!strcmp(m->peer_regions[i], region))
			return true;
	return false;
}

static bool regions_meet(const struct book_row *a, const struct book_row *b)
{
	if (!a->peer_region_count || !b->peer_region_count)
		return true;
	for (size_t i = 0; i < a->peer_region_count; i++)
		if (has_region(b, a->peer_regions[i]))
			return true;
	return false;
}

/* Whether some byte would fit both equally well: the choice would depend on the order of files. */
static bool ambiguous(const struct book_row *a, const struct book_row *b)
{
	return a->leg == b->leg && (a->paths & b->paths) && (a->directions & b->directions) &&
	       specificity(a) == specificity(b) && !exclusive(a->when | b->when) &&
	       regions_meet(a, b);
}

static bool same_place_and_time(const struct book_row *a, const struct book_row *b)
{
	return !strcmp(a->pub.provider, b->pub.provider) && !strcmp(a->pub.region, b->pub.region) &&
	       a->valid_from < b->valid_to && b->valid_from < a->valid_to;
}

static bool same_tiers(const struct book_row *a, const struct book_row *b)
{
	if (a->pool != b->pool || a->pub.unit_bytes != b->pub.unit_bytes ||
	    a->pub.tier_count != b->pub.tier_count)
		return false;
	for (size_t i = 0; i < a->pub.tier_count; i++)
		if (a->pub.tiers[i].from_bytes != b->pub.tiers[i].from_bytes ||
		    a->pub.tiers[i].nanos_per_unit != b->pub.tiers[i].nanos_per_unit)
			return false;
	return true;
}

static int check_pair(const struct book_row *a, const struct book_row *b, struct weir_err *err)
{
	if (!same_place_and_time(a, b))
		return 0;
	if (ambiguous(a, b))
		return weir_err_set(err, -EINVAL,
				    "%s: meters '%.60s' and '%.60s' price the same bytes", a->where,
				    b->pub.name, a->pub.name);
	if (!strcmp(a->pub.name, b->pub.name) && !same_tiers(a, b))
		return weir_err_set(
			err, -EINVAL,
			"%s: meter '%.60s' stands twice with different unit, pool or tiers",
			a->where, a->pub.name);
	return 0;
}

int weir_pricebook_seal(struct weir_pricebook *b, struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; i < b->count; i++)
		for (size_t j = 0; j < i && r == 0; j++)
			r = check_pair(b->rows[i], b->rows[j], err);
	return r;
}

/* The conditions that hold for a route. An unknown region or zone is neither same nor other. */
static uint32_t conditions(const struct weir_route *r)
{
	uint32_t c = r->service[0] ? BOOK_SERVICE : BOOK_PUBLIC;

	if (r->region[0])
		c |= strcmp(r->region, r->local->region) ? BOOK_OTHER_REGION : BOOK_SAME_REGION;
	if (r->zone[0])
		c |= strcmp(r->zone, r->local->zone) ? BOOK_OTHER_ZONE : BOOK_SAME_ZONE;
	return c;
}

/* domain is "provider/...": the topology refuses others. */
static bool provider_is(const struct weir_subnet *s, const char *provider)
{
	size_t len = strlen(provider);

	return !strncmp(s->domain, provider, len) && s->domain[len] == '/';
}

static bool fits(const struct book_row *m, enum book_leg leg, const struct weir_route *r,
		 unsigned int dir, uint64_t time_s)
{
	return m->leg == leg && (m->paths & (1u << r->path)) && (m->directions & (1u << dir)) &&
	       time_s >= m->valid_from && time_s < m->valid_to &&
	       (conditions(r) & m->when) == m->when &&
	       (!m->peer_region_count || has_region(m, r->region)) &&
	       !strcmp(m->pub.region, r->local->region) && provider_is(r->local, m->pub.provider);
}

static const struct book_row *best(const struct weir_pricebook *b, enum book_leg leg,
				   const struct weir_route *r, unsigned int dir, uint64_t time_s)
{
	const struct book_row *m = NULL;

	for (size_t i = 0; i < b->count; i++)
		if (fits(b->rows[i], leg, r, dir, time_s) &&
		    (!m || specificity(b->rows[i]) > specificity(m)))
			m = b->rows[i];
	return m;
}

static bool needs(enum book_leg leg, const struct weir_route *r)
{
	switch (leg) {
	case BOOK_PROCESSING:
		return r->path == WEIR_PATH_NAT || r->path == WEIR_PATH_ENDPOINT ||
		       r->path == WEIR_PATH_TGW || r->path == WEIR_PATH_LB;
	case BOOK_HOP:
		return r->cross_zone_hop;
	default:
		/* A processed byte inside the region is not transferred for money a second time. */
		if (r->path == WEIR_PATH_TGW)
			return (conditions(r) & BOOK_OTHER_REGION) != 0;
		return r->path != WEIR_PATH_ENDPOINT && r->path != WEIR_PATH_LB;
	}
}

int weir_pricebook_meters(const struct weir_pricebook *b, const struct weir_route *r,
			  unsigned int dir, uint64_t time_s,
			  const struct weir_meter *ret[WEIR_MAX_METERS])
{
	const struct weir_meter *found[BOOK_LEGS];
	int n = 0;

	if (!r->local || r->path == WEIR_PATH_UNKNOWN || dir > 1)
		return -ENOENT;
	for (unsigned int leg = 0; leg < BOOK_LEGS; leg++) {
		const struct book_row *m;

		if (!needs(leg, r))
			continue;
		m = best(b, leg, r, dir, time_s);
		if (!m)
			return -ENOENT;
		found[n++] = &m->pub;
	}
	memcpy(ret, found, (size_t)n * sizeof(*found));
	return n;
}

char *weir_meter_pool(const struct weir_meter *m, const char *account, char *buf, size_t size)
{
	const struct book_row *row = (const struct book_row *)m;

	snprintf(buf, size, "%s/%s", account,
		 row->pool == BOOK_POOL_ACCOUNT ? m->provider : m->region);
	return buf;
}
