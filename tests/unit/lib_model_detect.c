/* SPDX-License-Identifier: Apache-2.0 */
/* The detector of series: causal, the same each time, one alarm for one event, parts that say why, and its bytes. */
#include <math.h>

#include "lib/model/detect_impl.h"
#include "lib/model/model.h"
#include "lib/model/random.h"
#include "lib/model/series.h"
#include "tests/lib/test.h"

#define STEP_S 300
#define DAY (86400 / STEP_S)
#define N ((size_t)10 * DAY)

static void detect_freep(struct weir_detect **d)
{
	weir_detect_free(*d);
}
#define auto_detect weir_cleanup(detect_freep) struct weir_detect

/* Ten days with a wave and noise. */
static void wave(double *v, uint64_t seed)
{
	struct weir_random r = weir_random_of(seed);

	for (size_t i = 0; i < N; i++)
		v[i] = 100 + 50 * sin(2 * M_PI * (double)(i % DAY) / DAY) + 3 * weir_random_normal(&r);
}

static void score(struct weir_detect *d, const double *v, size_t from, size_t to, double *ret)
{
	for (size_t i = from; i < to; i++)
		ret[i] = weir_detect_step(d, (int64_t)(1790000000 - 1790000000 % 86400 + i * STEP_S), v[i]);
}

static int scored(const double *v, double *ret)
{
	auto_detect *d = NULL;
	int r = weir_detect_new(&d);

	if (!r)
		score(d, v, 0, N, ret);
	return r;
}

static size_t alarms(const double *s, size_t from, size_t to)
{
	size_t n = 0;

	for (size_t i = from; i < to; i++)
		n += s[i] >= weir_detect_alarm();
	return n;
}

TEST(a_score_depends_on_nothing_that_comes_later)
{
	static double v[N], w[N], a[N], b[N];
	const size_t at = N / 2;

	wave(v, 1);
	memcpy(w, v, sizeof(w));
	for (size_t i = at; i < N; i++)
		w[i] = i % 7 ? -1e6 * (double)i : 1e9;
	CHECK(!scored(v, a) && !scored(w, b));
	CHECK(!memcmp(a, b, at * sizeof(*a)), "what came later changed a score before");
	CHECK(memcmp(a, b, sizeof(a)), "and nothing changed behind it");
}

TEST(the_same_series_has_the_same_scores_in_any_unit)
{
	static double v[N], a[N], b[N];

	wave(v, 2);
	CHECK(!scored(v, a) && !scored(v, b) && !memcmp(a, b, sizeof(a)));
	for (size_t i = 0; i < N; i++)
		v[i] *= 1024; /* exact in doubles: so are the scores */
	CHECK(!scored(v, b) && !memcmp(a, b, sizeof(a)), "another unit, other scores");
}

TEST(an_event_is_told_once_at_its_onset)
{
	static double v[N], s[N];
	size_t at = N - DAY, found = 0, later = 0, trials = 50;

	for (uint64_t seed = 1; seed <= trials; seed++) {
		wave(v, seed);
		for (size_t i = at; i < N; i++)
			v[i] += 150;
		CHECK(!scored(v, s));
		found += alarms(s, at, at + 6) > 0;
		later += alarms(s, at + 6, N);
	}
	printf("# found at once: %zu of %zu, told again: %zu in %zu values\n", found, trials, later, trials * DAY);
	CHECK(found >= trials * 95 / 100, "%zu of %zu", found, trials);
	CHECK(later <= trials, "an event is told %zu times again in %zu trials", later, trials);
}

/* Sixty wild values in a row are strange each, and one event: nobody wants sixty alarms. */
TEST(a_storm_is_few_alarms)
{
	static double v[N], s[N];
	size_t at = N - DAY, wild = 60, n = 0, trials = 50;

	for (uint64_t seed = 1; seed <= trials; seed++) {
		struct weir_random r = weir_random_of(1000 + seed);

		wave(v, seed);
		for (size_t i = at; i < at + wild; i++)
			v[i] += (i % 2 ? 200 : -200) + 50 * weir_random_normal(&r);
		CHECK(!scored(v, s) && alarms(s, at, at + 3) > 0, "seed %zu", (size_t)seed);
		n += alarms(s, at, at + wild);
	}
	printf("# %zu alarms in %zu storms\n", n, trials);
	CHECK(n <= 3 * trials / 2, "%zu", n);
}

TEST(quiet_series_have_no_alarms)
{
	static double v[N], s[N];
	size_t n = 0;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		wave(v, 100 + seed);
		CHECK(!scored(v, s));
		n += alarms(s, 3 * (size_t)DAY, N);
	}
	printf("# %zu alarms in %zu values\n", n, 20 * (N - 3 * DAY));
	CHECK(n <= 20, "%zu alarms in 20 quiet weeks", n);
	for (size_t i = 0; i < N; i++)
		v[i] = 42;
	CHECK(!scored(v, s) && !alarms(s, 0, N), "a constant is odd");
}

TEST(missing_values_change_nothing_and_huge_ones_stay_numbers)
{
	static double v[N];
	auto_detect *a = NULL, *b = NULL;

	wave(v, 3);
	CHECK(!weir_detect_new(&a) && !weir_detect_new(&b));
	for (size_t i = 0; i < N; i++) {
		double x = weir_detect_step(a, -1, v[i]), y;

		CHECK(weir_detect_step(b, -1, i % 2 ? NAN : INFINITY) == 0);
		y = weir_detect_step(b, -1, v[i]);
		CHECK(x == y, "value %zu: %g, %g", i, x, y);
	}
	for (size_t i = 0; i < 1000; i++) {
		double s = weir_detect_step(a, -1, i % 3 ? 1e308 : -1e308);

		CHECK(s >= 0 && s <= 1, "%g", s);
	}
}

/* One value far off, at another time of day in each trial. */
TEST(a_finding_says_which_component_left_its_interval_and_by_how_much)
{
	static double v[N], s[N];
	size_t outside = 0, named = 0, trials = 100;

	for (uint64_t seed = 1; seed <= trials; seed++) {
		struct weir_detect_part part[WEIR_DETECT_COMPONENTS];
		auto_detect *d = NULL;
		char text[WEIR_DETECT_SENTENCE_MAX], number[32];
		double sum = 0, whole;
		size_t at = 2 * (size_t)DAY + seed; /* so few values that one is more than one of 1000 */

		wave(v, seed);
		v[at] += seed % 2 ? 300 : -300;
		CHECK(!weir_detect_new(&d));
		score(d, v, 0, at + 1, s);
		whole = weir_detect_explain(d, part);
		for (size_t i = 0; i < WEIR_DETECT_COMPONENTS; i++)
			sum += part[i].share;
		CHECK(fabs(sum - whole) < 1e-12 && s[at] > 0 && s[at] <= whole, "shares sum to %g, the score is %g", sum, s[at]);
		weir_detect_sentence(d, text);
		snprintf(number, sizeof(number), "%.6g", v[at]);
		outside += seed % 2 ? part[0].is > part[0].upper : part[0].is < part[0].lower;
		named += !strncmp(text, part[0].name, strlen(part[0].name)) && strstr(text, number) && strstr(text, "left its usual");
	}
	printf("# first part outside its interval: %zu, named with the value: %zu of %zu\n", outside, named, trials);
	CHECK(outside >= 95 && named >= 95);
}

enum planted { SPIKE, SHIFT, MISS, PLANTED };

/* The explanation at the strangest of the values that a planted feature is about. */
static double named(enum planted what, uint64_t seed, char *ret)
{
	static double v[N];
	struct weir_random r = weir_random_of(7000 + seed);
	size_t at = 6 * (size_t)DAY + weir_random_below(&r, DAY), len = what == SPIKE ? 1 : DAY / 4;
	struct weir_detect_part part[WEIR_DETECT_COMPONENTS];
	double most = -1;
	auto_detect *d = NULL;

	wave(v, seed);
	if (what == MISS) /* the hump of a day does not come */
		at = 6 * (size_t)DAY + DAY / 8;
	for (size_t i = at; i < at + len; i++)
		v[i] = what == MISS ? v[at - DAY / 8] : v[i] + (what == SPIKE ? 150 : 60) * (seed % 2 ? 1 : -1);
	if (weir_detect_new(&d))
		return -1;
	for (size_t i = 0; i < at + len; i++) {
		double s;

		weir_detect_step(d, (int64_t)(1790000000 - 1790000000 % 86400 + i * STEP_S), v[i]);
		s = i >= at ? weir_detect_explain(d, part) : -1;
		if (s > most) {
			most = s;
			snprintf(ret, 16, "%s", part[0].name);
		}
	}
	return most;
}

/* A spike is named by who expects a value, a shift by who knows a mean, a missed hump by who knows the time of day or the form of days. */
TEST(a_planted_feature_is_named_by_the_component_that_knows_it)
{
	static const char *const right[PLANTED] = {"level season linear lstm", "shift season level", "season shape"};
	static const char *const word[PLANTED] = {"spike", "level shift", "season miss"};
	size_t trials = 100;

	for (int what = 0; what < PLANTED; what++) {
		size_t good = 0;

		for (uint64_t seed = 1; seed <= trials; seed++) {
			char name[16] = "";

			good += named((enum planted)what, seed, name) > 0 && strstr(right[what], name);
			if (!strstr(right[what], name))
				printf("# %s, seed %zu: named by %s\n", word[what], (size_t)seed, name);
		}
		printf("# %s: named first by one of (%s) in %zu of %zu\n", word[what], right[what], good, trials);
		CHECK(good * 100 >= 95 * trials, "%s: %zu of %zu", word[what], good, trials);
	}
}

/* Every tenth value a thousandfold, from the start on: flagged, and neither alarms nor what else is learnt come of it. */
TEST(faults_of_measuring_are_flagged_and_left_out)
{
	static double v[N], s[N];
	auto_detect *d = NULL;
	size_t bad = 0, flagged = 0, wrong = 0;
	struct weir_random r = weir_random_of(12);
	int64_t at_s = 1790000000;

	wave(v, 12);
	CHECK(!weir_detect_new(&d));
	for (size_t i = 0; i < N; i++) {
		bool worn = i > WEIR_DETECT_WARM && !weir_random_below(&r, 10);
		unsigned int flags;

		s[i] = weir_detect_step(d, at_s + (int64_t)i * STEP_S, worn ? v[i] * 1024 : v[i]);
		flags = weir_detect_flags(d) & (WEIR_Q_UNIT | WEIR_Q_WILD);
		bad += worn;
		flagged += worn && flags && !(s[i] > 0);
		wrong += !worn && flags;
	}
	printf("# of %zu values in another unit %zu left out, of %zu others %zu; %zu alarms\n", bad, flagged, N - bad, wrong, alarms(s, 0, N));
	CHECK(bad > N / 20 && flagged * 100 >= 99 * bad && wrong * 100 <= N);
	CHECK(alarms(s, 3 * (size_t)DAY, N) <= 2);
	CHECK(weir_detect_step(d, at_s + (int64_t)(N - 1) * STEP_S, v[0]) == 0 && weir_detect_flags(d) == WEIR_Q_DUPLICATE);
	CHECK(weir_detect_step(d, at_s, v[0]) == 0 && weir_detect_flags(d) == WEIR_Q_LATE);
	CHECK(weir_detect_step(d, at_s + (int64_t)N * STEP_S, NAN) == 0 && weir_detect_flags(d) == WEIR_Q_GAP);
	weir_detect_step(d, at_s + (int64_t)400 * 86400, v[0]);
	CHECK(weir_detect_flags(d) == WEIR_Q_SKEW, "a clock a year ahead is believed");
	weir_detect_step(d, at_s + (int64_t)N * STEP_S, v[0]);
	CHECK(weir_detect_flags(d) == 0, "and muted what came after");
}

/* A count that is mostly 0: a thousandfold of one is no burst, though the five values before it are all 0. */
TEST(another_unit_behind_zeros_is_known_by_the_usual_size)
{
	struct weir_random r = weir_random_of(16);
	auto_detect *d = NULL;
	size_t bad = 0, left_out = 0, wrong = 0;

	CHECK(!weir_detect_new(&d));
	for (size_t i = 0; i < N; i++) {
		double v = weir_random_below(&r, 6) ? 0 : (double)(1 + weir_random_below(&r, 4)), s;
		bool worn = i > 2 * (size_t)WEIR_DETECT_WARM && v > 0 && !weir_random_below(&r, 10);

		s = weir_detect_step(d, 1790000000 + (int64_t)i * STEP_S, worn ? v * 1000 : v);
		bad += worn;
		left_out += worn && weir_detect_flags(d) == WEIR_Q_UNIT && !(s > 0);
		wrong += !worn && weir_detect_flags(d) & WEIR_Q_UNIT;
	}
	printf("# of %zu values in another unit %zu left out, of %zu others %zu\n", bad, left_out, N - bad, wrong);
	CHECK(bad > 20 && left_out * 100 >= 99 * bad && !wrong);
}

/* The middle that values are told by is that of those in the series' own unit. */
TEST(first_values_in_another_unit_do_not_move_the_middle)
{
	static double v[N];
	auto_detect *clean = NULL, *worn = NULL;

	CHECK(!weir_detect_new(&clean) && !weir_detect_new(&worn));
	for (size_t i = 0; i < N; i++)
		v[i] = 100 + (double)i; /* a median of more values is another one */
	for (size_t i = 0; i < WEIR_DETECT_WARM; i++) {
		weir_detect_step(clean, -1, v[i]);
		weir_detect_step(worn, -1, i % 5 == 4 ? v[i] * 1e6 : v[i]);
	}
	printf("# middle %g, with another unit %g\n", clean->middle, worn->middle);
	CHECK(fabs(worn->middle - clean->middle) < 4, "%g, %g", clean->middle, worn->middle);
}

/* While nothing is known all is rare: that is no event that holds down a first one behind it. */
TEST(learning_the_first_values_holds_nothing_down)
{
	static double v[N], s[N];
	struct weir_detect_part part[WEIR_DETECT_COMPONENTS];

	for (uint64_t seed = 1; seed <= 20; seed++) {
		size_t at = WEIR_DETECT_WARM;
		auto_detect *d = NULL;

		wave(v, seed);
		v[at] += 1000;
		CHECK(!weir_detect_new(&d));
		score(d, v, 0, at + 1, s);
		CHECK(s[at] > 0 && s[at] == weir_detect_explain(d, part), "seed %zu: %g of %g", (size_t)seed, s[at], weir_detect_explain(d, part));
	}
}

/* Another unit that stays is no fault: it is told, a little later. */
TEST(what_stays_is_believed)
{
	static double v[N], s[N];
	size_t at = N - DAY;

	wave(v, 13);
	for (size_t i = at; i < N; i++)
		v[i] *= 1000;
	CHECK(!scored(v, s) && alarms(s, at, at + 6) > 0);
}

/* A clock that was set back is behind for a few values, and then it is the clock. */
TEST(a_clock_that_was_set_is_believed)
{
	static double v[N];
	auto_detect *d = NULL;
	unsigned int flagged = 0;

	wave(v, 14);
	CHECK(!weir_detect_new(&d));
	for (size_t i = 0; i < N; i++) {
		weir_detect_step(d, 1790000000 + (int64_t)i * STEP_S - (i > N / 2 ? 40 * 86400 : 0), v[i]);
		flagged += weir_detect_flags(d) != 0;
	}
	CHECK(flagged > 0 && flagged < 10, "%u", flagged);
}

/* The LSTM's gates are what this draws: multiples of 1/64, those of its own units half as large. */
TEST(the_gates_are_those_that_were_drawn)
{
	struct weir_random r = weir_random_of(1);

	for (size_t g = 0; g < DETECT_GATES; g++)
		for (size_t i = 0; i < DETECT_UNITS + 2; i++)
			for (size_t k = 0; k < DETECT_UNITS; k++) {
				double w = floor(64 * (weir_random_unit(&r) - 0.5) + 0.5) / 32 * (i < DETECT_UNITS ? 0.5 : 1);

				CHECK((double)detect_gate_weight[g][i][k / 4][k % 4] == w, "gate %zu, input %zu, unit %zu", g, i, k);
			}
	for (size_t k = 0; k < DETECT_UNITS; k++) {
		double keeps = 1 - 1 / exp2((double)k + 1), bias = log(keeps / (1 - keeps));

		CHECK(fabs((double)detect_gate_bias[DETECT_FORGET][k / 4][k % 4] - bias) < 1e-4);
		CHECK(fabs((double)detect_gate_bias[DETECT_IN][k / 4][k % 4] + bias) < 1e-4);
	}
}

/* What goes up some values after a mark: a regression on the last values cannot know when, a memory can. */
TEST(the_lstm_knows_what_lags_do_not)
{
	struct detect_linear linear;
	struct detect_lstm lstm;
	struct weir_random r = weir_random_of(15);
	double off[2] = {0};

	detect_linear_init(&linear);
	detect_lstm_init(&lstm);
	for (size_t i = 0; i < 20000; i++) {
		float y = (i % 12 == 0 ? 2.0f : i % 12 == 7 ? -2.0f : 0.0f) + 0.02f * (float)weir_random_normal(&r);
		float a = detect_linear_step(&linear, &detect_tuning, y, 0), b = detect_lstm_step(&lstm, &detect_tuning, y, 0);

		if (i < 10000)
			continue;
		off[0] += (double)(a * a);
		off[1] += (double)(b * b);
	}
	printf("# root mean square error: linear %.3f, lstm %.3f\n", sqrt(off[0] / 10000), sqrt(off[1] / 10000));
	CHECK(3 * off[1] < 2 * off[0], "%g, %g", off[1], off[0]);
}

TEST(a_detector_is_small)
{
	CHECK(weir_detect_bytes() <= 16384, "%zu bytes", weir_detect_bytes());
}

static int made(struct weir_model *m, double *v)
{
	struct weir_series s = {.id = "wave", .start_s = 1790000000, .step_s = STEP_S, .n = N, .v = v};

	return weir_model_fit("detect", &(struct weir_model_data){.series = &s, .count = 1},
			      &(struct weir_model_opts){.horizon = 1, .coverage = 0.95}, m, &(struct weir_err){{0}});
}

TEST(a_detector_goes_on_from_its_bytes_as_if_nothing_had_been)
{
	static double v[N], a[N], b[N];
	weir_auto_model m = {0}, back = {0};
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_rows rows = {.v = v, .n = N, .width = 1};
	struct weir_err err = {{0}};
	struct weir_explain why;
	double sum = 0;

	wave(v, 4);
	CHECK(!made(&m, v) && !weir_model_pack(&m, &bytes) && !weir_model_unpack(bytes.data, bytes.len, &back, &err), "%s", err.text);
	printf("# %zu bytes\n", bytes.len);
	CHECK(!weir_model_score(&m, 0, &rows, a) && !weir_model_score(&back, 0, &rows, b) && !memcmp(a, b, sizeof(a)));
	CHECK(!weir_model_explain(&back, 0, &rows, &why) && why.count == WEIR_DETECT_COMPONENTS);
	for (size_t i = 0; i < why.count; i++)
		sum += why.item[i].value;
	CHECK(fabs(sum - why.value) < 1e-12 && why.value > 0);
	CHECK(weir_model_score(&m, 1, &rows, a) == -EINVAL);
}

TEST(hostile_bytes_are_refused_or_score)
{
	static double v[N], s[N];
	const char *seed_text = getenv("WEIR_SEED");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
	struct weir_random r = weir_random_of(seed);
	unsigned int works = 0, rounds = getenv("WEIR_LONG") ? 10000 : 200;
	weir_auto_model m = {0};
	weir_auto_buf struct weir_buf bytes = {0};

	printf("# seed %llu\n", (unsigned long long)seed);
	wave(v, 5);
	CHECK(!made(&m, v) && !weir_model_pack(&m, &bytes));
	for (unsigned int i = 0; i < rounds; i++) {
		weir_auto_free uint8_t *bad = malloc(bytes.len);
		weir_auto_model back = {0};
		size_t cut = i % 4 ? bytes.len : WEIR_SHA256_LEN + weir_random_below(&r, bytes.len - WEIR_SHA256_LEN);
		int got;

		memcpy(bad, bytes.data, bytes.len);
		for (unsigned int n = 0; n < 1 + i % 9; n++)
			bad[8 + weir_random_below(&r, cut - WEIR_SHA256_LEN + 1)] = (uint8_t)weir_random_u64(&r);
		weir_sha256(bad, cut - WEIR_SHA256_LEN, bad + cut - WEIR_SHA256_LEN);
		got = weir_model_unpack(bad, cut, &back, &(struct weir_err){{0}});
		CHECK(!got || got == -EBADMSG, "round %u: %d", i, got);
		if (!got && !weir_model_score(&back, 0, &(struct weir_rows){.v = v, .n = 300, .width = 1}, s))
			works++;
	}
	CHECK(works > 0, "no changed detector was read: the test looks at nothing");
}

TEST_MAIN(T(a_score_depends_on_nothing_that_comes_later), T(the_same_series_has_the_same_scores_in_any_unit),
	  T(an_event_is_told_once_at_its_onset), T(a_storm_is_few_alarms), T(quiet_series_have_no_alarms),
	  T(missing_values_change_nothing_and_huge_ones_stay_numbers),
	  T(a_finding_says_which_component_left_its_interval_and_by_how_much),
	  T(a_planted_feature_is_named_by_the_component_that_knows_it), T(faults_of_measuring_are_flagged_and_left_out),
	  T(another_unit_behind_zeros_is_known_by_the_usual_size), T(first_values_in_another_unit_do_not_move_the_middle),
	  T(learning_the_first_values_holds_nothing_down),
	  T(what_stays_is_believed), T(a_clock_that_was_set_is_believed), T(the_gates_are_those_that_were_drawn),
	  T(the_lstm_knows_what_lags_do_not), T(a_detector_is_small),
	  T(a_detector_goes_on_from_its_bytes_as_if_nothing_had_been), T(hostile_bytes_are_refused_or_score))
