/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills a pretended agent at every step of the protocol while a pretended kernel counts, and
 * compares the sum of all durable records with the counters: exactly once means equal, always.
 */
#include "agent/drain.h"
#include "tests/lib/test.h"

#define FLOWS 8	  /* of IPv4 */
#define ROWS4 12  /* with totals */
#define ROWS6 4
#define ROWS (ROWS4 + ROWS6)
#define PLACES 32

/* What outlives the agent: the kernel's memory, and the spool (only its last record and its sum).
 */
struct world {
	struct weir_row4 v4[ROWS4];
	struct weir_row6 v6[ROWS6];
	struct weir_base bases[ROWS];
	struct weir_flow_health health[PLACES];
	struct weir_spooled spooled;
	uint64_t epoch, sequence; /* last durable record */
	uint64_t durable_bytes, durable_packets;
	uint64_t counted_bytes, counted_packets;
	uint64_t booted_bytes, booted_packets; /* counted before the last boot */
	struct weir_flow_said durable_health, counted_health;
	uint32_t now_s;
	unsigned int seed;
};

static int grace(void *arg)
{
	(void)arg;
	return 0;
}

static struct rows rows_of(struct world *w)
{
	return (struct rows){.v4 = w->v4, .v6 = w->v6, .count4 = ROWS4, .count = ROWS, .flows4 = FLOWS};
}

static struct weir_row *row_of(struct world *w, size_t i)
{
	struct rows r = rows_of(w);

	return rows_at(&r, i);
}

static struct drain drain_of(struct world *w, struct drain_delta deltas[ROWS + PLACES])
{
	return (struct drain){.rows = rows_of(w), .bases = w->bases, .health = w->health, .health_count = PLACES, .spooled = &w->spooled, .grace = grace,
			      .deltas = deltas};
}

static void add_said(struct weir_flow_said *to, const struct weir_flow_said *s)
{
	to->rtt_us += s->rtt_us;
	to->samples += s->samples;
	to->retrans += s->retrans;
}

static bool is_flow(size_t i)
{
	return i < FLOWS || i >= ROWS4;
}

/* Where health of row i is kept first. */
static uint32_t place_of(struct world *w, size_t i)
{
	const struct weir_row *row = row_of(w, i);
	uint8_t local[16], remote[16];
	uint32_t ends[2];

	rows_addresses(row, local, remote);
	memcpy(&ends[0], local + 12, sizeof(ends[0]));
	memcpy(&ends[1], remote + 12, sizeof(ends[1]));
	return weir_flow_health_at(row->workload, ends[0], ends[1], row->flags & WEIR_ROW_F_INIT_LOCAL);
}

/* Of row i, in a place that may be the second one of that row. */
static void sample(struct world *w, size_t i, uint64_t us)
{
	const struct weir_flow_said one = {us, 1, us & 1};

	for (uint32_t n = us % 2; n < WEIR_FLOW_HEALTH_PROBES; n++) {
		struct weir_flow_health *h = &w->health[(place_of(w, i) + n) % PLACES];

		if (h->row && h->row != i + 1)
			continue;
		h->row = (uint32_t)i + 1;
		add_said(&h->now, &one);
		add_said(&w->counted_health, &one);
		return;
	}
}

/* A free row becomes one of its own addresses. */
static void claim(struct world *w, size_t i)
{
	struct weir_row *row = row_of(w, i);
	uint8_t *local = i >= ROWS4 ? ((struct weir_row6 *)row)->local + 12 : ((struct weir_row4 *)row)->local;

	row->state = WEIR_ROW_LIVE;
	row->workload = 1;
	row->flags = i >= ROWS4 ? WEIR_ROW_F_V6 : is_flow(i) ? 0 : WEIR_ROW_F_TOTAL;
	row->flags |= rand_r(&w->seed) & 1 ? WEIR_ROW_F_INIT_LOCAL : 0;
	if (is_flow(i))
		for (size_t k = 0; k < 4; k++)
			local[k] = (uint8_t)rand_r(&w->seed);
}

/* The kernel: claims rows and counts into live ones. */
static void traffic(struct world *w, int packets)
{
	while (packets--) {
		size_t at = rand_r(&w->seed) % ROWS;
		struct weir_row *row = row_of(w, at);
		uint64_t len = 40 + rand_r(&w->seed) % 1400;

		if (row->state == WEIR_ROW_FREE)
			claim(w, at);
		if (row->state != WEIR_ROW_LIVE)
			continue;
		row->bytes += len;
		row->packets++;
		row->seen = w->now_s;
		w->counted_bytes += len;
		w->counted_packets++;
		if (len % 3 == 0 && is_flow(at))
			sample(w, at, len);
	}
}

static void append(struct world *w, const struct drain *d)
{
	for (size_t i = 0; i < d->delta_count; i++) {
		w->durable_bytes += d->deltas[i].bytes;
		w->durable_packets += d->deltas[i].packets;
		add_said(&w->durable_health, &d->deltas[i].health);
	}
	w->epoch = w->spooled.epoch;
	w->sequence = w->spooled.sequence + 1;
}

enum kill { IN_READ, BEFORE_APPEND, BEFORE_COMMIT, AFTER_COMMIT, IN_CLEAR, NO_KILL, KILLS };

/* The first place of row i, half cleared; false: there is still something to tell of one. */
static bool half_clear(struct world *w, size_t i)
{
	struct weir_flow_health *first = NULL;

	for (size_t k = 0; k < PLACES; k++) {
		struct weir_flow_health *h = &w->health[k];

		if (h->row != i + 1)
			continue;
		if (memcmp(&h->now, &h->said[0], sizeof(h->now)) != 0 || memcmp(&h->now, &h->said[1], sizeof(h->now)) != 0)
			return false;
		first = first ? first : h;
	}
	if (first)
		first->now = first->said[0] = (struct weir_flow_said){0};
	return true;
}

/* A row that an agent was just clearing: hidden, its counts half gone. */
static void kill_in_clear(struct world *w)
{
	for (size_t i = 0; i < FLOWS; i++) {
		struct weir_row *row = row_of(w, i);
		struct weir_base *b = &w->bases[i];

		if (row->state == WEIR_ROW_RETIRED && row->bytes == b->bytes[0] && row->bytes == b->bytes[1] &&
		    half_clear(w, i)) {
			row->state = WEIR_ROW_CLAIMED;
			row->bytes = 0;
			b->bytes[0] = 0;
			return;
		}
	}
}

static void one_window(struct world *w, struct drain *d, enum kill kill)
{
	d->now = w->now_s;
	d->health_due = w->now_s % 3 == 0;
	if (kill == IN_READ)
		d->rows.count = ROWS4 + rand_r(&w->seed) % ROWS6;
	drain_read(d);
	if (kill == IN_READ || kill == BEFORE_APPEND)
		return;
	append(w, d);
	traffic(w, 5);
	if (kill == BEFORE_COMMIT)
		return;
	drain_commit(d);
	if (kill == AFTER_COMMIT)
		return;
	if (kill == IN_CLEAR)
		kill_in_clear(w);
	else
		drain_retire(d, w->now_s - 1);
}

static int agent(struct world *w, enum kill kill, enum drain_began *began)
{
	struct drain_delta deltas[ROWS + PLACES];
	struct drain d = drain_of(w, deltas);
	int r = drain_start(&d, w->epoch, w->sequence, began);

	for (int i = 0; r == 0 && i < 4; i++) {
		w->now_s++;
		traffic(w, 3 + rand_r(&w->seed) % 10);
		one_window(w, &d, i == 3 ? kill : NO_KILL);
	}
	return r;
}

/* The kernel's total is what was counted, whatever became of the records. */
static bool says_all(struct world *w)
{
	const struct weir_count *total = w->spooled.total[w->spooled.sequence & 1];

	return total[0].bytes + total[1].bytes == w->counted_bytes - w->booted_bytes &&
	       total[0].packets + total[1].packets == w->counted_packets - w->booted_packets;
}

/* A last agent that drains to the end; then both sides must be equal. */
static bool equal_at_end(struct world *w)
{
	enum drain_began began;

	if (agent(w, NO_KILL, &began) < 0)
		return false;
	for (int i = 0; i < 2; i++) {
		struct drain_delta deltas[ROWS + PLACES];
		struct drain d = drain_of(w, deltas);

		d.health_due = true;
		drain_read(&d);
		append(w, &d);
		drain_commit(&d);
	}
	return w->durable_bytes == w->counted_bytes && w->durable_packets == w->counted_packets && says_all(w) &&
	       !memcmp(&w->durable_health, &w->counted_health, sizeof(w->counted_health));
}

TEST(kill_at_each_step)
{
	static const char *const names[] = {"in read",	    "before append", "before commit",
					    "after commit", "in clear",	     "no kill"};
	enum drain_began began;

	for (int kill = 0; kill < KILLS; kill++) {
		for (unsigned int seed = 1; seed <= 200; seed++) {
			struct world w = {.now_s = 100, .seed = seed};

			for (int life = 0; life < 6; life++)
				CHECK(agent(&w, (enum kill)kill, &began) == 0, "start");
			CHECK(equal_at_end(&w), "kill %s, seed %u: spooled %llu of %llu bytes",
			      names[kill], seed, (unsigned long long)w.durable_bytes,
			      (unsigned long long)w.counted_bytes);
			if (w.durable_bytes != w.counted_bytes)
				return;
		}
	}
}

TEST(kills_in_any_order)
{
	enum drain_began began;

	for (unsigned int seed = 1; seed <= 2000; seed++) {
		struct world w = {.now_s = 100, .seed = seed};

		for (int life = 0; life < 10; life++)
			agent(&w, (enum kill)(rand_r(&w.seed) % KILLS), &began);
		if (!equal_at_end(&w)) {
			CHECK(0, "seed %u: spooled %llu of %llu bytes", seed,
			      (unsigned long long)w.durable_bytes,
			      (unsigned long long)w.counted_bytes);
			return;
		}
	}
}

TEST(crash_between_append_and_commit_is_committed)
{
	struct world w = {.now_s = 100, .seed = 7};
	enum drain_began began;

	CHECK(agent(&w, BEFORE_COMMIT, &began) == 0 && began == DRAIN_FRESH, "%d", (int)began);
	CHECK(w.spooled.sequence + 1 == w.sequence, "the kill came too late");
	CHECK(agent(&w, NO_KILL, &began) == 0 && began == DRAIN_COMMITTED, "%d", (int)began);
}

TEST(rows_come_back)
{
	struct world w = {.now_s = 100, .seed = 3};
	enum drain_began began;
	int free_rows = 0;

	for (int i = 0; i < 50; i++)
		agent(&w, NO_KILL, &began);
	for (int i = 0; i < FLOWS; i++)
		free_rows += row_of(&w, i)->state == WEIR_ROW_FREE;
	CHECK(row_of(&w, FLOWS)->state == WEIR_ROW_LIVE, "a total was retired");
	CHECK(equal_at_end(&w), "lost while rows came back (%d free now)", free_rows);
}

/* A second later; rows go when they have said nothing in the one before. */
static int next_window(struct world *w, struct drain *d)
{
	d->now = ++w->now_s;
	drain_read(d);
	append(w, d);
	drain_commit(d);
	return drain_retire(d, w->now_s - 1);
}

/* Though health is not due for long, what is left of a row's is told before the row goes. */
TEST(a_row_takes_its_health_along)
{
	struct world w = {.now_s = 100, .seed = 3};
	struct drain_delta deltas[ROWS + PLACES];
	struct drain d = drain_of(&w, deltas);
	enum drain_began began;

	CHECK(drain_start(&d, 0, 0, &began) == 0, "start");
	claim(&w, 2);
	row_of(&w, 2)->bytes = row_of(&w, 2)->packets = 1;
	sample(&w, 2, 700);
	sample(&w, 2, 801);
	row_of(&w, 2)->flags ^= WEIR_ROW_F_INIT_LOCAL;
	for (int i = 0; i < 6; i++) {
		CHECK(!next_window(&w, &d), "retire");
		CHECK(i > 0 || !w.durable_health.samples, "it was not due");
	}
	CHECK(row_of(&w, 2)->state == WEIR_ROW_FREE, "state %u", row_of(&w, 2)->state);
	CHECK(w.durable_health.samples == 2 && w.durable_health.rtt_us == 1501 && w.durable_health.retrans == 1, "%u",
	      w.durable_health.samples);
	for (size_t i = 0; i < PLACES; i++)
		CHECK(!w.health[i].row && !w.health[i].now.samples, "place %zu", i);
}

/* Connections without rows of their own speak on in the place of a flow that has ended. */
TEST(a_row_stays_while_its_place_is_in_use)
{
	struct world w = {.now_s = 100, .seed = 3};
	struct drain_delta deltas[ROWS + PLACES];
	struct drain d = drain_of(&w, deltas);
	enum drain_began began;

	CHECK(drain_start(&d, 0, 0, &began) == 0, "start");
	claim(&w, 2);
	for (int i = 0; i < 30; i++) {
		if (i < 20)
			sample(&w, 2, 700);
		CHECK(!next_window(&w, &d), "retire");
		CHECK(i >= 20 || row_of(&w, 2)->state == WEIR_ROW_LIVE, "in window %d its state is %u", i, row_of(&w, 2)->state);
	}
	CHECK(row_of(&w, 2)->state == WEIR_ROW_FREE, "state %u", row_of(&w, 2)->state);
	CHECK(w.durable_health.samples == 20, "%u", w.durable_health.samples);
}

/* Whichever side opened it, row i may keep its health in this place. */
static bool reaches(struct world *w, size_t i, uint32_t place)
{
	bool near = (place - place_of(w, i)) % PLACES < WEIR_FLOW_HEALTH_PROBES;

	row_of(w, i)->flags ^= WEIR_ROW_F_INIT_LOCAL;
	return near | ((place - place_of(w, i)) % PLACES < WEIR_FLOW_HEALTH_PROBES);
}

/* Rows 2 and 3 were freed by an agent that knows nothing of places; row 3 is another flow by now, row 4 is as it was. */
TEST(places_without_their_rows_are_freed)
{
	struct world w = {.now_s = 100, .seed = 3};
	struct drain_delta deltas[ROWS + PLACES];
	struct drain d = drain_of(&w, deltas);
	enum drain_began began;
	size_t kept = 0, others = 0;
	uint32_t was;

	for (size_t i = 2; i < 5; i++) {
		claim(&w, i);
		sample(&w, i, 700);
	}
	was = place_of(&w, 3);
	row_of(&w, 2)->state = WEIR_ROW_FREE;
	do
		claim(&w, 3);
	while (reaches(&w, 3, was));
	CHECK(drain_start(&d, 0, 0, &began) == 0, "start");
	for (size_t i = 0; i < PLACES; i++) {
		kept += w.health[i].row == 5 && w.health[i].now.samples == 1;
		others += w.health[i].row != 0 && w.health[i].row != 5;
	}
	CHECK(kept == 1 && !others, "%zu kept, %zu others", kept, others);
}

TEST(orphan_claims_are_freed)
{
	struct world w = {.now_s = 100, .seed = 3};
	enum drain_began began;

	row_of(&w, 2)->state = WEIR_ROW_CLAIMED;
	row_of(&w, 2)->bytes = 5;
	w.bases[2].bytes[1] = 5;
	/* No traffic: only the start. */
	struct drain_delta deltas[ROWS + PLACES];
	struct drain d = drain_of(&w, deltas);
	CHECK(drain_start(&d, 0, 0, &began) == 0, "start");
	CHECK(row_of(&w, 2)->state == WEIR_ROW_FREE && row_of(&w, 2)->bytes == 0 && w.bases[2].bytes[1] == 0,
	      "state %u", row_of(&w, 2)->state);
}

TEST(lost_spool_begins_a_new_epoch_and_recounts_nothing)
{
	struct world w = {.now_s = 100, .seed = 11};
	enum drain_began began;
	uint64_t lost;

	for (int odd = 0; odd < 2; odd++) {
		CHECK(agent(&w, odd ? NO_KILL : AFTER_COMMIT, &began) == 0, "start");
		w.epoch = w.sequence =
			0; /* the state directory goes; the aggregator keeps what it had */
		lost = w.spooled.epoch;
		CHECK(agent(&w, NO_KILL, &began) == 0 && began == DRAIN_LOST, "%d", (int)began);
		CHECK(w.spooled.epoch == lost + 1, "epoch %d", (int)w.spooled.epoch);
		CHECK(w.sequence == 4, "sequence starts again: %d", (int)w.sequence);
	}
	CHECK(equal_at_end(&w), "spooled %llu of %llu", (unsigned long long)w.durable_bytes,
	      (unsigned long long)w.counted_bytes);
}

TEST(reboot_begins_a_new_epoch)
{
	struct world w = {.now_s = 100, .seed = 5};
	enum drain_began began;

	CHECK(agent(&w, NO_KILL, &began) == 0, "start");
	memset(w.v4, 0, sizeof(w.v4));
	memset(w.v6, 0, sizeof(w.v6));
	memset(w.bases, 0, sizeof(w.bases));
	memset(w.health, 0, sizeof(w.health));
	memset(&w.spooled, 0, sizeof(w.spooled));
	w.counted_bytes = w.booted_bytes = w.durable_bytes;
	w.counted_packets = w.booted_packets = w.durable_packets;
	w.counted_health = w.durable_health;
	CHECK(agent(&w, NO_KILL, &began) == 0 && began == DRAIN_REBOOTED, "%d", (int)began);
	CHECK(w.epoch == 2, "%d", (int)w.epoch);
	CHECK(equal_at_end(&w), "not equal after a reboot");
}

TEST(new_epoch_is_above_the_floor)
{
	struct world w = {.now_s = 100, .seed = 5};
	struct drain_delta deltas[ROWS + PLACES];
	struct drain d = drain_of(&w, deltas);
	enum drain_began began;

	d.epoch_floor = 1000;
	CHECK(drain_start(&d, 0, 0, &began) == 0 && w.spooled.epoch == 1000, "%d",
	      (int)w.spooled.epoch);
	CHECK(drain_start(&d, 7000, 3, &began) == 0 && w.spooled.epoch == 7001, "%d",
	      (int)w.spooled.epoch);
}

TEST(table_of_another_size_is_refused)
{
	struct world w = {.now_s = 100, .seed = 5};
	enum drain_began began;

	CHECK(agent(&w, NO_KILL, &began) == 0, "start");
	w.spooled.rows_fp = ROWS * 2;
	CHECK(agent(&w, NO_KILL, &began) == -ESTALE, "taken");
}

TEST_MAIN(T(kill_at_each_step), T(kills_in_any_order),
	  T(crash_between_append_and_commit_is_committed), T(rows_come_back), T(a_row_takes_its_health_along), T(a_row_stays_while_its_place_is_in_use),
	  T(places_without_their_rows_are_freed), T(orphan_claims_are_freed), T(lost_spool_begins_a_new_epoch_and_recounts_nothing),
	  T(reboot_begins_a_new_epoch), T(new_epoch_is_above_the_floor),
	  T(table_of_another_size_is_refused))
