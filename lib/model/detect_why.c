/* SPDX-License-Identifier: Apache-2.0 */
/* Why a value is strange: the share of each component, and the interval that it left, in units of the series. */
#include "lib/model/detect_impl.h"

#define EXPECTS 1.5 /* times its share, when parts are put in order */
#define SURE 1e-6 /* scales: the room that a limit leaves for rounding */

static const struct {
	const char *name, *watches, *unit;
} words[WEIR_DETECT_COMPONENTS] = {
	[WEIR_DETECT_LEVEL] = {"level", "the value beside its moving mean", ""},
	[WEIR_DETECT_SEASON] = {"season", "the value beside what is usual at this time of day", ""},
	[WEIR_DETECT_LINEAR] = {"linear", "the value beside what the values before it led to", ""},
	[WEIR_DETECT_MEMORY] = {"memory", "the surprise of the last values after those before them", " bits"},
	[WEIR_DETECT_SHAPE] = {"shape", "the distance of the last stretch from all that were kept", " %"},
	[WEIR_DETECT_LSTM] = {"lstm", "the value beside what its recurrent memory led to", ""},
	[WEIR_DETECT_SHIFT] = {"shift", "the mean of the last values beside that of many", ""},
};

static double back(const struct weir_detect *d, double z)
{
	return d->middle + d->scale * z;
}

static struct weir_detect_part part_of(const struct weir_detect *d, size_t i)
{
	double limit = detect_tail_limit(&d->tail[i], d->tuning, d->strange[i]), half = limit * (double)d->unit[i], at = (double)d->expected[i];
	struct weir_detect_part p = {.name = words[i].name, .unit = words[i].unit};

	switch ((enum weir_detect_component)i) {
	case WEIR_DETECT_MEMORY:
		p.is = (double)d->strange[i];
		p.expected = NAN;
		p.upper = limit;
		break;
	case WEIR_DETECT_SHAPE:
		p.is = 100 * (double)d->strange[i];
		p.expected = NAN;
		p.upper = 100 * limit;
		break;
	case WEIR_DETECT_LINEAR: /* these two work on the asinh */
	case WEIR_DETECT_LSTM:
		p.is = back(d, (double)d->z);
		p.expected = back(d, sinh(at));
		p.lower = back(d, sinh(at - half - SURE));
		p.upper = back(d, sinh(at + half + SURE));
		break;
	default:
		p.is = back(d, (double)(i == WEIR_DETECT_SHIFT ? d->few : d->z));
		p.expected = back(d, at);
		p.lower = back(d, at - half - SURE);
		p.upper = back(d, at + half + SURE);
	}
	return p;
}

/* A part that says what the value should have been tells a reader more than one that says how odd it is. */
static double telling(const struct weir_detect_part *p)
{
	return p->share * (isnan(p->expected) ? 1 : EXPECTS);
}

double weir_detect_explain(const struct weir_detect *d, struct weir_detect_part ret[WEIR_DETECT_COMPONENTS])
{
	double score = detect_score(d->judge.strangeness), all = 0;

	for (size_t i = 0; i < WEIR_DETECT_COMPONENTS; i++)
		all += (double)d->judge.rare[i] * (double)d->judge.rare[i];
	for (size_t i = 0; i < WEIR_DETECT_COMPONENTS; i++) {
		struct weir_detect_part p = part_of(d, i);
		size_t at = i;

		p.share = all > 0 ? score * (double)d->judge.rare[i] * (double)d->judge.rare[i] / all : 0;
		for (; at > 0 && telling(&ret[at - 1]) < telling(&p); at--)
			ret[at] = ret[at - 1];
		ret[at] = p;
	}
	return score;
}

static const char *watched(const char *name)
{
	size_t i = 0;

	while (i + 1 < WEIR_DETECT_COMPONENTS && strcmp(words[i].name, name))
		i++;
	return words[i].watches;
}

static double left_by(const struct weir_detect_part *p)
{
	return p->is > p->upper ? p->is - p->upper : p->is < p->lower ? p->lower - p->is : 0;
}

/* Of the component with the largest share that left its interval; of the largest, when none did. */
void weir_detect_sentence(const struct weir_detect *d, char ret[WEIR_DETECT_SENTENCE_MAX])
{
	struct weir_detect_part part[WEIR_DETECT_COMPONENTS], *p = part;
	double score = weir_detect_explain(d, part), percent = score > 0 ? 100 / score : 0;
	char by[32] = "";

	for (size_t i = 0; i < WEIR_DETECT_COMPONENTS && !(left_by(p) > 0); i++)
		p = left_by(&part[i]) > 0 ? &part[i] : p;
	if (left_by(p) > 0)
		snprintf(by, sizeof(by), " by %.6g", left_by(p));
	snprintf(ret, WEIR_DETECT_SENTENCE_MAX, "%s: %s, %.6g%s, %s %.6g to %.6g%s (999 of 1000)%s; it is %.0f %% of the finding",
		 p->name, watched(p->name), p->is, p->unit, *by ? "left its usual" : "is rare, yet within", p->lower, p->upper,
		 p->unit, by, percent * p->share);
}

bool weir_detect_drift(const struct weir_detect *d, char ret[WEIR_DETECT_SENTENCE_MAX])
{
	const struct weir_drift *m = &d->drift;

	if (d->moved)
		snprintf(ret, WEIR_DETECT_SENTENCE_MAX,
			 "drift: the mean beside what is usual at its time of day %s by %.6g, from %.6g to %.6g, over the last %u values",
			 d->moved > 0 ? "rose" : "fell", d->scale * fabs(m->to - m->from), d->scale * m->from, d->scale * m->to,
			 m->late);
	else if (d->worse)
		snprintf(ret, WEIR_DETECT_SENTENCE_MAX,
			 "drift: the error of what the values before lead to has another mean, %.4g of the series' scale, it was %.4g",
			 weir_adwin_mean(&d->error), d->error_before);
	return d->moved || d->worse;
}
