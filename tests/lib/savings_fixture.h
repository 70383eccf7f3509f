/* SPDX-License-Identifier: Apache-2.0 */
/* Savings of a test: a topology of text, the shipped price books, and traffic of a span of 730 hours, a month. */
#ifndef WEIR_TEST_SAVINGS_FIXTURE_H
#define WEIR_TEST_SAVINGS_FIXTURE_H

#include "lib/money/rules.h"
#include "tests/lib/test.h"
#include "tests/lib/topology_fixture.h"
#include "tests/lib/traffic_fixture.h"

#define SAVINGS_FROM_S 1793491200ull /* 2026-11-01 */
#define SAVINGS_TO_S (SAVINGS_FROM_S + 729 * 3600)
#define CENT 10000000ll
#define USD 1000000000ll

struct fleet {
	struct topology_fixture world;
	struct weir_traffic_set *traffic;
	struct weir_savings *savings;
	struct weir_err err;
};

static inline void fleet_fini(struct fleet *f)
{
	weir_savings_free(f->savings);
	weir_traffic_free(f->traffic);
	topology_fixture_free(&f->world);
}
#define auto_fleet weir_cleanup(fleet_fini)

static inline int fleet_init(struct fleet *f, const char *topology, const char *prices)
{
	int r = topology_fixture_load(&f->world, topology, "fleet", &f->err);

	if (!r)
		r = topology_fixture_prices(&f->world, prices, &f->err);
	return r ? r : weir_traffic_new(&f->traffic);
}

/* Half of the bytes in the first hour, half in the last. */
static inline int fleet_add(struct fleet *f, const struct weir_traffic *row)
{
	struct weir_traffic t = *row;
	int r;

	t.hour_s = SAVINGS_FROM_S;
	t.bytes = row->bytes / 2;
	r = weir_traffic_add(f->traffic, &t);
	t.hour_s = SAVINGS_TO_S;
	t.bytes = row->bytes - row->bytes / 2;
	return r ? r : weir_traffic_add(f->traffic, &t);
}

static inline int fleet_move(struct fleet *f, const char *domain, const char *local, const char *peer, int dir, uint64_t gib)
{
	const struct weir_traffic t = traffic_row(domain, local, peer, dir, gib * GIB);

	return fleet_add(f, &t);
}

/* A byte of nobody known in each hour of the span: something was recorded. */
static inline void fleet_beat(struct fleet *f)
{
	struct weir_traffic t = {.folded = true, .path = WEIR_PATH_SAME_HOST, .bytes = 1};
	uint64_t last_s;

	for (weir_traffic_span(f->traffic, &t.hour_s, &last_s); t.hour_s <= last_s; t.hour_s += 3600)
		weir_traffic_add(f->traffic, &t);
}

static inline int fleet_find(struct fleet *f)
{
	const struct weir_savings_in in = {.topology = f->world.topology, .book = f->world.prices, .traffic = f->traffic};

	fleet_beat(f);
	return weir_savings_new(&in, &f->savings, &f->err);
}

/* The first candidate of a rule; NULL. */
static inline const struct weir_candidate *fleet_candidate(const struct fleet *f, const char *rule)
{
	for (size_t i = 0; f->savings && i < weir_savings_candidates(f->savings); i++)
		if (!strcmp(weir_savings_candidate(f->savings, i)->rule->id, rule))
			return weir_savings_candidate(f->savings, i);
	return NULL;
}

/* What replay says of the candidate alone, with what no topology has. */
static inline int64_t fleet_replay(struct fleet *f, const struct weir_candidate *c)
{
	const struct weir_savings_in in = {.topology = f->world.topology, .book = f->world.prices, .traffic = f->traffic};
	int64_t nanos = INT64_MIN;

	if (weir_savings_replay(&in, c->edits, c->edit_count, &nanos, &f->err) < 0)
		return INT64_MIN;
	return nanos - c->extra_nanos;
}

#endif
