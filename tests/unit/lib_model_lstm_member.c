/* SPDX-License-Identifier: Apache-2.0 */
/* The LSTM as a member of the pool: what it learns, of what, and where it is asked. */
#include <math.h>

#include "lib/model/lstm_member.h"
#include "lib/model/model.h"
#include "tests/lib/test.h"

#define COUNT 70 /* more than a group */
#define N 700
#define LATER 48 /* values behind the end of a series, to look at */
#define AHEAD 60 /* more than there are outputs */

static const struct weir_calendar weekly = {.season = {24, 168}, .seasons = 2};

struct world {
	double *y;
	struct weir_pool_task task[COUNT];
};

static void world_fini(struct world *w)
{
	free(w->y);
}
#define auto_world weir_cleanup(world_fini) struct world

static double *values_of(const struct world *w, size_t i)
{
	return w->y + i * (N + LATER);
}

/* A wave of 41 steps, which is no season, that each series is in elsewhere. */
static struct world make_of(const struct weir_calendar *c)
{
	struct world w = {.y = malloc(COUNT * (N + LATER) * sizeof(double))};
	struct weir_random r = weir_random_of(51);

	for (size_t i = 0; i < COUNT; i++) {
		double phase = 41 * weir_random_unit(&r), *y = values_of(&w, i);

		for (size_t t = 0; t < N + LATER; t++)
			y[t] = 3 + sin(2 * M_PI * ((double)t + phase) / 41) + 0.05 * weir_random_normal(&r);
		w.task[i] = (struct weir_pool_task){.v = y, .y = y, .n = N, .horizon = AHEAD, .calendar = c};
		weir_pool_origins(&w.task[i]);
	}
	return w;
}

static struct world make(void)
{
	return make_of(&weekly);
}

static size_t cut_of(const struct world *w)
{
	return w->task[0].cut;
}

/* What it says of all series: at the cut, at the next origin, at the end. */
struct saying {
	double first[COUNT * AHEAD], next[COUNT * AHEAD], last[COUNT * AHEAD];
};

static void say(struct test_state *test_st, const struct world *w, uint64_t seed, struct saying *ret)
{
	struct weir_lstm_member m = {0};

	CHECK(!weir_lstm_member_init(&m, w->task, COUNT, seed));
	for (size_t i = 0; i < COUNT; i++) {
		const double *said;

		CHECK(!weir_lstm_member_ask(&m, i, &said) && said, "series %zu", i);
		memcpy(ret->first + i * AHEAD, said, AHEAD * sizeof(*said));
		memcpy(ret->next + i * AHEAD, said + AHEAD, AHEAD * sizeof(*said));
		memcpy(ret->last + i * AHEAD, said + w->task[i].origins * AHEAD, AHEAD * sizeof(*said));
	}
	weir_lstm_member_fini(&m);
}

TEST(it_learns_what_no_season_says)
{
	auto_world w = make();
	struct saying all;
	double *said = all.last, off = 0, naive = 0;

	say(test_st, &w, 1, &all);
	for (size_t i = 0; i < COUNT; i++) {
		const double *y = values_of(&w, i) + N;

		for (size_t h = 0; h < 24; h++) {
			off += fabs(said[i * AHEAD + h] - y[h]);
			naive += fabs(y[h - 24] - y[h]);
		}
		for (size_t h = WEIR_LSTM_AHEAD; h < AHEAD; h++)
			CHECK(said[i * AHEAD + h] == said[i * AHEAD + h - 24], "step %zu is not as it was a day before", h);
	}
	printf("# error %.3f of the naive forecast's\n", off / naive);
	CHECK(off < 0.4 * naive, "%.3f", off / naive);
}

TEST(behind_its_last_output_it_goes_by_the_season)
{
	static const struct weir_calendar weeks = {.season = {168}, .seasons = 1};
	auto_world w = make_of(&weeks);
	struct saying all;

	say(test_st, &w, 1, &all);
	for (size_t i = 0; i < COUNT; i++)
		for (size_t h = WEIR_LSTM_AHEAD; h < AHEAD; h++) {
			CHECK(all.first[i * AHEAD + h] == values_of(&w, i)[cut_of(&w) + h - 168], "step %zu is not as it was a week before", h);
			CHECK(all.last[i * AHEAD + h] == values_of(&w, i)[N + h - 168], "at the end, step %zu is not as it was a week before", h);
		}
}

/* Other values behind the cut: the network is the same, and so is what it says at the cut; at the next origin it has seen a day of them. */
TEST(it_is_told_nothing_that_comes_later)
{
	auto_world a = make(), b = make();
	struct saying said[2];

	for (size_t i = 0; i < COUNT; i++)
		for (size_t t = cut_of(&b); t < N; t++)
			values_of(&b, i)[t] *= t < cut_of(&b) + b.task[0].gap ? 2 : 9;
	say(test_st, &a, 1, &said[0]);
	say(test_st, &b, 1, &said[1]);
	CHECK(!memcmp(said[0].first, said[1].first, sizeof(said[0].first)), "what comes behind an origin is seen there");
	CHECK(memcmp(said[0].next, said[1].next, sizeof(said[0].next)), "what came since the cut is not seen");
}

TEST(a_seed_says_what_it_learns)
{
	auto_world w = make();
	struct saying a, same, other;

	say(test_st, &w, 7, &a);
	say(test_st, &w, 7, &same);
	say(test_st, &w, 8, &other);
	CHECK(!memcmp(&a, &same, sizeof(a)), "the same seed, other forecasts");
	CHECK(memcmp(&a, &other, sizeof(a)), "the seed is not used");
}

TEST(a_small_set_teaches_it_nothing)
{
	auto_world w = make();
	struct weir_lstm_member m = {0};
	const double *said = values_of(&w, 0);

	CHECK(!weir_lstm_member_init(&m, w.task, 3, 1) && !weir_lstm_member_ask(&m, 0, &said) && !said, "three series are asked");
	weir_lstm_member_fini(&m);
	for (size_t i = 0; i < COUNT; i++)
		w.task[i].origins = 0;
	CHECK(!weir_lstm_member_init(&m, w.task, COUNT, 1) && !weir_lstm_member_ask(&m, 0, &said) && !said, "it learns where nobody is asked");
	weir_lstm_member_fini(&m);
}

/* One series of a large set has no origin, and one ends sooner: they alone are not as they were. */
TEST(short_series_are_passed_over)
{
	auto_world w = make();
	struct weir_lstm_member m = {0};
	double whole[COUNT * AHEAD];
	const double *said;

	w.task[2].n = 300;
	w.task[66].n = N - 100;
	weir_pool_origins(&w.task[2]);
	weir_pool_origins(&w.task[66]);
	CHECK(!w.task[2].origins && w.task[66].origins);
	CHECK(!weir_lstm_member_init(&m, w.task, COUNT, 1));
	for (size_t i = 0; i < COUNT; i++) {
		CHECK(!weir_lstm_member_ask(&m, i, &said) && (i == 2) == !said, "series %zu", i);
		if (said)
			memcpy(whole + i * AHEAD, said + w.task[i].origins * AHEAD, sizeof(*whole) * AHEAD);
	}
	CHECK(!weir_lstm_member_ask(&m, 1, &said) && !memcmp(said + w.task[1].origins * AHEAD, whole + AHEAD, AHEAD * sizeof(double)), "asked again");
	weir_lstm_member_fini(&m);
	for (size_t i = 0; i < COUNT; i++) {
		const double *y = values_of(&w, i) + w.task[i].n;
		double off = 0;

		for (size_t h = 0; h < 24; h++)
			off += fabs(whole[i * AHEAD + h] - y[h]) / 24;
		CHECK(i == 2 || off < 0.6, "series %zu is off by %.3f", i, off); /* of a wave that goes from -1 to 1 */
	}
}

/* Beside the naive forecast it counts for all; the linear map and ARIMA know waves too, and leave it a share in the whole pool. */
TEST(the_pool_asks_it)
{
	auto_world w = make();
	struct weir_series s[COUNT];
	struct weir_model_data data = {.series = s, .count = COUNT, .calendar = weekly};
	struct weir_model_opts opts = {.horizon = 24, .coverage = 0.9, .seed = 1};
	weir_auto_model mix = {0}, linear = {0};
	struct weir_lstm_member m = {0};
	struct weir_pool_task *t = &w.task[0];
	weir_auto_free double *room = malloc((1 + WEIR_POOL_ORIGINS + WEIR_PART_REMAINDER) * AHEAD * sizeof(*room));
	struct weir_pool_result res = {.mean = room, .miss = room + AHEAD};
	struct weir_err err;
	double counts;

	for (size_t p = 0; p < WEIR_PART_REMAINDER; p++)
		res.part[p] = room + (1 + WEIR_POOL_ORIGINS + p) * AHEAD;
	t->members = 1u << WEIR_MEMBER_SNAIVE | 1u << WEIR_MEMBER_LSTM;
	t->constants = &weir_pool_constants;
	CHECK(!weir_lstm_member_init(&m, w.task, COUNT, 1) && !weir_lstm_member_ask(&m, 0, &t->lstm) && !weir_pool_run(t, &res));
	CHECK(res.weight[WEIR_MEMBER_LSTM] > 0.95, "beside the naive forecast it counts for %g", res.weight[WEIR_MEMBER_LSTM]);
	weir_lstm_member_fini(&m);

	for (size_t i = 0; i < COUNT; i++)
		s[i] = (struct weir_series){.v = values_of(&w, i), .n = N, .step_s = 3600};
	CHECK(!weir_model_fit("mix", &data, &opts, &mix, &err) && !weir_model_fit("linear", &data, &opts, &linear, &err), "%s", err.text);
	counts = weir_meta_get(&mix.meta.params, "weight_lstm");
	printf("# it counts for %.3f\n", counts);
	CHECK(counts > 0.05, "%g", counts);
	CHECK(weir_meta_get(&linear.meta.params, "weight_lstm") == 0);
}

TEST_MAIN(T(it_learns_what_no_season_says), T(behind_its_last_output_it_goes_by_the_season), T(it_is_told_nothing_that_comes_later), T(a_seed_says_what_it_learns),
	  T(a_small_set_teaches_it_nothing), T(short_series_are_passed_over), T(the_pool_asks_it))
