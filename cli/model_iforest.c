/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl model iforest: learns one file of rows and scores another, or says why its strangest rows are. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/model_csv.h"
#include "lib/model/forest.h"

#include <inttypes.h>
#include <math.h>

#define BLOCK_NUMBERS ((size_t)1 << 16)	      /* read and scored together */
#define TRAIN_NUMBERS_MAX ((size_t)1 << 28) /* 2 GiB */
#define EXPLAIN_ROWS_MAX 1000

struct asked {
	const char *train, *score;
	uint64_t seed, explain;
	bool extended, audit;
};

static int parse(int argc, char **argv, struct asked *a, struct weir_err *err)
{
	const struct args_opt opts[] = {
		{"--train", ARGS_STR, &a->train},	 {"--score", ARGS_STR, &a->score}, {"--seed", ARGS_U64, &a->seed},
		{"--extended", ARGS_FLAG, &a->extended}, {"--audit", ARGS_FLAG, &a->audit}, {"--explain", ARGS_U64, &a->explain},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (r)
		return r;
	if (!a->train || !a->score)
		return weir_err_set(err, -EINVAL, "--train FILE and --score FILE, lines of numbers, are needed");
	if (!strcmp(a->train, "-") && !strcmp(a->score, "-"))
		return weir_err_set(err, -EINVAL, "--train and --score cannot both be standard input");
	if (a->explain > EXPLAIN_ROWS_MAX)
		return weir_err_set(err, -EINVAL, "--explain: at most %d rows", EXPLAIN_ROWS_MAX);
	if (a->audit && (!a->explain || a->extended))
		return weir_err_set(err, -EINVAL, "--audit is for --explain N, without --extended");
	return 0;
}

/* Rows as they are read; all have the width of the first. */
struct table {
	double *v;
	size_t n, width, room; /* room: in numbers */
};

static void table_fini(struct table *t)
{
	free(t->v);
}
#define auto_table weir_cleanup(table_fini) struct table

static int check_width(const struct model_csv *c, struct table *t, struct weir_err *err)
{
	if (!t->width)
		t->width = c->fields;
	if (t->width > WEIR_FOREST_WIDTH_MAX)
		return weir_err_set(err, -E2BIG, "%s:%" PRIu64 ": %zu fields; at most %d", c->name, c->line, t->width,
				    WEIR_FOREST_WIDTH_MAX);
	if (c->fields != t->width)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": %zu fields, where %zu are needed", c->name, c->line, c->fields,
				    t->width);
	return 0;
}

static int add_row(const struct model_csv *c, struct table *t, struct weir_err *err)
{
	int r = check_width(c, t, err);

	if (r)
		return r;
	if ((t->n + 1) * t->width > t->room) {
		size_t room = WEIR_MAX(2 * t->room, BLOCK_NUMBERS);
		double *more = room <= TRAIN_NUMBERS_MAX ? realloc(t->v, room * sizeof(*more)) : NULL;

		if (!more)
			return weir_err_set(err, -E2BIG, "%s:%" PRIu64 ": more than %zu numbers", c->name, c->line,
					    TRAIN_NUMBERS_MAX);
		t->v = more;
		t->room = room;
	}
	for (size_t i = 0; i < t->width; i++)
		if ((r = model_csv_number(c, i, &t->v[t->n * t->width + i], err)))
			return r;
	t->n++;
	return 0;
}

static struct weir_rows rows_of(const struct table *t)
{
	return (struct weir_rows){.v = t->v, .n = t->n, .width = t->width};
}

static int learn(const struct asked *a, struct weir_model *ret, size_t *ret_width, struct weir_err *err)
{
	model_auto_csv c = {0};
	auto_table t = {0};
	int r = model_csv_open(&c, a->train, err);

	if (r)
		return r;
	while ((r = model_csv_next(&c, err)) > 0)
		if ((r = add_row(&c, &t, err)))
			return r;
	if (r)
		return r;
	if (t.n < 2)
		return weir_err_set(err, -EINVAL, "%s: %zu rows; at least two are needed to learn from", c.name, t.n);
	*ret_width = t.width;
	return weir_model_fit("iforest", &(struct weir_model_data){.rows = rows_of(&t)},
			      &(struct weir_model_opts){.horizon = 1, .coverage = 0.95, .seed = a->seed, .extended = a->extended},
			      ret, err);
}

/* The strangest rows so far, the strangest first; ties in the order of the file. */
struct strange {
	struct {
		double score;
		uint64_t line;
	} at[EXPLAIN_ROWS_MAX];
	double *v; /* of each, by its slot */
	size_t slot[EXPLAIN_ROWS_MAX];
	size_t n, max, width;
};

static void keep(struct strange *s, double score, uint64_t line, const double *row)
{
	size_t i = s->n, slot;

	if (s->n == s->max && !(score > s->at[s->n - 1].score))
		return;
	if (s->n == s->max)
		i--;
	else
		s->slot[s->n] = s->n;
	slot = s->slot[i];
	s->n = i + 1;
	for (; i && score > s->at[i - 1].score; i--) {
		s->at[i] = s->at[i - 1];
		s->slot[i] = s->slot[i - 1];
	}
	s->at[i].score = score;
	s->at[i].line = line;
	s->slot[i] = slot;
	memcpy(s->v + slot * s->width, row, s->width * sizeof(*row));
}

static int tell(const struct cli *c, const struct asked *a, const struct strange *s, const struct weir_model *m)
{
	const struct weir_forest *f = m->state;

	for (size_t i = 0; i < s->n; i++) {
		struct weir_rows row = {.v = s->v + s->slot[i] * s->width, .n = 1, .width = s->width};
		char said[WEIR_FOREST_SENTENCE_MAX];
		struct weir_explain e;
		int r = a->audit ? weir_forest_shap(f, &row, &e) : weir_model_explain(m, 0, &row, &e);

		if (r)
			return r;
		fprintf(c->out, "line %" PRIu64 ": %s.\n", s->at[i].line, weir_forest_sentence(f, &row, &e, NULL, said));
	}
	return 0;
}

/* Scores what has been read, whose lines are known, and prints or keeps it. */
static int flush(const struct cli *c, struct weir_model *m, struct table *t, const uint64_t *line, double *score,
		 struct strange *s)
{
	struct weir_rows rows = rows_of(t);
	int r = weir_model_score(m, 0, &rows, score);

	for (size_t i = 0; i < t->n && !r; i++)
		if (s->max)
			keep(s, score[i], line[i], t->v + i * t->width);
		else
			r = fprintf(c->out, "%.9f\n", score[i]) < 0 ? -EIO : 0;
	t->n = 0;
	return r;
}

static int score(const struct cli *c, const struct asked *a, struct weir_model *m, size_t width, struct strange *s,
		 struct weir_err *err)
{
	size_t block = BLOCK_NUMBERS / width;
	weir_auto_free uint64_t *line = calloc(block, sizeof(*line));
	weir_auto_free double *scores = calloc(block, sizeof(*scores));
	auto_table t = {.width = width};
	model_auto_csv csv = {0};
	int r = line && scores ? model_csv_open(&csv, a->score, err) : -ENOMEM;

	if (r)
		return r;
	while ((r = model_csv_next(&csv, err)) > 0) {
		line[t.n] = csv.line;
		if ((r = add_row(&csv, &t, err)) || (t.n == block && (r = flush(c, m, &t, line, scores, s))))
			return r;
	}
	r = r ? r : flush(c, m, &t, line, scores, s);
	return r ? r : tell(c, a, s, m);
}

int cmd_model_iforest(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_auto_free struct strange *s = calloc(1, sizeof(*s));
	weir_auto_free double *kept = NULL;
	struct asked a = {.seed = 1};
	weir_auto_model m = {0};
	size_t width = 0;
	int r = s ? parse(argc, argv, &a, err) : -ENOMEM;

	if (r || (r = learn(&a, &m, &width, err)))
		return r;
	s->max = (size_t)a.explain;
	s->width = width;
	s->v = kept = calloc(s->max + 1, width * sizeof(*kept));
	return kept ? score(c, &a, &m, width, s, err) : -ENOMEM;
}
