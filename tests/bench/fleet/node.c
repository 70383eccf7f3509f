/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/fleet/node.h"

#include <arpa/inet.h>
#include <math.h>

#define LEAVE 10
#define HEALTH_EVERY 5 /* windows */
#define TCP_EVERY 30

static double rnd(struct node *n) /* splitmix64, 0 to 1 */
{
	uint64_t z = (n->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static uint32_t pick(struct node *n, uint32_t of)
{
	return (uint32_t)(rnd(n) * of);
}

static double lognormal(struct node *n, double median, double sigma)
{
	return median * exp(sigma * sqrt(-2 * log(1 - rnd(n))) * cos(2 * M_PI * rnd(n)));
}

static void v4(struct weir_addr *a, uint32_t host_order)
{
	uint32_t be = htonl(host_order);

	memset(a->b, 0, 10);
	memset(a->b + 10, 0xff, 2);
	memcpy(a->b + 12, &be, 4);
}

/* Six in ten peers are in the other zone, two in this one, two on the internet. */
static void talk_init(struct node *n, struct talk *t, uint32_t i)
{
	const uint32_t nets[] = {0x0a070100, 0x0a070100, 0x0a070100, 0x0a070200, 0xc6336400};

	v4(&t->peer, (nets[i % 5] | (i / 5 % 200)) + 20);
	t->port = (uint16_t)(8440 + i % 7);
	t->workload = 1 + pick(n, NODE_WORKLOADS);
	t->opened = i & 1;
	t->udp = i % 8 == 0;
	t->asks = lognormal(n, 2, 1);
	t->request = lognormal(n, 600, 0.7);
	t->answer = lognormal(n, 3000, 0.9);
}

void node_init(struct node *n, uint32_t number, const char *domain, uint64_t start_ns)
{
	static const uint32_t terms[NODE_TERMS] = {WEIR_T_INTERFACE, WEIR_T_NO_SOCKET, WEIR_T_ICMP, WEIR_TERM_SOCKETS,
					      WEIR_TERM_UNEXPLAINED};

	*n = (struct node){.state = number + 1};
	v4(&n->local, 0x0a07020b + number);
	for (uint32_t i = 0; i < NODE_POOL; i++)
		talk_init(n, &n->talks[i], i);
	for (uint32_t i = 0; i < NODE_ACTIVE; i++)
		n->active[i] = i * (NODE_POOL / NODE_ACTIVE);
	for (uint32_t i = 0; i <= NODE_WORKLOADS; i++) {
		snprintf(n->names[i], sizeof(n->names[i]), i ? "service-%u.service" : "unidentified", i);
		snprintf(n->groups[i], sizeof(n->groups[i]), i ? "/shop.slice/service-%u.service" : "", i);
		n->workloads[i] = (struct weir_sum_workload){.name = n->names[i], .namespace = i ? "shop.slice" : "",
							    .kind = i ? "unit" : "unidentified",
							    .cgroup = n->groups[i], .cgroup_id = i};
	}
	for (size_t i = 0; i < 2 * NODE_TERMS; i++)
		n->identity[i] = (struct weir_sum_identity){.interface = "eth0", .dir = i % 2, .term = terms[i / 2]};
	for (uint32_t i = 0; i < NODE_WORKLOADS; i++)
		n->health[i] = (struct weir_sum_health){.workload = i + 1, .index = i + 1, .since_ns = 1, .rtt = n->rtt[i],
							.rtt_first = 20, .rtt_count = 8};
	n->s = (struct weir_summary){.epoch = weir_wall_ns() / WEIR_NS_PER_S, .length_ns = NODE_WINDOW_NS, .windows = 1,
				     .domain = domain, .workloads = n->workloads, .workload_count = NODE_WORKLOADS + 1,
				     .rows = n->rows, .row_count = 2 * NODE_ACTIVE, .identity = n->identity,
				     .identity_count = 2 * NODE_TERMS, .health = n->health,
				     .start_ns = start_ns};
}

static void row(struct node *n, const struct talk *t, uint8_t dir, double payload, double asks, struct weir_sum_row *r)
{
	*r = (struct weir_sum_row){
		.workload = t->workload, .local = n->local, .peer = t->peer, .proto = t->udp ? IPPROTO_UDP : IPPROTO_TCP,
		.dir = dir, .init_local = t->opened, .rule = WEIR_NO_RULE, .interface = "eth0",
		.local_port = t->opened ? 0 : t->port, .peer_port = t->opened ? t->port : 0,
	};
	r->packets = (uint64_t)(asks + payload / 1448 + 1);
	r->bytes = (uint64_t)payload + r->packets * 52;
	/* As agents do, once a minute: a round trip for each second of the conversation. */
	if (!t->udp && dir == WEIR_EGRESS && n->s.sequence % TCP_EVERY == 0)
		r->tcp = (struct weir_sum_tcp){60 * (300 + pick(n, 20000)), 60, pick(n, 3)};
	n->s.total_bytes[dir] += r->bytes;
	n->s.total_packets[dir] += r->packets;
}

void node_window(struct node *n)
{
	for (int i = 0; i < LEAVE; i++)
		n->active[pick(n, NODE_ACTIVE)] = pick(n, NODE_POOL / NODE_ACTIVE); /* of the eight that share a place */
	for (uint32_t i = 0; i < NODE_ACTIVE; i++) {
		const struct talk *t = &n->talks[i * (NODE_POOL / NODE_ACTIVE) + n->active[i] % (NODE_POOL / NODE_ACTIVE)];
		double asks = 1 + floor(t->asks * 2 * rnd(n));
		uint8_t out = t->opened ? WEIR_EGRESS : WEIR_INGRESS;

		row(n, t, out, asks * t->request * (0.7 + 0.6 * rnd(n)), asks, &n->rows[2 * i]);
		row(n, t, !out, asks * t->answer * (0.7 + 0.6 * rnd(n)), asks, &n->rows[2 * i + 1]);
	}
	for (size_t i = 0; i < 2 * NODE_TERMS; i++)
		if (n->identity[i].term == WEIR_T_INTERFACE || n->identity[i].term == WEIR_TERM_SOCKETS)
			n->identity[i].bytes = n->s.total_bytes[n->identity[i].dir];
	n->s.sequence++;
	n->s.health_count = n->s.sequence % HEALTH_EVERY ? 0 : NODE_WORKLOADS;
	for (uint32_t i = 0; i < n->s.health_count; i++)
		for (size_t k = 0; k < WEIR_H_COUNTS + 8; k++)
			*(k < 8 ? &n->rtt[i][k] : &n->health[i].n[k - 8]) += pick(n, 2000);
	if (n->s.sequence > 1)
		n->s.start_ns += NODE_WINDOW_NS;
}

