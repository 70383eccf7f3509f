/* SPDX-License-Identifier: Apache-2.0 */
/* The detector of series: causal, the same each time, one alarm for one event, parts that say why, and its bytes. */
#include <math.h>

#include "lib/model/detect.h"
#include "lib/model/model.h"
#include "lib/model/random.h"
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
	  T(a_detector_goes_on_from_its_bytes_as_if_nothing_had_been), T(hostile_bytes_are_refused_or_score))
