/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Price books. The whole schema, by example (contracts and calibrated rates: price_terms.c):
 *
 *   apiVersion: weir.dev/v1alpha1
 *   kind: PriceBook
 *   metadata: {name: aws}
 *   spec:
 *     provider: aws
 *     currency: USD
 *     groups: {us: [us-east-1, us-east-2]} # optional: a name that stands for regions wherever they are listed
 *     regions: [us, eu-west-1]          # of the workload; or region: us-east-1
 *     source: where the prices stand    # these may stand here, at a meter, or at a price of it: source,
 *     confidence: high                  # confidence (high, medium, low), regions, sku (of the bill), area,
 *     valid_from: 2024-01-01            # valid_from (inclusive) and valid_to (exclusive)
 *     meters:
 *     - name: internet-out              # stable: meters of one name pool their usage
 *       leg: transfer                   # transfer (default), processing, hop
 *       paths: [internet, nat]
 *       directions: [egress]            # as the workload sees it
 *       when: [public]                  # optional, all must hold: public, service, same-region,
 *                                       # other-region, same-zone, other-zone; of path lb: target,
 *                                       # client (the workload is), internet-facing, internal, alb,
 *                                       # nlb, clb, azure-lb, gcp-lb
 *       peer_regions: [us-east-2]       # optional
 *       peer_services: [aws/ec2]        # optional
 *       unit: GiB                       # B, KiB, MiB, GiB, TiB, kB, MB, GB, TB
 *       pool: account-region            # scope of the tiers: account, account-region (default),
 *                                       # organisation, organisation-region; area: pools within it
 *       free: {amount: 100GiB, pool: organisation} # a month's allowance, in a pool of its own
 *       prices:                         # or tiers: or price: here, when it is one for all regions
 *       - {regions: [us], tiers: [{from: 0GiB, price: "0.09"}, {from: 10240GiB, price: "0.085"}]}
 *       - {regions: [eu-west-1], price: "0.1"}      # one tier
 *     resources:                        # what no byte of a path passes: things by the hour, bytes through others
 *     - {name: nat-gateway-hour, unit: hour, price: "0.045"} # also lcu-hour, gbps-hour, vm-hour
 *
 * A path needs legs: every path but endpoint a transfer, lb only behind a load balancer that faces the
 * internet; nat, endpoint, tgw, and lb at its targets a processing; a hop when the gateway or the node
 * of the load balancer is in another zone. A leg takes the one meter that fits with the most conditions. A leg
 * that no meter fits makes the path unpriced: what is free must be written with price 0. Meters of
 * one name, region and time must have the same tiers, since they share one cumulative usage.
 */
#include "lib/money/book.h"

static int compare_place(const struct book_row *row, const char *provider, size_t len, const char *region)
{
	int c = strncmp(row->pub.provider, provider, len);

	if (!c && row->pub.provider[len])
		c = 1;
	return c ? c : strcmp(row->pub.region, region);
}

/* The first row that is not before the place, or with past behind it. */
static size_t bound(const struct weir_pricebook *b, const char *provider, size_t len, const char *region, bool past)
{
	size_t low = 0, high = b->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_place(b->rows[mid], provider, len, region) < (past ? 1 : 0))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t book_place(const struct weir_pricebook *b, const char *provider, size_t len, const char *region,
		  size_t *ret_count)
{
	size_t first = bound(b, provider, len, region, false);

	*ret_count = bound(b, provider, len, region, true) - first;
	return first;
}

static int specificity(const struct book_row *m)
{
	return __builtin_popcount(m->when) + (m->peer_regions.count > 0) + (m->peer_services.count > 0);
}

/* The conditions that hold for a route. An unknown region or zone is neither same nor other. */
static uint32_t conditions(const struct weir_route *r)
{
	uint32_t c = r->service[0] ? BOOK_SERVICE : BOOK_PUBLIC;

	if (r->region[0])
		c |= strcmp(r->region, r->local->region) ? BOOK_OTHER_REGION : BOOK_SAME_REGION;
	if (r->balancer)
		c |= (r->behind ? BOOK_TARGET : BOOK_CLIENT) | (r->balancer->internet ? BOOK_FACING : BOOK_INTERNAL) |
		     (uint32_t)BOOK_LB << r->balancer->kind;
	if (r->zone[0] && r->local->zone[0])
		c |= strcmp(r->zone, r->local->zone) ? BOOK_OTHER_ZONE : BOOK_SAME_ZONE;
	return c;
}

static bool fits(const struct book_row *m, enum weir_leg leg, const struct weir_route *r,
		 unsigned int dir, uint64_t time_s)
{
	return m->leg == leg && (m->paths & (1u << r->path)) && (m->directions & (1u << dir)) &&
	       time_s >= m->pub.valid_from && time_s < m->pub.valid_to &&
	       (conditions(r) & m->when) == m->when &&
	       (!m->peer_regions.count || book_has(&m->peer_regions, r->region)) &&
	       (!m->peer_services.count || book_has(&m->peer_services, r->service));
}

static const struct book_row *best(struct book_row *const *rows, size_t count, enum weir_leg leg,
				   const struct weir_route *r, unsigned int dir, uint64_t time_s)
{
	const struct book_row *m = NULL;

	for (size_t i = 0; i < count; i++)
		if (fits(rows[i], leg, r, dir, time_s) && (!m || specificity(rows[i]) > specificity(m)))
			m = rows[i];
	return m;
}

static bool needs(enum weir_leg leg, const struct weir_route *r)
{
	switch (leg) {
	case WEIR_LEG_PROCESSING:
		return r->path == WEIR_PATH_NAT || r->path == WEIR_PATH_ENDPOINT ||
		       r->path == WEIR_PATH_TGW || (r->path == WEIR_PATH_LB && r->behind);
	case WEIR_LEG_HOP:
		return r->cross_zone_hop && !r->onward;
	default:
		/* A processed byte inside the region is not transferred for money a second time. */
		if (r->path == WEIR_PATH_TGW)
			return !r->onward && (conditions(r) & BOOK_OTHER_REGION) != 0;
		if (r->path == WEIR_PATH_LB)
			return r->behind && r->balancer->internet;
		return r->path != WEIR_PATH_ENDPOINT;
	}
}

const char *weir_leg_name(enum weir_leg leg)
{
	static const char *const names[WEIR_LEGS] = {"processing", "hop", "transfer"};

	return (unsigned int)leg < WEIR_LEGS ? names[leg] : "";
}

/* Those behind a transit gateway: the same bytes as if they had gone that way at once. */
static int legs_onward(const struct weir_pricebook *b, const struct weir_route *r, unsigned int dir,
		       uint64_t time_s, struct weir_route_leg *ret)
{
	struct weir_route next = *r;

	if (r->onward_path == WEIR_PATH_UNKNOWN) {
		*ret = (struct weir_route_leg){WEIR_LEG_TRANSFER, NULL};
		return 1;
	}
	next.onward = false;
	next.path = r->onward_path;
	return weir_pricebook_legs(b, &next, dir, time_s, ret);
}

int weir_pricebook_legs(const struct weir_pricebook *b, const struct weir_route *r, unsigned int dir,
			uint64_t time_s, struct weir_route_leg ret[WEIR_MAX_LEGS])
{
	size_t first, count;
	int n = 0;

	if (!r->local || r->path == WEIR_PATH_UNKNOWN || dir > 1)
		return 0;
	/* domain is "provider/...": the topology refuses others. */
	first = book_place(b, r->local->domain, strcspn(r->local->domain, "/"), r->local->region, &count);
	for (unsigned int leg = 0; leg < WEIR_LEGS; leg++) {
		const struct book_row *m;

		if (!needs(leg, r))
			continue;
		m = best(b->rows + first, count, leg, r, dir, time_s);
		ret[n++] = (struct weir_route_leg){
			leg, m ? weir_meter_effective(&m->pub, r->local->account, time_s) : NULL};
	}
	return r->onward ? n + legs_onward(b, r, dir, time_s, ret + n) : n;
}

int weir_pricebook_priced(const struct weir_pricebook *b, const struct weir_route *r, unsigned int dir,
			  uint64_t time_s, struct weir_route_leg ret[WEIR_MAX_LEGS])
{
	int n = weir_pricebook_legs(b, r, dir, time_s, ret);

	if (!r->local || r->path == WEIR_PATH_UNKNOWN || dir > 1)
		return -ENOENT;
	for (int i = 0; i < n; i++)
		if (!ret[i].meter)
			return -ENOENT;
	return n;
}

int weir_pricebook_meters(const struct weir_pricebook *b, const struct weir_route *r,
			  unsigned int dir, uint64_t time_s,
			  const struct weir_meter *ret[WEIR_MAX_METERS])
{
	struct weir_route_leg legs[WEIR_MAX_LEGS];
	int n = weir_pricebook_priced(b, r, dir, time_s, legs);

	for (int i = 0; i < n; i++)
		ret[i] = legs[i].meter;
	return n;
}

const struct weir_meter *weir_pricebook_at(const struct weir_pricebook *b, size_t i)
{
	return i < b->count ? &b->rows[i]->pub : NULL;
}

const struct weir_meter *weir_pricebook_find(const struct weir_pricebook *b, const char *provider, const char *region,
					     const char *name, uint64_t time_s)
{
	size_t count, first = book_place(b, provider, strlen(provider), region, &count);

	for (size_t i = first; i < first + count; i++) {
		const struct weir_meter *m = &b->rows[i]->pub;

		if (!strcmp(m->name, name) && time_s >= m->valid_from && time_s < m->valid_to)
			return m;
	}
	return NULL;
}

/* The account itself, unless its organisation pays. */
static const char *payer(const struct book_row *row, const char *account)
{
	const struct weir_pricebook *b = row->book;

	for (size_t i = 0; i < b->member_count; i++)
		if (!strcmp(b->members[i].provider, row->pub.provider) && !strcmp(b->members[i].account, account))
			return b->members[i].organisation;
	return account;
}

static char *pool_of(const struct weir_meter *m, enum book_pool pool, const char *account, char *buf, size_t size)
{
	const struct book_row *row = (const struct book_row *)m;
	bool regional = pool == BOOK_POOL_ACCOUNT_REGION || pool == BOOK_POOL_ORGANISATION_REGION;
	bool shared = pool == BOOK_POOL_ORGANISATION || pool == BOOK_POOL_ORGANISATION_REGION;
	const char *area = regional ? "" : row->area;

	snprintf(buf, size, "%s/%s%s%s", shared ? payer(row, account) : account, regional ? m->region : m->provider,
		 *area ? "/" : "", area);
	return buf;
}

char *weir_meter_pool(const struct weir_meter *m, const char *account, char *buf, size_t size)
{
	return pool_of(m, ((const struct book_row *)m)->pool, account, buf, size);
}

char *weir_meter_free_pool(const struct weir_meter *m, const char *account, char *buf, size_t size)
{
	return pool_of(m, ((const struct book_row *)m)->free_pool, account, buf, size);
}
