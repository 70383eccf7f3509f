/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each byte once: pure decisions over what was seen of an hour.
 *
 * An end's meters are charged from one row, its own where it reports. Per end and hour, not per flow: windows of two
 * observers do not begin at the same second, and what is at the edge of an hour would else count on both sides of it.
 */
#include "lib/money/flowlog.h"

static int compare_number(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_end(const struct weir_seen *a, const struct weir_seen *b)
{
	int r = compare_number(a->hour, b->hour);

	if (!r)
		r = compare_number(a->domain, b->domain);
	return r ? r : memcmp(&a->local, &b->local, sizeof(a->local));
}

static int compare_pair(const struct weir_seen *a, const struct weir_seen *b)
{
	int r = compare_end(a, b);

	if (!r)
		r = memcmp(&a->peer, &b->peer, sizeof(a->peer));
	return r ? r : compare_number(a->dir, b->dir);
}

static int compare_seen(const void *pa, const void *pb)
{
	const struct weir_seen *a = pa, *b = pb;
	int r = compare_pair(a, b);

	if (!r)
		r = compare_number(a->sight, b->sight);
	if (!r)
		r = compare_number(a->observer, b->observer);
	if (!r)
		r = compare_number(a->proto, b->proto);
	if (!r)
		r = compare_number(a->port, b->port);
	return r ? r : compare_number(a->opened, b->opened);
}

/* Rows of one pair of addresses, by sight and observer. */
static void choose_observer(struct weir_seen *rows, size_t n, enum weir_sight most)
{
	size_t best = 0, best_end = 0;
	uint64_t best_bytes = 0;

	if (rows[0].sight > most)
		return;
	for (size_t i = 0, end; i < n && rows[i].sight == rows[0].sight; i = end) {
		uint64_t bytes = 0;

		for (end = i; end < n && rows[end].sight == rows[i].sight && rows[end].observer == rows[i].observer; end++)
			bytes += rows[end].bytes;
		if (!best_end || bytes > best_bytes) {
			best = i;
			best_end = end;
			best_bytes = bytes;
		}
	}
	for (size_t i = best; i < best_end; i++)
		rows[i].counted = true;
}

/* Rows of one end in one hour: whoever speaks for it itself ends what others say of it. */
static void choose_sight(struct weir_seen *rows, size_t n)
{
	enum weir_sight most = WEIR_SIGHTS;

	for (size_t i = 0; i < n; i++)
		if (rows[i].sight <= WEIR_SIGHT_OWN && rows[i].sight < most)
			most = rows[i].sight;
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && !compare_pair(&rows[end], &rows[i]); end++)
			;
		choose_observer(rows + i, end - i, most);
	}
}

void weir_flowlog_once(struct weir_seen *rows, size_t n)
{
	if (n)
		qsort(rows, n, sizeof(*rows), compare_seen);
	for (size_t i = 0; i < n; i++)
		rows[i].counted = false;
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && !compare_end(&rows[end], &rows[i]); end++)
			;
		choose_sight(rows + i, end - i);
	}
}

/*
 * AWS: 1 another resource of the same VPC, 2 an internet gateway or gateway endpoint, 3 a virtual private gateway, 4 and 5
 * a peering inside and between regions, 6 a local gateway, 7 a gateway endpoint, 8 an internet gateway. NAT and transit
 * gateways, endpoints and load balancers have interfaces in the VPC: 1.
 */
#define P(name) (1u << WEIR_PATH_##name)
bool weir_flowlog_path_agrees(unsigned int traffic_path, const struct weir_route *r)
{
	static const unsigned int meant[] = {
		[1] = P(SAME_HOST) | P(SAME_ZONE) | P(CROSS_ZONE) | P(NAT) | P(LB) | P(ENDPOINT) | P(TGW),
		[2] = P(INTERNET) | P(CDN) | P(GATEWAY_ENDPOINT) | P(LB),
		[3] = P(VPN) | P(DIRECT) | P(ONPREM),
		[4] = P(PEERING),
		[5] = P(PEERING),
		[6] = P(ONPREM),
		[7] = P(GATEWAY_ENDPOINT),
		[8] = P(INTERNET) | P(CDN) | P(LB),
	};
	bool other_region = r->local && *r->region && strcmp(r->local->region, r->region) != 0;

	if (!traffic_path)
		return true;
	if (traffic_path >= WEIR_ARRAY_SIZE(meant) || !(meant[traffic_path] & 1u << r->path))
		return false;
	return r->path != WEIR_PATH_PEERING || other_region == (traffic_path == 5);
}
