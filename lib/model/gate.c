/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/gate.h"

#include <math.h>

static double clamp(double error)
{
	return fmin(fmax(error, WEIR_GATE_ERROR_MIN), WEIR_GATE_ERROR_MAX);
}

/* Mean difference to a season before; of a series that never differs, its mean size; 0 when there is neither. */
static double scale_of(const double *v, size_t n, size_t season)
{
	double sum = 0, size = 0;
	size_t pairs = 0, known = 0;

	for (size_t i = 0; i < n; i++) {
		if (isnan(v[i]))
			continue;
		size += fabs(v[i]);
		known++;
		if (i >= season && !isnan(v[i - season])) {
			sum += fabs(v[i] - v[i - season]);
			pairs++;
		}
	}
	if (sum > 0)
		return sum / (double)pairs;
	return known ? size / (double)known : 0;
}

struct weir_gate_score weir_gate_forecast(const double *past, size_t n, size_t season, const double *v, size_t steps,
					  const struct weir_forecast *f, double coverage)
{
	struct weir_gate_score s = {NAN, NAN, NAN};
	double scale = scale_of(past, n, season ? season : 1), error = 0, interval = 0, alpha = 1 - coverage;
	size_t known = 0, inside = 0;

	for (size_t h = 0; h < steps && h < f->horizon; h++) {
		double low = f->lower[h], high = f->upper[h];

		if (isnan(v[h]))
			continue;
		known++;
		error += fabs(v[h] - f->mean[h]);
		inside += v[h] >= low && v[h] <= high;
		interval += high - low + 2 / alpha * (fmax(low - v[h], 0) + fmax(v[h] - high, 0));
	}
	if (!known || !(scale > 0))
		return s;
	error /= scale * (double)known;
	interval /= scale * (double)known;
	/* A forecast that is no number is as bad as one can be. */
	s.error = isnan(error) ? WEIR_GATE_ERROR_MAX : clamp(error);
	s.msis = isnan(interval) ? WEIR_GATE_ERROR_MAX : clamp(interval);
	s.covered = (double)inside / (double)known;
	return s;
}

/* From the k-th term on until they are too small to matter. */
double weir_binomial_tail(size_t k, size_t n, double p)
{
	double sum = 0, all = lgamma((double)n + 1);

	if (!k)
		return 1;
	if (!(p > 0 && p < 1))
		return p >= 1 && k <= n;
	for (size_t i = k; i <= n; i++) {
		double at = (double)i, rest = (double)(n - i);
		double term = exp(all - lgamma(at + 1) - lgamma(rest + 1) + at * log(p) + rest * log1p(-p));

		sum += term;
		if (at > (double)n * p && term < sum * 1e-17)
			break;
	}
	return fmin(sum, 1);
}

static double sign_test(size_t wins, size_t n)
{
	return weir_binomial_tail(wins, n, 0.5);
}

/* What champion and challenger make of some units. */
struct tally {
	size_t told, wins, losses, intervals, covered;
	double log_ratio, log_msis; /* sums */
	struct weir_gate_score champion, challenger;
};

static void tally_add(struct tally *t, const struct weir_gate_score *a, const struct weir_gate_score *b)
{
	double ratio = log(clamp(b->error) / clamp(a->error));

	if (isnan(ratio) || isnan(a->error) || isnan(b->error))
		return;
	t->told++;
	t->wins += ratio < 0;
	t->losses += ratio > 0;
	t->log_ratio += ratio;
	t->champion.error += a->error;
	t->challenger.error += b->error;
	if (!isnan(a->msis) && !isnan(b->msis)) {
		t->intervals++;
		t->log_msis += log(clamp(b->msis) / clamp(a->msis));
		t->champion.msis += a->msis;
		t->challenger.msis += b->msis;
	}
	if (!isnan(a->covered) && !isnan(b->covered)) {
		t->covered++;
		t->champion.covered += a->covered;
		t->challenger.covered += b->covered;
	}
}

static double part(double sum, size_t n)
{
	return n ? sum / (double)n : NAN;
}

static struct weir_gate_score means(const struct weir_gate_score *sum, const struct tally *t)
{
	return (struct weir_gate_score){part(sum->error, t->told), part(sum->msis, t->intervals), part(sum->covered, t->covered)};
}

static double ratio_of(const struct tally *t)
{
	return t->told ? exp(t->log_ratio / (double)t->told) : 1;
}

static const char *label_of(const struct weir_gate_slices *s, size_t unit, size_t kind)
{
	const char *l = s->label[unit * s->kinds + kind];

	return l ? l : "";
}

/* A unit's mean over its origins (the geometric one of errors, as ratios are compared); NaN when none can be told by both. */
static struct weir_gate_score unit_mean(const struct weir_gate_input *in, const struct weir_gate_score *of, size_t unit)
{
	struct weir_gate_score sum = {0, 0, 0};
	size_t n = 0;

	for (size_t k = unit * in->origins; k < (unit + 1) * in->origins; k++) {
		if (isnan(in->champion[k].error) || isnan(in->challenger[k].error))
			continue;
		sum.error += log(clamp(of[k].error));
		sum.msis += log(clamp(of[k].msis)) + 0 * of[k].msis; /* NaN stays NaN */
		sum.covered += of[k].covered;
		n++;
	}
	if (!n)
		return (struct weir_gate_score){NAN, NAN, NAN};
	return (struct weir_gate_score){exp(sum.error / (double)n), exp(sum.msis / (double)n), sum.covered / (double)n};
}

struct units {
	struct weir_gate_score *champion, *challenger; /* of each unit */
};

static void units_fini(struct units *u)
{
	free(u->champion);
	free(u->challenger);
}

struct keyed {
	const char *label;
	size_t unit;
};

static int by_label(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	int r = strcmp(x->label, y->label);

	return r ? r : (x->unit > y->unit) - (x->unit < y->unit);
}

/* The place of a slice among those of its kind, the largest first: the last one falls off when there is no room. */
static void slice_add(struct weir_model_slices *l, size_t first, size_t room, const struct weir_model_slice *s)
{
	size_t at = l->count;

	while (at > first && l->item[at - 1].count < s->count)
		at--;
	if (at - first >= room)
		return;
	if (l->count - first == room)
		l->count--;
	memmove(l->item + at + 1, l->item + at, (l->count - at) * sizeof(*s));
	l->item[at] = *s;
	l->count++;
}

struct worst {
	double ratio;
	struct weir_model_slice slice;
};

static void slice_close(struct weir_gate_result *ret, const char *kind, const char *label, const struct tally *t, size_t first,
			size_t room, struct worst *worst)
{
	struct weir_gate_score champion = means(&t->champion, t), challenger = means(&t->challenger, t);
	struct weir_model_slice s = {.count = t->told, .error = challenger.error, .before = champion.error, .msis = challenger.msis,
				     .covered = challenger.covered};

	if (!t->told)
		return;
	weir_meta_text(s.kind, sizeof(s.kind), kind);
	weir_meta_text(s.label, sizeof(s.label), label);
	slice_add(&ret->slices, first, room, &s);
	if (t->told >= WEIR_GATE_SLICE_MIN && ratio_of(t) > worst->ratio)
		*worst = (struct worst){ratio_of(t), s};
}

static int judge_slices(const struct weir_gate_input *in, const struct units *u, struct weir_gate_result *ret, struct worst *worst)
{
	const struct weir_gate_slices *s = in->slices;
	weir_auto_free struct keyed *order = NULL;

	if (!s || !s->kinds || s->kinds > WEIR_GATE_KINDS_MAX)
		return 0;
	order = malloc((in->units ? in->units : 1) * sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (size_t k = 0; k < s->kinds; k++) {
		size_t first = ret->slices.count, room = WEIR_META_SLICES_MAX / s->kinds;
		struct tally t = {0};

		for (size_t i = 0; i < in->units; i++)
			order[i] = (struct keyed){label_of(s, i, k), i};
		qsort(order, in->units, sizeof(*order), by_label);
		for (size_t i = 0; i < in->units; i++) {
			if (*order[i].label)
				tally_add(&t, &u->champion[order[i].unit], &u->challenger[order[i].unit]);
			if (i + 1 < in->units && !strcmp(order[i].label, order[i + 1].label))
				continue;
			slice_close(ret, s->kind[k], order[i].label, &t, first, room, worst);
			t = (struct tally){0};
		}
	}
	return 0;
}

static double percent_less(double ratio)
{
	return 100 * (1 - ratio);
}

/* The first condition that fails makes the sentence. */
static void judge(const struct weir_gate_input *in, const struct tally *t, const struct worst *worst, double allowed, struct weir_gate_result *ret)
{
	double msis = t->intervals ? exp(t->log_msis / (double)t->intervals) : 1;
	size_t tried = t->wins + t->losses, said;

	said = (size_t)snprintf(ret->why, sizeof(ret->why),
				"%s against the champion's recipe %s: error %.3f to %.3f on %zu %s held back, %.1f %% %s, better on %zu and worse on %zu (chance %.2g)",
				in->challenger_name, in->champion_name, ret->challenger.error, ret->champion.error, ret->told, in->unit,
				fabs(percent_less(ret->ratio)), ret->ratio <= 1 ? "less" : "more", t->wins, t->losses, ret->chance);
	if (said >= sizeof(ret->why))
		return;
	if (!t->told)
		snprintf(ret->why, sizeof(ret->why), "%s and %s cannot be compared: nothing that was held back could be told by both", in->challenger_name,
			 in->champion_name);
	else if (ret->ratio > 1 - WEIR_GATE_MARGIN)
		snprintf(ret->why + said, sizeof(ret->why) - said, "; not %.0f %% less", 100 * WEIR_GATE_MARGIN);
	else if (ret->chance > allowed)
		snprintf(ret->why + said, sizeof(ret->why) - said, "; %s", sign_test(tried, tried) > allowed ? "too few to tell from chance" : "may be chance");
	else if (msis > 1 + WEIR_GATE_MSIS)
		snprintf(ret->why + said, sizeof(ret->why) - said, "; but its intervals are worse: MSIS %.2f to %.2f", ret->challenger.msis, ret->champion.msis);
	else if (worst->ratio > 1 + WEIR_GATE_SLICE)
		snprintf(ret->why + said, sizeof(ret->why) - said, "; but %s %s is worse: %.3f to %.3f", worst->slice.kind, worst->slice.label,
			 worst->slice.error, worst->slice.before);
	else
		ret->better = true;
}

static void fill_units(const struct weir_gate_input *in, struct units *u, struct tally *series, struct tally *blocks)
{
	for (size_t i = 0; i < in->units; i++) {
		u->champion[i] = unit_mean(in, in->champion, i);
		u->challenger[i] = unit_mean(in, in->challenger, i);
		tally_add(series, &u->champion[i], &u->challenger[i]);
		for (size_t k = i * in->origins; k < (i + 1) * in->origins; k++)
			tally_add(blocks, &in->champion[k], &in->challenger[k]);
	}
}

int weir_gate(const struct weir_gate_input *in, struct weir_gate_result *ret)
{
	struct tally series = {0}, blocks = {0};
	const struct tally *t;
	weir_cleanup(units_fini) struct units u = {calloc(in->units + 1, sizeof(*u.champion)), calloc(in->units + 1, sizeof(*u.champion))};
	struct worst worst = {.ratio = 0};
	struct weir_gate_result out = {0};
	double allowed = WEIR_GATE_CHANCE / (double)WEIR_MAX(in->challengers, 1u);

	if (!u.champion || !u.challenger)
		return -ENOMEM;
	fill_units(in, &u, &series, &blocks);
	if (judge_slices(in, &u, &out, &worst))
		return -ENOMEM;
	t = series.told >= WEIR_GATE_UNITS ? &series : &blocks;
	out.told = t->told;
	out.wins = t->wins;
	out.losses = t->losses;
	out.ratio = ratio_of(t);
	out.champion = means(&t->champion, t);
	out.challenger = means(&t->challenger, t);
	out.chance = sign_test(t->wins, t->wins + t->losses);
	out.worse = out.ratio > 1 + WEIR_GATE_MARGIN && (!(in->noise > 0) || out.challenger.error - out.champion.error > in->noise) &&
		    sign_test(t->losses, t->wins + t->losses) <= WEIR_GATE_CHANCE;
	judge(in, t, &worst, allowed, &out);
	*ret = out;
	return 0;
}
