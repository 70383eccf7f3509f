/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an isolation forest costs on one core: 100 trees of 256 rows, learnt from 200,000 rows of 10 features, normal as
 * logarithms of bytes and packets are, and scoring 65,536 of them. Thread time, the best of several rounds. How fast AVX2 is
 * depends on how many cuts a tree has: uniform features, the worst case, and heavy tails go to standard error, with what each
 * way does. Prints "name unit value at-most published" (minus: at least).
 */
#include <math.h>
#include <time.h>

#include "lib/model/forest.h"
#include "lib/model/random.h"

#define ROWS 200000
#define SCORED 65536
#define WIDTH 10
#define ROUNDS 15
#define EXPLAINED 200
/* isotree 0.6.1, one thread, the best of what was measured on public sets of 3 to 36 features: docs/benchmarks.md. */
#define ISOTREE_ROWS_PER_S 134000
#define ISOTREE_FIT_MS 7

static const char *const names[WEIR_FOREST_WAYS] = {"plain C", "AVX2"};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum shape { UNIFORM, HEAVY_TAILED, NORMAL, SHAPES };
static const char *const shapes[SHAPES] = {"uniform", "heavy-tailed", "normal"};

static void fill(double *v, enum shape shape)
{
	struct weir_random r = weir_random_of(1);

	for (size_t i = 0; i < (size_t)ROWS * WIDTH; i++)
		v[i] = shape == UNIFORM ? weir_random_unit(&r) : weir_random_normal(&r);
	for (size_t i = 0; i < (size_t)ROWS * WIDTH && shape == HEAVY_TAILED; i++)
		v[i] = exp(4 * v[i]);
}

static double fit(const struct weir_rows *rows, bool extended, struct weir_model *ret)
{
	double best = INFINITY;

	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct weir_model_opts o = {
			.horizon = 1, .coverage = 0.95, .seed = seed, .extended = extended};
		struct weir_err err = {{0}};
		double began = now_s();

		weir_model_fini(ret);
		if (weir_model_fit("iforest", &(struct weir_model_data){.rows = *rows}, &o, ret,
				   &err)) {
			fprintf(stderr, "tests/bench/model/forest: %s\n", err.text);
			exit(1);
		}
		best = fmin(best, now_s() - began);
	}
	return best;
}

static double score(const struct weir_forest *f, enum weir_forest_way way,
		    const struct weir_rows *rows, double *scores)
{
	double best = INFINITY;

	for (int i = 0; i < ROUNDS; i++) {
		double began = now_s();

		if (weir_forest_score(f, way, rows, scores))
			exit(1);
		best = fmin(best, now_s() - began);
	}
	return (double)rows->n / best;
}

static double explain(const struct weir_forest *f, const struct weir_rows *rows,
		      int (*how)(const struct weir_forest *, const struct weir_rows *,
				 struct weir_explain *))
{
	double best = INFINITY;

	for (int i = 0; i < ROUNDS; i++) {
		double began = now_s();

		for (size_t k = 0; k < EXPLAINED; k++) {
			struct weir_rows one = {.v = rows->v + k * WIDTH, .n = 1, .width = WIDTH};
			struct weir_explain e;

			if (how(f, &one, &e))
				exit(1);
		}
		best = fmin(best, (now_s() - began) / EXPLAINED);
	}
	return best;
}

/* The fastest way's. */
static double score_all(const struct weir_forest *f, const char *shape,
			const struct weir_rows *rows, double *scores)
{
	double best = 0;

	for (enum weir_forest_way w = WEIR_FOREST_PORTABLE; w < WEIR_FOREST_WAYS; w++) {
		double rate = weir_forest_has(f, w) ? score(f, w, rows, scores) : 0;

		fprintf(stderr, "tests/bench/model/forest: %s, %s: %.0f rows/s\n", shape, names[w],
			rate);
		best = fmax(best, rate);
	}
	return best;
}

int main(void)
{
	weir_auto_free double *v = malloc((size_t)ROWS * WIDTH * sizeof(*v)),
			      *scores = malloc(SCORED * sizeof(*scores));
	struct weir_rows all = {.v = v, .n = ROWS, .width = WIDTH},
			 some = {.v = v, .n = SCORED, .width = WIDTH};
	weir_auto_model plain = {0}, extended = {0};
	double fit_s = 0, rate = 0;

	if (!v || !scores)
		return 1;
	for (enum shape shape = 0; shape < SHAPES; shape++) {
		fill(v, shape);
		fit_s = fit(&all, false, &plain);
		rate = score_all(plain.state, shapes[shape], &some, scores);
	}
	fprintf(stderr, "tests/bench/model/forest: extended: fit %.2f ms",
		1e3 * fit(&all, true, &extended));
	fprintf(stderr, ", %.0f rows/s; audit %.0f us a row\n",
		score(extended.state, WEIR_FOREST_PORTABLE, &some, scores),
		1e6 * explain(plain.state, &some, weir_forest_shap));
	printf("iforest_score_rows_per_s_core rows/s %.0f -1300000 %d\n", rate, ISOTREE_ROWS_PER_S);
	printf("iforest_fit_ms ms %.2f 5 %d\n", 1e3 * fit_s, ISOTREE_FIT_MS);
	printf("iforest_explain_us us %.1f 50\n",
	       1e6 * explain(plain.state, &some, weir_forest_explain));
	return 0;
}
