/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser reads common packets in place, all others by copy, and again in XDP. On random packets,
 * whole and broken, all three say the same. WEIR_TEST_SEED repeats a run.
 */
#include "tests/lib/test.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/base/base.h"
#include "parsers.skel.h"

#define FRAME 160

/* As in tests/bpf/parsers.bpf.c: struct weir_packet, then the status. */
struct parsed {
	uint8_t packet[64];
	int64_t status;
};
#define REASON_AT 43 /* of weir_packet.reason */

struct bench {
	struct parsers_bpf *skel;
	struct parsed *parsed;
	unsigned int seed;
	unsigned int fast, refused, wrong;
};

static unsigned int below(struct bench *b, unsigned int n)
{
	return (unsigned int)rand_r(&b->seed) % n;
}

static int run(struct bench *b, const struct bpf_program *prog, const uint8_t *frame, size_t len,
	       const struct __sk_buff *ctx, struct parsed *ret)
{
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len, .repeat = 1,
			    .ctx_in = ctx, .ctx_size_in = ctx ? sizeof(*ctx) : 0);

	memset(b->parsed, 0xee, sizeof(*b->parsed));
	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
		return -errno;
	*ret = *b->parsed;
	return 0;
}

/* A plausible frame: family, tags, options, transport by chance; then, in a third, some bytes broken. */
static size_t random_frame(struct bench *b, uint8_t *f)
{
	static const uint8_t protos[] = {6, 6, 17, 132, 1, 58, 47, 4, 50, 136, 0, 43, 44, 60};
	uint8_t *at = f + 12, proto = protos[below(b, sizeof(protos))];
	size_t l3 = 40 + below(b, FRAME - 14 - 8 - 40 - 8);
	bool v6 = below(b, 2);

	for (size_t i = 0; i < FRAME; i++)
		f[i] = (uint8_t)(below(b, 4) ? below(b, 8) : below(b, 256));
	for (unsigned int tags = below(b, 8) ? 0 : 1 + below(b, 3); tags; tags--, at += 4)
		memcpy(at, below(b, 2) ? "\x81\0\0\x0a" : "\x88\xa8\0\x0a", 4);
	memcpy(at, v6 ? "\x86\xdd" : "\x08\0", 2);
	at += 2;
	if (v6) {
		l3 += 20;
		at[0] = 0x60;
		at[4] = 0;
		at[5] = (uint8_t)(l3 - 40);
		at[6] = proto;
	} else {
		at[0] = below(b, 4) ? 0x45 : (uint8_t)(0x45 + below(b, 6));
		at[2] = 0;
		at[3] = (uint8_t)l3;
		at[6] = at[7] = 0;
		if (!below(b, 5))
			at[6] = (uint8_t)below(b, 64);
		at[9] = proto;
	}
	at[(v6 ? 40 : 20) + 12] = (uint8_t)((5 + below(b, 4)) << 4);
	for (unsigned int n = below(b, 3) ? 0 : below(b, 4); n; n--)
		at[below(b, 48)] = (uint8_t)below(b, 256);
	return (size_t)(at - f) + l3 + (below(b, 4) ? 0 : below(b, 8));
}

static void differ(struct bench *b, const char *what, const uint8_t *frame, size_t len, const struct parsed *x,
		   const struct parsed *y)
{
	if (b->wrong++)
		return;
	printf("# first: %s: status %d and %d\n# frame:", what, (int)x->status, (int)y->status);
	for (size_t i = 12; i < len; i++)
		printf(" %02x", frame[i]);
	printf("\n#");
	for (size_t i = 0; i < sizeof(x->packet); i++)
		if (x->packet[i] != y->packet[i])
			printf(" byte %zu: %02x and %02x", i, x->packet[i], y->packet[i]);
	printf("\n");
}

/* What was refused for the same reason is the same, whatever was read until then. */
static bool is_same(const struct parsed *x, const struct parsed *y)
{
	if (x->status != y->status || x->packet[REASON_AT] != y->packet[REASON_AT])
		return false;
	return x->status || !memcmp(x->packet, y->packet, sizeof(x->packet));
}

static bool is_icmp(const struct parsed *x)
{
	return x->packet[36] == 1 || x->packet[36] == 58; /* weir_packet.proto */
}

static int one_frame(struct bench *b)
{
	struct __sk_buff ctx = {.gso_segs = 3, .gso_size = 8 + below(b, 30)};
	bool super = !below(b, 4);
	struct parsed place, copy, xdp;
	uint8_t f[FRAME];
	size_t len = random_frame(b, f);
	int r = run(b, b->skel->progs.parse_in_place, f, len, super ? &ctx : NULL, &place);

	if (!r)
		r = run(b, b->skel->progs.parse_by_copy, f, len, super ? &ctx : NULL, &copy);
	if (!r)
		r = run(b, b->skel->progs.parse_in_xdp, f, len, NULL, &xdp);
	if (r)
		return r;
	b->refused += place.status != 0;
	b->fast += !place.status && (place.packet[36] == 6 || place.packet[36] == 17);
	if (!is_same(&place, &copy))
		differ(b, "in place and by copy", f, len, &place, &copy);
	/* XDP knows no super-packets, and does not look into ICMP errors. */
	if (!super && !is_icmp(&place) && !is_same(&place, &xdp))
		differ(b, "in place and in XDP", f, len, &place, &xdp);
	return 0;
}

TEST(all_parsers_say_the_same)
{
	unsigned int frames = getenv("WEIR_LONG") ? 2000000 : 50000;
	const char *seed = getenv("WEIR_TEST_SEED");
	struct bench b = {.seed = seed ? (unsigned int)atoi(seed) : (unsigned int)time(NULL)};
	int r = 0;

	printf("# seed %u\n", b.seed);
	b.skel = parsers_bpf__open_and_load();
	CHECK(b.skel, "loading: %s", strerror(errno));
	if (!b.skel)
		return;
	b.parsed = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
			bpf_map__fd(b.skel->maps.parsed), 0);
	CHECK(b.parsed != MAP_FAILED, "mmap: %s", strerror(errno));
	for (unsigned int i = 0; b.parsed != MAP_FAILED && i < frames && !r && !b.wrong; i++)
		r = one_frame(&b);
	CHECK(!r, "BPF_PROG_RUN: %s", strerror(-r));
	CHECK(!b.wrong, "they differ");
	printf("# %u frames: %u TCP or UDP, %u refused\n", frames, b.fast, b.refused);
	CHECK(b.fast * 10 > frames && b.refused * 50 > frames, "the frames are not random enough");
	parsers_bpf__destroy(b.skel);
}

TEST_MAIN(T_ROOT(all_parsers_say_the_same))
