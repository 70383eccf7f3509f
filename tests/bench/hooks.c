/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks packet by packet: weir's program, the least that counts, and nothing. */
#include <arpa/inet.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench.skel.h"
#include "tests/bench/drive.h"
#include "tests/bench/packet.h"
#include "tests/bench/world.h"

#define BENCH_LO 1 /* of the bench's own network namespace */

/* As in bench.bpf.c. */
struct bucket {
	struct {
		uint32_t key[4];
		uint64_t bytes, packets;
	} way[2];
};

static void skel_freep(struct bench_bpf **s)
{
	if (*s)
		bench_bpf__destroy(*s);
}

static uint64_t count_rows(void *world)
{
	return world_packets(world) + world_degraded(world);
}

static uint64_t count_observed(void *world)
{
	return world_observed(world, BENCH_LO, WEIR_INGRESS);
}

static uint64_t count_buckets(void *arg)
{
	const struct bucket *all = arg;
	uint64_t sum = 0;

	for (size_t i = 0; i < BENCH_BUCKETS; i++)
		sum += all[i].way[0].packets + all[i].way[1].packets;
	return sum;
}

static int open_skel(struct bench_bpf **ret, struct bucket **ret_buckets, struct weir_err *err)
{
	struct bench_bpf *skel = bench_bpf__open_and_load();
	void *mem;

	if (!skel)
		return weir_err_set(err, -errno, "loading the programs to compare with: %s", strerror(errno));
	mem = mmap(NULL, BENCH_BUCKETS * sizeof(struct bucket), PROT_READ | PROT_WRITE, MAP_SHARED,
		   bpf_map__fd(skel->maps.bench_buckets), 0);
	if (mem == MAP_FAILED) {
		bench_bpf__destroy(skel);
		return -errno;
	}
	*ret = skel;
	*ret_buckets = mem;
	return 0;
}

static int cgroup_one(struct bench *b, uint8_t proto, struct bench_result *ret)
{
	weir_cleanup(skel_freep) struct bench_bpf *skel = NULL;
	uint8_t frame[128];
	struct packet_load load = {.type = PACKET_CGROUP, .frame = frame, .runs = 200000};
	struct bucket *buckets = NULL;
	int r = world_get(b, 65536);

	if (r || (r = open_skel(&skel, &buckets, &b->err)))
		return r;
	load.len = packet_build(frame, proto, "10.7.1.11", 40000, "198.18.0.10", 443);
	struct contender c[] = {
		{.name = "empty", .fd = bpf_program__fd(skel->progs.bench_cg_empty)},
		{.name = "weir", .fd = b->world->probe->prog_fd[PROBE_EGRESS], .counted = count_rows,
		 .arg = b->world},
		{.name = "two-way", .fd = bpf_program__fd(skel->progs.bench_cg_way2), .counted = count_buckets,
		 .arg = buckets},
	};
	r = packet_measure(skel, &load, c, WEIR_ARRAY_SIZE(c), &b->err);
	munmap(buckets, BENCH_BUCKETS * sizeof(*buckets));
	*ret = (struct bench_result){.value = c[1].above_ns, .baseline = c[2].above_ns};
	return r;
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

int bench_tc_observer(struct bench *b, const struct bench_case *bc, struct bench_result *ret)
{
	weir_cleanup(skel_freep) struct bench_bpf *skel = NULL;
	uint8_t frame[128];
	struct packet_load load = {.type = PACKET_TC, .frame = frame, .flows = bc->flows, .runs = 200000};
	struct bucket *buckets = NULL;
	int r = world_get(b, 65536);

	if (r || (r = open_skel(&skel, &buckets, &b->err)))
		return r;
	load.len = packet_build(frame, IPPROTO_TCP, "10.64.0.1", 40000, "10.7.1.11", 443);
	struct contender c[] = {
		{.name = "empty", .fd = bpf_program__fd(skel->progs.bench_tc_empty)},
		{.name = "weir", .fd = b->world->probe->prog_fd[PROBE_TC_IN], .counted = count_observed,
		 .arg = b->world},
		{.name = "two-way", .fd = bpf_program__fd(skel->progs.bench_tc_way2), .counted = count_buckets,
		 .arg = buckets},
	};
	r = packet_measure(skel, &load, c, WEIR_ARRAY_SIZE(c), &b->err);
	munmap(buckets, BENCH_BUCKETS * sizeof(*buckets));
	*ret = (struct bench_result){.value = c[1].above_ns, .baseline = c[2].above_ns};
	return r;
}
