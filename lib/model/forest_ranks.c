/* SPDX-License-Identifier: Apache-2.0 */
/* A plain forest's cuts in order, by feature, and the ranks of rows among them. */
#include "lib/model/forest.h"

#define CUTS (WEIR_FOREST_TREES * WEIR_FOREST_NODES)
#define GROUP_CUTS 255 /* of a feature: with that many, a rank fills a byte */
#define DIGIT 11       /* bits that one pass sorts by */
#define TOGETHER 8     /* values that are looked for at a time: each step of one waits for memory */

/* While ranks are made. */
struct sorter {
	const struct weir_forest *f;
	struct weir_forest_ranks *r;
	struct place {
		uint32_t key;
		uint32_t step; /* whose cut it is */
	} * a, *b;
	uint32_t *had; /* by feature */
	size_t n;
};

static void sorter_fini(struct sorter *s)
{
	free(s->a);
	free(s->b);
	free(s->had);
	weir_forest_ranks_free(s->r);
}
#define auto_sorter weir_cleanup(sorter_fini) struct sorter

void weir_forest_ranks_free(struct weir_forest_ranks *r)
{
	if (!r)
		return;
	free(r->key);
	free(r->first);
	free(r->step);
	free(r->among);
	free(r);
}

/* Ascends as floats do; -0 is 0. Without a branch: signs come as they like. */
static uint32_t key_of(float v)
{
	uint32_t bits;

	v += 0.0f;
	memcpy(&bits, &v, sizeof(bits));
	return bits ^ (-(bits >> 31) | 1u << 31);
}

/* Inner nodes, tree by tree, upper ones first; first[j + 1] counts the cuts of feature j. */
static void list_steps(struct sorter *s)
{
	for (size_t t = 0; t < WEIR_FOREST_TREES; t++) {
		const struct weir_forest_tree *tree = &s->f->tree[t];

		for (uint16_t i = 1; i < WEIR_FOREST_NODES; i++) {
			if (!tree->count[2 * i])
				continue;
			s->a[s->n] = (struct place){key_of(tree->cut[i]), (uint32_t)s->n};
			s->r->step[s->n++] =
				(struct weir_forest_step){.node = i, .feature = tree->feature[i]};
			s->r->first[tree->feature[i] + 1]++;
		}
		s->r->from[t + 1] = (uint32_t)s->n;
	}
	for (size_t j = 0; j < s->f->width; j++)
		s->r->first[j + 1] += s->r->first[j];
}

/* The features' cuts are counted in s->had, tree by tree, until one has too many. */
static void form_groups(struct sorter *s)
{
	struct weir_forest_ranks *r = s->r;

	r->groups = 1;
	for (size_t t = 0; t < WEIR_FOREST_TREES; t++) {
		bool fits = true;

		for (uint32_t i = r->from[t]; i < r->from[t + 1]; i++)
			fits &= ++s->had[r->step[i].feature] <= GROUP_CUTS;
		if (!fits) {
			memset(s->had, 0, s->f->width * sizeof(*s->had));
			for (uint32_t i = r->from[t]; i < r->from[t + 1]; i++)
				s->had[r->step[i].feature]++;
			r->groups++;
		}
		r->group[t] = (uint8_t)(r->groups - 1);
	}
	memset(s->had, 0, s->f->width * sizeof(*s->had));
}

/* One pass of a radix sort, stable. */
static void pass(const struct place *from, struct place *to, size_t n, unsigned int shift)
{
	uint32_t at[(1 << DIGIT) + 1] = {0};

	for (size_t i = 0; i < n; i++)
		at[(from[i].key >> shift) % (1 << DIGIT) + 1]++;
	for (size_t d = 1; d <= 1 << DIGIT; d++)
		at[d] += at[d - 1];
	for (size_t i = 0; i < n; i++)
		to[at[(from[i].key >> shift) % (1 << DIGIT)]++] = from[i];
}

/*
 * From all cuts in order each to its feature's. A rank's row in `among` is the one before it with one more in the group of
 * the cut between them; what a group has there already is the cut's rank. Of equal cuts any order will do.
 */
static void deal(struct sorter *s)
{
	struct weir_forest_ranks *r = s->r;

	for (size_t j = 0; j < s->f->width; j++)
		memset(r->among + (r->first[j] + j) * r->groups, -128, r->groups);
	for (size_t i = 0, tree; i < s->n; i++) {
		struct weir_forest_step *step = &r->step[s->b[i].step];
		size_t at = r->first[step->feature] + s->had[step->feature]++;
		int8_t *row = r->among + (at + step->feature) * r->groups;

		for (tree = 0; s->b[i].step >= r->from[tree + 1];)
			tree++;
		step->rank = row[r->group[tree]];
		memcpy(row + r->groups, row, r->groups);
		row[r->groups + r->group[tree]]++;
		r->key[at] = s->b[i].key;
	}
}

int weir_forest_ranks_new(const struct weir_forest *f, struct weir_forest_ranks **ret)
{
	auto_sorter s = {.f = f, .r = calloc(1, sizeof(*s.r))};

	s.a = malloc(CUTS * sizeof(*s.a));
	s.b = malloc(CUTS * sizeof(*s.b));
	s.had = calloc(f->width, sizeof(*s.had));
	if (!s.r || !s.a || !s.b || !s.had)
		return -ENOMEM;
	s.r->step = malloc(CUTS * sizeof(*s.r->step));
	s.r->first = calloc(f->width + 1, sizeof(*s.r->first));
	if (!s.r->step || !s.r->first)
		return -ENOMEM;
	list_steps(&s);
	form_groups(&s);
	s.r->key = malloc((s.n + 1) * sizeof(*s.r->key));
	s.r->among = malloc((s.n + f->width) * s.r->groups);
	if (!s.r->key || !s.r->among)
		return -ENOMEM;
	pass(s.a, s.b, s.n, 0);
	pass(s.b, s.a, s.n, DIGIT);
	pass(s.a, s.b, s.n, 2 * DIGIT);
	deal(&s);
	*ret = weir_take_ptr(s.r);
	return 0;
}

/* How many of n ascending keys are at most v, for each of the values. */
static void count_below(const uint32_t *key, uint32_t n, const uint32_t v[TOGETHER],
			uint32_t ret[TOGETHER])
{
	uint32_t at[TOGETHER] = {0};

	for (; n > 1; n -= n / 2) {
#pragma GCC unroll 8
		for (size_t k = 0; k < TOGETHER; k++)
			at[k] = key[at[k] + n / 2 - 1] <= v[k] ? at[k] + n / 2 : at[k];
	}
#pragma GCC unroll 8
	for (size_t k = 0; k < TOGETHER; k++)
		ret[k] = at[k] + (n && key[at[k]] <= v[k]);
}

void weir_forest_rank(const struct weir_forest *f, const double *rows, size_t n, int8_t *ret)
{
	const struct weir_forest_ranks *r = f->ranks;

	for (size_t j = 0; j < f->width; j++)
		for (size_t i = 0; i < n; i += TOGETHER) {
			size_t known = WEIR_MIN(n - i, (size_t)TOGETHER);
			uint32_t v[TOGETHER] = {0}, rank[TOGETHER];

			for (size_t k = 0; k < known; k++)
				v[k] = key_of(weir_forest_value(rows[(i + k) * f->width + j],
								f->center[j]));
			count_below(r->key + r->first[j], r->first[j + 1] - r->first[j], v, rank);
			for (size_t k = 0; k < TOGETHER; k++)
				for (size_t g = 0; g < r->groups; g++)
					ret[(g * f->width + j) * WEIR_FOREST_BLOCK + i + k] =
						r->among[(r->first[j] + j + rank[k]) * r->groups +
							 g];
		}
}
