/* SPDX-License-Identifier: Apache-2.0 */
/* The room of models: table, frame, hostile bytes, algebra, random numbers, statistics, and the seasonal naive model. */
#include <math.h>

#include "lib/model/blas.h"
#include "lib/model/model.h"
#include "lib/model/random.h"
#include "lib/model/stat.h"
#include "tests/lib/test.h"

static const struct weir_model_opts opts = {.horizon = 48, .coverage = 0.95, .seed = 7};

static void series_freep(struct weir_series *s)
{
	weir_series_fini(s);
}
#define auto_series weir_cleanup(series_freep) struct weir_series

/* A day's wave with a little noise. */
static struct weir_series wave(size_t n, uint64_t seed)
{
	struct weir_random r = weir_random_of(seed);
	struct weir_series s;

	if (weir_series_init(&s, "wave", n))
		abort();
	for (size_t i = 0; i < n; i++)
		s.v[i] = 100 + 50 * sin(2 * M_PI * (double)(i % 24) / 24) + weir_random_normal(&r);
	return s;
}

static int fit(const char *name, const struct weir_series *s, struct weir_model *ret)
{
	struct weir_model_data data = {.series = s, .count = 1, .calendar = {.season = {24, 168}, .seasons = 2}};
	struct weir_err err = {{0}};

	return weir_model_fit(name, &data, &opts, ret, &err);
}

TEST(every_model_of_the_table_is_found_and_whole)
{
	size_t n = 0;

	for (const struct weir_model_ops *m; (m = weir_model_at(n)); n++) {
		CHECK(weir_model_find(m->name) == m, "%s", m->name);
		CHECK(m->about && m->limits && m->version && m->fit && m->free && (m->predict || m->score), "%s lacks something", m->name);
		CHECK(!m->pack == !m->unpack, "%s packs one way", m->name);
	}
	CHECK(n > 0);
	CHECK(!weir_model_find("no-such"));
}

TEST(what_cannot_be_learnt_is_refused)
{
	auto_series s = wave(100, 1);
	const struct weir_model_data good = {.series = &s, .count = 1};
	static const struct weir_model_opts bad_opts[] = {
		{.horizon = 0, .coverage = 0.9}, {.horizon = WEIR_HORIZON_MAX + 1, .coverage = 0.9}, {.horizon = 1, .coverage = 1}, {.horizon = 1, .coverage = NAN},
	};
	static const struct weir_calendar bad_calendars[] = {
		{.season = {1}, .seasons = 1}, {.season = {24, 24}, .seasons = 2}, {.season = {168, 24}, .seasons = 2}, {.season = {24, WEIR_SEASON_MAX + 1}, .seasons = 2},
	};
	struct weir_model m = {0};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad_opts); i++) {
		struct weir_err err = {{0}};

		CHECK(weir_model_fit("snaive", &good, &bad_opts[i], &m, &err) == -EINVAL && *err.text, "options %zu", i);
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad_calendars); i++) {
		struct weir_model_data bad = good;
		struct weir_err err = {{0}};

		bad.calendar = bad_calendars[i];
		CHECK(weir_model_fit("snaive", &bad, &opts, &m, &err) == -EINVAL && *err.text, "calendar %zu", i);
	}
	CHECK(weir_model_fit("snaive", &(struct weir_model_data){0}, &opts, &m, &(struct weir_err){{0}}) == -EINVAL);
	CHECK(weir_model_fit("no-such", &good, &opts, &m, &(struct weir_err){{0}}) == -EINVAL);
}

TEST(seasonal_naive_is_what_was_a_season_ago)
{
	auto_series s = wave(240, 2);
	weir_auto_model m = {0};
	weir_auto_forecast f = {0};
	double next = 42;

	s.v[239 - 5] = NAN; /* then a season before that */
	CHECK(!fit("snaive", &s, &m) && !weir_forecast_init(&f, 48) && !weir_model_predict(&m, 0, &f));
	for (size_t h = 0; h < 48; h++) {
		size_t at = 240 - 24 + h % 24;

		CHECK(f.mean[h] == s.v[at == 234 ? 210 : at], "step %zu: %g", h, f.mean[h]);
		CHECK(f.lower[h] < f.mean[h] && f.mean[h] < f.upper[h], "step %zu", h);
		CHECK(weir_forecast_sum(&f, h) == f.mean[h], "the parts of step %zu do not sum", h);
	}
	CHECK(f.upper[0] - f.lower[0] < 10, "an interval of %g for noise of 1", f.upper[0] - f.lower[0]);
	CHECK(!weir_model_update(&m, 0, &(struct weir_rows){.v = &next, .n = 1, .width = 1}));
	CHECK(!weir_model_predict(&m, 0, &f) && f.mean[23] == 42 && f.mean[0] == s.v[217]);
	CHECK(weir_model_predict(&m, 1, &f) == -EINVAL, "a series that is not there is forecast");
}

/* 0.1 + 0.2 is no 0.3: the remainder is what makes sums exact. */
TEST(parts_sum_exactly_whatever_they_are)
{
	struct weir_random r = weir_random_of(3);
	weir_auto_forecast f = {0};

	CHECK(!weir_forecast_init(&f, 1000));
	for (size_t h = 0; h < 1000; h++) {
		f.mean[h] = weir_random_normal(&r) * 1e9;
		for (size_t p = 0; p < WEIR_PART_REMAINDER; p++)
			f.part[p][h] = weir_random_normal(&r) * (p % 2 ? 1e9 : 1e-3);
	}
	weir_forecast_close(&f);
	for (size_t h = 0; h < 1000; h++)
		CHECK(weir_forecast_sum(&f, h) == f.mean[h], "step %zu", h);
}

TEST(a_model_comes_back_from_its_bytes)
{
	auto_series s = wave(240, 4);
	weir_auto_model m = {0}, back = {0};
	weir_auto_forecast a = {0}, b = {0};
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_err err = {{0}};
	size_t which = 9;

	s.start_s = 1790000000;
	s.step_s = 3600;
	CHECK(!fit("snaive", &s, &m) && !weir_meta_add(&m.meta.scores, "mase", 0.5));
	m.meta.slices.count = 1;
	m.meta.slices.item[0] = (struct weir_model_slice){.kind = "team", .count = 3, .error = 2, .before = NAN, .msis = NAN, .covered = NAN};
	weir_meta_text(m.meta.slices.item[0].label, sizeof(m.meta.slices.item[0].label), "caf\t");
	CHECK(!weir_model_pack(&m, &bytes));
	CHECK(!weir_model_unpack(bytes.data, bytes.len, &back, &err), "%s", err.text);
	CHECK(back.ops == m.ops && back.meta.points == 240 && back.meta.seed == 7 && back.meta.to_s == 1790000000 + 240 * 3600);
	CHECK(!strcmp(back.meta.slices.item[0].label, "caf?") && back.meta.slices.item[0].error == 2 && isnan(back.meta.slices.item[0].msis));
	CHECK(!weir_model_which(&back, "wave", &which) && which == 0 && back.series[0].end_s == back.meta.to_s);
	CHECK(weir_model_which(&back, "other", &which) == -ENOENT);
	CHECK(weir_meta_get(&back.meta.scores, "mase") == 0.5 && weir_meta_get(&back.meta.params, "horizon") == 48);
	CHECK(!weir_forecast_init(&a, 48) && !weir_forecast_init(&b, 48));
	CHECK(!weir_model_predict(&m, 0, &a) && !weir_model_predict(&back, 0, &b) && !memcmp(a.mean, b.mean, 3 * 48 * sizeof(double)));
}

/* Each byte of a model changed, and each length cut, is refused: by the hash. */
TEST(damaged_models_are_refused)
{
	auto_series s = wave(60, 5);
	weir_auto_model m = {0};
	weir_auto_buf struct weir_buf bytes = {0};

	CHECK(!fit("snaive", &s, &m) && !weir_model_pack(&m, &bytes));
	for (size_t i = 0; i < bytes.len; i++) {
		weir_auto_model back = {0};

		bytes.data[i] ^= 0x40;
		CHECK(weir_model_unpack(bytes.data, bytes.len, &back, &(struct weir_err){{0}}) == -EBADMSG, "byte %zu", i);
		bytes.data[i] ^= 0x40;
		CHECK(weir_model_unpack(bytes.data, i, &back, &(struct weir_err){{0}}) == -EBADMSG, "cut at %zu", i);
	}
}

/* With the hash made right again a model's own reader must stand it: nothing but -EBADMSG or a model that works. */
TEST(hostile_models_are_refused_or_work)
{
	const char *seed_text = getenv("WEIR_SEED");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
	struct weir_random r = weir_random_of(seed);
	auto_series s = wave(60, 6);
	unsigned int works = 0, rounds = getenv("WEIR_LONG") ? 100000 : 3000;

	printf("# seed %llu\n", (unsigned long long)seed);
	for (size_t k = 0; weir_model_at(k); k++) {
		weir_auto_model m = {0};
		weir_auto_buf struct weir_buf bytes = {0};

		if (!weir_model_at(k)->pack || !weir_model_at(k)->predict || fit(weir_model_at(k)->name, &s, &m))
			continue;
		CHECK(!weir_model_pack(&m, &bytes));
		for (unsigned int i = 0; i < rounds; i++) {
			weir_auto_free uint8_t *bad = malloc(bytes.len);
			weir_auto_model back = {0};
			weir_auto_forecast f = {0};
			size_t cut = i % 3 ? bytes.len : WEIR_SHA256_LEN + weir_random_below(&r, bytes.len - WEIR_SHA256_LEN);
			int got;

			memcpy(bad, bytes.data, bytes.len);
			for (unsigned int n = 0; n < 1 + i % 4; n++)
				bad[8 + weir_random_below(&r, WEIR_MIN(cut - WEIR_SHA256_LEN + 1, 400u))] = (uint8_t)weir_random_u64(&r);
			weir_sha256(bad, cut - WEIR_SHA256_LEN, bad + cut - WEIR_SHA256_LEN);
			got = weir_model_unpack(bad, cut, &back, &(struct weir_err){{0}});
			CHECK(!got || got == -EBADMSG, "%s round %u: %d", weir_model_at(k)->name, i, got);
			if (!got && !weir_forecast_init(&f, 48) && !weir_model_predict(&back, 0, &f))
				works++;
		}
	}
	CHECK(works > 0, "no changed model was read: the test looks at nothing");
}

/* A = X'X + I of random X: what solves it, solves it. Both triangles' conventions would show here. */
TEST(algebra_solves_what_it_is_given)
{
	enum { N = 13, M = 3, ROWS = 40 };
	float x[ROWS * N], a[N * N] = {0}, full[N * N], b[N * M], got[N * M], back[N * M];
	struct weir_random r = weir_random_of(8);

	for (size_t i = 0; i < ROWS * N; i++)
		x[i] = (float)weir_random_normal(&r);
	for (size_t i = 0; i < N * M; i++)
		b[i] = (float)weir_random_normal(&r);
	weir_blas_gram(ROWS, N, x, N, a);
	for (size_t i = 0; i < N; i++)
		a[i * N + i] += 1;
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < N; j++) {
			double sum = i == j;

			for (size_t k = 0; k < ROWS; k++)
				sum += (double)x[k * N + i] * x[k * N + j];
			full[i * N + j] = a[WEIR_MAX(i, j) * N + WEIR_MIN(i, j)];
			CHECK(fabs(full[i * N + j] - sum) < 1e-3, "gram %zu %zu: %g, by hand %g", i, j, full[i * N + j], sum);
		}
	memcpy(got, b, sizeof(b));
	CHECK(!weir_blas_solve(N, a, M, got));
	weir_blas_gemm(false, false, N, M, N, 1, full, N, got, M, 0, back, M);
	for (size_t i = 0; i < N * M; i++)
		CHECK(fabsf(back[i] - b[i]) < 1e-4f, "%zu: %g of %g", i, (double)back[i], (double)b[i]);
	CHECK(weir_blas_solve(2, (float[]){1, 0, 2, 1}, 1, (float[]){1, 1}) == -EDOM, "an indefinite matrix is solved");
}

/* The first outputs for the state {1, 2, 3, 4}, by the reference implementation (prng.di.unimi.it/xoshiro256starstar.c). */
TEST(random_numbers_are_the_published_ones)
{
	static const uint64_t published[] = {11520, 0, 1509978240, 1215971899390074240};
	struct weir_random r = {{1, 2, 3, 4}};
	double sum = 0, squares = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(published); i++)
		CHECK(weir_random_u64(&r) == published[i], "number %zu", i);
	r = weir_random_of(9);
	for (int i = 0; i < 100000; i++) {
		double v = weir_random_normal(&r);

		sum += v;
		squares += v * v;
		CHECK(weir_random_below(&r, 7) < 7);
	}
	CHECK(fabs(sum / 1e5) < 0.02 && fabs(squares / 1e5 - 1) < 0.02, "mean %g, square %g", sum / 1e5, squares / 1e5);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

TEST(selection_is_what_sorting_gives)
{
	struct weir_random r = weir_random_of(10);

	for (int round = 0; round < 2000; round++) {
		size_t n = 1 + weir_random_below(&r, 40), k = weir_random_below(&r, n);
		double v[40], sorted[40];

		for (size_t i = 0; i < n; i++)
			v[i] = sorted[i] = (double)weir_random_below(&r, 10);
		qsort(sorted, n, sizeof(*sorted), by_value);
		CHECK(weir_select(v, n, k) == sorted[k], "round %d: %zu of %zu", round, k, n);
	}
	CHECK(weir_median((double[]){4, 1, 3, 2}, 4) == 2.5);
	CHECK(weir_quantile_up((double[]){1, 2, 3, 4, 5, 6, 7, 8, 9}, 9, 0.9) == 9, "ceil(.9 * 10) = the 9th");
	CHECK(weir_quantile_up((double[]){1, 2, 3}, 3, 0.99) == 3, "too few: the largest");
	for (size_t round = 0; round < 50; round++) {
		double v[64], w[64], p[5] = {0, 0.3, 0.3, 0.9, 0.999}, one[5];
		size_t n = 1 + round;

		for (size_t i = 0; i < n; i++)
			v[i] = floor(20 * weir_random_unit(&r));
		memcpy(w, v, sizeof(w));
		weir_quantiles_up(v, n, p, 5, one);
		for (size_t k = 0; k < 5; k++)
			CHECK(one[k] == weir_quantile_up(w, n, p[k]), "%g of %zu", p[k], n);
	}
}

TEST_MAIN(T(every_model_of_the_table_is_found_and_whole), T(what_cannot_be_learnt_is_refused),
	  T(seasonal_naive_is_what_was_a_season_ago), T(parts_sum_exactly_whatever_they_are),
	  T(a_model_comes_back_from_its_bytes), T(damaged_models_are_refused), T(hostile_models_are_refused_or_work),
	  T(algebra_solves_what_it_is_given), T(random_numbers_are_the_published_ones), T(selection_is_what_sorting_gives))
