/* SPDX-License-Identifier: Apache-2.0 */
/* Why a row is strange to a forest: by the row's paths, exactly by Shapley, and in a sentence. */
#include <math.h>

#include "lib/model/forest.h"

#define SHARE_MIN 0.05 /* of what makes a row strange: less is not worth a sentence's breath */
#define SENTENCE_FEATURES 3

/* A row as trees see it, and what each feature is given, in steps. */
struct account {
	const struct weir_forest *f;
	float *x;
	double *given;
	double base; /* steps of a row of the sample, summed over the trees */
};

static int by_size(const void *a, const void *b, void *given)
{
	double x = fabs(((const double *)given)[*(const size_t *)a]), y = fabs(((const double *)given)[*(const size_t *)b]);

	if (x != y)
		return x < y ? 1 : -1;
	return *(const size_t *)a < *(const size_t *)b ? -1 : 1;
}

/* Steps become parts of log2(score), the largest first. */
static int finish(struct account *a, struct weir_explain *ret)
{
	double unit = -1 / (WEIR_FOREST_TREES * weir_forest_c(a->f->sample)), sum = a->base;
	weir_auto_free size_t *order = malloc(a->f->width * sizeof(*order));

	if (!order)
		return -ENOMEM;
	for (size_t j = 0; j < a->f->width; j++) {
		order[j] = j;
		sum += a->given[j];
	}
	qsort_r(order, a->f->width, sizeof(*order), by_size, a->given);
	*ret = (struct weir_explain){.value = sum * unit, .base = a->base * unit};
	ret->count = WEIR_MIN(a->f->width, (size_t)WEIR_EXPLAIN_MAX);
	for (size_t i = 0; i < ret->count; i++) {
		snprintf(ret->item[i].name, sizeof(ret->item[i].name), "%zu", order[i] + 1);
		ret->item[i].value = a->given[order[i]] * unit;
	}
	return 0;
}

/* A cut's effect goes to its feature; an oblique one's is shared. */
static void give(struct account *a, size_t tree, size_t node, double effect)
{
	double part[WEIR_FOREST_OBLIQUE], sum = 0;

	if (!a->f->cuts) {
		a->given[a->f->tree[tree].feature[node]] += effect;
		return;
	}
	for (size_t i = 0; i < a->f->terms; i++)
		sum += part[i] = fabs((double)a->x[a->f->cuts[tree].at[node].feature[i]] * a->f->cuts[tree].at[node].weight[i]);
	for (size_t i = 0; i < a->f->terms; i++)
		a->given[a->f->cuts[tree].at[node].feature[i]] += effect * (sum > 0 ? part[i] / sum : 1.0 / (double)a->f->terms);
}

static void walk(struct account *a, size_t tree)
{
	const struct weir_forest_tree *t = &a->f->tree[tree];
	size_t node = 1;

	a->base += t->expected[1];
	while (node < WEIR_FOREST_NODES && t->count[2 * node]) {
		size_t next = 2 * node + weir_forest_right(a->f, tree, node, a->x);

		give(a, tree, node, (double)t->expected[next] - t->expected[node]);
		node = next;
	}
}

/* What is known of a feature on the way to a leaf: the part of the sample that goes this way, and whether the row does. */
struct gate {
	uint16_t feature;
	double part;
	double own; /* 0 or 1 */
};

/*
 * The game of one leaf: a set of known features pays steps * product (own of those known, part of those unknown). Gate i
 * gets what it adds to each set of the others, by Shapley's weights k! (n - 1 - k)! / n! for sets of k.
 */
static double shapley(const struct gate *g, size_t n, size_t i)
{
	double sets[WEIR_FOREST_DEPTH + 1] = {1}, weight = 1.0 / (double)n, sum = 0;
	size_t others = 0;

	for (size_t j = 0; j < n; j++) {
		if (j == i)
			continue;
		others++;
		for (size_t k = others; k > 0; k--)
			sets[k] = sets[k] * g[j].part + sets[k - 1] * g[j].own;
		sets[0] *= g[j].part;
	}
	for (size_t k = 0; k < n; k++) {
		sum += weight * sets[k];
		weight *= k + 1 < n ? (double)(k + 1) / (double)(n - 1 - k) : 0;
	}
	return sum * (g[i].own - g[i].part);
}

static void leaves(struct account *a, size_t tree, size_t node, const struct gate *above, size_t n)
{
	const struct weir_forest_tree *t = &a->f->tree[tree];
	struct gate g[WEIR_FOREST_DEPTH];
	size_t at = 0;

	if (node >= WEIR_FOREST_NODES || !t->count[2 * node]) {
		for (size_t i = 0; i < n; i++)
			a->given[above[i].feature] += t->expected[node] * shapley(above, n, i);
		return;
	}
	while (at < n && above[at].feature != t->feature[node])
		at++;
	for (size_t side = 0; side < 2; side++) {
		bool goes = weir_forest_right(a->f, tree, node, a->x) == (side == 1);

		memcpy(g, above, n * sizeof(*g));
		if (at == n)
			g[at] = (struct gate){t->feature[node], 1, 1};
		g[at].part *= (double)t->count[2 * node + side] / t->count[node];
		g[at].own *= goes;
		leaves(a, tree, 2 * node + side, g, WEIR_MAX(n, at + 1));
	}
}

static void audit(struct account *a, size_t tree)
{
	struct gate none[1] = {{0}};

	a->base += a->f->tree[tree].expected[1];
	leaves(a, tree, 1, none, 0);
}

static int explain(const struct weir_forest *f, const struct weir_rows *rows, void (*tree)(struct account *, size_t),
		   struct weir_explain *ret)
{
	weir_auto_free double *given = calloc(f->width, sizeof(*given));
	weir_auto_free float *x = calloc(f->width, sizeof(*x));
	struct account a = {.f = f, .x = x, .given = given};

	if (rows->width != f->width || !rows->n)
		return -EINVAL;
	if (!given || !x)
		return -ENOMEM;
	for (size_t j = 0; j < f->width; j++)
		x[j] = weir_forest_value(rows->v[j], f->center[j]);
	for (size_t t = 0; t < WEIR_FOREST_TREES; t++)
		tree(&a, t);
	return finish(&a, ret);
}

int weir_forest_explain(const struct weir_forest *f, const struct weir_rows *rows, struct weir_explain *ret)
{
	return explain(f, rows, walk, ret);
}

int weir_forest_shap(const struct weir_forest *f, const struct weir_rows *rows, struct weir_explain *ret)
{
	return f->extended ? -EOPNOTSUPP : explain(f, rows, audit, ret);
}

const char *weir_forest_sentence(const struct weir_forest *f, const struct weir_rows *rows, const struct weir_explain *e,
				 const char *const *names, char ret[WEIR_FOREST_SENTENCE_MAX])
{
	size_t at, said = 0;
	double all = 0;

	for (size_t i = 0; i < e->count; i++)
		all += WEIR_MAX(e->item[i].value, 0);
	at = (size_t)snprintf(ret, WEIR_FOREST_SENTENCE_MAX, "score %.3f (a usual row: %.3f)", exp2(e->value), exp2(e->base));
	for (size_t i = 0; i < e->count && said < SENTENCE_FEATURES; i++) {
		size_t j = strtoul(e->item[i].name, NULL, 10) - 1;

		if (e->item[i].value < SHARE_MIN * all || !(e->item[i].value > 0))
			continue;
		at += (size_t)snprintf(ret + at, WEIR_FOREST_SENTENCE_MAX - at, "%s%s%.60s is %.6g, usually %.6g (%.0f %% of it)",
				       said ? ", " : ": strange is that ", names ? "" : "column ",
				       names ? names[j] : e->item[i].name, rows->v[j], f->center[j], 100 * e->item[i].value / all);
		said++;
	}
	if (!said)
		snprintf(ret + at, WEIR_FOREST_SENTENCE_MAX - at, ": nothing in it is strange");
	return ret;
}
