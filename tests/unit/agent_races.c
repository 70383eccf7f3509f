/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row tables under both CPUs: flows that do not fit, rows that two CPUs claim at once, rows that
 * are given back and taken again, windows drained while packets run. Sums must be equal to the byte,
 * per flow wherever a flow has rows of its own. WEIR_LONG for the full counts.
 */
#include "tests/lib/test.h"

#include <time.h>

#include "agent/drain.h"
#include "tests/lib/packet_load.h"
#include "tests/lib/probe_fixture.h"

#define FLOWS_MAX 100000
#define PORT 443

/* What a run offers, and what was sent of it: thread t sends flow f by sent[t][f] packets. */
struct offer {
	unsigned int flows; /* a flow's number is in the low bits of its remote address */
	unsigned int repeat;
	bool apart;	    /* the threads share no flow */
	bool together;	    /* each step begins on both CPUs at once, if the other comes in time */
	uint64_t at[2];	    /* step that a thread is at */
	uint64_t steps;	    /* of a thread; 0 = until it is stopped */
	uint32_t sent[2][FLOWS_MAX];
};

static bool is_long(void)
{
	return getenv("WEIR_LONG") != NULL;
}

static uint32_t flow_address(unsigned int flow)
{
	return 198u << 24 | 18u << 16 | flow; /* 198.18.0.0/15 holds 131,072 */
}

static int row_flow(const struct weir_row *r)
{
	uint8_t local[16], remote[16];

	rows_addresses(r, local, remote);
	return r->flags & WEIR_ROW_F_TOTAL ? -1 : (remote[13] & 1) << 16 | remote[14] << 8 | remote[15];
}

/* The other thread may have lost its CPU: it is waited for only so long. */
static void meet(struct offer *o, unsigned int thread, uint64_t i)
{
	__atomic_store_n(&o->at[thread], i + 1, __ATOMIC_RELEASE);
	for (int n = 0; n < 20000 && __atomic_load_n(&o->at[!thread], __ATOMIC_ACQUIRE) < i + 1; n++)
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static unsigned int next_packet(const struct load *l, unsigned int thread, uint64_t i, uint8_t *packet)
{
	struct offer *o = l->arg;
	unsigned int flow = (unsigned int)(i % o->flows);

	if (o->steps && i >= o->steps)
		return 0;
	if (o->apart)
		flow = (flow & ~1u) | thread;
	load_packet(packet, 40000, flow_address(flow), PORT);
	if (o->together)
		meet(o, thread, i);
	o->sent[thread][flow] += o->repeat;
	return o->repeat;
}

struct sum {
	uint64_t bytes, packets;   /* of all rows */
	uint64_t folded;	   /* packets in totals and spill rows */
	unsigned int detailed;	   /* rows of flows */
};

/* Sums the table into s; per (may be NULL): packets by flow. */
static void sum_rows(struct fixture *f, struct sum *s, uint32_t *per)
{
	const struct rows rows = probe_rows(f->probe);

	for (size_t i = 0; i < rows.count; i++) {
		const struct weir_row *r = rows_at(&rows, i);
		bool flow = rows_is_flow(&rows, i);

		if (!drain_in_use(r))
			continue;
		s->bytes += r->bytes;
		s->packets += r->packets;
		s->folded += flow ? 0 : r->packets;
		s->detailed += flow;
		if (flow && per)
			per[row_flow(r)] += (uint32_t)r->packets;
	}
}

static uint64_t dropped(struct fixture *f, enum weir_drop reason)
{
	return fixture_dropped(f, reason).packets;
}

static bool open_table(struct test_state *test_st, struct fixture *f, uint32_t rows)
{
	struct weir_err err = {{0}};

	f->small = true;
	if (fixture_open_rows(f, rows, &err)) {
		CHECK(false, "%s", err.text);
		fixture_close(f);
		return false;
	}
	return true;
}

TEST(a_hundred_thousand_flows_in_a_table_of_1024)
{
	struct offer *o = calloc(1, sizeof(*o));
	struct fixture f = {0};
	struct sum s = {0};
	struct load l;

	*o = (struct offer){.flows = FLOWS_MAX, .repeat = 3, .steps = FLOWS_MAX};
	if (open_table(test_st, &f, 1024)) {
		CHECK(!load_start(&l, f.probe->prog_fd[PROBE_EGRESS], next_packet, o), "threads");
		load_join(&l, true);
		sum_rows(&f, &s, NULL);
		CHECK(load_sent(&l) == 2ull * FLOWS_MAX * o->repeat, "%lu sent", (unsigned long)load_sent(&l));
		CHECK(s.packets == load_sent(&l) && s.bytes == load_sent(&l) * LOAD_L3,
		      "%lu packets, %lu bytes of %lu packets", (unsigned long)s.packets, (unsigned long)s.bytes,
		      (unsigned long)load_sent(&l));
		CHECK(s.detailed > 512 && s.detailed <= 2 * 1024, "%u rows in detail", s.detailed);
		CHECK(s.folded && s.folded == dropped(&f, WEIR_D_FOLDED), "%lu folded, %lu reported",
		      (unsigned long)s.folded, (unsigned long)dropped(&f, WEIR_D_FOLDED));
		CHECK(!dropped(&f, WEIR_D_SPILLED), "totals did not suffice");
		fixture_close(&f);
	}
	free(o);
}

/* Both CPUs meet each flow for the first time at the same time, round after round. */
TEST(inserts_of_both_cpus_lose_nothing)
{
	uint64_t want = is_long() ? 100000000 : 1000000, sent = 0;
	struct offer *o = calloc(1, sizeof(*o));
	unsigned int wrong = 0, twice = 0, rounds = 0;
	struct fixture f = {0};
	struct load l;

	if (open_table(test_st, &f, 65536)) {
		uint32_t *per = calloc(1 << 17, sizeof(*per));

		while (sent < want && !wrong) {
			struct sum s = {0};

			*o = (struct offer){.flows = 10000, .repeat = is_long() ? 200 : 20, .steps = 10000,
					    .together = true};
			fixture_clear(&f);
			memset(per, 0, (1 << 17) * sizeof(*per));
			CHECK(!load_start(&l, f.probe->prog_fd[PROBE_EGRESS], next_packet, o), "threads");
			load_join(&l, true);
			sum_rows(&f, &s, per);
			for (unsigned int i = 0; i < o->flows; i++)
				wrong += per[i] != o->sent[0][i] + o->sent[1][i];
			wrong += s.packets != load_sent(&l) || s.bytes != load_sent(&l) * LOAD_L3;
			twice += s.detailed > o->flows ? s.detailed - o->flows : 0;
			sent += load_sent(&l);
			rounds++;
		}
		printf("# %lu packets in %u rounds of 10,000 new flows; %u flows got a row from each CPU\n",
		       (unsigned long)sent, rounds, twice);
		CHECK(!wrong, "%u flows differ from what was sent", wrong);
		CHECK(!dropped(&f, WEIR_D_FOLDED), "%lu folded", (unsigned long)dropped(&f, WEIR_D_FOLDED));
		free(per);
		fixture_close(&f);
	}
	free(o);
}

/* An agent that drains: the spool is what was appended, by flow and in total. */
struct drainer {
	struct fixture *f;
	struct drain d;
	uint64_t spooled[1 << 17]; /* packets by flow */
	uint64_t bytes, packets, folded;
	uint64_t freed; /* rows given back */
	bool retired[1 << 17]; /* rows that wait to be given back */
};

static int grace(void *arg)
{
	return probe_grace(((struct drainer *)arg)->f->probe);
}

static int drainer_start(struct drainer *g, struct fixture *f)
{
	enum drain_began began;

	g->f = f;
	g->d.rows = probe_rows(f->probe);
	g->d.bases = probe_bases(f->probe);
	g->d.health = probe_flow_health(f->probe, &g->d.health_count);
	g->d.spooled = probe_spooled(f->probe);
	g->d.grace = grace;
	g->d.arg = g;
	g->d.deltas = calloc(g->d.rows.count + g->d.health_count, sizeof(*g->d.deltas));
	return g->d.deltas ? drain_start(&g->d, 0, 0, &began) : -ENOMEM;
}

static void note_freed(struct drainer *g, bool after)
{
	for (size_t i = 0; i < g->d.rows.count; i++) {
		uint32_t state = __atomic_load_n(&rows_at(&g->d.rows, i)->state, __ATOMIC_ACQUIRE);

		if (after)
			g->freed += g->retired[i] && state != WEIR_ROW_RETIRED;
		else
			g->retired[i] = state == WEIR_ROW_RETIRED;
	}
}

/* One window; before: rows not seen since are given back. The key is read when the count is. */
static int drainer_window(struct drainer *g, uint32_t before)
{
	int r;

	g->d.now++;
	drain_read(&g->d);
	for (size_t i = 0; i < g->d.delta_count; i++) {
		const struct drain_delta *x = &g->d.deltas[i];

		g->bytes += x->bytes;
		g->packets += x->packets;
		if (rows_is_flow(&g->d.rows, x->row))
			g->spooled[row_flow(rows_at(&g->d.rows, x->row))] += x->packets;
		else
			g->folded += x->packets;
	}
	drain_commit(&g->d);
	note_freed(g, false);
	r = drain_retire(&g->d, before);
	note_freed(g, true);
	return r;
}

/* Flows whose windows say more than was sent; *ret_missing: packets that windows do not say of any flow. */
static unsigned int enriched(const struct drainer *g, const struct offer *o, uint64_t *ret_missing)
{
	unsigned int n = 0;

	*ret_missing = 0;
	for (unsigned int i = 0; i < o->flows; i++) {
		uint64_t sent = (uint64_t)o->sent[0][i] + o->sent[1][i];

		n += g->spooled[i] > sent;
		*ret_missing += sent - g->spooled[i];
	}
	return n;
}

static void check_drained(struct test_state *test_st, struct drainer *g, const struct offer *o,
			  const struct load *l)
{
	uint64_t missing;
	unsigned int more = enriched(g, o, &missing);

	CHECK(g->packets == load_sent(l) && g->bytes == load_sent(l) * LOAD_L3, "%lu packets, %lu bytes of %lu",
	      (unsigned long)g->packets, (unsigned long)g->bytes, (unsigned long)load_sent(l));
	CHECK(g->folded == dropped(g->f, WEIR_D_FOLDED), "%lu folded, %lu reported", (unsigned long)g->folded,
	      (unsigned long)dropped(g->f, WEIR_D_FOLDED));
	CHECK(!more, "%u flows got another one's packets", more);
	CHECK(missing == g->folded, "%lu packets of no flow, %lu folded", (unsigned long)missing, (unsigned long)g->folded);
	CHECK(!l->refused[0] && !l->refused[1], "packets did not run");
}

/* Every row is retired at every window, busy or not: rows change hands all the time. */
TEST(a_reused_row_has_nothing_of_its_predecessor)
{
	struct offer *o = calloc(1, sizeof(*o));
	struct drainer *g = calloc(1, sizeof(*g));
	unsigned int windows = is_long() ? 2000 : 100;
	struct fixture f = {0};
	struct load l;
	int r = 0;

	*o = (struct offer){.flows = 2000, .repeat = 5, .apart = true};
	if (open_table(test_st, &f, 16384)) {
		CHECK(!drainer_start(g, &f), "start");
		CHECK(!load_start(&l, f.probe->prog_fd[PROBE_EGRESS], next_packet, o), "threads");
		for (unsigned int i = 0; i < windows && !r; i++)
			r = drainer_window(g, UINT32_MAX);
		load_join(&l, false);
		for (int i = 0; i < 3 && !r; i++)
			r = drainer_window(g, UINT32_MAX);
		CHECK(!r, "drain: %s", strerror(-r));
		printf("# %lu packets, %u windows, %lu rows given back\n", (unsigned long)load_sent(&l), windows,
		       (unsigned long)g->freed);
		CHECK(g->freed > 5000, "only %lu rows were given back", (unsigned long)g->freed);
		/* Retired rows keep their slots for as long as the machine lets a window take. */
		CHECK(g->folded < load_sent(&l) / 100, "%lu folded", (unsigned long)g->folded);
		check_drained(test_st, g, o, &l);
		free(g->d.deltas);
		fixture_close(&f);
	}
	free(g);
	free(o);
}

static void until(const struct timespec *began, unsigned int ms)
{
	struct timespec at = {.tv_sec = began->tv_sec + (began->tv_nsec / 1000000 + ms) / 1000,
			      .tv_nsec = (began->tv_nsec + ms % 1000 * 1000000ll) % 1000000000};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* More flows than rows, windows of 200 ms, idle rows given back: the sum of windows is the truth. */
TEST(windows_of_200_ms_add_up_under_full_load)
{
	struct offer *o = calloc(1, sizeof(*o));
	struct drainer *g = calloc(1, sizeof(*g));
	unsigned int windows = is_long() ? 100 : 10;
	struct timespec began;
	struct fixture f = {0};
	struct load l;
	int r = 0;

	*o = (struct offer){.flows = FLOWS_MAX, .repeat = 8};
	if (open_table(test_st, &f, 16384)) {
		CHECK(!drainer_start(g, &f), "start");
		clock_gettime(CLOCK_MONOTONIC, &began);
		g->d.now = WEIR_TICK(began.tv_sec * 1000000000ull);
		CHECK(!load_start(&l, f.probe->prog_fd[PROBE_EGRESS], next_packet, o), "threads");
		for (unsigned int i = 1; i <= windows && !r; i++) {
			until(&began, i * 200);
			r = drainer_window(g, g->d.now);
		}
		load_join(&l, false);
		for (int i = 0; i < 2 && !r; i++)
			r = drainer_window(g, 0);
		CHECK(!r, "drain: %s", strerror(-r));
		printf("# %lu packets in %u windows, %lu folded\n", (unsigned long)load_sent(&l), windows,
		       (unsigned long)g->folded);
		CHECK(load_sent(&l) > windows * 10000ull, "no load: %lu packets", (unsigned long)load_sent(&l));
		check_drained(test_st, g, o, &l);
		free(g->d.deltas);
		fixture_close(&f);
	}
	free(g);
	free(o);
}

TEST_MAIN(T_ROOT(a_hundred_thousand_flows_in_a_table_of_1024),
	  T_ROOT(inserts_of_both_cpus_lose_nothing),
	  T_ROOT(a_reused_row_has_nothing_of_its_predecessor),
	  T_ROOT(windows_of_200_ms_add_up_under_full_load))
