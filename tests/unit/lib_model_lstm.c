/* SPDX-License-Identifier: Apache-2.0 */
/* The LSTM as a model: what it learns, how it goes on, scores, and comes back from bytes. */
#include <math.h>

#include "lib/model/model.h"
#include "lib/model/random.h"
#include "tests/lib/test.h"

enum { HORIZON = 24, LENGTH = 504, SERIES = 3 };
static const struct weir_model_opts opts = {.horizon = HORIZON, .coverage = 0.9, .seed = 3};

/* Days and weeks, each series at another level, and noise: a tenth of the range. */
struct set {
	struct weir_series s[SERIES];
	double next[SERIES][HORIZON];
};

static double pattern(size_t i, size_t t)
{
	double day = sin(2 * M_PI * (double)t / 24 + (double)i), week = t / 24 % 7 < 5 ? 1 : 0.3;

	return (double)(1 + 10 * i) * 100 * (2 + week * day);
}

static void set_init(struct set *x, double noise, size_t length)
{
	struct weir_random r = weir_random_of(17);

	for (size_t i = 0; i < SERIES; i++) {
		if (weir_series_init(&x->s[i], "s", length))
			abort();
		for (size_t t = 0; t < length + HORIZON; t++) {
			double v = pattern(i, t) * (1 + noise * weir_random_normal(&r));

			if (t < length)
				x->s[i].v[t] = v;
			else
				x->next[i][t - length] = v;
		}
	}
}

static void set_fini(struct set *x)
{
	for (size_t i = 0; i < SERIES; i++)
		weir_series_fini(&x->s[i]);
}

static int fit(const char *name, const struct set *x, size_t count, uint64_t seed, struct weir_model *ret)
{
	struct weir_model_data data = {.series = x->s, .count = count, .calendar = {.season = {24, 168}, .seasons = 2}};
	struct weir_model_opts o = opts;
	struct weir_err err = {{0}};

	o.seed = seed;
	return weir_model_fit(name, &data, &o, ret, &err);
}

/* The set of LENGTH values and noise .08 with its model, learnt once for all tests, and for each what its bytes give. */
static int learnt(struct set *x, struct weir_model *ret)
{
	static struct weir_buf bytes;
	struct weir_err err = {{0}};
	int r = 0;

	set_init(x, 0.08, LENGTH);
	if (!bytes.len) {
		weir_auto_model m = {0};

		r = fit("lstm", x, SERIES, 1, &m);
		r = r ? r : weir_model_pack(&m, &bytes);
	}
	return r ? r : weir_model_unpack(bytes.data, bytes.len, ret, &err);
}

static double error_of(const struct weir_model *m, const struct set *x, double *inside)
{
	weir_auto_forecast f = {0};
	double sum = 0, in = 0;

	if (weir_forecast_init(&f, HORIZON))
		abort();
	for (size_t i = 0; i < SERIES; i++) {
		if (weir_model_predict(m, i, &f))
			return INFINITY;
		for (size_t h = 0; h < HORIZON; h++) {
			sum += fabs(f.mean[h] - x->next[i][h]) / x->next[i][h];
			in += f.lower[h] <= x->next[i][h] && x->next[i][h] <= f.upper[h];
		}
	}
	*inside = in / (SERIES * HORIZON);
	return sum / (SERIES * HORIZON);
}

/* The naive error has two days' noise in it, and on two days of seven another day: the network may have half of it. */
TEST(it_learns_days_and_weeks_better_than_naive)
{
	weir_cleanup(set_fini) struct set x;
	weir_auto_model m = {0}, naive = {0};
	double inside, error, base;

	CHECK(!learnt(&x, &m) && !fit("snaive", &x, SERIES, 1, &naive));
	base = error_of(&naive, &x, &inside);
	error = error_of(&m, &x, &inside);
	printf("# error %.4f, naive %.4f, %.0f %% inside\n", error, base, 100 * inside);
	CHECK(error < 0.5 * base, "%.4f, naive %.4f", error, base);
	CHECK(inside > 0.75, "%.2f of values are inside intervals of 90 %%", inside);
}

static struct weir_rows rows_of(const double *v, size_t n)
{
	return (struct weir_rows){.v = v, .n = n, .width = 1};
}

/* One series without noise, nobody says a week, little to learn from: the wave goes on, and so beyond what is asked at once. */
TEST(it_learns_a_sine)
{
	struct weir_series s;
	struct weir_model_data data = {.series = &s, .count = 1, .calendar = {.season = {24}, .seasons = 1}};
	struct weir_model_opts o = opts;
	struct weir_err err = {{0}};
	weir_auto_model m = {0};
	weir_auto_forecast f = {0};
	double worst = 0;

	CHECK(!weir_series_init(&s, "sine", 301));
	for (size_t t = 0; t < s.n; t++)
		s.v[t] = -5 + 3 * sin(2 * M_PI * (double)t / 24.5); /* half an hour off the season: naive is off by up to .38 */
	CHECK(!weir_model_fit("lstm", &data, &o, &m, &err), "%s", err.text);
	CHECK(!weir_forecast_init(&f, 100) && !weir_model_predict(&m, 0, &f));
	for (size_t h = 0; h < 24; h++)
		worst = fmax(worst, fabs(f.mean[h] - (-5 + 3 * sin(2 * M_PI * (double)(s.n + h) / 24.5))));
	printf("# sine: off by %.3f at most\n", worst);
	CHECK(worst < 0.1, "%g", worst);
	for (size_t h = 0; h < 100; h++) {
		CHECK(f.mean[h] >= -11 && f.mean[h] <= 1, "step %zu left its range by more than a half: %g", h, f.mean[h]);
		CHECK(f.lower[h] < f.mean[h] && f.mean[h] < f.upper[h], "step %zu has no interval", h);
		CHECK(weir_forecast_sum(&f, h) == f.mean[h], "the parts of step %zu do not sum", h);
	}
	weir_series_fini(&s);
}

/* What arrives moves the forecast on: after a day of values it is of the day behind it, without learning anew. */
TEST(it_goes_on_with_what_arrives)
{
	weir_cleanup(set_fini) struct set x;
	weir_auto_model m = {0};
	weir_auto_forecast before = {0}, behind = {0};
	double missing[3] = {NAN, NAN, NAN}, sum = 0;

	CHECK(!learnt(&x, &m) && !weir_forecast_init(&before, 2) && !weir_forecast_init(&behind, 2));
	for (size_t t = 0; t < HORIZON; t++) {
		struct weir_rows row = rows_of(&x.next[1][t], 1);

		CHECK(!weir_model_predict(&m, 1, &before));
		sum += fabs(before.mean[0] / x.next[1][t] - 1) / HORIZON;
		CHECK(!weir_model_update(&m, 1, &row));
		CHECK(!weir_model_predict(&m, 1, &behind));
		CHECK(behind.mean[0] != before.mean[0], "value %zu moved nothing", t);
	}
	CHECK(sum < 0.12, "one step ahead is off by %.3f", sum);
	CHECK(!weir_model_update(&m, 1, &(struct weir_rows){.v = missing, .n = 3, .width = 1}));
	CHECK(!weir_model_predict(&m, 1, &behind) && isfinite(behind.mean[0]), "missing values spoil it");
	CHECK(weir_model_predict(&m, SERIES, &behind) == -EINVAL && weir_model_update(&m, SERIES, &(struct weir_rows){.width = 1}) == -EINVAL);
}

TEST(a_strange_value_scores_above_all_others)
{
	weir_cleanup(set_fini) struct set x;
	weir_auto_model m = {0};
	double score[HORIZON], most = 0, v[HORIZON];
	struct weir_explain why;
	struct weir_rows step = rows_of((double[]){5}, 1), rows = rows_of(v, HORIZON);

	CHECK(!learnt(&x, &m));
	memcpy(v, x.next[2], sizeof(v));
	v[15] *= 2;
	v[16] = NAN;
	CHECK(!weir_model_explain(&m, 2, &step, &why));
	CHECK(why.count == WEIR_PARTS && !strcmp(why.item[1].name, "day") && why.item[1].value != 0);
	CHECK(!weir_model_score(&m, 2, &rows, score));
	for (size_t t = 0; t < 15; t++)
		most = fmax(most, score[t]);
	CHECK(score[15] > 2 * most && score[15] > 2, "the double of a value scores %.2f, others up to %.2f", score[15], most);
	CHECK(score[16] == 0, "a missing value scores %g", score[16]);
}

static void packed(const struct weir_model *m, struct weir_buf *b)
{
	if (weir_model_pack(m, b))
		abort();
}

/* Of the last series, in scales: as lstm_pack.c has it, ahead of 168 values that are kept, and of h and c. */
static double last_width(const struct weir_model *m)
{
	weir_auto_buf struct weir_buf bytes = {0};
	double width;

	packed(m, &bytes);
	memcpy(&width, bytes.data + bytes.len - WEIR_SHA256_LEN - (128 * sizeof(float) + (168 + 3) * sizeof(double)), sizeof(width));
	return width;
}

/* The width of an interval of 90 % follows what it covers: a value outside widens it by 1.8 %, nine inside take that back. */
TEST(intervals_follow_what_they_covered)
{
	weir_cleanup(set_fini) struct set x;
	weir_auto_model m = {0};
	weir_auto_forecast f = {0};
	double width, now;

	CHECK(!learnt(&x, &m) && !weir_forecast_init(&f, 1));
	width = last_width(&m);
	for (size_t i = 0; i < 10; i++) {
		double v;
		struct weir_rows row = rows_of(&v, 1);

		CHECK(!weir_model_predict(&m, SERIES - 1, &f));
		v = i ? f.mean[0] : f.upper[0] * 1.01;
		CHECK(!weir_model_update(&m, SERIES - 1, &row));
		now = last_width(&m);
		CHECK(fabs(log(now / width) - (i ? -0.002 : 0.018)) < 1e-6, "value %zu: %g of %g", i, now, width);
		width = now;
	}
}

TEST(the_same_seed_gives_the_same_bytes)
{
	weir_cleanup(set_fini) struct set x;
	weir_auto_buf struct weir_buf a = {0}, b = {0}, c = {0};
	weir_auto_model one = {0}, same = {0}, other = {0};

	set_init(&x, 0.05, 120);
	CHECK(!fit("lstm", &x, 1, 9, &one) && !fit("lstm", &x, 1, 9, &same) && !fit("lstm", &x, 1, 10, &other));
	packed(&one, &a);
	packed(&same, &b);
	packed(&other, &c);
	CHECK(a.len == b.len && !memcmp(a.data, b.data, a.len), "the same data and seed, other bytes");
	CHECK(a.len == c.len && memcmp(a.data + a.len / 4, c.data + a.len / 4, a.len / 4), "the seed is not used");
}

/* Of a model that has gone on, too: state, width and what is kept are in the bytes. */
TEST(it_comes_back_from_its_bytes)
{
	weir_cleanup(set_fini) struct set x;
	weir_auto_model m = {0}, back = {0};
	weir_auto_buf struct weir_buf bytes = {0};
	weir_auto_forecast a = {0}, b = {0};
	struct weir_err err = {{0}};
	double sa[8], sb[8];

	set_init(&x, 0.05, 240);
	CHECK(!fit("lstm", &x, SERIES, 1, &m) && !weir_model_update(&m, 2, &(struct weir_rows){.v = x.next[2], .n = 11, .width = 1}));
	packed(&m, &bytes);
	CHECK(!weir_model_unpack(bytes.data, bytes.len, &back, &err), "%s", err.text);
	CHECK(!weir_forecast_init(&a, 60) && !weir_forecast_init(&b, 60));
	for (size_t i = 0; i < SERIES; i++) {
		struct weir_rows rows = rows_of(x.next[i] + 11, 8);

		CHECK(!weir_model_predict(&m, i, &a) && !weir_model_predict(&back, i, &b) && !memcmp(a.mean, b.mean, 3 * 60 * sizeof(double)));
		CHECK(!weir_model_score(&m, i, &rows, sa) && !weir_model_score(&back, i, &rows, sb) && !memcmp(sa, sb, sizeof(sa)));
	}
}

/* Two models that differ in nothing but the state of their last series (c: the last floats ahead of the hash) differ behind a step, too. */
TEST(the_state_is_carried_from_step_to_step)
{
	weir_cleanup(set_fini) struct set x;
	weir_auto_model m = {0}, other = {0};
	weir_auto_buf struct weir_buf bytes = {0};
	weir_auto_forecast a = {0}, b = {0};
	struct weir_rows row;
	size_t body;

	CHECK(!learnt(&x, &m));
	packed(&m, &bytes);
	body = bytes.len - WEIR_SHA256_LEN;
	memset(bytes.data + body - 64 * sizeof(float), 0, 64 * sizeof(float));
	weir_sha256(bytes.data, body, bytes.data + body);
	row = rows_of(x.next[SERIES - 1], 1);
	CHECK(!weir_model_unpack(bytes.data, bytes.len, &other, &(struct weir_err){{0}}));
	CHECK(!weir_model_update(&m, SERIES - 1, &row) && !weir_model_update(&other, SERIES - 1, &row));
	CHECK(!weir_forecast_init(&a, 4) && !weir_forecast_init(&b, 4));
	CHECK(!weir_model_predict(&m, SERIES - 1, &a) && !weir_model_predict(&other, SERIES - 1, &b));
	CHECK(a.mean[3] != b.mean[3], "a step forgets the state");
}

/* The hash made right again, the reader must stand all: what it reads is refused, or forecasts and goes on. */
TEST(hostile_bytes_are_refused_or_work)
{
	const char *seed_text = getenv("WEIR_SEED");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
	struct weir_random r = weir_random_of(seed);
	weir_cleanup(set_fini) struct set x;
	weir_auto_model m = {0};
	weir_auto_buf struct weir_buf bytes = {0};
	unsigned int works = 0, refused = 0, rounds = getenv("WEIR_LONG") ? 3000 : 150;

	printf("# seed %llu\n", (unsigned long long)seed);
	set_init(&x, 0.05, 60);
	CHECK(!fit("lstm", &x, 1, 1, &m));
	packed(&m, &bytes);
	for (unsigned int i = 0; i < rounds; i++) {
		weir_auto_free uint8_t *bad = malloc(bytes.len);
		weir_auto_model back = {0};
		weir_auto_forecast f = {0};
		/* Where it begins, and where the series lies; every third is cut. */
		size_t cut = i % 3 ? bytes.len : WEIR_SHA256_LEN + weir_random_below(&r, bytes.len - WEIR_SHA256_LEN), body = cut - WEIR_SHA256_LEN;
		size_t from = i % 2 ? 8 : body - WEIR_MIN(body, (size_t)2200);
		int got;

		memcpy(bad, bytes.data, bytes.len);
		for (unsigned int n = 0; n < 1 + i % 4 && body > from; n++)
			bad[from + weir_random_below(&r, WEIR_MIN(body - from, (size_t)(i % 2 ? 500 : 2200)))] = (uint8_t)weir_random_u64(&r);
		weir_sha256(bad, body, bad + body);
		got = weir_model_unpack(bad, cut, &back, &(struct weir_err){{0}});
		CHECK(!got || got == -EBADMSG, "round %u: %d", i, got);
		refused += got != 0;
		if (!got && !weir_forecast_init(&f, 60) && !weir_model_predict(&back, 0, &f) && !weir_model_update(&back, 0, &(struct weir_rows){.v = x.next[0], .n = 3, .width = 1}))
			works++;
	}
	CHECK(works > 0 && refused > rounds / 3, "%u work, %u are refused", works, refused);
}

/* Hardly any values, the same value for ever, nothing but gaps, numbers at the edge: a model comes of it, and finite forecasts. */
TEST(odd_series_are_forecast)
{
	static const struct { const char *name; size_t n; double at[2]; } cases[] = {
		{"one value", 1, {7, 7}}, {"two values", 2, {7, 9}}, {"always the same", 80, {7, 7}}, {"zeros", 80, {0, 0}},
		{"gaps", 80, {NAN, NAN}}, {"huge", 80, {-1e300, 1e300}}, {"tiny", 80, {1e-300, 2e-300}},
	};
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_cleanup(set_fini) struct set x = {0};
		weir_auto_model m = {0};
		weir_auto_forecast f = {0};

		CHECK(!weir_series_init(&x.s[0], cases[i].name, cases[i].n));
		for (size_t t = 0; t < cases[i].n; t++)
			x.s[0].v[t] = cases[i].at[t % 2];
		CHECK(!fit("lstm", &x, 1, 1, &m) && !weir_forecast_init(&f, HORIZON) && !weir_model_predict(&m, 0, &f), "%s", cases[i].name);
		for (size_t h = 0; h < HORIZON; h++)
			CHECK(isfinite(f.mean[h]) && f.lower[h] <= f.mean[h] && f.mean[h] <= f.upper[h], "%s: %g at step %zu", cases[i].name, f.mean[h], h);
	}
}

TEST_MAIN(T(it_learns_days_and_weeks_better_than_naive), T(it_learns_a_sine), T(it_goes_on_with_what_arrives),
	  T(a_strange_value_scores_above_all_others), T(intervals_follow_what_they_covered), T(the_same_seed_gives_the_same_bytes),
	  T(it_comes_back_from_its_bytes), T(the_state_is_carried_from_step_to_step), T(hostile_bytes_are_refused_or_work), T(odd_series_are_forecast))
