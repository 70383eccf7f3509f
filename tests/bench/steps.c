/* SPDX-License-Identifier: Apache-2.0 */
/* Studies for docs/benchmarks.md: what each step of counting a packet costs, and a load from memory. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/bench/packet.h"
#include "tests/bench/world.h"

static uint64_t egress_packets(void *world)
{
	return world_packets(world, WEIR_EGRESS, 0);
}

/* One flow at the cgroup hook, then many at tc, where a driver can vary them. */
static int cgroup_steps(struct bench *b)
{
	weir_cleanup(peers_close) struct peers p = {.skel = NULL};
	uint8_t frame[128];
	struct packet_load load = {.type = PACKET_CGROUP, .frame = frame, .runs = 200000};
	int r = world_get(b, 65536);

	if (r || (r = peers_open(&p, 1, &b->err)))
		return r;
	load.len = packet_build(frame, IPPROTO_TCP, "10.7.1.11", 40000, "198.18.0.10", 443);
	struct contender c[] = {
		{.name = "empty", .fd = p.fd[PEER_CG_EMPTY]},
		{.name = "parse", .fd = p.fd[PEER_CG_PARSE]},
		{.name = "parse, look up", .fd = p.fd[PEER_CG_LOOK]},
		{.name = "parse, look up, count", .fd = p.fd[PEER_CG_WAY2], .counted = peers_counted, .arg = &p},
		{.name = "hash map", .fd = p.fd[PEER_CG_HASH]},
		{.name = "weir", .fd = b->world->probe->prog_fd[PROBE_EGRESS], .counted = egress_packets,
		 .arg = b->world},
	};

	r = packet_measure(&p, &load, c, WEIR_ARRAY_SIZE(c), &b->err);
	for (size_t i = 1; !r && i < WEIR_ARRAY_SIZE(c); i++)
		printf("# cgroup, 1 flow, %s: %.1f ns\n", c[i].name, c[i].above_ns);
	return r;
}

static int tc_steps(struct bench *b, uint32_t flows)
{
	weir_cleanup(peers_close) struct peers p = {.skel = NULL};
	uint8_t frame[128];
	struct packet_load load = {.type = PACKET_TC, .frame = frame, .flows = flows,
				   .runs = WEIR_MAX(200000u, flows)};
	int r = peers_open(&p, flows, &b->err);

	if (r)
		return r;
	load.len = packet_build(frame, IPPROTO_TCP, "10.64.0.1", 40000, "198.18.0.10", 443);
	struct contender c[] = {
		{.name = "empty", .fd = p.fd[PEER_TC_EMPTY]},
		{.name = "parse", .fd = p.fd[PEER_TC_PARSE]},
		{.name = "parse, look up", .fd = p.fd[PEER_TC_LOOK]},
		{.name = "parse, look up, count", .fd = p.fd[PEER_TC_WAY2], .counted = peers_counted, .arg = &p},
		{.name = "hash map", .fd = p.fd[PEER_TC_HASH]},
	};

	r = packet_measure(&p, &load, c, WEIR_ARRAY_SIZE(c), &b->err);
	for (size_t i = 1; !r && i < WEIR_ARRAY_SIZE(c); i++)
		printf("# tc, %u flows, %s: %.1f ns\n", flows, c[i].name, c[i].above_ns);
	return r;
}

int bench_steps(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	int r = cgroup_steps(b);

	(void)c;
	*ret = (struct bench_result){.baseline = NAN};
	if (!r)
		r = tc_steps(b, 1);
	if (!r)
		r = tc_steps(b, 16384);
	return r ? r : tc_steps(b, 1u << 20);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* A ring through all lines in a random order; every load needs the one before. */
static void make_ring(char *mem, size_t lines)
{
	weir_auto_free uint32_t *order = calloc(lines, sizeof(*order));
	uint64_t state = 1;

	if (!order)
		return;
	for (size_t i = 0; i < lines; i++)
		order[i] = (uint32_t)i;
	for (size_t i = lines - 1; i; i--) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		size_t k = (state >> 33) % i;
		uint32_t was = order[i];

		order[i] = order[k];
		order[k] = was;
	}
	for (size_t i = 0; i < lines; i++)
		*(uint64_t *)(mem + order[i] * 64ull) = order[(i + 1) % lines] * 64ull;
}

int bench_memory(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	const size_t most = 128u << 20;
	char *mem = mmap(NULL, most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)b, (void)c;
	*ret = (struct bench_result){.baseline = NAN};
	if (mem == MAP_FAILED)
		return -errno;
	madvise(mem, most, MADV_NOHUGEPAGE); /* as the kernel maps tables that user space shares */
	for (size_t size = 256u << 10; size <= most; size *= 2) {
		const unsigned int loads = 2000000;
		uint64_t at = 0, began;

		make_ring(mem, size / 64);
		for (size_t i = 0; i < size / 64; i++)
			at = *(volatile uint64_t *)(mem + at);
		began = cpu_ns();
		for (unsigned int i = 0; i < loads; i++)
			at = *(volatile uint64_t *)(mem + at);
		printf("# a load that needs the one before, in %6zu KiB: %.0f ns\n", size >> 10,
		       (double)(cpu_ns() - began) / loads);
	}
	munmap(mem, most);
	return 0;
}
