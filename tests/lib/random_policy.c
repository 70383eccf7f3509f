/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/random_policy.h"

#include <arpa/inet.h>

#include "lib/ds/buf.h"

static const char topology_text[] =
	"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
	"  domain: " RANDOM_DOMAIN "\n  provider: aws\n  account: '1'\n"
	"  zones:\n  - {id: use1-az1, region: us-east-1}\n  - {id: use1-az2, region: us-east-1}\n"
	"  prefixes: [10.7.0.0/16, 'fd07:1::/32']\n  nat:\n  - {name: nat-a, zone: use1-az1}\n"
	"  subnets:\n  - name: a\n    cidrs: [10.7.1.0/24, 'fd07:1:1::/64']\n    zone: use1-az1\n"
	"    routes: [{to: 0.0.0.0/0, via: 'nat:nat-a'}, {to: '::/0', via: igw}]\n"
	"  - name: b\n    cidrs: [10.7.2.0/24, 'fd07:1:2::/64']\n    zone: use1-az2\n"
	"    routes: [{to: 0.0.0.0/0, via: 'nat:nat-a'}, {to: '::/0', via: igw}]\n";

static const char *const bases[2][6] = {
	{"fd07:1:1::9", "fd07:1:2::9", "2001:db8:99::10", "2001:db8:99:1:8000::10", "2001:db8:1::", "2620::1"},
	{"10.7.1.9", "10.7.2.9", "198.18.0.10", "203.0.113.7", "203.0.113.70", "128.0.0.1"},
};

unsigned int random_below(unsigned int *seed, unsigned int n)
{
	return (unsigned int)rand_r(seed) % n;
}

static void flip(struct weir_addr *a, unsigned int bit)
{
	a->b[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
}

/* Bits from `from` on become 0, 1 or random. */
static struct weir_addr fill(unsigned int *seed, struct weir_addr a, unsigned int from, int with)
{
	for (unsigned int bit = from; bit < 128; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		if (with < 0 ? random_below(seed, 2) : (unsigned int)with)
			a.b[bit / 8] |= mask;
		else
			a.b[bit / 8] &= (uint8_t)~mask;
	}
	return a;
}

static void add_edge(struct random_policy *p, bool v4, const struct weir_addr *a)
{
	if (p->edge_count[v4] < RANDOM_EDGES && weir_addr_is_v4(a) == v4)
		p->edges[v4][p->edge_count[v4]++] = *a;
}

/* First, last and some address of a prefix, and the nearest ones outside. */
static void add_edges(unsigned int *seed, struct random_policy *p, const struct weir_prefix *x)
{
	bool v4 = x->len >= 96 && weir_addr_is_v4(&x->addr);
	struct weir_addr a = fill(seed, x->addr, x->len, 1);

	add_edge(p, v4, &x->addr);
	add_edge(p, v4, &a);
	if (x->len > (v4 ? 96 : 0))
		flip(&a, x->len - 1u);
	add_edge(p, v4, &a);
	a = fill(seed, x->addr, x->len, -1);
	add_edge(p, v4, &a);
	if (x->len > (v4 ? 96 : 0))
		flip(&a, x->len - 1u);
	add_edge(p, v4, &a);
}

static void add_port(struct random_policy *p, uint16_t port)
{
	if (p->port_count < RANDOM_PORTS)
		p->ports[p->port_count++] = port;
}

static struct weir_prefix random_prefix(unsigned int *seed, bool v4)
{
	struct weir_prefix x = {.len = (uint8_t)(v4 ? 96 + 1 + random_below(seed, 32) : 8 + random_below(seed, 121))};
	unsigned int first = v4 ? 96 : 0;

	weir_addr_parse(bases[v4][random_below(seed, WEIR_ARRAY_SIZE(bases[0]))], &x.addr);
	if (random_below(seed, 2)) /* a neighbour of what others name */
		flip(&x.addr, first + random_below(seed, x.len - first));
	x.addr = fill(seed, x.addr, x.len, 0);
	return x;
}

static void add_text(struct weir_buf *b, const struct weir_prefix *x)
{
	char text[INET6_ADDRSTRLEN + 1];

	weir_buf_addf(b, "'%s/%d'", weir_addr_text(&x->addr, text),
		      x->len >= 96 && weir_addr_is_v4(&x->addr) ? x->len - 96 : x->len);
}

/* {cidr: ..., except: [...]}; an exception may hold what another one names. */
static void add_cidr(unsigned int *seed, struct random_policy *p, struct weir_buf *b)
{
	bool v4 = random_below(seed, 2);
	struct weir_prefix x = random_prefix(seed, v4);
	unsigned int n = x.len < 128 ? random_below(seed, 3) : 0;

	add_edges(seed, p, &x);
	weir_buf_addf(b, "{cidr: ");
	add_text(b, &x);
	for (unsigned int i = 0; i < n; i++) {
		struct weir_prefix e = {.len = (uint8_t)(x.len + 1 + random_below(seed, WEIR_MIN(128u - x.len, 12u)))};

		e.addr = fill(seed, fill(seed, x.addr, x.len, -1), e.len, 0);
		add_edges(seed, p, &e);
		weir_buf_addf(b, i ? ", " : ", except: [");
		add_text(b, &e);
	}
	weir_buf_addf(b, n ? "]}" : "}");
}

static void add_peer(unsigned int *seed, struct random_policy *p, struct weir_buf *b)
{
	static const char *const places[] = {"{path: same-zone}", "{path: cross-zone}", "{path: nat}",
					     "{path: internet}", "{zone: use1-az2}"};

	if (random_below(seed, 3))
		add_cidr(seed, p, b);
	else
		weir_buf_addf(b, "%s", places[random_below(seed, WEIR_ARRAY_SIZE(places))]);
}

static void add_ports(unsigned int *seed, struct random_policy *p, struct weir_buf *b)
{
	static const char *const protos[] = {"TCP", "UDP", "SCTP", "ICMP"};
	static const unsigned int widths[] = {0, 0, 1, 100, 20000, 65535};
	unsigned int proto = random_below(seed, 4), lo = 1 + random_below(seed, 65535), hi;

	if (proto == 3) {
		weir_buf_addf(b, "    ports: [{protocol: ICMP}]\n");
		return;
	}
	hi = lo + random_below(seed, 1 + widths[random_below(seed, WEIR_ARRAY_SIZE(widths))]);
	hi = WEIR_MIN(hi, 65535u);
	add_port(p, (uint16_t)(lo - 1));
	add_port(p, (uint16_t)lo);
	add_port(p, (uint16_t)hi);
	add_port(p, (uint16_t)(hi + 1));
	weir_buf_addf(b, "    ports: [{protocol: %s, port: %u, endPort: %u}]\n", protos[proto], lo, hi);
}

static void add_rule(unsigned int *seed, struct random_policy *p, struct weir_buf *b, const char *side,
		     enum weir_tier tier, bool audit)
{
	static const char *const actions[] = {"accept", "deny", "pass"};
	unsigned int action = tier == WEIR_TIER_NAMESPACE ? 0 : random_below(seed, tier == WEIR_TIER_ADMIN ? 3 : 2);

	weir_buf_addf(b, "  - action: %s\n", actions[action]);
	if (random_below(seed, 3)) {
		weir_buf_addf(b, "    %s: [", side);
		add_peer(seed, p, b);
		weir_buf_addf(b, ", ");
		add_peer(seed, p, b);
		weir_buf_addf(b, "]\n");
	}
	if (random_below(seed, 2))
		add_ports(seed, p, b);
	/* One that never limits, or one that is spent by two packets. */
	if (action == 0 && !audit && random_below(seed, 4))
		weir_buf_addf(b, "    limit: {%s, mode: police, per: %s}\n",
			      random_below(seed, 3) ? "rate: 1kbit, burst: 1500B" : "rate: 1000Gbit, burst: 1GiB",
			      random_below(seed, 2) ? "node" : "workload");
}

static void add_policy(unsigned int *seed, struct random_policy *p, unsigned int serial, unsigned int i,
		       bool namespaced, struct weir_buf *b)
{
	static const char *const tiers[] = {"admin", "namespace", "baseline"};
	static const char *const dirs[] = {"ingress", "egress"}, *const sides[] = {"from", "to"};
	enum weir_tier tier = random_below(seed, 3);
	bool audit = !random_below(seed, 4);

	if (tier == WEIR_TIER_NAMESPACE && !namespaced)
		tier = WEIR_TIER_BASELINE;
	p->tiers[i] = tier;
	weir_buf_addf(b, "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p%u-%u}\n"
			 "spec:\n  tier: %s\n  mode: %s\n", serial, i, tiers[tier], audit ? "audit" : "enforce");
	if (tier != WEIR_TIER_NAMESPACE)
		weir_buf_addf(b, "  priority: %u\n", random_below(seed, 10));
	weir_buf_addf(b, "  subject: {%s%s}\n",
		      tier == WEIR_TIER_NAMESPACE || random_below(seed, 3) == 0 ? "namespace: n, " : "",
		      random_below(seed, 3) ? "" : random_below(seed, 2) ? "labels: {app: x}" : "labels: {app: y}");
	for (unsigned int dir = 0, only = random_below(seed, 6); dir < WEIR_DIRS; dir++) {
		if (only == dir) /* governs the other one alone */
			continue;
		weir_buf_addf(b, "  %s:\n", dirs[dir]);
		for (unsigned int k = 0, n = 1 + random_below(seed, 3); k < n; k++)
			add_rule(seed, p, b, sides[dir], tier, audit);
	}
}

static void add_failsafe(unsigned int *seed, struct random_policy *p)
{
	static const enum weir_proto protos[] = {WEIR_P_TCP, WEIR_P_UDP, WEIR_P_SCTP};

	p->failsafe_count = random_below(seed, RANDOM_FAILSAFE + 1);
	for (size_t i = 0; i < p->failsafe_count; i++) {
		bool v4 = random_below(seed, 2);
		struct weir_prefix x = random_prefix(seed, v4);
		uint16_t port = random_port(seed, p);
		unsigned int hi = port + random_below(seed, 65536);
		struct weir_failsafe *f = &p->failsafe[i];

		if (random_below(seed, 2)) { /* wide, or around a peer of some rule */
			x.addr = random_peer(seed, p, v4);
			x.len = (uint8_t)((v4 ? 96 : 0) + random_below(seed, 33));
			x.addr = fill(seed, x.addr, x.len, 0);
		}
		add_edges(seed, p, &x);
		*f = (struct weir_failsafe){.prefixlen = x.len, .proto = protos[random_below(seed, 3)],
					    .dir = (uint8_t)random_below(seed, 2), .used = 1, .lo = port,
					    .hi = (uint16_t)WEIR_MIN(hi, 65535u)};
		memcpy(f->prefix, x.addr.b, sizeof(f->prefix));
		add_port(p, (uint16_t)(f->lo - 1));
		add_port(p, f->hi);
		add_port(p, (uint16_t)(f->hi + 1));
	}
}

int random_policy_new(unsigned int *seed, unsigned int serial, struct random_policy *ret, struct weir_err *err)
{
	bool namespaced = random_below(seed, 2);
	int r;

	*ret = (struct random_policy){0};
	r = weir_policy_set_new(&ret->set);
	for (unsigned int i = 0, n = 3 + random_below(seed, RANDOM_POLICIES - 2); r == 0 && i < n; i++) {
		weir_auto_buf struct weir_buf b = {0};
		struct weir_ydoc *doc = NULL;

		add_policy(seed, ret, serial, i, namespaced, &b);
		r = weir_ydoc_parse((char *)b.data, b.len, "random.yaml", &doc, err);
		if (r == 0)
			r = weir_policy_set_add(ret->set, weir_ydoc_root(doc, 0), err);
		weir_ydoc_free(doc);
	}
	if (r == 0)
		r = weir_policy_set_seal(ret->set, err);
	add_failsafe(seed, ret);
	return r;
}

void random_policy_fini(struct random_policy *p)
{
	weir_policy_set_free(p->set);
	p->set = NULL;
}

struct weir_addr random_peer(unsigned int *seed, const struct random_policy *p, bool v4)
{
	struct weir_addr a;

	if (p->edge_count[v4] && random_below(seed, 4))
		return p->edges[v4][random_below(seed, (unsigned int)p->edge_count[v4])];
	weir_addr_parse(bases[v4][random_below(seed, WEIR_ARRAY_SIZE(bases[0]))], &a);
	return a;
}

uint16_t random_port(unsigned int *seed, const struct random_policy *p)
{
	if (p->port_count && random_below(seed, 4))
		return p->ports[random_below(seed, (unsigned int)p->port_count)];
	return (uint16_t)(1 + random_below(seed, 65535));
}

int random_topology(struct weir_topology **ret, struct weir_err *err)
{
	struct weir_ydoc *doc = NULL;
	int r = weir_topology_new(ret);

	if (r == 0)
		r = weir_ydoc_parse(topology_text, strlen(topology_text), "topology", &doc, err);
	if (r == 0)
		r = weir_topology_add(*ret, weir_ydoc_root(doc, 0), err);
	if (r == 0)
		r = weir_topology_seal(*ret, err);
	weir_ydoc_free(doc);
	return r;
}
