/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/bench/store URL CA CERT KEY NODE-KEY NODE DOMAIN CLASS SECONDS: what a node of 200 rows a window has said in
 * SECONDS before this hour, to a running aggregator, as fast as it takes it. The same node as node_traffic.py's: of 100
 * conversations 90 were there in the window before. Prints the bytes in all rows.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>

#include "lib/base/clock.h"
#include "lib/os/crypto.h"
#include "lib/wire/msg.h"
#include "lib/wire/wire.h"

#define WINDOW_NS (2 * WEIR_NS_PER_S)
#define WORKLOADS 10
#define POOL 800
#define ACTIVE 100
#define LEAVE 10
#define TERMS 5 /* of each direction of one interface */
#define HEALTH_EVERY 5 /* windows */
#define WAIT_MS 30000
#define HOUR_NS (3600 * WEIR_NS_PER_S)

struct talk {
	struct weir_addr peer;
	uint16_t port;
	uint32_t workload;
	bool opened, udp;
	double asks, request, answer;
};

struct node {
	struct talk talks[POOL];
	uint32_t active[ACTIVE];
	struct weir_addr local;
	struct weir_sum_workload workloads[WORKLOADS + 1];
	char names[WORKLOADS + 1][64], groups[WORKLOADS + 1][64];
	struct weir_sum_row rows[2 * ACTIVE];
	struct weir_sum_identity identity[2 * TERMS];
	struct weir_sum_health health[WORKLOADS];
	uint64_t rtt[WORKLOADS][8];
	struct weir_summary s;
};

static uint64_t state = 1;

static double rnd(void) /* splitmix64, 0 to 1 */
{
	uint64_t z = (state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static uint32_t pick(uint32_t n)
{
	return (uint32_t)(rnd() * n);
}

static double lognormal(double median, double sigma)
{
	return median * exp(sigma * sqrt(-2 * log(1 - rnd())) * cos(2 * M_PI * rnd()));
}

static void v4(struct weir_addr *a, uint32_t host_order)
{
	uint32_t be = htonl(host_order);

	memset(a->b, 0, 10);
	memset(a->b + 10, 0xff, 2);
	memcpy(a->b + 12, &be, 4);
}

/* Six in ten peers are in the other zone, two in this one, two on the internet. */
static void talk_init(struct talk *t, uint32_t i)
{
	const uint32_t nets[] = {0x0a070100, 0x0a070100, 0x0a070100, 0x0a070200, 0xc6336400};

	v4(&t->peer, (nets[i % 5] | (i / 5 % 200)) + 20);
	t->port = (uint16_t)(8440 + i % 7);
	t->workload = 1 + pick(WORKLOADS);
	t->opened = i & 1;
	t->udp = i % 8 == 0;
	t->asks = lognormal(2, 1);
	t->request = lognormal(600, 0.7);
	t->answer = lognormal(3000, 0.9);
}

static void node_init(struct node *n, const char *domain, uint64_t windows)
{
	static const uint32_t terms[TERMS] = {WEIR_T_INTERFACE, WEIR_T_NO_SOCKET, WEIR_T_ICMP, WEIR_TERM_SOCKETS,
					      WEIR_TERM_UNEXPLAINED};

	v4(&n->local, 0x0a07020b);
	for (uint32_t i = 0; i < POOL; i++)
		talk_init(&n->talks[i], i);
	for (uint32_t i = 0; i < ACTIVE; i++)
		n->active[i] = i * (POOL / ACTIVE);
	for (uint32_t i = 0; i <= WORKLOADS; i++) {
		snprintf(n->names[i], sizeof(n->names[i]), i ? "service-%u.service" : "unidentified", i);
		snprintf(n->groups[i], sizeof(n->groups[i]), i ? "/shop.slice/service-%u.service" : "", i);
		n->workloads[i] = (struct weir_sum_workload){.name = n->names[i], .namespace = i ? "shop.slice" : "",
							    .kind = i ? "unit" : "unidentified",
							    .cgroup = n->groups[i], .cgroup_id = i};
	}
	for (size_t i = 0; i < 2 * TERMS; i++)
		n->identity[i] = (struct weir_sum_identity){.interface = "eth0", .dir = i % 2, .term = terms[i / 2]};
	for (uint32_t i = 0; i < WORKLOADS; i++)
		n->health[i] = (struct weir_sum_health){.workload = i + 1, .index = i + 1, .since_ns = 1, .rtt = n->rtt[i],
							.rtt_first = 20, .rtt_count = 8};
	n->s = (struct weir_summary){.epoch = weir_wall_ns() / WEIR_NS_PER_S, .length_ns = WINDOW_NS, .windows = 1,
				     .domain = domain, .workloads = n->workloads, .workload_count = WORKLOADS + 1,
				     .rows = n->rows, .row_count = 2 * ACTIVE, .identity = n->identity,
				     .identity_count = 2 * TERMS, .health = n->health,
				     .start_ns = weir_wall_ns() / HOUR_NS * HOUR_NS - windows * WINDOW_NS};
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
	n->s.total_bytes[dir] += r->bytes;
	n->s.total_packets[dir] += r->packets;
}

static void next_window(struct node *n)
{
	for (int i = 0; i < LEAVE; i++)
		n->active[pick(ACTIVE)] = pick(POOL / ACTIVE); /* of the eight that share a place */
	for (uint32_t i = 0; i < ACTIVE; i++) {
		const struct talk *t = &n->talks[i * (POOL / ACTIVE) + n->active[i] % (POOL / ACTIVE)];
		double asks = 1 + floor(t->asks * 2 * rnd());
		uint8_t out = t->opened ? WEIR_EGRESS : WEIR_INGRESS;

		row(n, t, out, asks * t->request * (0.7 + 0.6 * rnd()), asks, &n->rows[2 * i]);
		row(n, t, !out, asks * t->answer * (0.7 + 0.6 * rnd()), asks, &n->rows[2 * i + 1]);
	}
	for (size_t i = 0; i < 2 * TERMS; i++)
		if (n->identity[i].term == WEIR_T_INTERFACE || n->identity[i].term == WEIR_TERM_SOCKETS)
			n->identity[i].bytes = n->s.total_bytes[n->identity[i].dir];
	n->s.sequence++;
	n->s.health_count = n->s.sequence % HEALTH_EVERY ? 0 : WORKLOADS;
	for (uint32_t i = 0; i < n->s.health_count; i++)
		for (size_t k = 0; k < WEIR_H_COUNTS + 8; k++)
			*(k < 8 ? &n->rtt[i][k] : &n->health[i].n[k - 8]) += pick(2000);
	if (n->s.sequence > 1)
		n->s.start_ns += WINDOW_NS;
}

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

/* Sends one request of the session and waits for its acknowledgement. */
static int say(struct weir_wire_client *c, struct weir_session *session, const struct weir_summary *s, struct weir_err *err)
{
	weir_cleanup(msg_freep) struct weir_msg *answer = NULL;
	struct weir_msg m = {.kind = WEIR_MSG_SUMMARY, .summary = *s, .has_token = true};
	struct pollfd p = {.fd = weir_wire_client_fd(c), .events = POLLIN};
	weir_auto_buf struct weir_buf b = {0};
	const void *data;
	size_t len;
	int r;

	memcpy(m.token, weir_session_token(session), sizeof(m.token));
	r = weir_msg_pack(&m, &b);
	if (!r)
		r = weir_wire_send(c, b.data, b.len, 0);
	while (!r && (r = weir_wire_reply_take(c, &data, &len)) == -EAGAIN)
		r = poll(&p, 1, WAIT_MS) == 1 ? 0 : -ETIMEDOUT;
	if (!r)
		r = weir_reply_unpack(data, len, WEIR_TELEMETRY_MAX, &answer, err);
	if (!r && (answer->kind != WEIR_MSG_ACK || answer->ack.committed != s->sequence))
		r = weir_err_set(err, -EPROTO, "summary %" PRIu64 ": %s", s->sequence,
				 answer->kind == WEIR_MSG_REFUSAL ? answer->refusal.text : "not acknowledged");
	return r;
}

static int talk_to(char **argv, struct weir_wire_client **c, struct weir_session **session, struct weir_key **key,
		   struct weir_err *err)
{
	const struct weir_tls_files tls = {.ca = argv[2], .cert = argv[3], .key = argv[4], .server_name = "aggregator"};
	const struct weir_hello self = {.node = argv[6], .version = WEIR_VERSION, .kernel = "", .hooks = "",
					.domain = argv[7], .node_class = argv[8]};
	struct pollfd p = {.events = POLLIN};
	int r = weir_key_load(argv[5], key, err);

	if (!r)
		r = weir_wire_dial(argv[1], &tls, WEIR_TELEMETRY_MAX, c, err);
	if (!r)
		r = weir_session_new(*c, WEIR_SOCKET_TELEMETRY, &self, *key, session);
	while (!r && (r = weir_session_step(*session, err)) == -EAGAIN) {
		p.fd = weir_wire_client_fd(*c);
		r = poll(&p, 1, WAIT_MS) == 1 ? 0 : -ETIMEDOUT;
	}
	return r;
}

int main(int argc, char **argv)
{
	static struct node n;
	struct weir_wire_client *c = NULL;
	struct weir_session *session = NULL;
	struct weir_key *key = NULL;
	struct weir_err err = {{0}};
	uint64_t windows;
	int r;

	if (argc != 10)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	windows = strtoull(argv[9], NULL, 10) * WEIR_NS_PER_S / WINDOW_NS;
	node_init(&n, argv[7], windows);
	r = talk_to(argv, &c, &session, &key, &err);
	for (uint64_t i = 0; !r && i < windows; i++) {
		next_window(&n);
		r = say(c, session, &n.s, &err);
	}
	weir_session_free(session);
	weir_wire_client_free(c);
	weir_key_free(key);
	if (r) {
		fprintf(stderr, "store: %s\n", *err.text ? err.text : strerror(-r));
		return 1;
	}
	printf("%" PRIu64 "\n", n.s.total_bytes[0] + n.s.total_bytes[1]);
	return 0;
}
