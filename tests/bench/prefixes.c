/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A million prefixes, none inside another and neighbours in different classes, which is the most spans
 * that a million can make, under 10,000 rules. Loading: from the bytes of the bundle until packets go by
 * it (parse, with its digests; tables; switch). Changing one: from the parsed bundle, which a node
 * verifies as a whole, until packets go by it. And a flow's first packet. Beside it the kernel's own
 * longest-prefix trie, filled with the same prefixes.
 */
#include <arpa/inet.h>
#include <time.h>

#include <bpf/bpf.h>

#include "lib/base/clock.h"
#include "lib/policy/format.h"
#include "tests/bench/packet.h"
#include "tests/bench/prefixes.h"
#include "tests/bench/world.h"

#define ROWS (1u << 18)
#define FIRST_PACKETS 4000u /* of a round */
#define ROUNDS 9

uint32_t prefixes_scramble(uint32_t i)
{
	return (uint32_t)(((uint64_t)i + 1) * 0x9e3779b97f4a7c15ull >> 32);
}

uint32_t prefixes_at(uint32_t i)
{
	return i << 12 | (prefixes_scramble(i) & 15) << 8;
}

static uint32_t class_of(const struct weir_bundle *b, uint32_t i, bool changed)
{
	return 1 + (prefixes_scramble(i) + changed) % (b->peer_classes - 1);
}

/* The bundle in force with a million prefixes of its classes instead of its own, as bytes. */
static int make_bytes(struct world *w, uint32_t changed, struct weir_buf *ret)
{
	struct weir_bundle b = *w->bundle;
	int r;

	b.prefix_count = WORLD_PREFIXES;
	b.prefixes = calloc(WORLD_PREFIXES, sizeof(*b.prefixes));
	for (uint32_t i = 0; b.prefixes && i < WORLD_PREFIXES; i++) {
		uint32_t be = htonl(prefixes_at(i));

		b.prefixes[i].prefix.len = 96 + 24;
		b.prefixes[i].prefix.addr.b[10] = b.prefixes[i].prefix.addr.b[11] = 0xff;
		memcpy(b.prefixes[i].prefix.addr.b + 12, &be, 4);
		b.prefixes[i].class = class_of(&b, i, i == changed);
	}
	r = b.prefixes ? weir_bundle_encode(&b, ret) : -ENOMEM;
	free(b.prefixes);
	return r;
}

static void bundle_freep(struct weir_bundle **b)
{
	weir_bundle_free(*b);
}

static int read_bundle(const struct weir_buf *bytes, struct weir_bundle **ret, struct weir_err *err)
{
	int r = weir_bundle_parse(bytes->data, bytes->len, ret, err);

	return r ? weir_err_set(err, r, "a million prefixes: %s", strerror(-r)) : 0;
}

static int load(struct world *w, const struct weir_buf *bytes, struct weir_err *err)
{
	struct weir_bundle *b = NULL;
	int r = read_bundle(bytes, &b, err);

	if (!r)
		r = world_load(w, b, err);
	weir_bundle_free(b);
	return r;
}

int prefixes_load(struct world *w, struct weir_err *err)
{
	weir_auto_buf struct weir_buf bytes = {0};
	int r = make_bytes(w, WORLD_PREFIXES, &bytes);

	return r ? r : load(w, &bytes, err);
}

uint32_t prefixes_class(const struct world *w, uint32_t i)
{
	return class_of(w->bundle, i, false);
}

/* What the kernel holds is what was built. */
static int check_held(struct world *w, const struct weir_tables_sum *sum, struct weir_err *err)
{
	uint8_t held[WEIR_SHA256_LEN], built[WEIR_SHA256_LEN];
	int r = weir_sum_digest(sum, built);

	if (!r)
		r = probe_digest(w->probe, held);
	if (r || memcmp(held, built, sizeof(held)))
		return weir_err_set(err, r ? r : -EPROTO, "the kernel does not hold what was loaded");
	return 0;
}

static double since_ms(uint64_t began)
{
	return (double)(weir_monotonic_ns() - began) / 1e6;
}

/* Filling the kernel's trie with the same prefixes; *ret_fd is the caller's. */
static int fill_trie(int *ret_fd, double *ret_ms)
{
	DECLARE_LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	weir_auto_close int fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "bench_trie", 8, 4, WORLD_PREFIXES, &opts);
	uint64_t began = weir_monotonic_ns();

	for (uint32_t i = 0; fd >= 0 && i < WORLD_PREFIXES; i++) {
		const uint32_t key[2] = {24, htonl(prefixes_at(i))};

		if (bpf_map_update_elem(fd, key, &i, BPF_ANY))
			return -errno;
	}
	*ret_ms = since_ms(began);
	*ret_fd = weir_take_fd(&fd);
	return *ret_fd < 0 ? -errno : 0;
}

int bench_load_prefixes(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	weir_auto_buf struct weir_buf bytes = {0};
	weir_auto_close int trie = -1;
	double ms[ROUNDS];
	int r = world_get_big(b, ROWS);

	(void)c;
	if (!r)
		r = make_bytes(b->world, WORLD_PREFIXES, &bytes);
	for (int i = 0; !r && i < ROUNDS; i++) {
		uint64_t began;

		if ((r = probe_settle(b->world->probe)))
			break;
		began = weir_monotonic_ns();
		r = load(b->world, &bytes, &b->err);
		ms[i] = since_ms(began);
		if (!r)
			r = check_held(b->world, &b->world->tables->sum, &b->err);
	}
	if (r)
		return r;
	*ret = (struct bench_result){.value = bench_median(ms, ROUNDS)};
	return fill_trie(&trie, &ret->baseline);
}

/* One prefix gets another class, and its own again: each is a bundle of its own. */
static int update(struct world *w, struct weir_bundle *const bundles[2], int i, double *ret_ms,
		  struct weir_err *err)
{
	struct weir_prefix changed[4];
	uint64_t began;
	size_t n;
	int r = probe_settle(w->probe);

	began = weir_monotonic_ns();
	if (!r)
		r = weir_bundle_diff(bundles[i & 1], bundles[!(i & 1)], changed, WEIR_ARRAY_SIZE(changed), &n);
	if (!r)
		r = probe_update(w->probe, bundles[!(i & 1)], changed, n, &w->tables->sum);
	*ret_ms = since_ms(began);
	if (!r && n != 1)
		r = -EPROTO;
	return r ? weir_err_set(err, r, "one prefix: %s", strerror(-r)) : check_held(w, &w->tables->sum, err);
}

int bench_update_prefix(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	struct weir_buf bytes[2] = {{0}, {0}};
	weir_cleanup(bundle_freep) struct weir_bundle *one = NULL, *other = NULL;
	weir_auto_close int trie = -1;
	double ms[ROUNDS], fill;
	uint64_t began;
	int r = world_get_big(b, ROWS);

	(void)c;
	if (!r)
		r = make_bytes(b->world, WORLD_PREFIXES, &bytes[0]);
	if (!r)
		r = make_bytes(b->world, prefixes_scramble(1) % WORLD_PREFIXES, &bytes[1]);
	if (!r)
		r = read_bundle(&bytes[0], &one, &b->err);
	if (!r)
		r = read_bundle(&bytes[1], &other, &b->err);
	if (!r)
		r = load(b->world, &bytes[0], &b->err);
	for (int i = 0; !r && i < ROUNDS; i++)
		r = update(b->world, (struct weir_bundle *const[]){one, other}, i, &ms[i], &b->err);
	if (!r)
		r = fill_trie(&trie, &fill);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bytes); i++)
		weir_buf_fini(&bytes[i]);
	if (r)
		return r;
	*ret = (struct bench_result){.value = bench_median(ms, ROUNDS)};
	began = weir_monotonic_ns();
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t key[2] = {24, htonl(prefixes_at(prefixes_scramble(i) % WORLD_PREFIXES))};

		bpf_map_update_elem(trie, key, &i, BPF_EXIST);
	}
	ret->baseline = since_ms(began) / 1000;
	return 0;
}

struct spent {
	uint64_t ns, runs;
};

static int spent(int prog_fd, struct spent *ret)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len))
		return -errno;
	*ret = (struct spent){.ns = info.run_time_ns, .runs = info.run_cnt};
	return 0;
}

/* Each packet goes to a prefix of its own and is its flow's first. */
static int run_first(int prog_fd, uint8_t *frame, size_t len, uint32_t *flow, double *ret_ns)
{
	struct spent before, after;
	int r = spent(prog_fd, &before);

	for (uint32_t i = 0; !r && i < FIRST_PACKETS; i++, (*flow)++) {
		uint32_t dst = htonl(prefixes_at(prefixes_scramble(*flow) % WORLD_PREFIXES) | (*flow & 255));
		uint16_t sport = htons((uint16_t)(1024 + *flow % 60000));
		DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
				    .repeat = 1);

		memcpy(frame + 30, &dst, 4);
		memcpy(frame + 34, &sport, 2);
		r = bpf_prog_test_run_opts(prog_fd, &opts) ? -errno : 0;
	}
	if (r || (r = spent(prog_fd, &after)))
		return r;
	*ret_ns = (double)(after.ns - before.ns) / (double)(after.runs - before.runs);
	return after.runs - before.runs == FIRST_PACKETS ? 0 : -EPROTO;
}

static uint64_t rows_in_use(struct world *w)
{
	const struct rows rows = probe_rows(w->probe);
	uint64_t n = 0;

	for (size_t i = 0; i < rows.flows4; i++)
		n += rows_at(&rows, i)->state != WEIR_ROW_FREE;
	return n;
}

static int first_packets(struct bench *b, struct peers *p, double *ret)
{
	int weir = b->world->probe->prog_fd[PROBE_EGRESS], r = 0;
	uint64_t rows = rows_in_use(b->world);
	double above[ROUNDS], floor = 0;
	uint8_t frame[128];
	size_t len = packet_build(frame, IPPROTO_UDP, "10.7.1.11", 40000, "198.18.0.10", 1001);
	uint32_t flow = 0, other = 0;

	for (int i = 0; !r && i < ROUNDS; i++) {
		r = run_first(p->fd[PEER_CG_EMPTY], frame, len, &other, &floor);
		if (!r)
			r = run_first(weir, frame, len, &flow, &above[i]);
		above[i] -= floor;
	}
	if (r)
		return weir_err_set(&b->err, r, "BPF_PROG_RUN: %s", strerror(-r));
	rows = rows_in_use(b->world) - rows;
	if (rows < ROUNDS * FIRST_PACKETS / 100 * 99)
		return weir_err_set(&b->err, -EPROTO, "%u first packets made %lu rows", ROUNDS * FIRST_PACKETS,
				    (unsigned long)rows);
	*ret = bench_median(above, ROUNDS);
	return 0;
}

/* What of it is the row's, the decision's, and the caches' that hold no table of a million prefixes. */
static int first_steps(struct bench *b, struct peers *p, const char *policy)
{
	int weir = b->world->probe->prog_fd[PROBE_EGRESS], r = 0;
	double first[ROUNDS], again[ROUNDS], floor = 0;
	uint8_t frame[128];
	size_t len = packet_build(frame, IPPROTO_UDP, "10.7.1.11", 40000, "198.18.0.10", 1001);
	uint32_t flow = 0, same, other = 0;

	for (int i = 0; !r && i < ROUNDS; i++) {
		same = flow;
		r = run_first(p->fd[PEER_CG_EMPTY], frame, len, &other, &floor);
		if (!r)
			r = run_first(weir, frame, len, &flow, &first[i]);
		if (!r)
			r = run_first(weir, frame, len, &same, &again[i]);
		first[i] -= floor;
		again[i] -= floor;
	}
	if (!r)
		printf("# %s: a flow's first packet %.0f ns, its second, as cold, %.0f\n", policy, bench_median(first, ROUNDS),
		       bench_median(again, ROUNDS));
	return r;
}

int bench_first_steps(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	weir_cleanup(peers_close) struct peers p = {.skel = NULL};
	weir_auto_close int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	int r;

	(void)c;
	*ret = (struct bench_result){.baseline = NAN};
	if (stats < 0)
		return weir_err_set(&b->err, stats, "BPF_ENABLE_STATS: %s", strerror(-stats));
	world_close(&b->world);
	if ((r = peers_open(&p, 1, &b->err)) || (r = world_get(b, ROWS)) || (r = first_steps(b, &p, "a policy of a few rules")))
		return r;
	world_close(&b->world);
	if ((r = world_get_big(b, ROWS)) || (r = prefixes_load(b->world, &b->err)))
		return r;
	r = first_steps(b, &p, "10,000 rules and 1,000,000 prefixes");
	world_close(&b->world);
	return r;
}

int bench_first_packet(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	weir_cleanup(peers_close) struct peers p = {.skel = NULL};
	weir_auto_close int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	int r;

	(void)c;
	world_close(&b->world); /* no rows of earlier flows */
	*ret = (struct bench_result){.baseline = NAN};
	if (stats < 0)
		return weir_err_set(&b->err, stats, "BPF_ENABLE_STATS: %s", strerror(-stats));
	if ((r = world_get_big(b, ROWS)) || (r = peers_open(&p, 1, &b->err)) || (r = prefixes_load(b->world, &b->err)))
		return r;
	return first_packets(b, &p, &ret->value);
}
