/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A full table of a million IPv4 flows, each of which counted since the last window: CPU time of the
 * agent's drain over the kernel's own memory, and what a flow costs in kernel memory. Beside it a hash
 * map of a million flows, emptied key by key as flow exporters do.
 */
#include <dirent.h>
#include <inttypes.h>
#include <time.h>

#include <bpf/bpf.h>

#include "agent/drain.h"
#include "tests/bench/drive.h"
#include "tests/bench/world.h"

#define FLOWS (1u << 20)
#define ROUNDS 7
#define HASH_BATCH 65536u

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* What BPF would have claimed: every flow row. */
static void claim_all(const struct rows *rows)
{
	for (size_t i = 0; i < rows->flows4; i++) {
		struct weir_row4 *r = &rows->v4[i];
		uint32_t peer = (uint32_t)i;

		r->h.proto = 6;
		r->h.rule = WEIR_NO_RULE;
		memcpy(r->remote, &peer, 4);
		__atomic_store_n(&r->h.state, WEIR_ROW_LIVE, __ATOMIC_RELEASE);
	}
}

static void count_all(const struct rows *rows)
{
	for (size_t i = 0; i < rows->flows4; i++) {
		rows->v4[i].h.bytes += 60;
		rows->v4[i].h.packets++;
	}
}

static int grace(void *arg)
{
	return probe_grace(arg);
}

static int drain_init(struct drain *d, struct probe *p)
{
	*d = (struct drain){.rows = probe_rows(p), .bases = probe_bases(p), .spooled = probe_spooled(p),
			    .epoch_floor = 1, .grace = grace, .arg = p};
	d->health = probe_flow_health(p, &d->health_count);
	d->health_due = true;
	d->deltas = calloc(d->rows.count + d->health_count, sizeof(*d->deltas));
	return d->deltas ? 0 : -ENOMEM;
}

/* One window; its deltas must hold a packet of each flow. */
static int one_window(struct drain *d, double *ret_ms, struct weir_err *err)
{
	uint64_t began, packets = 0;
	int r;

	count_all(&d->rows);
	d->now++;
	began = cpu_ns();
	drain_read(d);
	drain_commit(d);
	r = drain_retire(d, 0);
	*ret_ms = (double)(cpu_ns() - began) / 1e6;
	for (size_t i = 0; i < d->delta_count; i++)
		packets += d->deltas[i].packets;
	if (!r && packets != FLOWS)
		r = weir_err_set(err, -EPROTO, "%u packets counted, %" PRIu64 " drained", FLOWS, packets);
	return r;
}

/* Fills a hash map of the least counter's size and empties it key by key. */
static int drain_hash(double *ret_ms)
{
	weir_auto_close int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "bench_drain", sizeof(struct bench_flow), 16, FLOWS,
						NULL);
	struct bench_flow key = {.proto = 6}, next;
	uint64_t value[2] = {60, 1}, began;

	for (uint32_t i = 0; fd >= 0 && i < FLOWS; i++) {
		key.src = i;
		if (bpf_map_update_elem(fd, &key, value, BPF_ANY))
			return -errno;
	}
	began = cpu_ns();
	for (int more = fd < 0 ? -1 : bpf_map_get_next_key(fd, NULL, &key); !more; key = next) {
		more = bpf_map_get_next_key(fd, &key, &next);
		if (bpf_map_lookup_elem(fd, &key, value) || bpf_map_delete_elem(fd, &key))
			return -errno;
	}
	*ret_ms = (double)(cpu_ns() - began) / 1e6;
	return fd < 0 ? -errno : 0;
}

int bench_drain(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	struct drain d = {.deltas = NULL};
	enum drain_began began;
	double ms[ROUNDS];
	int r = world_get(b, FLOWS);

	(void)c;
	if (!r)
		r = drain_init(&d, b->world->probe);
	if (!r)
		r = drain_start(&d, 0, 0, &began);
	if (!r)
		claim_all(&d.rows);
	for (int i = 0; !r && i < ROUNDS; i++)
		r = one_window(&d, &ms[i], &b->err);
	free(d.deltas);
	world_close(&b->world); /* its rows were never packets */
	if (r)
		return weir_err_set(&b->err, r, "draining: %s", strerror(-r));
	*ret = (struct bench_result){.value = bench_median(ms, ROUNDS), .baseline = NAN};
	if (drain_hash(&ret->baseline))
		ret->baseline = NAN;
	return 0;
}

/* Kernel memory of a map, as the kernel states it. */
static uint64_t map_bytes(int fd)
{
	weir_auto_free char *path = weir_strf("/proc/self/fdinfo/%d", fd);
	weir_auto_fclose FILE *f = path ? fopen(path, "re") : NULL;
	uint64_t bytes = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "memlock: %" SCNu64, &bytes);
	return bytes;
}

/* Of all pinned maps together. */
static int all_bytes(const struct world *w, uint64_t *ret)
{
	DIR *d = opendir(w->pins);
	struct dirent *e;

	*ret = 0;
	while (d && (e = readdir(d))) {
		weir_auto_free char *path = weir_strf("%s/%s", w->pins, e->d_name);
		weir_auto_close int fd = path && e->d_name[0] != '.' ? bpf_obj_get(path) : -1;

		if (fd >= 0)
			*ret += map_bytes(fd);
	}
	if (d)
		closedir(d);
	return *ret ? 0 : -ENOENT;
}

int bench_bytes_per_flow(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	const uint32_t few = 65536;
	uint64_t small, large;
	int r = world_get(b, few);

	(void)c;
	if (!r)
		r = all_bytes(b->world, &small);
	if (!r)
		r = world_get(b, FLOWS);
	if (!r)
		r = all_bytes(b->world, &large);
	world_close(&b->world);
	*ret = (struct bench_result){.baseline = NAN};
	if (r)
		return weir_err_set(&b->err, r, "memory of the maps: %s", strerror(-r));
	ret->value = (double)(large - small) / (FLOWS - few);
	return 0;
}
