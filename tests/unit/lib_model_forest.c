/* SPDX-License-Identifier: Apache-2.0 */
/* Isolation forest: its numbers, its ways to score, its bytes, and that it says why. */
#include <math.h>

#include "lib/model/forest.h"
#include "lib/model/random.h"
#include "tests/lib/test.h"

#define ROWS 700

struct made {
	double *v;
	struct weir_rows rows;
	struct weir_model m;
};

static void made_fini(struct made *m)
{
	free(m->v);
	weir_model_fini(&m->m);
}
#define auto_made weir_cleanup(made_fini) struct made

static double *noise(size_t n, size_t width, uint64_t seed)
{
	struct weir_random r = weir_random_of(seed);
	double *v = malloc(n * width * sizeof(*v));

	for (size_t i = 0; v && i < n * width; i++)
		v[i] = weir_random_normal(&r);
	if (!v)
		abort();
	return v;
}

static int fit(const struct weir_rows *rows, uint64_t seed, bool extended, struct weir_model *ret)
{
	struct weir_err err = {{0}};

	return weir_model_fit("iforest", &(struct weir_model_data){.rows = *rows},
			      &(struct weir_model_opts){.horizon = 1, .coverage = 0.95, .seed = seed, .extended = extended}, ret, &err);
}

static struct made made(size_t n, size_t width, uint64_t seed, bool extended)
{
	struct made m = {.v = noise(n, width, seed)};

	m.rows = (struct weir_rows){.v = m.v, .n = n, .width = width};
	if (fit(&m.rows, seed, extended, &m.m))
		abort();
	return m;
}

/* c(256) by the paper's formula: 2 (ln 255 + 0.5772156649) - 2 * 255 / 256. */
TEST(path_lengths_are_the_papers)
{
	CHECK(weir_forest_c(1) == 0 && weir_forest_c(2) == 1);
	CHECK(fabs(weir_forest_c(256) - 10.2447708) < 1e-6, "%.9f", weir_forest_c(256));
}

/* Two rows, one feature: each cut parts them, so each path is one step and c(2) is 1: a score of one half, everywhere. */
TEST(two_rows_score_one_half)
{
	static const double v[] = {1, 5, 3};
	weir_auto_model m = {0};
	double score[3];

	CHECK(!fit(&(struct weir_rows){.v = v, .n = 2, .width = 1}, 3, false, &m));
	CHECK(!weir_model_score(&m, 0, &(struct weir_rows){.v = v, .n = 3, .width = 1}, score));
	for (size_t i = 0; i < 3; i++)
		CHECK(fabs(score[i] - 0.5) < 1e-12, "row %zu: %.12f", i, score[i]);
}

TEST(what_stands_apart_scores_higher)
{
	for (int extended = 0; extended < 2; extended++) {
		auto_made m = made(ROWS, 5, 11, extended);
		double far[] = {6, 6, 6, 6, 6}, middle[] = {0, 0, 0, 0, 0}, missing[] = {NAN, NAN, NAN, NAN, NAN}, a, b, c;

		CHECK(!weir_model_score(&m.m, 0, &(struct weir_rows){.v = far, .n = 1, .width = 5}, &a));
		CHECK(!weir_model_score(&m.m, 0, &(struct weir_rows){.v = middle, .n = 1, .width = 5}, &b));
		CHECK(!weir_model_score(&m.m, 0, &(struct weir_rows){.v = missing, .n = 1, .width = 5}, &c));
		CHECK(a > 0.58 && b < 0.46, "extended %d: far %.3f, in the middle %.3f", extended, a, b);
		CHECK(c < 0.46, "extended %d: all missing %.3f", extended, c);
	}
}

TEST(the_same_seed_is_the_same_forest)
{
	auto_made a = made(ROWS, 4, 5, true), b = made(ROWS, 4, 5, true);
	weir_auto_buf struct weir_buf x = {0}, y = {0}, z = {0};
	weir_auto_model other = {0};

	CHECK(!fit(&a.rows, 6, true, &other));
	CHECK(!weir_model_pack(&a.m, &x) && !weir_model_pack(&b.m, &y) && !weir_model_pack(&other, &z));
	CHECK(x.len == y.len && !memcmp(x.data, y.data, x.len));
	CHECK(x.len != z.len || memcmp(x.data, z.data, x.len), "another seed gives the same");
}

/* To the bit, for widths that fill one register or two, with values missing, equal, huge, and on a cut. */
/* One row far from all others is cut off first wherever it was drawn: 100 trees draw 25,600 of 600 rows, each 42 or 43 times. */
TEST(each_row_is_in_as_many_trees_as_the_next)
{
	enum { N = 600, FAR = 1000000 };

	for (size_t at = 0; at < N; at += 100) {
		weir_auto_free double *v = noise(N, 1, 40 + at);
		weir_auto_model m = {0};
		const struct weir_forest *f;
		size_t drawn = 0, twice = 0;

		v[at] = FAR;
		CHECK(!fit(&(struct weir_rows){.v = v, .n = N, .width = 1}, 41 + at, false, &m));
		f = m.state;
		for (size_t t = 0; t < WEIR_FOREST_TREES; t++) {
			drawn += f->tree[t].cut[1] > 100;
			twice += f->tree[t].cut[1] > 100 && f->tree[t].count[3] != 1;
		}
		CHECK((drawn == 42 || drawn == 43) && !twice, "row %zu: in %zu trees, %zu times in a tree more than once", at, drawn, twice);
	}
}

TEST(all_ways_score_the_same)
{
	static const size_t widths[] = {1, 3, 8, 9, 16, 17, 32, 100};
	unsigned int compared = 0;

	for (size_t k = 0; k < WEIR_ARRAY_SIZE(widths); k++) {
		auto_made m = made(ROWS, widths[k], 20 + k, false);
		const struct weir_forest *f = m.m.state;
		double plain[ROWS], got[ROWS];

		for (size_t i = 0; i < ROWS * widths[k]; i += 13)
			m.v[i] = i % 4 == 0 ? NAN : i % 4 == 1 ? 1e300 : i % 4 == 2 ? -INFINITY
				: (double)f->tree[i % WEIR_FOREST_TREES].cut[1] + f->center[i % widths[k]];
		CHECK(!weir_forest_score(f, WEIR_FOREST_PORTABLE, &m.rows, plain));
		for (enum weir_forest_way w = WEIR_FOREST_AVX2; w < WEIR_FOREST_WAYS; w++) {
			if (!weir_forest_has(f, w))
				continue;
			compared++;
			CHECK(!weir_forest_score(f, w, &m.rows, got));
			CHECK(!memcmp(plain, got, sizeof(plain)), "way %u, width %zu", w, widths[k]);
		}
		CHECK(!weir_model_score(&m.m, 0, &m.rows, got) && !memcmp(plain, got, sizeof(plain)));
	}
	if (!compared)
		SKIP("this processor has plain C only");
}

/* By hand: what the trees say, node by node, as Liu's formula has it. */
TEST(scores_are_the_formula)
{
	for (int extended = 0; extended < 2; extended++) {
		auto_made m = made(ROWS, 6, 31, extended);
		const struct weir_forest *f = m.m.state;
		double got[ROWS];

		CHECK(!weir_model_score(&m.m, 0, &m.rows, got));
		for (size_t i = 0; i < ROWS; i += 7) {
			double sum = 0;
			float x[6];

			for (size_t j = 0; j < 6; j++)
				x[j] = (float)(m.v[i * 6 + j] - f->center[j]);
			for (size_t t = 0; t < WEIR_FOREST_TREES; t++) {
				size_t node = 1, depth = 0;

				for (; node < WEIR_FOREST_NODES && f->tree[t].count[2 * node]; depth++)
					node = 2 * node + weir_forest_right(f, t, node, x);
				sum += (double)depth + weir_forest_c(f->tree[t].count[node]);
			}
			sum = exp2(-sum / WEIR_FOREST_TREES / weir_forest_c(WEIR_FOREST_SAMPLE));
			CHECK(fabs(got[i] - sum) < 1e-6, "extended %d, row %zu: %.9f, by hand %.9f", extended, i, got[i], sum);
		}
	}
}

TEST(a_forest_comes_back_from_its_bytes)
{
	for (int extended = 0; extended < 2; extended++) {
		auto_made m = made(ROWS, 20, 41, extended);
		weir_auto_buf struct weir_buf bytes = {0};
		weir_auto_model back = {0};
		struct weir_err err = {{0}};
		double a[ROWS], b[ROWS];

		CHECK(!weir_meta_add(&m.m.meta.scores, "auroc", 0.9) && !weir_model_pack(&m.m, &bytes));
		CHECK(!weir_model_unpack(bytes.data, bytes.len, &back, &err), "%s", err.text);
		CHECK(back.meta.points == ROWS * 20 && back.meta.seed == 41 && weir_meta_get(&back.meta.scores, "auroc") == 0.9);
		CHECK(!weir_model_score(&m.m, 0, &m.rows, a) && !weir_model_score(&back, 0, &m.rows, b) && !memcmp(a, b, sizeof(a)));
	}
}

/* Its own reader, without the hash before it: nothing but -EBADMSG or a forest that scores and explains. */
TEST(hostile_forests_are_refused_or_work)
{
	const char *seed_text = getenv("WEIR_SEED");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
	struct weir_random r = weir_random_of(seed);
	unsigned int works = 0, rounds = getenv("WEIR_LONG") ? 30000 : 600;

	printf("# seed %llu\n", (unsigned long long)seed);
	for (unsigned int i = 0; i < rounds; i++) {
		auto_made m = made(12, 3, i % 5, i % 2);
		weir_auto_buf struct weir_buf bytes = {0};
		struct weir_reader reader;
		void *state = NULL;
		int got;

		CHECK(!weir_forest_pack(m.m.state, &bytes));
		for (unsigned int k = 0; k < 1 + i % 3; k++)
			bytes.data[weir_random_below(&r, k ? 60 : bytes.len)] ^= (uint8_t)(1u << weir_random_below(&r, 8));
		reader = (struct weir_reader){.at = bytes.data, .end = bytes.data + (i % 5 ? bytes.len : weir_random_below(&r, bytes.len))};
		got = weir_forest_unpack(&reader, &state);
		CHECK(!got || got == -EBADMSG, "round %u: %d", i, got);
		if (!got) {
			const struct weir_forest *f = state;
			weir_auto_free double *v = calloc(f->width, sizeof(*v));
			struct weir_rows row = {.v = v, .n = 1, .width = f->width};
			struct weir_explain e;
			double score;

			CHECK(!weir_forest_score(f, WEIR_FOREST_PORTABLE, &row, &score) && score > 0 && score < 1);
			CHECK(!weir_forest_explain(f, &row, &e) && e.count <= f->width);
			works++;
		}
		weir_forest_free(state);
	}
	CHECK(works > 0 && works < rounds, "%u of %u were read", works, rounds);
}

/* The expected length when the features in `known` are known, by both ways at every other cut. */
static double conditional(const struct weir_forest *f, size_t tree, size_t node, unsigned int depth, unsigned int known, const float *x)
{
	const struct weir_forest_tree *t = &f->tree[tree];
	double left, right;

	if (node >= WEIR_FOREST_NODES || !t->count[2 * node])
		return depth + weir_forest_c(t->count[node]);
	if (known >> t->feature[node] & 1)
		return conditional(f, tree, 2 * node + (x[t->feature[node]] >= t->cut[node]), depth + 1, known, x);
	left = conditional(f, tree, 2 * node, depth + 1, known, x);
	right = conditional(f, tree, 2 * node + 1, depth + 1, known, x);
	return (left * t->count[2 * node] + right * t->count[2 * node + 1]) / t->count[node];
}

/* Shapley's definition, over all sets of four features, against what the trees' shape makes fast. */
TEST(audits_are_shapley_values)
{
	static const double weight[] = {1.0 / 4, 1.0 / 12, 1.0 / 12, 1.0 / 4}; /* k! (3 - k)! / 4! */
	auto_made m = made(ROWS, 4, 51, false);
	const struct weir_forest *f = m.m.state;
	double row[] = {3, -0.2, 0.4, -2.5}, value[16] = {0};
	struct weir_explain e;
	float x[4];

	for (size_t j = 0; j < 4; j++)
		x[j] = (float)(row[j] - f->center[j]);
	for (unsigned int set = 0; set < 16; set++)
		for (size_t t = 0; t < WEIR_FOREST_TREES; t++)
			value[set] -= conditional(f, t, 1, 0, set, x) / WEIR_FOREST_TREES / weir_forest_c(WEIR_FOREST_SAMPLE);
	CHECK(!weir_forest_shap(f, &(struct weir_rows){.v = row, .n = 1, .width = 4}, &e) && e.count == 4);
	CHECK(fabs(e.base - value[0]) < 1e-6 && fabs(e.value - value[15]) < 1e-6);
	for (size_t i = 0; i < 4; i++) {
		unsigned int j = (unsigned int)strtoul(e.item[i].name, NULL, 10) - 1;
		double by_hand = 0;

		for (unsigned int set = 0; set < 16; set++)
			if (!(set >> j & 1))
				by_hand += weight[__builtin_popcount(set)] * (value[set | 1u << j] - value[set]);
		CHECK(fabs(e.item[i].value - by_hand) < 1e-6, "feature %u: %.9f, by hand %.9f", j, e.item[i].value, by_hand);
	}
}

/* base + contributions = log2(score), by paths and by Shapley, plain and extended. */
TEST(contributions_sum_to_the_score)
{
	for (int kind = 0; kind < 3; kind++) {
		auto_made m = made(ROWS, 9, 61, kind == 2);

		for (size_t i = 0; i < 20; i++) {
			struct weir_rows row = {.v = m.v + i * 9, .n = 1, .width = 9};
			struct weir_explain e;
			double sum, score;

			CHECK(!weir_model_score(&m.m, 0, &row, &score));
			CHECK(!(kind == 1 ? weir_forest_shap(m.m.state, &row, &e) : weir_model_explain(&m.m, 0, &row, &e)));
			sum = e.base;
			for (size_t k = 0; k < e.count; k++) {
				sum += e.item[k].value;
				CHECK(!k || fabs(e.item[k].value) <= fabs(e.item[k - 1].value), "the largest does not come first");
			}
			CHECK(e.count == 9 && fabs(sum - e.value) < 1e-6 && fabs(exp2(e.value) - score) < 1e-6, "kind %d, row %zu: %g, %g, %g",
			      kind, i, sum, e.value, log2(score));
		}
	}
	{
		auto_made m = made(ROWS, 3, 62, true);

		CHECK(weir_forest_shap(m.m.state, &m.rows, &(struct weir_explain){0}) == -EOPNOTSUPP);
	}
}

/* A row that is usual (within two deviations) in all columns but one, where it lies eight away: that must come first. */
TEST(a_planted_feature_is_named_first)
{
	const char *seed_text = getenv("WEIR_SEED");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
	unsigned int hits[3] = {0}, trials = getenv("WEIR_LONG") ? 1000 : 200;
	struct weir_random r = weir_random_of(seed);

	printf("# seed %llu\n", (unsigned long long)seed);
	for (unsigned int i = 0; i < trials; i++) {
		auto_made m = made(ROWS, 10, seed + i, false);
		weir_auto_model extended = {0};
		struct weir_rows row = {.v = m.v + i % ROWS * 10, .n = 1, .width = 10};
		size_t planted = weir_random_below(&r, 10);
		struct weir_explain e[3];

		CHECK(!fit(&m.rows, seed + i, true, &extended));
		for (size_t j = 0; j < 10; j++)
			m.v[i % ROWS * 10 + j] = fmax(-2, fmin(2, m.v[i % ROWS * 10 + j]));
		m.v[i % ROWS * 10 + planted] = weir_random_below(&r, 2) ? 8 : -8;
		CHECK(!weir_model_explain(&m.m, 0, &row, &e[0]) && !weir_forest_shap(m.m.state, &row, &e[1]) &&
		      !weir_model_explain(&extended, 0, &row, &e[2]));
		for (size_t k = 0; k < 3; k++)
			hits[k] += strtoul(e[k].item[0].name, NULL, 10) == planted + 1;
	}
	printf("# named first of %u: %u by paths, %u by Shapley, %u by paths of the extended forest\n", trials, hits[0], hits[1], hits[2]);
	for (size_t k = 0; k < 3; k++)
		CHECK(hits[k] * 100 >= trials * 95, "%zu: %u of %u", k, hits[k], trials);
}

TEST(a_sentence_names_column_value_and_share)
{
	auto_made m = made(ROWS, 3, 71, false);
	double row[] = {0.1, 7.5, 0};
	struct weir_rows rows = {.v = row, .n = 1, .width = 3};
	char said[WEIR_FOREST_SENTENCE_MAX];
	struct weir_explain e;

	CHECK(!weir_model_explain(&m.m, 0, &rows, &e));
	weir_forest_sentence(m.m.state, &rows, &e, NULL, said);
	CHECK(!strncmp(said, "score 0.", 8) && strstr(said, ": strange is that column 2 is 7.5, usually ") && strstr(said, " % of it)"), "%s", said);
	weir_forest_sentence(m.m.state, &rows, &e, (const char *const[]){"peers", "ports", "bytes"}, said);
	CHECK(strstr(said, ": strange is that ports is 7.5, usually ") && !strstr(said, "column"), "%s", said);
}

TEST(what_cannot_be_learnt_is_refused)
{
	static const double v[] = {1, 2, 3};
	struct weir_series s = {.id = "x", .n = 3, .v = (double[]){1, 2, 3}};
	weir_auto_model m = {0};
	double score;

	CHECK(fit(&(struct weir_rows){.v = v, .n = 1, .width = 3}, 1, false, &m) == -EINVAL, "one row");
	CHECK(fit(&(struct weir_rows){.v = v, .n = 3, .width = 0}, 1, false, &m) == -EINVAL, "no feature");
	CHECK(fit(&(struct weir_rows){.v = v, .n = 3, .width = WEIR_FOREST_WIDTH_MAX + 1}, 1, false, &m) == -EINVAL, "too wide");
	CHECK(weir_model_fit("iforest", &(struct weir_model_data){.series = &s, .count = 1},
			     &(struct weir_model_opts){.horizon = 1, .coverage = 0.9}, &m, &(struct weir_err){{0}}) == -EINVAL);
	CHECK(!fit(&(struct weir_rows){.v = v, .n = 3, .width = 1}, 1, false, &m));
	CHECK(weir_model_score(&m, 0, &(struct weir_rows){.v = v, .n = 1, .width = 3}, &score) == -EINVAL, "another width");
}

TEST_MAIN(T(path_lengths_are_the_papers), T(two_rows_score_one_half), T(what_stands_apart_scores_higher),
	  T(the_same_seed_is_the_same_forest), T(each_row_is_in_as_many_trees_as_the_next), T(all_ways_score_the_same), T(scores_are_the_formula),
	  T(a_forest_comes_back_from_its_bytes), T(hostile_forests_are_refused_or_work), T(audits_are_shapley_values),
	  T(contributions_sum_to_the_score), T(a_planted_feature_is_named_first), T(a_sentence_names_column_value_and_share),
	  T(what_cannot_be_learnt_is_refused))
