/* SPDX-License-Identifier: Apache-2.0 */
/* Paths: each kind of route, two domains with the same addresses, classes that agree with lookups. */
#include "lib/money/topology.h"
#include "tests/lib/test.h"

#define HEAD "apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
#define A "aws/111111111111/vpc-a"
#define B "aws/222222222222/vpc-b"

/* Documents in the order in which they reference each other backwards: the seal resolves. */
static const char docs[] = HEAD
	"  domain: " A "\n  provider: aws\n  account: '111111111111'\n"
	"  zones:\n  - {id: use1-az1, region: us-east-1}\n  - {id: use1-az2, region: us-east-1}\n"
	"  - {id: use2-az1, region: us-east-2}\n"
	"  prefixes: [10.7.0.0/16, 'fd07:1::/32']\n"
	"  nat: [{name: nat-a, zone: use1-az1}]\n"
	"  endpoints:\n  - {name: logs, service: aws/logs, zone: use1-az2, addresses: "
	"[10.7.1.200]}\n"
	"  - {name: fw, service: aws/gwlb}\n"
	"  subnets:\n"
	"  - name: a1\n    cidrs: [10.7.1.0/24, 'fd07:1:1::/64']\n    zone: use1-az1\n    routes:\n"
	"    - {to: 0.0.0.0/0, via: 'nat:nat-a'}\n    - {to: '::/0', via: igw}\n"
	"    - {to: 10.8.0.0/16, via: 'peering:" B "'}\n    - {to: 10.9.0.0/16, via: tgw}\n"
	"    - {to: 10.10.0.0/16, via: vpn}\n    - {to: 10.11.0.0/16, via: direct}\n"
	"    - {to: 203.0.113.0/24, via: 'endpoint:fw'}\n"
	"    - {to: aws/s3, via: 'gateway-endpoint:aws/s3'}\n"
	"  - name: a2\n    cidrs: [10.7.2.0/24, 'fd07:1:2::/64']\n    zone: use1-az2\n    routes:\n"
	"    - {to: 0.0.0.0/0, via: 'nat:nat-a'}\n"
	"  - name: a3\n    cidrs: [10.7.3.0/24]\n    zone: use2-az1\n    routes:\n"
	"    - {to: '::/0', via: igw}\n"
	"  onprem: [192.168.0.0/16]\n"
	"---\n" HEAD "  domain: " B "\n  provider: aws\n  account: '222222222222'\n"
	"  zones: [{id: use1-az1, region: us-east-1}, {id: use1-az2, region: us-east-1}]\n"
	"  prefixes: [10.7.0.0/16, 10.8.0.0/16]\n  subnets:\n"
	"  - name: b1\n    cidrs: [10.7.1.0/24]\n    zone: use1-az2\n"
	"    routes: [{to: 0.0.0.0/0, via: igw}]\n"
	"  - {name: b2, cidrs: [10.7.2.0/24, 10.8.1.0/24], zone: use1-az2}\n"
	"---\n" HEAD "  ranges:\n  - {prefix: 52.216.0.0/15, service: aws/s3, region: us-east-1}\n"
	"  - {prefix: 52.219.0.0/20, service: aws/s3, region: us-east-2}\n";

static void topology_freep(struct weir_topology **t)
{
	weir_topology_free(*t);
}
#define auto_topology weir_cleanup(topology_freep)

static int load(const char *text, struct weir_topology **ret, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	auto_topology struct weir_topology *t = NULL;
	int r;

	r = weir_ydoc_parse(text, strlen(text), "t.yaml", &d, err);
	if (r == 0)
		r = weir_topology_new(&t);
	for (size_t i = 0; r == 0 && i < weir_ydoc_count(d); i++)
		r = weir_topology_add(t, weir_ydoc_root(d, i), err);
	if (r == 0)
		r = weir_topology_seal(t, err);
	if (r == 0)
		*ret = weir_take_ptr(t);
	return r;
}

static struct weir_route route(const struct weir_topology *t, const char *domain, const char *local,
			       const char *peer)
{
	struct weir_addr l, p;
	struct weir_route r;

	if (weir_addr_parse(local, &l) < 0 || weir_addr_parse(peer, &p) < 0)
		abort();
	weir_topology_route(t, domain, &l, &p, &r);
	return r;
}

TEST(paths)
{
	static const struct {
		const char *domain, *local, *peer;
		enum weir_path path;
		bool hop;
		const char *service, *zone, *peer_domain;
	} rows[] = {
		{A, "10.7.1.11", "10.7.1.11", WEIR_PATH_SAME_HOST, false, "", "use1-az1", A},
		{A, "10.7.1.11", "127.0.0.1", WEIR_PATH_SAME_HOST, false, "", "", ""},
		{A, "10.7.1.11", "169.254.169.254", WEIR_PATH_SAME_ZONE, false, "", "", ""},
		{A, "10.7.1.11", "10.7.1.12", WEIR_PATH_SAME_ZONE, false, "", "use1-az1", A},
		{A, "10.7.1.11", "10.7.2.11", WEIR_PATH_CROSS_ZONE, false, "", "use1-az2", A},
		{A, "fd07:1:1::11", "fd07:1:2::11", WEIR_PATH_CROSS_ZONE, false, "", "use1-az2", A},
		{A, "10.7.1.11", "10.7.3.11", WEIR_PATH_CROSS_REGION, false, "", "use2-az1", A},
		{A, "10.7.1.11", "10.7.99.1", WEIR_PATH_UNKNOWN, false, "", "", A},
		{A, "10.7.1.11", "198.18.0.9", WEIR_PATH_NAT, false, "", "", ""},
		{A, "10.7.2.11", "198.18.0.9", WEIR_PATH_NAT, true, "", "", ""},
		{A, "fd07:1:1::11", "2001:db8:99::1", WEIR_PATH_INTERNET, false, "", "", ""},
		{B, "10.7.1.11", "198.18.0.9", WEIR_PATH_INTERNET, false, "", "", ""},
		{A, "10.7.3.11", "198.18.0.9", WEIR_PATH_UNKNOWN, false, "", "", ""},
		{A, "10.7.1.11", "10.96.0.1", WEIR_PATH_UNKNOWN, false, "", "", ""},
		{A, "10.7.1.11", "10.8.1.5", WEIR_PATH_PEERING, false, "", "use1-az2", B},
		{A, "10.7.1.11", "10.9.1.5", WEIR_PATH_TGW, false, "", "", ""},
		{A, "10.7.1.11", "10.10.1.5", WEIR_PATH_VPN, false, "", "", ""},
		{A, "10.7.1.11", "10.11.1.5", WEIR_PATH_DIRECT, false, "", "", ""},
		{A, "10.7.3.11", "192.168.1.1", WEIR_PATH_ONPREM, false, "", "", ""},
		{A, "10.7.1.11", "52.217.1.1", WEIR_PATH_GATEWAY_ENDPOINT, false, "aws/s3", "", ""},
		{A, "10.7.1.11", "52.219.1.1", WEIR_PATH_NAT, false, "aws/s3", "", ""},
		{A, "10.7.2.11", "52.217.1.1", WEIR_PATH_NAT, true, "aws/s3", "", ""},
		{A, "10.7.1.11", "10.7.1.200", WEIR_PATH_ENDPOINT, true, "aws/logs", "use1-az2", A},
		{A, "10.7.2.11", "10.7.1.200", WEIR_PATH_ENDPOINT, false, "aws/logs", "use1-az2",
		 A},
		{A, "10.7.1.11", "203.0.113.7", WEIR_PATH_ENDPOINT, false, "aws/gwlb", "", ""},
		{A, "10.7.99.1", "198.18.0.9", WEIR_PATH_UNKNOWN, false, "", "", ""},
		{"aws/3/none", "10.7.1.11", "10.7.1.12", WEIR_PATH_UNKNOWN, false, "", "", ""},
	};
	auto_topology struct weir_topology *t = NULL;
	struct weir_err err = {0};

	CHECK(load(docs, &t, &err) == 0, "%s", err.text);
	for (size_t i = 0; t && i < WEIR_ARRAY_SIZE(rows); i++) {
		struct weir_route r = route(t, rows[i].domain, rows[i].local, rows[i].peer);

		CHECK(r.path == rows[i].path, "row %zu to %s: %s, want %s", i, rows[i].peer,
		      weir_path_name(r.path), weir_path_name(rows[i].path));
		CHECK(r.cross_zone_hop == rows[i].hop, "row %zu: hop %d", i, r.cross_zone_hop);
		CHECK(!strcmp(r.service, rows[i].service), "row %zu: service %s", i, r.service);
		CHECK(!strcmp(r.zone, rows[i].zone), "row %zu: zone %s", i, r.zone);
		CHECK(!strcmp(r.peer_domain, rows[i].peer_domain), "row %zu: %s", i, r.peer_domain);
	}
}

TEST(equal_addresses_of_two_domains_are_kept_apart)
{
	auto_topology struct weir_topology *t = NULL;
	const struct weir_subnet *a, *b;
	struct weir_err err = {0};
	struct weir_addr addr;

	if (load(docs, &t, &err) < 0) {
		CHECK(false, "%s", err.text);
		return;
	}
	weir_addr_parse("10.7.1.11", &addr);
	a = weir_topology_subnet(t, A, &addr);
	b = weir_topology_subnet(t, B, &addr);
	CHECK(a && !strcmp(a->name, "a1") && !strcmp(a->account, "111111111111"), "in a");
	CHECK(b && !strcmp(b->name, "b1") && !strcmp(b->account, "222222222222"), "in b");
	CHECK(weir_topology_subnet(t, "aws/3/none", &addr) == NULL, "unknown domain");
	CHECK(route(t, A, "10.7.1.11", "10.7.2.11").path == WEIR_PATH_CROSS_ZONE, "a");
	CHECK(route(t, B, "10.7.1.11", "10.7.2.11").path == WEIR_PATH_SAME_ZONE, "b");
}

TEST(classes_are_sorted)
{
	static const char *const want[] = {A "/a1", A "/a2", A "/a3", B "/b1", B "/b2"};
	auto_topology struct weir_topology *t = NULL;
	struct weir_err err = {0};

	if (load(docs, &t, &err) < 0) {
		CHECK(false, "%s", err.text);
		return;
	}
	CHECK(weir_topology_class_count(t) == 5, "%zu", weir_topology_class_count(t));
	for (size_t i = 0; i < 5; i++)
		CHECK(!strcmp(weir_topology_class(t, i), want[i]), "%s", weir_topology_class(t, i));
}

struct table {
	struct weir_lpm *lpm;
	struct weir_route routes[256];
	struct weir_prefix prefixes[256];
	uint32_t n;
};

static int collect(const struct weir_prefix *p, const struct weir_route *r, void *arg)
{
	struct table *tab = arg;

	if (tab->n == 256)
		return -E2BIG;
	tab->routes[tab->n] = *r;
	tab->prefixes[tab->n] = *p;
	return weir_lpm_put(tab->lpm, p, tab->n++);
}

static bool same_route(const struct weir_route *a, const struct weir_route *b)
{
	return a->path == b->path && a->cross_zone_hop == b->cross_zone_hop &&
	       !strcmp(a->service, b->service) && !strcmp(a->region, b->region) &&
	       !strcmp(a->zone, b->zone) && !strcmp(a->peer_domain, b->peer_domain);
}

/* Random addresses near the boundaries: the class's table must say what the lookup says. */
TEST(class_table_agrees_with_lookup)
{
	auto_topology struct weir_topology *t = NULL;
	struct table tab = {0};
	struct weir_addr local;
	struct weir_err err = {0};
	unsigned int seed = (unsigned int)getpid();

	printf("# seed %u\n", seed);
	srand(seed);
	weir_addr_parse("10.7.1.11", &local);
	if (load(docs, &t, &err) < 0 || weir_lpm_new(&tab.lpm) < 0) {
		CHECK(false, "%s", err.text);
		return;
	}
	CHECK(weir_topology_each(t, A "/a1", collect, &tab) == 0, "each");
	CHECK(tab.prefixes[0].len == 0, "::/0 is not first");
	for (uint32_t i = 1; i < tab.n; i++)
		CHECK(weir_prefix_cmp(&tab.prefixes[i - 1], &tab.prefixes[i]) < 0, "order at %u",
		      i);
	for (int i = 0; i < 20000; i++) {
		struct weir_prefix base = tab.prefixes[(uint32_t)rand() % tab.n];
		struct weir_addr peer = base.addr;
		struct weir_route r;
		uint32_t row;

		for (int bit = base.len; bit < 128; bit++)
			if (rand() & 1)
				peer.b[bit / 8] ^= (uint8_t)(0x80 >> (bit % 8));
		if (!memcmp(&peer, &local, sizeof(peer)))
			continue;
		weir_topology_route(t, A, &local, &peer, &r);
		row = weir_lpm_find(tab.lpm, &peer);
		CHECK(row != WEIR_LPM_NONE && same_route(&r, &tab.routes[row]), "differs at %d", i);
	}
	CHECK(weir_topology_each(t, "none", collect, &tab) == -ENOENT, "unknown class");
	weir_lpm_free(tab.lpm);
}

#define SPEC                                                                                       \
	HEAD "  domain: aws/1/v\n  provider: aws\n  account: '1'\n"                                \
	     "  zones: [{id: z1, region: r1}]\n  prefixes: [10.0.0.0/8]\n"

/* Line 11 is the subnet, 12 the load balancer. */
#define LB(rest)                                                                                   \
	SPEC "  subnets: [{name: a, zone: z1, cidrs: [10.0.0.0/24]}]\n"                             \
	     "  load_balancers: [{name: l, " rest "}]\n"
#define KIND "kind: nlb, scheme: internal, "

TEST(load_balancers_and_versions_are_checked)
{
	static const char *const rows[][2] = {
		{LB("scheme: internal, nodes: [], targets: []"), "t.yaml:11:20 spec.load_balancers[0]: 'kind' is missing"},
		{LB("kind: elb, scheme: internal, nodes: [], targets: []"),
		 "t.yaml:11:36 spec.load_balancers[0].kind: 'elb' is none of alb, nlb, clb, azure-lb, gcp-lb"},
		{LB("kind: nlb, scheme: open, nodes: [], targets: []"),
		 "t.yaml:11:49 spec.load_balancers[0].scheme: 'open' is none of internal, internet-facing"},
		{LB(KIND "nodes: []"), "t.yaml:11:20 spec.load_balancers[0]: 'targets' is missing"},
		{LB(KIND "nodes: [{}], targets: []"),
		 "t.yaml:11:67 spec.load_balancers[0].nodes[0]: a node has a subnet, addresses, or both"},
		{LB(KIND "nodes: [{subnet: b}], targets: []"),
		 "t.yaml:11:76 spec.load_balancers[0].nodes[0].subnet: no subnet named 'b' in spec.subnets"},
		{LB(KIND "nodes: [{subnet: a, addresses: [10.0.1.1]}], targets: []"),
		 "t.yaml:11:91 spec.load_balancers[0].nodes[0].addresses[0]: the address is outside subnet 'a'"},
		{LB(KIND "nodes: [{addresses: [0.0.0.0/0]}], targets: []"),
		 "t.yaml:11:80 spec.load_balancers[0].nodes[0].addresses[0]: this prefix is too wide here"},
		{LB(KIND "nodes: [{addresses: [10.0.0.1, 10.0.0.1]}], targets: []"),
		 "t.yaml:11:90 spec.load_balancers[0].nodes[0].addresses[1]: the address already belongs to load balancer 'l'"},
		{LB(KIND "nodes: [], targets: [b]"),
		 "t.yaml:11:80 spec.load_balancers[0].targets[0]: no subnet named 'b' in spec.subnets"},
		{LB(KIND "nodes: [], targets: [192.0.2.1]"),
		 "t.yaml:11:80 spec.load_balancers[0].targets[0]: the target is outside the prefixes of the domain"},
		{LB(KIND "nodes: [], targets: [], port: 80"),
		 "t.yaml:11:83 spec.load_balancers[0]: unknown field 'port'; known: name, owner, kind, scheme, cross_zone, "
		 "passthrough, nodes, targets"},
		{SPEC "  subnets: []\n  valid_from: 2026-02-01\n  valid_to: 2026-02-01\n",
		 "t.yaml:12:13 spec.valid_to: valid_to must lie behind valid_from"},
		{SPEC "  valid_to: 2026-02-02\n  subnets: []\n---\n" SPEC "  valid_from: 2026-02-01\n  subnets: []\n",
		 "t.yaml:17:11 spec.domain: domain already stands in t.yaml for a part of this time"},
		{HEAD "  range_files: [/etc/passwd]\n",
		 "t.yaml:5:17 spec.range_files[0]: the path is relative to the repository and stays in it"},
		{SPEC "  subnets: [{name: a, cidrs: []}]\n", "t.yaml:10:13 spec.subnets[0]: 'zone' is missing"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		auto_topology struct weir_topology *t = NULL;
		struct weir_err err = {0};
		int r = load(rows[i][0], &t, &err);

		CHECK(r == -EINVAL, "row %zu gave %d", i, r);
		CHECK(!strcmp(err.text, rows[i][1]), "row %zu: got  '%s'\n# want '%s'", i, err.text, rows[i][1]);
	}
}

TEST(refusals_name_their_place)
{
	static const char *const rows[][2] = {
		{HEAD "  domain: gcp/1/v\n  provider: aws\n  account: '1'\n",
		 "t.yaml:5:11 spec.domain: domain must begin with the provider: aws/..."},
		{SPEC "  subnets: [{name: a, zone: z9, cidrs: []}]\n",
		 "t.yaml:10:13 spec.subnets[0]: zone 'z9' is not in spec.zones"},
		{SPEC "  subnets:\n  - {name: a, zone: z1, cidrs: [11.0.0.0/24]}\n",
		 "t.yaml:11:33 spec.subnets[0].cidrs[0]: the prefix is outside the prefixes of the "
		 "domain"},
		{SPEC "  subnets:\n  - {name: a, zone: z1, cidrs: [10.0.0.0/24, 10.0.0.128/25]}\n",
		 "t.yaml:11:46 spec.subnets[0].cidrs[1]: the prefix overlaps subnet 'a'"},
		{SPEC "  subnets:\n  - name: a\n    zone: z1\n    cidrs: []\n"
		      "    routes: [{to: 0.0.0.0/0, via: 'nat:x'}]\n",
		 "t.yaml:14:35 spec.subnets[0].routes[0].via: no NAT gateway named 'x' in "
		 "spec.nat"},
		{SPEC "  subnets:\n  - name: a\n    zone: z1\n    cidrs: []\n"
		      "    routes: [{to: 0.0.0.0/0, via: 'peering:aws/9/x'}]\n",
		 "t.yaml:14:35 spec.subnets[0].routes[0].via: no topology has the domain "
		 "'aws/9/x'"},
		{SPEC "  subnets:\n  - name: a\n    zone: z1\n    cidrs: []\n"
		      "    routes: [{to: 0.0.0.0/0, via: igw:x}]\n",
		 "t.yaml:14:35 spec.subnets[0].routes[0].via: 'igw:x': nothing may stand behind "
		 "igw, "
		 "or a name is missing"},
		{SPEC "  subnets: []\n  nets: []\n",
		 "t.yaml:11:3 spec: unknown field 'nets'; known: domain, provider, account, "
		 "valid_from, valid_to, prefixes, subnets, zones, nat, endpoints, onprem, load_balancers, "
		 "ranges, range_files"},
		{HEAD "  domain: aws/1/v\n", "t.yaml:5:3 spec: 'provider' is missing"},
		{"kind: Topology\n", "t.yaml:1:1 .: 'apiVersion' is missing"},
		{SPEC "  subnets: []\n---\n" SPEC "  subnets: []\n",
		 "t.yaml:16:11 spec.domain: domain already stands in t.yaml"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		auto_topology struct weir_topology *t = NULL;
		struct weir_err err = {0};
		int r = load(rows[i][0], &t, &err);

		CHECK(r == -EINVAL, "row %zu gave %d", i, r);
		CHECK(!strcmp(err.text, rows[i][1]), "got  '%s'\n# want '%s'", err.text,
		      rows[i][1]);
	}
}

TEST(path_names_read_back)
{
	enum weir_path p = WEIR_PATH_UNKNOWN;

	for (unsigned int i = 0; i < WEIR_PATHS; i++)
		CHECK(weir_path_parse(weir_path_name(i), &p) == 0 && p == i, "%s",
		      weir_path_name(i));
	CHECK(weir_path_parse("zone", &p) == -EINVAL, "accepted");
}

TEST_MAIN(T(paths), T(equal_addresses_of_two_domains_are_kept_apart), T(classes_are_sorted),
	  T(class_table_agrees_with_lookup), T(load_balancers_and_versions_are_checked), T(refusals_name_their_place), T(path_names_read_back))
