/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two generations of 2,048 rules change places while packets of both CPUs run. Both accept every
 * packet sent; half of one with half of the other would deny it: the classes of one are those of its
 * neighbours in the other. A packet that is denied saw a mixture.
 */
#include "tests/lib/test.h"

#include "tests/lib/bundle_fixture.h"
#include "tests/lib/packet_load.h"

#define RULES 2048
#define FIRST 1		  /* peers that both generations accept: 10.0.0.0/24 + FIRST .. LAST */
#define LAST (RULES - 2)
#define REPEAT 40
#define LOOK_EVERY 10	  /* swaps between two looks at a table that stands still */

struct swap {
	struct fixture f;
	struct compiled generations[2];
	unsigned int wrong_verdict, wrong_rule, seen;
};

static uint32_t peer_of(unsigned int j)
{
	return 10u << 24 | j << 8 | 5;
}

static uint16_t port_of(unsigned int j)
{
	return (uint16_t)(1000 + j);
}

/* Accepts each /24 from `first` on at its own port; the last rule denies the rest. */
static int build(struct swap *s, unsigned int which, struct weir_err *err)
{
	const struct weir_subject nobody = {.namespace = "", .name = ""};
	weir_auto_buf struct weir_buf text = {0};
	unsigned int first = which ? 0 : FIRST;

	weir_buf_addf(&text, "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p}\nspec:\n"
			     "  tier: admin\n  egress:\n");
	for (unsigned int j = first; j < first + RULES - 1; j++)
		weir_buf_addf(&text, "  - {action: accept, to: [{cidr: 10.%u.%u.0/24}], "
				     "ports: [{protocol: TCP, port: %u}]}\n", j >> 8, j & 255, port_of(j));
	weir_buf_addf(&text, "  - {action: deny}\n%c", 0);
	return bundle_fixture_compile((char *)text.data, NULL, 0, &nobody, 1, &s->generations[which], err);
}

static int open_swap(struct swap *s, struct weir_err *err)
{
	int r = build(s, 0, err);

	if (!r)
		r = build(s, 1, err);
	return r ? r : fixture_open_rows(&s->f, 16384, err);
}

static void close_swap(struct swap *s)
{
	for (int i = 0; i < 2; i++)
		compiled_fini(&s->generations[i]);
	fixture_close(&s->f);
}

static int switch_to(struct swap *s, unsigned int which, struct weir_err *err)
{
	uint32_t subject_of[16];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(subject_of); i++)
		subject_of[i] = s->generations[which].tables->class_of[0];
	return probe_switch(s->f.probe, s->generations[which].tables, subject_of, WEIR_ARRAY_SIZE(subject_of), err);
}

/* How many peers are denied with the classes of generation a and the decisions of generation b. */
static unsigned int denied(const struct swap *s, unsigned int a, unsigned int b)
{
	struct weir_tables mixed = *s->generations[b].tables;
	unsigned int n = 0;

	mixed.spans4 = s->generations[a].tables->spans4;
	mixed.span4_count = s->generations[a].tables->span4_count;
	mixed.roots = s->generations[a].tables->roots;
	for (unsigned int j = FIRST; j <= LAST; j++) {
		struct weir_conn c = {.dir = WEIR_EGRESS, .proto = WEIR_P_TCP, .port = port_of(j)};
		uint32_t be = htonl(peer_of(j));
		struct weir_decision_ref ref;

		memcpy(c.peer.b, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		memcpy(c.peer.b + 12, &be, 4);
		weir_tables_lookup(&mixed, mixed.class_of[0], &c, &ref);
		n += ref.verdict == WEIR_V_DENY;
	}
	return n;
}

/* Both CPUs go through the same flows, so that they meet in rows whose generation is over. */
static unsigned int next_packet(const struct load *l, unsigned int thread, uint64_t i, uint8_t *packet)
{
	unsigned int j = FIRST + (unsigned int)(i % (LAST - FIRST + 1));

	(void)l, (void)thread;
	load_packet(packet, 40000, peer_of(j), port_of(j));
	return REPEAT;
}

/* A row of the generation in force must carry that generation's rule. */
static void look(struct swap *s, unsigned int which)
{
	const struct rows rows = probe_rows(s->f.probe);
	uint32_t gen = WEIR_A_GEN(s->f.probe->ctl->active);

	for (size_t i = 0; i < rows.flows4; i++) {
		const struct weir_row4 *r = &rows.v4[i];
		uint32_t j = (uint32_t)r->remote[1] << 8 | r->remote[2];

		if (r->h.state != WEIR_ROW_LIVE)
			continue;
		s->wrong_verdict += r->h.packets && r->h.verdict != WEIR_V_ACCEPT;
		if (r->h.gen != gen)
			continue;
		s->seen++;
		s->wrong_rule += r->h.rule != (which ? j : j - FIRST);
	}
}

static void swap_under_load(struct test_state *test_st, struct swap *s, struct weir_err *err)
{
	unsigned int swaps = getenv("WEIR_LONG") ? 1000 : 60, which = 0;
	uint64_t packets = getenv("WEIR_LONG") ? 10000000 : 500000, sent;
	const struct rows rows = probe_rows(s->f.probe);
	struct load l;
	int r;

	probe_set_mode(s->f.probe, WEIR_MODE_ENFORCE);
	r = switch_to(s, which, err);
	CHECK(!r, "%s", err->text);
	CHECK(!load_start(&l, s->f.probe->prog_fd[PROBE_EGRESS], next_packet, NULL), "threads");
	for (unsigned int n = 0; !r; n++) {
		if (n % LOOK_EVERY == 0) {
			load_wait(&l, (LAST - FIRST) * REPEAT);
			load_park(&l);
			look(s, which);
			sent = load_sent(&l);
			load_go(&l);
			if (n >= swaps && sent >= packets)
				break;
		}
		which = !which;
		r = switch_to(s, which, err);
	}
	load_join(&l, false);
	CHECK(!r, "%s", err->text);
	look(s, which);
	printf("# %lu packets under %u and more swaps of %d rules, %u rows of a generation in force looked at\n",
	       (unsigned long)load_sent(&l), swaps, RULES, s->seen);
	CHECK(!s->wrong_verdict, "%u rows with a verdict that neither generation gives", s->wrong_verdict);
	CHECK(!s->wrong_rule, "%u rows with a rule of the other generation", s->wrong_rule);
	CHECK(s->seen, "no row was of the generation in force");
	CHECK(!l.refused[0] && !l.refused[1], "packets did not run");
	sent = 0;
	for (size_t i = 0; i < rows.count4; i++)
		sent += rows.v4[i].h.packets;
	CHECK(sent == load_sent(&l), "%lu counted of %lu", (unsigned long)sent, (unsigned long)load_sent(&l));
}

TEST(no_packet_sees_half_of_two_generations)
{
	struct swap *s = calloc(1, sizeof(*s));
	struct weir_err err = {{0}};

	if (open_swap(s, &err)) {
		CHECK(false, "%s", err.text);
	} else {
		/* The claim means something only if a mixture would show. */
		CHECK(!denied(s, 0, 0) && !denied(s, 1, 1), "a generation denies by itself");
		CHECK(denied(s, 0, 1) == LAST - FIRST + 1 && denied(s, 1, 0) == LAST - FIRST + 1,
		      "mixtures deny %u and %u of %d", denied(s, 0, 1), denied(s, 1, 0), LAST - FIRST + 1);
		swap_under_load(test_st, s, &err);
	}
	close_swap(s);
	free(s);
}

TEST_MAIN(T_ROOT(no_packet_sees_half_of_two_generations))
