/* SPDX-License-Identifier: Apache-2.0 */
/* Isolation Forest: how it is learnt, and the row of the table. */
#include <math.h>

#include "lib/model/forest.h"
#include "lib/model/random.h"
#include "lib/model/stat.h"

#define CENTER_ROWS 1024 /* rows that medians are taken of */
#define CUT_TRIES 4	 /* at a feature whose values lie so close that a rounded cut misses between them */
#define TURNS 7		 /* topmost nodes, whose features take turns over the trees */
#define TURNS_OBLIQUE 3	 /* there it is directions that are spread */
#define CACHE_LINE 64
#define PLACES 512	 /* of the set of drawn rows; a power of two, twice the sample */

/*
 * A tree in the making: its sample by columns, and rows of it, those of a node together. A forest of 100 trees is noisy
 * by what its topmost cuts happen to be. So these are spread: each feature has its turn at each of the seven topmost nodes
 * before one comes again, and its cuts there fall into each of as many equal parts of the node's range as it has turns
 * (stratified sampling: each cut is as likely as ever, what is drawn twice is not). Of extended trees the first cuts of as many as there are features are orthogonal, and so are the
 * cuts of a path.
 */
struct grower {
	const struct weir_forest *f;
	struct weir_random *random;
	unsigned int depth; /* levels of inner nodes */
	float *x;	    /* [width][WEIR_FOREST_SAMPLE] */
	float value[WEIR_FOREST_SAMPLE];
	uint16_t row[WEIR_FOREST_SAMPLE];
	uint16_t order[WEIR_FOREST_WIDTH_MAX]; /* features, in the order in which they are tried */
	uint16_t turn[TURNS][WEIR_FOREST_WIDTH_MAX];
	uint16_t part[TURNS][WEIR_FOREST_WIDTH_MAX]; /* of the range, where a feature's next cut falls; of parts */
	uint16_t parts;
	size_t turns;
	double basis[WEIR_FOREST_OBLIQUE][WEIR_FOREST_OBLIQUE]; /* first directions of the trees in this turn */
	double path[WEIR_FOREST_OBLIQUE][WEIR_FOREST_OBLIQUE];	/* from the root, by depth */
	float deviation[WEIR_FOREST_WIDTH_MAX]; /* in the tree's sample; of extended trees */
	size_t nth;				/* of the trees */
	uint32_t *deck;				/* of all rows, where each is in several trees; NULL where few are in two */
	size_t dealt, kept;			/* of the deck; rows at its end that this tree has already */
	struct weir_forest_tree *tree;
	struct weir_forest_cuts *cuts;
};

struct span {
	size_t from, n;
};

double weir_forest_c(size_t n)
{
	if (n < 3)
		return n == 2;
	return 2 * (log((double)(n - 1)) + 0.57721566490153286) - 2 * (double)(n - 1) / (double)n;
}

void weir_forest_free(void *state)
{
	struct weir_forest *f = state;

	if (!f)
		return;
	free(f->center);
	free(f->tree);
	free(f->cuts);
	weir_forest_ranks_free(f->ranks);
	free(f);
}

int weir_forest_new(size_t width, size_t sample, bool extended, struct weir_forest **ret)
{
	weir_auto_forest_ptr *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	*f = (struct weir_forest){.width = width, .sample = sample, .extended = extended};
	f->terms = WEIR_MIN(width, (size_t)WEIR_FOREST_OBLIQUE);
	f->center = calloc(width, sizeof(*f->center));
	f->tree = calloc(WEIR_FOREST_TREES, sizeof(*f->tree));
	f->cuts = extended ? calloc(WEIR_FOREST_TREES, sizeof(*f->cuts)) : NULL;
	if (!f->center || !f->tree || (extended && !f->cuts))
		return -ENOMEM;
	*ret = weir_take_ptr(f);
	return 0;
}

static void find_centers(struct weir_forest *f, const struct weir_rows *rows)
{
	size_t n = WEIR_MIN(rows->n, (size_t)CENTER_ROWS);
	double v[CENTER_ROWS];

	for (size_t j = 0; j < f->width; j++) {
		size_t known = 0;

		for (size_t i = 0; i < n; i++) {
			double x = rows->v[i * rows->n / n * f->width + j];

			if (isfinite(x))
				v[known++] = x;
		}
		f->center[j] = known ? weir_select(v, known, known / 2) : 0;
	}
}

/* Is i new to the set? Then it is in it. */
static bool add_place(size_t place[PLACES], size_t i)
{
	size_t at = (i * 0x9e3779b97f4a7c15u >> 32) % PLACES;

	for (; place[at]; at = (at + 1) % PLACES)
		if (place[at] == i + 1)
			return false;
	place[at] = i + 1;
	return true;
}

/*
 * The next of a tree's rows, so that each is in a tree before one is in the next: how often a row is learnt is no chance. Rows that a
 * tree took from the deck's end, before it was shuffled, are not dealt to it once more. i: rows that the tree has.
 */
static size_t deal(struct grower *g, size_t n, size_t i)
{
	size_t k;
	uint32_t row;

	if (g->dealt == n) {
		g->dealt = 0;
		g->kept = i;
	}
	k = g->dealt + weir_random_below(g->random, n - g->kept - g->dealt);
	row = g->deck[k];
	g->deck[k] = g->deck[g->dealt];
	g->deck[g->dealt++] = row;
	return row;
}

/* One of the first `last` rows and `last` that the tree does not have (Floyd). */
static size_t pick_of(struct grower *g, size_t place[PLACES], size_t last)
{
	size_t pick = weir_random_below(g->random, last + 1);

	if (add_place(place, pick))
		return pick;
	add_place(place, last);
	return last;
}

/* A sample without repetition, by columns. All rows are asked of memory before the first is needed. */
static void draw(struct grower *g, const struct weir_rows *rows)
{
	size_t place[PLACES] = {0}, picks[WEIR_FOREST_SAMPLE];

	g->kept = 0;
	for (size_t i = 0; i < g->f->sample; i++) {
		size_t pick = g->deck ? deal(g, rows->n, i) : pick_of(g, place, rows->n - g->f->sample + i);

		picks[i] = pick;
		for (size_t j = 0; j < rows->width; j += CACHE_LINE / sizeof(double))
			__builtin_prefetch(rows->v + pick * rows->width + j);
		__builtin_prefetch(rows->v + (pick + 1) * rows->width - 1);
	}
	for (size_t i = 0; i < g->f->sample; i++) {
		const double *v = rows->v + picks[i] * rows->width;

		for (size_t j = 0; j < rows->width; j++)
			g->x[j * WEIR_FOREST_SAMPLE + i] = weir_forest_value(v[j], g->f->center[j]);
		g->row[i] = (uint16_t)i;
	}
}

static void bounds(const float *v, size_t n, float *ret_low, float *ret_high)
{
	float low = v[0], high = v[0];

	for (size_t i = 1; i < n; i++) {
		low = WEIR_MIN(low, v[i]);
		high = WEIR_MAX(high, v[i]);
	}
	*ret_low = low;
	*ret_high = high;
}

static size_t place_of(const struct grower *g, uint16_t feature)
{
	size_t i = 0;

	while (g->order[i] != feature)
		i++;
	return i;
}

/* The next feature that is not the same in all rows of the node; its values are in g->value then. */
static bool next_feature(struct grower *g, size_t node, struct span s, size_t *tried, size_t *ret, float *ret_low,
			 float *ret_high)
{
	size_t width = g->f->width;

	while (*tried < width) {
		bool turn = !*tried && node <= g->turns;
		size_t at = turn ? place_of(g, g->turn[node - 1][g->nth % width])
				 : *tried + weir_random_below(g->random, width - *tried);
		uint16_t j = g->order[at];
		const float *x = g->x + (size_t)j * WEIR_FOREST_SAMPLE;

		g->order[at] = g->order[*tried];
		g->order[(*tried)++] = j;
		for (size_t i = 0; i < s.n; i++)
			g->value[i] = x[g->row[s.from + i]];
		bounds(g->value, s.n, ret_low, ret_high);
		*ret = j;
		if (*ret_low < *ret_high)
			return true;
	}
	return false;
}

/* Somewhere between, so that both sides get rows; u, in [0, 1), says where, and chance if that fails. */
static bool draw_cut(struct grower *g, float low, float high, double u, float *ret)
{
	for (int i = 0; i < CUT_TRIES; i++) {
		float t = (float)(low + u * ((double)high - low));

		if (t > low && t <= high) {
			*ret = t;
			return true;
		}
		u = weir_random_unit(g->random);
	}
	return false;
}

static double where_to_cut(struct grower *g, size_t node, size_t feature)
{
	double u = weir_random_unit(g->random);
	uint16_t *part;

	if (node > TURNS)
		return u;
	part = &g->part[node - 1][feature];
	u = (*part + u) / g->parts;
	*part = (uint16_t)((*part + 1) % g->parts);
	return u;
}

static bool cut_straight(struct grower *g, size_t node, struct span s)
{
	size_t tried = 0, j;
	float low, high;

	while (next_feature(g, node, s, &tried, &j, &low, &high)) {
		if (!draw_cut(g, low, high, where_to_cut(g, node, j), &g->tree->cut[node]))
			continue;
		g->tree->feature[node] = (uint16_t)j;
		return true;
	}
	return false;
}

static float deviation(const float *v, size_t n)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	for (size_t i = 0; i < n; i++)
		squares += (v[i] - sum / (double)n) * (v[i] - sum / (double)n);
	return (float)sqrt(squares / (double)n);
}

/* v becomes a normal direction, less what of it lies along the n of `to` (Gram, Schmidt). */
static void draw_direction(struct grower *g, double (*to)[WEIR_FOREST_OBLIQUE], size_t n, double *v)
{
	size_t width = g->f->width;

	for (size_t i = 0; i < width; i++)
		v[i] = weir_random_normal(g->random);
	for (size_t k = 0; k < n; k++) {
		double dot = 0, square = 0;

		for (size_t i = 0; i < width; i++) {
			dot += v[i] * to[k][i];
			square += to[k][i] * to[k][i];
		}
		for (size_t i = 0; i < width && square > 0; i++)
			v[i] -= dot / square * to[k][i];
	}
}

/* The direction of a node's cut, orthogonal to those above it; the first one's to those of the trees before it in its turn. */
static const double *direction(struct grower *g, size_t node)
{
	size_t depth = (size_t)(63 - __builtin_clzll(node)), own = (depth ? depth : g->nth) % g->f->width;

	if (node == 1) {
		draw_direction(g, g->basis, own, g->basis[own]);
		return memcpy(g->path[0], g->basis[own], sizeof(g->path[0]));
	}
	draw_direction(g, g->path, own, g->path[own]);
	return g->path[own];
}

/* Normal weights in units of each feature's deviation in the tree's sample. */
static bool cut_oblique(struct grower *g, size_t node, struct span s)
{
	float sum[WEIR_FOREST_SAMPLE] = {0}, low, high;
	const double *towards = g->f->width <= WEIR_FOREST_OBLIQUE ? direction(g, node) : NULL;
	size_t tried = 0, j, k = 0;

	memset(&g->cuts->at[node], 0, sizeof(g->cuts->at[node]));
	while (k < g->f->terms && next_feature(g, node, s, &tried, &j, &low, &high)) {
		float w = (float)(towards ? towards[j] : weir_random_normal(g->random)) / g->deviation[j];

		if (!isfinite(w))
			continue;
		g->cuts->at[node].feature[k] = (uint16_t)j;
		g->cuts->at[node].weight[k++] = w;
		for (size_t i = 0; i < s.n; i++)
			sum[i] += g->value[i] * w;
	}
	if (!k)
		return false;
	memcpy(g->value, sum, s.n * sizeof(*sum));
	bounds(sum, s.n, &low, &high);
	return low < high && isfinite(low) && isfinite(high) &&
	       draw_cut(g, low, high, weir_random_unit(g->random), &g->tree->cut[node]);
}

/* The node's rows, those below the cut first; how many they are. g->value is of the feature that was cut. */
static size_t part(struct grower *g, size_t node, struct span s)
{
	uint16_t right[WEIR_FOREST_SAMPLE], *row = g->row + s.from;
	float t = g->tree->cut[node];
	size_t left = 0, n = 0;

	for (size_t i = 0; i < s.n; i++) {
		bool is_right = g->value[i] >= t;

		right[n] = row[i];
		row[left] = row[i];
		n += is_right;
		left += !is_right;
	}
	memcpy(row + left, right, n * sizeof(*right));
	return left;
}

static void grow(struct grower *g, size_t node, struct span s)
{
	bool inner = s.n > 1 && node < (size_t)1 << g->depth;
	size_t left;

	g->tree->count[node] = (uint16_t)s.n;
	if (!inner || !(g->cuts ? cut_oblique(g, node, s) : cut_straight(g, node, s)))
		return;
	left = part(g, node, s);
	grow(g, 2 * node, (struct span){s.from, left});
	grow(g, 2 * node + 1, (struct span){s.from + left, s.n - left});
}

/* Lengths below a node that is known to be at depth, and what is to be expected in it. */
static double measure(struct weir_forest_tree *t, size_t node, unsigned int depth)
{
	size_t under = (size_t)1 << (WEIR_FOREST_DEPTH - depth), first = node * under - WEIR_FOREST_NODES;
	double length;

	if (node < WEIR_FOREST_NODES && t->count[2 * node]) {
		double left = measure(t, 2 * node, depth + 1), right = measure(t, 2 * node + 1, depth + 1);

		length = (left * t->count[2 * node] + right * t->count[2 * node + 1]) / t->count[node];
	} else {
		length = depth + weir_forest_c(t->count[node]);
		for (size_t i = 0; i < under; i++)
			t->length[first + i] = (uint32_t)(length * WEIR_FOREST_UNIT + 0.5);
	}
	t->expected[node] = (float)length;
	return length;
}

int weir_forest_close(struct weir_forest *f)
{
	for (size_t t = 0; t < WEIR_FOREST_TREES; t++)
		measure(&f->tree[t], 1, 0);
	return f->extended ? 0 : weir_forest_ranks_new(f, &f->ranks);
}

static int check(const struct weir_model_data *d, struct weir_err *err)
{
	if (d->count || !d->rows.n)
		return weir_err_set(err, -EINVAL, "an isolation forest learns rows of numbers, not series");
	if (!d->rows.width || d->rows.width > WEIR_FOREST_WIDTH_MAX)
		return weir_err_set(err, -EINVAL, "rows of %zu numbers; 1 to %d are needed", d->rows.width, WEIR_FOREST_WIDTH_MAX);
	if (d->rows.n < 2)
		return weir_err_set(err, -EINVAL, "one row is nothing to compare with; at least two are needed");
	return 0;
}

/* Each feature once, in an order of its own for each of the topmost nodes. */
static void shuffle_turns(struct grower *g)
{
	for (size_t node = 0; node < g->turns; node++)
		for (size_t j = 0; j < g->f->width; j++) {
			size_t k = weir_random_below(g->random, j + 1);

			g->turn[node][j] = g->turn[node][k];
			g->turn[node][k] = (uint16_t)j;
		}
}

static void grow_tree(struct grower *g, struct weir_forest *f, size_t nth, const struct weir_rows *rows)
{
	g->nth = nth;
	g->tree = &f->tree[nth];
	g->cuts = f->cuts ? &f->cuts[nth] : NULL;
	if (nth % f->width == 0)
		shuffle_turns(g);
	draw(g, rows);
	for (size_t j = 0; j < f->width && f->cuts; j++)
		g->deviation[j] = deviation(g->x + j * WEIR_FOREST_SAMPLE, f->sample);
	grow(g, 1, (struct span){0, f->sample});
}

static int forest_fit(const struct weir_model_data *d, const struct weir_model_opts *o, void **ret, struct weir_err *err)
{
	size_t sample = WEIR_MIN(d->rows.n, (size_t)WEIR_FOREST_SAMPLE);
	struct weir_random random = weir_random_of(o->seed);
	weir_auto_free struct grower *g = calloc(1, sizeof(*g));
	weir_auto_free float *x = NULL;
	weir_auto_free uint32_t *deck = NULL;
	weir_auto_forest_ptr *f = NULL;
	int r = check(d, err);

	if (r || (r = weir_forest_new(d->rows.width, sample, o->extended, &f)))
		return r;
	x = malloc(f->width * WEIR_FOREST_SAMPLE * sizeof(*x));
	if (!x || !g)
		return -ENOMEM;
	if (d->rows.n < WEIR_FOREST_TREES * sample) {
		deck = malloc(d->rows.n * sizeof(*deck));
		if (!deck)
			return -ENOMEM;
		for (size_t i = 0; i < d->rows.n; i++)
			deck[i] = (uint32_t)i;
	}
	g->x = x;
	g->deck = deck;
	g->f = f;
	g->random = &random;
	find_centers(f, &d->rows);
	while ((1u << g->depth) < sample)
		g->depth++;
	g->turns = f->cuts ? TURNS_OBLIQUE : TURNS;
	g->parts = (uint16_t)((WEIR_FOREST_TREES + f->width - 1) / f->width);
	for (size_t j = 0; j < f->width; j++)
		g->order[j] = (uint16_t)j;
	for (size_t node = 0; node < TURNS && !f->cuts; node++)
		for (size_t j = 0; j < f->width; j++)
			g->part[node][j] = (uint16_t)weir_random_below(&random, g->parts);
	for (size_t t = 0; t < WEIR_FOREST_TREES; t++)
		grow_tree(g, f, t, &d->rows);
	r = weir_forest_close(f);
	if (r)
		return r;
	*ret = weir_take_ptr(f);
	return 0;
}

static int forest_score(void *state, size_t which, const struct weir_rows *rows, double *ret)
{
	const struct weir_forest *f = state;
	enum weir_forest_way way = WEIR_FOREST_WAYS;

	while (way-- > WEIR_FOREST_PORTABLE)
		if (weir_forest_has(f, way))
			return which ? -EINVAL : weir_forest_score(f, way, rows, ret);
	return -EINVAL;
}

static int forest_explain(const void *state, size_t which, const struct weir_rows *rows, struct weir_explain *ret)
{
	return which ? -EINVAL : weir_forest_explain(state, rows, ret);
}

const struct weir_model_ops weir_model_iforest = {
	.name = "iforest",
	.about = "isolation forest, plain or extended: rows that few random cuts set apart are strange",
	.limits = "Plain forests do not see what is strange only as a combination; many alike strange rows hide each other when they were "
		  "learnt from. Scores are ranks, no probabilities, and an update is a new fit.",
	.version = 1,
	.fit = forest_fit,
	.score = forest_score,
	.explain = forest_explain,
	.pack = weir_forest_pack,
	.unpack = weir_forest_unpack,
	.free = weir_forest_free,
};
