/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation Forest (Liu, Ting, Zhou 2008; 2012) and its extended form (Hariri, Kind, Brunner 2019: oblique cuts): rows that random cuts isolate early are strange. score = 2^(-mean path / c(sample)), in (0, 1).
 *
 * A tree is complete, 8 levels deep, as arrays in the order of a heap: node 1 is the root, i has the children 2i (value
 * below the cut) and 2i + 1. Below a leaf all paths lead to the same length, so that every row takes 8 steps without a
 * branch. Lengths are integers: a sum is the same in whatever order, so every way to score gives the same bits.
 */
#ifndef WEIR_MODEL_FOREST_H
#define WEIR_MODEL_FOREST_H

#include "lib/model/model.h"

#define WEIR_FOREST_TREES 100
#define WEIR_FOREST_SAMPLE 256 /* rows of a tree */
#define WEIR_FOREST_DEPTH 8
#define WEIR_FOREST_NODES 256	     /* inner ones, from 1 */
#define WEIR_FOREST_WIDTH_MAX 1024   /* features */
#define WEIR_FOREST_UNIT 0x1p20	     /* of lengths: steps times this */
#define WEIR_FOREST_BLOCK 256	     /* rows that are scored together */
#define WEIR_FOREST_OBLIQUE 16	     /* features of an oblique cut; all, when there are no more */

struct weir_forest_tree {
	float cut[WEIR_FOREST_NODES]; /* to the right with a value >= cut */
	uint16_t feature[WEIR_FOREST_NODES];
	uint16_t count[2 * WEIR_FOREST_NODES]; /* rows of the sample in a node; 0 below a leaf */
	uint32_t length[WEIR_FOREST_NODES];    /* from the root to each of the lowest places, in WEIR_FOREST_UNIT */
	float expected[2 * WEIR_FOREST_NODES]; /* steps that the sample's rows in a node have on average */
};

/* Of an extended tree: value = sum of weight * feature. */
struct weir_forest_cuts {
	struct {
		uint16_t feature[WEIR_FOREST_OBLIQUE];
		float weight[WEIR_FOREST_OBLIQUE];
	} at[WEIR_FOREST_NODES];
};

/*
 * Of a plain forest: a value as its rank among the cuts of its feature, how many of them are at most it, loses nothing.
 * Trees that follow each other are a group for as long as none of their features has more than 255 cuts, so that a rank is
 * a byte: right is where a row's rank among the group's cuts is above the cut's own.
 */
struct weir_forest_step {
	uint16_t node, feature;
	int8_t rank; /* less 128 */
};
struct weir_forest_ranks {
	uint32_t *key;	 /* all cuts; they ascend, those of feature j from first[j] to first[j + 1] */
	uint32_t *first; /* [width + 1] */
	struct weir_forest_step *step; /* inner nodes; tree t's from from[t] to from[t + 1], upper ones first */
	uint32_t from[WEIR_FOREST_TREES + 1];
	uint8_t group[WEIR_FOREST_TREES]; /* of a tree */
	size_t groups;
	int8_t *among; /* [groups] for each rank among all cuts of a feature, from first[j] + j on: the group's, less 128 */
};

struct weir_forest {
	size_t width, sample, terms; /* terms: features of an oblique cut */
	bool extended;
	double *center; /* median of each feature: subtracted before all else, and what a missing value is taken for */
	struct weir_forest_tree *tree;
	struct weir_forest_cuts *cuts;	 /* NULL unless extended */
	struct weir_forest_ranks *ranks; /* NULL when extended */
};

/* Trees without nodes. */
int weir_forest_new(size_t width, size_t sample, bool extended, struct weir_forest **ret);
void weir_forest_free(void *f); /* a struct weir_forest; takes NULL */
static inline void weir_forest_freep(struct weir_forest **f)
{
	weir_forest_free(*f);
}
#define weir_auto_forest_ptr weir_cleanup(weir_forest_freep) struct weir_forest

/*
 * As bytes: u32 width, sample, extended (0 or 1), the centers, and each tree's nodes, a node before those below it: u32
 * count, u32 1 for an inner one, and of such a cut (u32: the float's bits) and its feature, or of an oblique cut its
 * features and weights (each u32).
 */
int weir_forest_pack(const void *f, struct weir_buf *b);
int weir_forest_unpack(struct weir_reader *r, void **ret);

/* Mean steps of an unsuccessful search in a tree of n keys: what a leaf of n rows adds to its depth. */
double weir_forest_c(size_t n);

/* A value as trees see it. */
static inline float weir_forest_value(double v, double center)
{
	double d = v - center;

	return d == d ? (float)WEIR_MAX(-3e38, WEIR_MIN(3e38, d)) : 0;
}

/* Where a row goes at a node. */
static inline bool weir_forest_right(const struct weir_forest *f, size_t tree, size_t node, const float *x)
{
	float v;

	if (!f->cuts)
		return x[f->tree[tree].feature[node]] >= f->tree[tree].cut[node];
	v = x[f->cuts[tree].at[node].feature[0]] * f->cuts[tree].at[node].weight[0];
	for (size_t i = 1; i < f->terms; i++)
		v += x[f->cuts[tree].at[node].feature[i]] * f->cuts[tree].at[node].weight[i];
	return v >= f->tree[tree].cut[node];
}

/* Makes what scoring needs of what fitting or unpacking left: lengths and ranks. */
int weir_forest_close(struct weir_forest *f);

int weir_forest_ranks_new(const struct weir_forest *f, struct weir_forest_ranks **ret);
void weir_forest_ranks_free(struct weir_forest_ranks *r);

/* Of at most WEIR_FOREST_BLOCK rows: ret[(group * width + feature) * WEIR_FOREST_BLOCK + row], less 128; whole eights of rows. */
void weir_forest_rank(const struct weir_forest *f, const double *rows, size_t n, int8_t *ret);
/* Adds to sum, of WEIR_FOREST_BLOCK rows, the lengths of n rows with these ranks over all trees. For AVX2 only. */
void weir_forest_sum_avx2(const struct weir_forest *f, const int8_t *rank, size_t n, uint32_t *sum);

enum weir_forest_way {
	WEIR_FOREST_PORTABLE,
	WEIR_FOREST_AVX2,
	WEIR_FOREST_WAYS,
};

/* Has this processor the way, and is it of use for this forest? */
bool weir_forest_has(const struct weir_forest *f, enum weir_forest_way way);
/* Scores by that way, which must be there; all give the same bits. -EINVAL for rows of another width. */
int weir_forest_score(const struct weir_forest *f, enum weir_forest_way way, const struct weir_rows *rows, double *ret);

/*
 * Why row 0 scored what it did: value = log2(score) = -mean path / c(sample), base = what it is for a row of the sample on
 * average, and what each feature adds, named "1", "2", ... as columns. Only the WEIR_EXPLAIN_MAX largest when there are
 * more; the sum is exact when all are there.
 *
 * By path: what each cut on the row's way does to the length that is to be expected, given to the cut's feature (Saabas
 * 2014; of an oblique cut shared by |weight * value|). Some microseconds a row.
 */
int weir_forest_explain(const struct weir_forest *f, const struct weir_rows *rows, struct weir_explain *ret);
/*
 * Exact Shapley values of the forest's own conditional expectation (path-dependent TreeSHAP, Lundberg 2018): for audits,
 * milliseconds a row. -EOPNOTSUPP when extended.
 */
int weir_forest_shap(const struct weir_forest *f, const struct weir_rows *rows, struct weir_explain *ret);

#define WEIR_FOREST_SENTENCE_MAX 512
/*
 * One sentence with numbers on row 0 of what was explained, the first three features that make it strange, by their names;
 * NULL: "column 1".
 */
const char *weir_forest_sentence(const struct weir_forest *f, const struct weir_rows *rows, const struct weir_explain *e,
				 const char *const *names, char ret[WEIR_FOREST_SENTENCE_MAX]);

#endif
