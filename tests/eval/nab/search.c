/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random searches that climb: which constants of the detector's judge serve best on a set, and the geometric mean of what they
 * find, since one finds what luck brings. Those of what learns stay round numbers: searched too, they serve worse where nobody
 * searched (docs/models.md).
 */
#include "lib/model/random.h"
#include "tests/eval/nab/tune.h"

#define DOUBLED 1.0 /* points, for a constant that is twice the first one or half of it */
#define TRIES 300

#define OF(field) offsetof(struct detect_tuning, field)
static const struct constant {
	const char *name;
	size_t at;
	bool judges;		 /* works on what the components have said: is searched */
	double first, low, high; /* searched by the logarithm of its value */
	bool keeps;		 /* a share that is kept per value: first, low and high are values until the half is left */
	bool grows;
} constants[] = {
	{"weight.level", OF(weight[WEIR_DETECT_LEVEL]), true, 1, 0.05, 4, false, false},
	{"weight.season", OF(weight[WEIR_DETECT_SEASON]), true, 1, 0.05, 4, false, false},
	{"weight.linear", OF(weight[WEIR_DETECT_LINEAR]), true, 1, 0.05, 4, false, false},
	{"weight.memory", OF(weight[WEIR_DETECT_MEMORY]), true, 1, 0.05, 4, false, false},
	{"weight.shape", OF(weight[WEIR_DETECT_SHAPE]), true, 1, 0.05, 4, false, false},
	{"weight.shift", OF(weight[WEIR_DETECT_SHIFT]), true, 1, 0.05, 4, false, false},
	{"weight.lstm", OF(weight[WEIR_DETECT_LSTM]), true, 1, 0.05, 4, false, false},
	{"rest_decay", OF(rest_decay), true, 300, 50, 3000, true, false},
	{"rest_over", OF(rest_over), true, 1.2, 1, 3, false, false},
	{"onset_least", OF(onset_least), true, 3, 1, 8, false, false},
	{"onset_decay", OF(onset_decay), true, 1500, 200, 10000, true, false},
	{"onset_weight", OF(onset_weight), true, 0.1, 0.01, 1, false, false},
	{"tail_grow", OF(tail_grow), false, 4000, 500, 20000, false, true},
	{"max_decay", OF(max_decay), false, 4000, 500, 20000, true, false},
	{"beyond", OF(beyond), false, 3, 0.5, 8, false, false},
	{"grid", OF(grid), false, 2, 1, 6, false, false},
	{"escape", OF(escape), false, 0.5, 0.1, 4, false, false},
	{"surprise", OF(surprise), false, 4, 1, 20, false, false},
	{"forget", OF(forget), false, 0.01, 0.001, 0.03, false, false},
	{"lstm_forget", OF(lstm_forget), false, 0.005, 0.0005, 0.03, false, false},
	{"resonance", OF(resonance), false, 0.85, 0.7, 0.97, false, false},
	{"block", OF(block), false, 6, 1, 15, false, false},
	{"few", OF(few), false, 15, 4, 60, false, false},
	{"many", OF(many), false, 150, 60, 600, false, false},
	{"least", OF(least), false, 0.003, 0.0005, 0.05, false, false},
};

static double *place(struct detect_tuning *t, const struct constant *c)
{
	return (double *)((char *)t + c->at);
}

/* A constant as it is searched, and back. */
static double outer(const struct constant *c, double v)
{
	return c->keeps || c->grows ? M_LN2 / fabs(log(v)) : v;
}

static double inner(const struct constant *c, double v)
{
	return c->keeps ? exp(-M_LN2 / v) : c->grows ? exp(M_LN2 / v) : v;
}

struct detect_tuning tune_begin(void)
{
	struct detect_tuning t = detect_tuning;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(constants); i++)
		*place(&t, &constants[i]) = inner(&constants[i], constants[i].first);
	return t;
}

/* What it costs to be far from the first constants, in points of score: few files say little about many constants. */
static double astray(const struct detect_tuning *t)
{
	struct detect_tuning copy = *t, first = tune_begin();
	double sum = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(constants); i++) {
		const struct constant *c = &constants[i];
		double doublings = log2(outer(c, *place(&copy, c)) / outer(c, *place(&first, c)));

		sum += doublings * doublings;
	}
	return DOUBLED * sum;
}

/* The mean of all profiles, each that of thresholds about its best. */
static double serves(const struct nab_set *s, const struct detect_tuning *t)
{
	static struct nab_curve c;
	double sum = 0;

	nab_judge(s, t);
	for (size_t p = 0; p < NAB_PROFILES; p++) {
		size_t at, n = 0;
		double all = 0;

		nab_curve(s, p, &c);
		at = nab_best(&c);
		for (size_t i = (size_t)((double)at * (1 - NAB_NEAR)); i <= (size_t)((double)at * (1 + NAB_NEAR)) && i < NAB_STEPS; i++, n++)
			all += c.score[i];
		sum += all / (double)n;
	}
	return sum / NAB_PROFILES - astray(t);
}

static struct detect_tuning changed(const struct detect_tuning *t, struct weir_random *r, double by)
{
	struct detect_tuning ret = *t;
	unsigned int n = 1 + (unsigned int)weir_random_below(r, 3);

	while (n) {
		const struct constant *c = &constants[weir_random_below(r, WEIR_ARRAY_SIZE(constants))];
		double v;

		if (!c->judges)
			continue;
		v = outer(c, *place(&ret, c)) * exp(by * weir_random_normal(r));
		*place(&ret, c) = inner(c, fmax(c->low, fmin(c->high, v)));
		n--;
	}
	return ret;
}

static struct detect_tuning climbed(const struct nab_set *s, const struct detect_tuning *from, uint64_t seed)
{
	struct weir_random r = weir_random_of(seed);
	struct detect_tuning ret = *from;
	double best = serves(s, from);

	for (unsigned int i = 0; i < TRIES; i++) {
		struct detect_tuning other = changed(&ret, &r, i % 2 ? 0.4 : 0.15);
		double got = serves(s, &other);

		if (got > best) {
			best = got;
			ret = other;
		}
	}
	return ret;
}

void tune_search(const struct nab_set *s, struct detect_tuning *t, uint64_t seed, unsigned int searches)
{
	double sum[WEIR_ARRAY_SIZE(constants)] = {0};

	nab_learn(s, t);
	for (unsigned int i = 0; i < searches; i++) {
		struct detect_tuning got = climbed(s, t, seed + i);

		for (size_t k = 0; k < WEIR_ARRAY_SIZE(constants); k++)
			sum[k] += log(outer(&constants[k], *place(&got, &constants[k])));
	}
	for (size_t k = 0; k < WEIR_ARRAY_SIZE(constants); k++)
		if (constants[k].judges)
			*place(t, &constants[k]) = inner(&constants[k], exp(sum[k] / searches));
}

void tune_print(const struct detect_tuning *t)
{
	struct detect_tuning copy = *t;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(constants); i++)
		printf("# %s %.6g (%.4g)\n", constants[i].name, outer(&constants[i], *place(&copy, &constants[i])), constants[i].first);
}
