/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The constants of the detector of series, chosen on some files of a labelled set and applied to the others.
 *
 *   tune SET search even|odd|all SEED SEARCHES  chooses, beginning with round numbers that no set has seen
 *   tune SET ablate                             with each component left out
 *   tune SET worn SEEDS                         the shipped constants and alarm on data with faults
 *
 * SET is what tests/eval/nab.py writes: for each file "file NAME ROWS WINDOWS", a line "LEFT RIGHT" (rows) for each window, a line
 * "SECONDS VALUE" for each row. Scored by the rule of the Numenta Anomaly Benchmark, thresholds on a grid of 1/4096.
 */
#include "tests/eval/nab/tune.h"

#include <inttypes.h>

#define WORN_SEEDS 3

static int read_file(FILE *f, struct nab_file *ret)
{
	if (fscanf(f, " file %63s %zu %zu", ret->name, &ret->n, &ret->windows) != 3 || ret->n > NAB_ROWS_MAX || ret->windows > NAB_WINDOWS_MAX)
		return 0;
	ret->time = calloc(ret->n, sizeof(*ret->time));
	ret->value = calloc(ret->n, sizeof(*ret->value));
	ret->worth = calloc(ret->n, sizeof(*ret->worth));
	ret->window = calloc(ret->n, sizeof(*ret->window));
	ret->likely = calloc(ret->n, sizeof(*ret->likely));
	ret->step = calloc(ret->n, sizeof(*ret->step));
	if (!ret->time || !ret->value || !ret->worth || !ret->window || !ret->likely || !ret->step)
		return -1;
	for (size_t i = 0; i < ret->windows; i++)
		if (fscanf(f, "%zu %zu", &ret->left[i], &ret->right[i]) != 2)
			return -1;
	for (size_t i = 0; i < ret->n; i++)
		if (fscanf(f, "%" SCNd64 " %lf", &ret->time[i], &ret->value[i]) != 2)
			return -1;
	nab_worths(ret);
	return 1;
}

static int read_set(const char *path, struct nab_set *ret)
{
	weir_auto_fclose FILE *f = fopen(path, "r");
	int r = f ? 1 : -1;

	while (r > 0 && ret->count < NAB_FILES_MAX && (r = read_file(f, &ret->file[ret->count])) > 0)
		ret->count++;
	return r < 0 || !ret->count ? -1 : 0;
}

/* Every other file, from the first (0) or the second on (1); or all (-1). */
static struct nab_set half_of(const struct nab_set *s, int from)
{
	struct nab_set ret = {0};

	for (size_t i = 0; i < s->count; i++)
		if (from < 0 || (int)(i % 2) == from)
			ret.file[ret.count++] = s->file[i];
	return ret;
}

/* What a choice is made on: files, and behind them their copies with missing values and with faults. */
struct choice {
	struct nab_set whole, all;
};

static void copy_worn(struct choice *c, enum nab_worn kind, uint64_t seed)
{
	static struct nab_set bad;

	nab_worn(&c->whole, kind, seed, &bad);
	memcpy(&c->all.file[c->all.count], bad.file, bad.count * sizeof(bad.file[0]));
	c->all.count += bad.count;
}

/* Of each profile: the threshold that serves best where it is chosen, the score of the whole files there, and where it is applied. */
static void print_scores(const char *what, const struct choice *on, const struct nab_set *applied_to, const struct detect_tuning *t)
{
	static struct nab_curve all, whole, other;

	nab_judge(&on->all, t);
	nab_judge(applied_to, t);
	printf("%s", what);
	for (size_t p = 0; p < NAB_PROFILES; p++) {
		size_t at;

		nab_curve(&on->all, p, &all);
		nab_curve(&on->whole, p, &whole);
		nab_curve(applied_to, p, &other);
		at = nab_calm(&all);
		printf(" %.4f %.4f %.4f", nab_threshold(at), whole.score[at], other.score[at]);
	}
	printf("\n");
}

/* Constants and thresholds as chosen, applied to worn data of the other files. */
static void print_worn(const struct choice *on, const struct nab_set *other, const struct detect_tuning *t)
{
	static struct nab_set bad;

	for (int kind = 0; kind < NAB_WORN_KINDS; kind++)
		for (uint64_t seed = 1; seed <= WORN_SEEDS; seed++) {
			nab_worn(other, (enum nab_worn)kind, seed, &bad);
			nab_learn(&bad, t);
			print_scores(nab_worn_kind[kind], on, &bad, t);
			nab_worn_free(&bad);
		}
}

static void search(const struct nab_set *s, const char *which, uint64_t seed, unsigned int searches)
{
	int from = !strcmp(which, "even") ? 0 : !strcmp(which, "odd") ? 1 : -1;
	struct nab_set other = half_of(s, from < 0 ? -1 : 1 - from);
	struct detect_tuning t = tune_begin();
	static struct choice on;

	on.whole = on.all = half_of(s, from);
	copy_worn(&on, NAB_MISSING, seed + 1000);
	copy_worn(&on, NAB_FAULTS, seed + 2000);
	nab_learn(&on.all, &t);
	nab_learn(&other, &t);
	print_scores("first", &on, &other, &t);
	tune_search(&on.all, &t, seed, searches);
	tune_print(&t);
	print_scores("chosen", &on, &other, &t);
	print_worn(&on, &other, &t);
}

/* Thresholds chosen on each half, the standard profile: the score of the other halves together. */
static double two_fold(const struct nab_set *s, const struct detect_tuning *t, double *ret_all)
{
	static struct nab_curve c[2], whole;
	struct nab_set half[2] = {half_of(s, 0), half_of(s, 1)};
	double sum = 0, windows = 0;

	nab_judge(s, t);
	for (int i = 0; i < 2; i++)
		nab_curve(&half[i], 0, &c[i]);
	for (int i = 0; i < 2; i++) {
		sum += c[1 - i].score[nab_best(&c[i])] * c[1 - i].windows;
		windows += c[i].windows;
	}
	nab_curve(s, 0, &whole);
	*ret_all = whole.score[nab_best(&whole)];
	return sum / windows;
}

static void ablate(const struct nab_set *s)
{
	double all, fold;

	nab_learn(s, &detect_tuning);
	fold = two_fold(s, &detect_tuning, &all);
	printf("all %.4f %.4f\n", fold, all);
	for (size_t i = 0; i < WEIR_DETECT_COMPONENTS; i++) {
		struct detect_tuning t = detect_tuning;

		t.weight[i] = 0;
		fold = two_fold(s, &t, &all);
		printf("%s %.4f %.4f\n", nab_component[i], fold, all);
	}
}

/* The standard profile at the alarm, and the mean of thresholds within a tenth of it: what a few alarms do not decide. */
static void add_alarm(const struct nab_set *s, double *at, double *about)
{
	static struct nab_curve c;
	size_t step = (size_t)ceil(detect_tuning.alarm * NAB_STEPS), first = step - step / 10, last = step + step / 10;

	nab_learn(s, &detect_tuning);
	nab_judge(s, &detect_tuning);
	nab_curve(s, 0, &c);
	*at += c.score[step];
	for (size_t i = first; i <= last; i++)
		*about += c.score[i] / (double)(last - first + 1);
}

static void worn(const struct nab_set *s, uint64_t seeds)
{
	static struct nab_set bad;
	double at = 0, about = 0;

	add_alarm(s, &at, &about);
	printf("clean %.4f %.4f\n", at, about);
	for (int kind = 0; kind < NAB_WORN_KINDS; kind++) {
		at = 0;
		about = 0;
		for (uint64_t seed = 1; seed <= seeds; seed++) {
			nab_worn(s, (enum nab_worn)kind, seed, &bad);
			add_alarm(&bad, &at, &about);
			nab_worn_free(&bad);
		}
		printf("%s %.4f %.4f\n", nab_worn_kind[kind], at / (double)seeds, about / (double)seeds);
	}
}

int main(int argc, char **argv)
{
	static struct nab_set s;

	if (argc < 3 || read_set(argv[1], &s)) {
		fprintf(stderr, "tune: %s\n",
			argc < 3 ? "tune SET search even|odd|all SEED SEARCHES, tune SET ablate, or tune SET worn SEEDS" : "the set is malformed");
		return 2;
	}
	if (argc == 6 && !strcmp(argv[2], "search") && atoi(argv[5]) > 0)
		search(&s, argv[3], strtoull(argv[4], NULL, 10), (unsigned int)atoi(argv[5]));
	else if (argc == 4 && !strcmp(argv[2], "worn"))
		worn(&s, strtoull(argv[3], NULL, 10));
	else
		ablate(&s);
	return 0;
}
