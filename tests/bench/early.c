/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Early drop, packet by packet: a source that the policy in force denies to everybody, beside xdp-filter that
 * drops the same address (an exact match is all it knows); and sources of a million prefixes, nearly all of
 * which pass, beside the kernel's own trie. Each packet that is due to be dropped must have been counted.
 */
#include <arpa/inet.h>
#include <glob.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/policy/format.h"
#include "tests/bench/drive.h"
#include "tests/bench/packet.h"
#include "tests/bench/prefixes.h"

#define BENCH_LO 1 /* where BPF_PROG_RUN lets XDP packets arrive */
#define DENIED "192.88.99.7" /* of WORLD_DENIED */
#define HOOKS (PROBE_CGROUP | PROBE_OBSERVER | PROBE_XDP)
#define ROWS 65536
#define SOURCES (1u << 18)

static uint64_t count_denied(void *world)
{
	return world_term(world, BENCH_LO, WEIR_INGRESS, WEIR_T_DENIED_EARLY);
}

/* xdp-filter's program that drops what is listed and lets all else pass, without its loader. */
struct filter {
	struct bpf_object *obj;
	int fd, list_fd;
};

#define FILTER_SRC 1ull /* bits of its values: the source is meant; from FILTER_COUNT on: packets */
#define FILTER_COUNT 6

static void filter_close(struct filter *f)
{
	bpf_object__close(f->obj);
}

/* Its object, where distributions put it; the caller frees. NULL: xdp-tools is not installed. */
static char *filter_path(void)
{
	glob_t found = {0};
	char *path = NULL;

	glob("/usr/lib*/bpf/xdpfilt_alw_ip.o", 0, NULL, &found);
	glob("/usr/lib*/*/bpf/xdpfilt_alw_ip.o", GLOB_APPEND, NULL, &found);
	if (found.gl_pathc)
		path = strdup(found.gl_pathv[0]);
	globfree(&found);
	return path;
}

static int list_address(int fd, const char *address)
{
	int cpus = libbpf_num_possible_cpus();
	weir_auto_free uint64_t *flags = cpus > 0 ? calloc((size_t)cpus, sizeof(*flags)) : NULL;
	struct in_addr key;

	if (!flags || inet_pton(AF_INET, address, &key) != 1)
		return -ENOMEM;
	for (int i = 0; i < cpus; i++)
		flags[i] = FILTER_SRC;
	return bpf_map_update_elem(fd, &key, flags, BPF_ANY) ? -errno : 0;
}

static int filter_open(struct filter *f, struct weir_err *err)
{
	weir_auto_free char *path = filter_path();
	struct bpf_program *prog;
	struct bpf_map *m;
	int r;

	if (!path)
		return weir_err_set(err, -ENOENT, "xdp-tools is not installed");
	if (!(f->obj = bpf_object__open(path)) || !(prog = bpf_object__next_program(f->obj, NULL)))
		return weir_err_set(err, -errno, "%s: %s", path, strerror(errno));
	bpf_program__set_type(prog, BPF_PROG_TYPE_XDP);
	bpf_object__for_each_map(m, f->obj)
		bpf_map__set_pin_path(m, NULL);
	if ((r = bpf_object__load(f->obj)))
		return weir_err_set(err, r, "%s: %s", path, strerror(-r));
	f->fd = bpf_program__fd(prog);
	f->list_fd = bpf_object__find_map_fd_by_name(f->obj, "filter_ipv4");
	return list_address(f->list_fd, DENIED);
}

static uint64_t filter_counted(void *arg)
{
	const struct filter *f = arg;
	int cpus = libbpf_num_possible_cpus();
	weir_auto_free uint64_t *values = cpus > 0 ? calloc((size_t)cpus, sizeof(*values)) : NULL;
	struct in_addr key;
	uint64_t sum = 0;

	inet_pton(AF_INET, DENIED, &key);
	if (!values || bpf_map_lookup_elem(f->list_fd, &key, values))
		return UINT64_MAX;
	for (int i = 0; i < cpus; i++)
		sum += values[i] >> FILTER_COUNT;
	return sum;
}

int bench_xdp_deny(struct bench *b, const struct bench_case *bc, struct bench_result *ret)
{
	const struct world_want want = {.flow_rows = ROWS, .hooks = HOOKS};
	weir_cleanup(filter_close) struct filter f = {.obj = NULL};
	weir_cleanup(peers_close) struct peers p = {.skel = NULL};
	uint8_t frame[128];
	struct packet_load load = {.type = PACKET_XDP, .frame = frame, .runs = 200000};
	struct weir_err missing = {{0}};
	struct in_addr denied;
	uint32_t one = 1;
	size_t n = 4;
	int r = world_get_as(b, &want);

	(void)bc;
	if (r || (r = peers_open(&p, 1, &b->err)))
		return r;
	load.len = packet_build(frame, IPPROTO_TCP, DENIED, 40000, "10.7.1.11", 443);
	inet_pton(AF_INET, DENIED, &denied);
	if (bpf_map_update_elem(p.denied_fd, &denied, &one, BPF_ANY))
		return -errno;
	if (filter_open(&f, &missing)) {
		printf("# xdp-filter is not compared: %s\n", missing.text);
		n = 3;
	}
	struct contender c[] = {
		{.name = "empty", .fd = p.fd[PEER_XDP_EMPTY]},
		{.name = "weir", .fd = b->world->probe->prog_fd[PROBE_XDP_IN], .counted = count_denied, .arg = b->world},
		{.name = "hash", .fd = p.fd[PEER_XDP_HASH]},
		{.name = "xdp-filter", .fd = f.fd, .counted = filter_counted, .arg = &f},
	};

	r = packet_measure(&p, &load, c, n, &b->err);
	if (!r && n == 4)
		printf("# a hash of addresses, nothing counted: %.1f ns\n", c[2].above_ns);
	*ret = (struct bench_result){.value = c[1].above_ns, .baseline = c[n - 1].above_ns};
	return r;
}

/* The class of WORLD_DENIED. */
static int denied_class(const struct world *w, uint32_t *ret)
{
	struct weir_prefix denied;
	int r = weir_prefix_parse(WORLD_DENIED, &denied);

	for (size_t i = 0; !r && i < w->bundle->prefix_count; i++) {
		if (!weir_prefix_cmp(&w->bundle->prefixes[i].prefix, &denied)) {
			*ret = w->bundle->prefixes[i].class;
			return 0;
		}
	}
	return r ? r : -ENOENT;
}

struct sources {
	uint32_t *address;
	bool *denied; /* to everybody: one class of ten thousand */
};

static void sources_free(struct sources *s)
{
	free(s->address);
	free(s->denied);
}

/* Prefixes at random, and of each any address. */
static int choose_sources(const struct world *w, uint32_t denied, struct sources *s)
{
	s->address = calloc(SOURCES, sizeof(*s->address));
	s->denied = calloc(SOURCES, sizeof(*s->denied));
	if (!s->address || !s->denied)
		return -ENOMEM;
	for (uint32_t i = 0; i < SOURCES; i++) {
		uint32_t k = prefixes_scramble(prefixes_scramble(i)) % WORLD_PREFIXES;

		s->address[i] = prefixes_at(k) | (prefixes_scramble(i) & 255);
		s->denied[i] = prefixes_class(w, k) == denied;
	}
	return 0;
}

static int fill_trie(const struct world *w, uint32_t denied, int fd)
{
	for (uint32_t i = 0; i < WORLD_PREFIXES; i++) {
		const struct bench_prefix key = {.len = 24, .addr = htonl(prefixes_at(i))};
		uint32_t class = prefixes_class(w, i);

		class = class == denied ? BENCH_DENIED : class;
		if (bpf_map_update_elem(fd, &key, &class, BPF_ANY))
			return -errno;
	}
	return 0;
}

int bench_xdp_pass(struct bench *b, const struct bench_case *bc, struct bench_result *ret)
{
	const struct world_want want = {.flow_rows = ROWS, .hooks = HOOKS, .big = true};
	weir_cleanup(sources_free) struct sources s = {.address = NULL};
	weir_cleanup(peers_close) struct peers p = {.skel = NULL};
	uint8_t frame[128];
	struct packet_load load = {.type = PACKET_XDP, .frame = frame, .flows = SOURCES, .runs = SOURCES};
	uint32_t denied = 0;
	int r = world_get_as(b, &want);

	(void)bc;
	if (r || (r = peers_open(&p, 1, &b->err)) || (r = prefixes_load(b->world, &b->err)))
		return r;
	if ((r = denied_class(b->world, &denied)) || (r = choose_sources(b->world, denied, &s)) ||
	    (r = fill_trie(b->world, denied, p.trie_fd)))
		return weir_err_set(&b->err, r, "sources and their prefixes: %s", strerror(-r));
	load.len = packet_build(frame, IPPROTO_TCP, "10.64.0.1", 40000, "10.7.1.11", 443);
	load.addresses = s.address;
	load.due = s.denied;
	struct contender c[] = {
		{.name = "empty", .fd = p.fd[PEER_XDP_EMPTY]},
		{.name = "weir", .fd = b->world->probe->prog_fd[PROBE_XDP_IN], .counted = count_denied, .arg = b->world},
		{.name = "trie", .fd = p.fd[PEER_XDP_TRIE]},
	};

	r = packet_measure(&p, &load, c, WEIR_ARRAY_SIZE(c), &b->err);
	*ret = (struct bench_result){.value = c[1].above_ns, .baseline = c[2].above_ns};
	world_close(&b->world);
	return r;
}
