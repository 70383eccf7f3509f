/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/peers.h"

#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench.skel.h"
#include "tests/bench/drive.h"

/* At least as many as the flow rows of a default configuration take. */
#define MIN_BUCKETS 32768u

static int map_memory(const struct bpf_map *map, size_t len, void *ret)
{
	long page = sysconf(_SC_PAGESIZE);
	void *mem = mmap(NULL, (len + page - 1) / page * page, PROT_READ | PROT_WRITE, MAP_SHARED,
			 bpf_map__fd(map), 0);

	if (mem == MAP_FAILED)
		return -errno;
	*(void **)ret = mem;
	return 0;
}

static void take_fds(struct peers *p)
{
	const struct bench_bpf *s = p->skel;

	p->fd[PEER_CG_EMPTY] = bpf_program__fd(s->progs.bench_cg_empty);
	p->fd[PEER_CG_IN] = bpf_program__fd(s->progs.bench_cg_in);
	p->fd[PEER_CG_PARSE] = bpf_program__fd(s->progs.bench_cg_parse);
	p->fd[PEER_CG_LOOK] = bpf_program__fd(s->progs.bench_cg_look);
	p->fd[PEER_CG_WAY2] = bpf_program__fd(s->progs.bench_cg_way2);
	p->fd[PEER_CG_HASH] = bpf_program__fd(s->progs.bench_cg_hash);
	p->fd[PEER_TC_EMPTY] = bpf_program__fd(s->progs.bench_tc_empty);
	p->fd[PEER_TC_PARSE] = bpf_program__fd(s->progs.bench_tc_parse);
	p->fd[PEER_TC_LOOK] = bpf_program__fd(s->progs.bench_tc_look);
	p->fd[PEER_TC_WAY2] = bpf_program__fd(s->progs.bench_tc_way2);
	p->fd[PEER_TC_HASH] = bpf_program__fd(s->progs.bench_tc_hash);
	p->fd[PEER_XDP_EMPTY] = bpf_program__fd(s->progs.bench_xdp_empty);
	p->fd[PEER_XDP_TRIE] = bpf_program__fd(s->progs.bench_xdp_trie);
	p->fd[PEER_XDP_HASH] = bpf_program__fd(s->progs.bench_xdp_hash);
	p->denied_fd = bpf_map__fd(s->maps.bench_denied);
	p->trie_fd = bpf_map__fd(s->maps.bench_trie);
	p->fd[PEER_TC_DRIVE] = bpf_program__fd(s->progs.bench_tc_drive);
	p->fd[PEER_XDP_DRIVE] = bpf_program__fd(s->progs.bench_xdp_drive);
	p->target_tc_fd = bpf_map__fd(s->maps.bench_tc);
	p->target_xdp_fd = bpf_map__fd(s->maps.bench_xdp);
}

int peers_open(struct peers *p, uint32_t flows, struct weir_err *err)
{
	uint32_t buckets = WEIR_MAX(2 * flows, MIN_BUCKETS);
	int r;

	*p = (struct peers){.skel = bench_bpf__open(), .bucket_count = buckets};
	if (!p->skel)
		return weir_err_set(err, -errno, "opening the programs to compare with: %s", strerror(errno));
	p->skel->rodata->bench_mask = buckets - 1;
	bpf_map__set_max_entries(p->skel->maps.bench_buckets, buckets);
	bpf_map__set_max_entries(p->skel->maps.bench_hash, buckets);
	r = bench_bpf__load(p->skel);
	if (r)
		return weir_err_set(err, r, "loading the programs to compare with: %s", strerror(-r));
	take_fds(p);
	if ((r = map_memory(p->skel->maps.bench_buckets, buckets * sizeof(*p->buckets), &p->buckets)) ||
	    (r = map_memory(p->skel->maps.bench_seq, BENCH_SEQUENCE * sizeof(*p->sequence), &p->sequence)))
		return r;
	return map_memory(p->skel->maps.bench_drive, sizeof(*p->drive), &p->drive);
}

void peers_close(struct peers *p)
{
	if (p->buckets)
		munmap(p->buckets, p->bucket_count * sizeof(*p->buckets));
	if (p->sequence)
		munmap(p->sequence, BENCH_SEQUENCE * sizeof(*p->sequence));
	if (p->drive)
		munmap(p->drive, sizeof(*p->drive));
	if (p->skel)
		bench_bpf__destroy(p->skel);
	*p = (struct peers){.skel = NULL};
}

uint64_t peers_counted(void *arg)
{
	const struct peers *p = arg;
	uint64_t sum = 0;

	for (size_t i = 0; i < p->bucket_count; i++)
		sum += p->buckets[i].way[0].packets + p->buckets[i].way[1].packets;
	return sum;
}
