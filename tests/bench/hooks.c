/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks packet by packet: weir's program, the least that counts, and nothing. */
#include <netinet/in.h>

#include "tests/bench/packet.h"
#include "tests/bench/world.h"

#define BENCH_LO 1 /* of the bench's own network namespace */

static uint64_t count_rows(void *world)
{
	return world_packets(world, WEIR_EGRESS, 0);
}

static uint64_t count_observed(void *world)
{
	return world_term(world, BENCH_LO, WEIR_INGRESS, WEIR_T_INTERFACE);
}

/* Twice the flows, and at least what a default configuration has. */
static uint32_t rows_for(uint32_t flows)
{
	return WEIR_MAX(2 * flows, 65536u);
}

static int measure(struct bench *b, const struct packet_load *load, struct contender *weir, enum peer_prog empty,
		   enum peer_prog way2, struct bench_result *ret)
{
	weir_cleanup(peers_close) struct peers p = {.skel = NULL};
	int r = peers_open(&p, load->flows, &b->err);
	struct contender c[] = {
		{.name = "empty", .fd = p.fd[empty]},
		*weir,
		{.name = "two-way", .fd = p.fd[way2], .counted = peers_counted, .arg = &p},
	};

	if (!r)
		r = packet_measure(&p, load, c, WEIR_ARRAY_SIZE(c), &b->err);
	*ret = (struct bench_result){.value = c[1].above_ns, .baseline = c[2].above_ns};
	return r;
}

static int cgroup_one(struct bench *b, uint8_t proto, struct bench_result *ret)
{
	uint8_t frame[128];
	struct packet_load load = {.type = PACKET_CGROUP, .frame = frame, .runs = 200000};
	int r = world_get(b, rows_for(1));

	if (r)
		return r;
	load.len = packet_build(frame, proto, "10.7.1.11", 40000, "198.18.0.10", 443);
	struct contender weir = {.name = "weir", .fd = b->world->probe->prog_fd[PROBE_EGRESS],
				 .counted = count_rows, .arg = b->world};
	return measure(b, &load, &weir, PEER_CG_EMPTY, PEER_CG_WAY2, ret);
}

int bench_cgroup_tcp(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	(void)c;
	return cgroup_one(b, IPPROTO_TCP, ret);
}

int bench_cgroup_udp(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	(void)c;
	return cgroup_one(b, IPPROTO_UDP, ret);
}

static int with_candidate(void *arg)
{
	struct world *w = arg;
	struct weir_err err = {{0}};

	return probe_candidate(w->probe, w->tables, w->subject_of, w->subjects, &err);
}

static int without_candidate(void *arg)
{
	return probe_no_candidate(((struct world *)arg)->probe);
}

/* An established flow while a candidate is evaluated beside the policy in force, in percent of without. */
int bench_shadow(struct bench *b, const struct bench_case *bc, struct bench_result *ret)
{
	weir_cleanup(peers_close) struct peers p = {.skel = NULL};
	uint8_t frame[128];
	struct packet_load load = {.type = PACKET_CGROUP, .frame = frame, .runs = 200000};
	int r = world_get(b, rows_for(1));

	(void)bc;
	if (r || (r = peers_open(&p, 1, &b->err)))
		return r;
	load.len = packet_build(frame, IPPROTO_TCP, "10.7.1.11", 40000, "198.18.0.10", 443);
	int weir = b->world->probe->prog_fd[PROBE_EGRESS];
	struct contender c[] = {
		{.name = "empty", .fd = p.fd[PEER_CG_EMPTY]},
		{.name = "without a candidate", .fd = weir, .counted = count_rows, .arg = b->world,
		 .prepare = without_candidate},
		{.name = "with a candidate", .fd = weir, .counted = count_rows, .arg = b->world,
		 .prepare = with_candidate},
	};

	r = packet_measure(&p, &load, c, WEIR_ARRAY_SIZE(c), &b->err);
	without_candidate(b->world);
	printf("# without a candidate %.1f ns, with one %.1f ns\n", c[1].above_ns, c[2].above_ns);
	*ret = (struct bench_result){.value = (c[2].above_ns / c[1].above_ns - 1) * 100, .baseline = NAN};
	return r;
}

int bench_tc_observer(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	uint8_t frame[128];
	struct packet_load load = {.type = PACKET_TC, .frame = frame, .flows = c->flows, .zipf = c->zipf,
				   .runs = WEIR_MAX(200000u, c->flows)};
	int r = world_get(b, rows_for(c->flows));

	if (r)
		return r;
	load.len = packet_build(frame, IPPROTO_TCP, "10.64.0.1", 40000, "10.7.1.11", 443);
	struct contender weir = {.name = "weir", .fd = b->world->probe->prog_fd[PROBE_TC_IN],
				 .counted = count_observed, .arg = b->world};
	return measure(b, &load, &weir, PEER_TC_EMPTY, PEER_TC_WAY2, ret);
}

/* What a gateway forwards from inside to outside: counted in its row, enforced by the verdict cached there. */
int bench_tc_gateway(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	const struct world_want want = {.flow_rows = rows_for(c->flows),
					.hooks = PROBE_CGROUP | PROBE_OBSERVER | PROBE_GATEWAY};
	uint8_t frame[128];
	struct packet_load load = {.type = PACKET_TC, .frame = frame, .flows = c->flows, .zipf = c->zipf,
				   .runs = WEIR_MAX(200000u, c->flows)};
	int r = world_get_as(b, &want);

	if (r)
		return r;
	load.len = packet_build(frame, IPPROTO_TCP, "10.64.0.1", 40000, "198.18.0.10", 443);
	load.from = b->world->inside;
	load.to = b->world->outside;
	struct contender weir = {.name = "weir", .fd = b->world->probe->prog_fd[PROBE_GW_OUT],
				 .counted = count_rows, .arg = b->world};
	r = measure(b, &load, &weir, PEER_TC_EMPTY, PEER_TC_WAY2, ret);
	if (!r && world_degraded(b->world))
		r = weir_err_set(&b->err, -EPROTO, "%lu packets were not counted in a row of their flow",
				 (unsigned long)world_degraded(b->world));
	world_close(&b->world);
	return r;
}
