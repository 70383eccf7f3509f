/* SPDX-License-Identifier: Apache-2.0 */
/* Fleets made by chance: one or two networks of AWS, their gateways, endpoints and load balancers, prices, a span, traffic. */
#ifndef WEIR_TEST_RANDOM_FLEET_H
#define WEIR_TEST_RANDOM_FLEET_H

#include <inttypes.h>

#include "lib/ds/buf.h"
#include "tests/lib/savings_fixture.h"

struct chance {
	uint64_t state;
};

/* SplitMix64; below n. */
static inline uint64_t chance(struct chance *c, uint64_t n)
{
	uint64_t z = c->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (z ^ (z >> 31)) % n;
}

struct shape {
	int nets, zones, nats; /* nats: of the first zones */
	bool tgw, narrow;
	bool balancer, endpoint, v6;
};

static inline void random_subnets(struct weir_buf *b, struct chance *c, const struct shape *s, int net)
{
	for (int z = 1; z <= s->zones; z++) {
		int nat = s->nats ? (chance(c, 3) && z <= s->nats ? z : 1 + (int)chance(c, (uint64_t)s->nats)) : 0;

		weir_buf_addf(b, "  - name: s%d\n    cidrs: [10.%d.%d.0/24%s]\n    zone: z%d\n    routes:\n", z, net, z,
			      s->v6 ? z == 1 ? ", 'fd00:1::/64'" : z == 2 ? ", 'fd00:2::/64'" : ", 'fd00:3::/64'" : "", z);
		if (nat)
			weir_buf_addf(b, "    - {to: 0.0.0.0/0, via: 'nat:nat%d'}\n", nat);
		else
			weir_buf_addf(b, "    - {to: 0.0.0.0/0, via: igw}\n");
		if (s->tgw && s->nets > 1)
			weir_buf_addf(b, "    - {to: %s, via: 'tgw:aws/1/n%d'}\n",
				      s->narrow ? net ? "10.0.0.0/16" : "10.1.0.0/16" : "10.0.0.0/8", !net);
		weir_buf_addf(b, "  - {name: pub%d, cidrs: [10.%d.1%d.0/24], zone: z%d, routes: [{to: 0.0.0.0/0, via: igw}]}\n", z, net,
			      z, z);
	}
}

static inline void random_net(struct weir_buf *b, struct chance *c, const struct shape *s, int net)
{
	weir_buf_addf(b, "apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: n%d}\nspec:\n  domain: aws/1/n%d\n"
			 "  provider: aws\n  account: '1'\n  zones:\n", net, net);
	for (int z = 1; z <= s->zones; z++)
		weir_buf_addf(b, "  - {id: z%d, region: r}\n", z);
	weir_buf_addf(b, "  prefixes: [10.%d.0.0/16%s]\n", net, s->v6 ? ", 'fd00::/16'" : "");
	if (s->nats)
		weir_buf_addf(b, "  nat:\n");
	for (int z = 1; z <= s->nats; z++)
		weir_buf_addf(b, "  - {name: nat%d, zone: z%d}\n", z, z);
	if (s->endpoint)
		weir_buf_addf(b, "  endpoints: [{name: logs, service: aws/logs, zone: z1, addresses: [10.%d.1.200]}]\n", net);
	weir_buf_addf(b, "  subnets:\n");
	random_subnets(b, c, s, net);
	if (!s->balancer)
		return;
	weir_buf_addf(b, "  load_balancers:\n  - name: lb\n    kind: nlb\n    scheme: internal\n    nodes:\n");
	for (int z = 1; z <= s->zones; z++)
		weir_buf_addf(b, "    - {subnet: s%d, addresses: [10.%d.%d.20]}\n", z, net, z);
	weir_buf_addf(b, "    targets: [s1%s%s]\n", s->zones > 1 ? ", s2" : "", s->zones > 2 ? ", s3" : "");
}

/* A price between nothing and four times what AWS lists. */
static inline void random_meter(struct weir_buf *b, struct chance *c, const char *name, const char *more, uint64_t nanos)
{
	uint64_t p = nanos * (chance(c, 6) ? 50 + chance(c, 100) : chance(c, 400)) / 100;

	weir_buf_addf(b, "  - {name: %s, unit: GiB, price: \"0.%09" PRIu64 "\", %s}\n", name, p, more);
}

#define BOTH "directions: [ingress, egress]"
static inline void random_book(struct weir_buf *b, struct chance *c)
{
	static const char *const hours[] = {"nat-gateway-hour", "endpoint-hour", "nlb-hour", "tgw-attachment-hour",
					    "public-ipv4-hour"};
	static const uint64_t cents[] = {45000000, 10000000, 22500000, 50000000, 5000000};

	weir_buf_addf(b, "apiVersion: weir.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: p}\nspec:\n  provider: aws\n"
			 "  currency: USD\n  region: r\n  source: chance\n  meters:\n"
			 "  - name: out\n    unit: GiB\n    paths: [internet, nat]\n    directions: [egress]\n    when: [public]\n"
			 "    free: {amount: 100GiB, pool: organisation}\n    tiers:\n    - {from: 0GiB, price: \"0.09\"}\n"
			 "    - {from: %" PRIu64 "GiB, price: \"0.0%" PRIu64 "\"}\n", 500 + chance(c, 5000), 50 + chance(c, 35));
	random_meter(b, c, "in", "paths: [internet, nat], directions: [ingress], when: [public]", 0);
	random_meter(b, c, "service", "paths: [internet, nat], " BOTH ", when: [service]", 0);
	random_meter(b, c, "local", "paths: [same-zone, same-host], " BOTH, 0);
	random_meter(b, c, "zone", "paths: [cross-zone], " BOTH, 10000000);
	random_meter(b, c, "zone-nat", "leg: hop, paths: [nat], " BOTH, 10000000);
	random_meter(b, c, "zone-endpoint", "leg: hop, paths: [endpoint], " BOTH, 0);
	random_meter(b, c, "nat", "leg: processing, paths: [nat], " BOTH, 45000000);
	random_meter(b, c, "endpoint", "leg: processing, paths: [endpoint], " BOTH, 10000000);
	random_meter(b, c, "lb", "leg: processing, paths: [lb], " BOTH, 0);
	random_meter(b, c, "zone-lb", "leg: hop, paths: [lb], " BOTH, 20000000);
	random_meter(b, c, "tgw", "leg: processing, paths: [tgw], directions: [egress]", 20000000);
	random_meter(b, c, "tgw-in", "leg: processing, paths: [tgw], directions: [ingress]", 0);
	random_meter(b, c, "peering", "paths: [peering], " BOTH ", when: [same-zone]", 0);
	random_meter(b, c, "peering-zone", "paths: [peering], " BOTH ", when: [other-zone]", 10000000);
	if (chance(c, 8)) /* else nobody knows its price, which is no reason to go there */
		random_meter(b, c, "gateway-endpoint", "paths: [gateway-endpoint], " BOTH, 0);
	weir_buf_addf(b, "  resources:\n");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(hours); i++)
		weir_buf_addf(b, "  - {name: %s, unit: hour, price: \"0.%09" PRIu64 "\"}\n", hours[i], cents[i] * (50 + chance(c, 100)) / 100);
}

/* A row of a random size, 1 GiB to some TiB over the span, in a few of its hours; its other end too, sometimes. */
static inline void random_row(struct fleet *f, struct chance *c, const struct shape *s, uint64_t hours)
{
	static const char *const outside[] = {"52.216.0.9", "3.5.0.9", "3.6.0.9", "198.51.100.7"};
	char local[32], peer[32], domain[16];
	int net = (int)chance(c, (uint64_t)s->nets), kind = (int)chance(c, 8), zones = s->zones;
	uint64_t bytes = GIB * (1ull << chance(c, 12)), parts = 1 + chance(c, 6);
	uint64_t at[8];
	struct weir_traffic t;

	snprintf(domain, sizeof(domain), "aws/1/n%d", net);
	snprintf(local, sizeof(local), "10.%d.%d.%d", net, 1 + (int)chance(c, (uint64_t)zones), 5 + (int)chance(c, 3));
	if (kind < 4)
		snprintf(peer, sizeof(peer), "%s", outside[chance(c, 4)]);
	else if (kind == 4)
		snprintf(peer, sizeof(peer), "10.%d.%d.20", net, 1 + (int)chance(c, (uint64_t)zones));
	else if (kind == 5)
		snprintf(peer, sizeof(peer), "10.%d.1.200", net);
	else
		snprintf(peer, sizeof(peer), "10.%d.%d.%d", kind == 6 ? net : (int)chance(c, (uint64_t)s->nets),
			 1 + (int)chance(c, (uint64_t)zones), 40 + (int)chance(c, 2));
	t = traffic_row(domain, local, peer, (int)chance(c, 2), bytes / parts);
	t.peer_namespace = kind >= 6 ? "shop" : "";
	t.peer_workload = kind >= 6 ? "store" : "";
	t.port = chance(c, 2) ? 9092 : 443;
	for (uint64_t i = 0; i < parts; i++) {
		at[i] = chance(c, hours);
		t.hour_s = SAVINGS_FROM_S + 3600 * at[i];
		weir_traffic_add(f->traffic, &t);
	}
	if (kind < 6 || strncmp(local, peer, 5) != 0 || chance(c, 2))
		return;
	t = traffic_row(domain, peer, local, !t.dir, bytes / parts);
	t.opened = false;
	t.workload = "store";
	t.peer_namespace = "shop";
	t.peer_workload = "web";
	for (uint64_t i = 0; i < parts; i++) {
		t.hour_s = SAVINGS_FROM_S + 3600 * at[i];
		weir_traffic_add(f->traffic, &t);
	}
}

static inline int random_fleet(struct fleet *f, uint64_t seed)
{
	struct chance c = {.state = seed};
	weir_auto_buf struct weir_buf topology = {0}, book = {0};
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	struct shape s = {.nets = 1 + (int)chance(&c, 2), .zones = 1 + (int)chance(&c, 3), .tgw = chance(&c, 2),
			  .narrow = chance(&c, 2), .balancer = chance(&c, 3) == 0, .endpoint = chance(&c, 3) == 0,
			  .v6 = chance(&c, 3) == 0};
	uint64_t hours = 340 + chance(&c, 600), rows = 3 + chance(&c, 20);
	struct weir_traffic edge;
	int r;

	s.nats = (int)chance(&c, (uint64_t)s.zones + 1);
	for (int net = 0; net < s.nets; net++, weir_buf_addf(&topology, "---\n"))
		random_net(&topology, &c, &s, net);
	weir_buf_addf(&topology, "apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: ranges}\nspec:\n  ranges:\n"
				 "  - {prefix: 52.216.0.0/15, service: aws/s3, region: r}\n  - {prefix: 3.5.0.0/24, service: aws/logs, "
				 "region: r}\n  - {prefix: 3.6.0.0/24, service: aws/dual, region: r}\n  - {prefix: '2600:1f00::/32', "
				 "service: aws/dual, region: r}\n");
	random_book(&book, &c);
	r = topology_fixture_load(&f->world, (const char *)topology.data, "fleet", &f->err);
	if (!r)
		r = weir_ydoc_parse((const char *)book.data, book.len, "book", &d, &f->err);
	if (!r)
		r = weir_pricebook_add(f->world.prices, weir_ydoc_root(d, 0), &f->err);
	if (!r)
		r = weir_pricebook_seal(f->world.prices, &f->err);
	if (!r)
		r = weir_traffic_new(&f->traffic);
	for (uint64_t i = 0; !r && i < rows; i++)
		random_row(f, &c, &s, hours);
	for (int i = 0; !r && i < 2; i++) { /* the span is what it is */
		edge = traffic_row("aws/1/n0", "10.0.1.5", "10.0.1.6", 0, 1);
		edge.hour_s = SAVINGS_FROM_S + (i ? 3600 * (hours - 1) : 0);
		r = weir_traffic_add(f->traffic, &edge);
	}
	return r ? r : fleet_find(f);
}

#endif
