/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/eval/nab/tune.h"

static const struct {
	double fp, fn;
} profiles[NAB_PROFILES] = {{0.11, 1}, {0.22, 1}, {0.11, 2}};

const char *const nab_component[WEIR_DETECT_COMPONENTS] = {"level", "season", "linear", "memory", "shape", "shift", "lstm"};

static double sigmoid(double x)
{
	return x > 3 ? -1 : 2 / (1 + exp(5 * x)) - 1;
}

void nab_worths(struct nab_file *f)
{
	size_t first = WEIR_MIN((size_t)(0.15 * (double)f->n), (size_t)750), k = 0;

	for (size_t i = 0; i < f->n; i++) {
		double left, right, worth = -1;

		while (k < f->windows && i > f->right[k])
			k++;
		f->window[i] = 0;
		if (k < f->windows && i >= f->left[k]) {
			left = (double)f->left[k];
			right = (double)f->right[k];
			worth = sigmoid(-(right - (double)i + 1) / (right - left + 1)) / sigmoid(-1);
			f->window[i] = (uint8_t)(k + 1);
		} else if (k) {
			left = (double)f->left[k - 1];
			right = (double)f->right[k - 1];
			worth = sigmoid(((double)i - right) / (right - left));
		}
		f->worth[i] = (float)worth;
		if (i < first)
			f->window[i] = 255;
	}
}

void nab_learn(const struct nab_set *s, const struct detect_tuning *t)
{
	for (size_t k = 0; k < s->count; k++) {
		const struct nab_file *f = &s->file[k];
		struct weir_detect *d;

		if (detect_new(t, &d))
			abort();
		for (size_t i = 0; i < f->n; i++) {
			uint64_t before = d->n;

			weir_detect_step(d, f->time[i], f->value[i]);
			memcpy(f->likely[i], d->likely, sizeof(d->likely));
			if (d->n == before)
				f->likely[i][0] = NAN;
		}
		weir_detect_free(d);
	}
}

void nab_judge(const struct nab_set *s, const struct detect_tuning *t)
{
	for (size_t k = 0; k < s->count; k++) {
		const struct nab_file *f = &s->file[k];
		struct detect_judge j = {0};

		for (size_t i = 0; i < f->n; i++) {
			double score = isnan(f->likely[i][0]) ? 0 : detect_judge_step(&j, t, f->likely[i]);

			f->step[i] = (uint16_t)fmin(NAB_STEPS - 1, score * NAB_STEPS);
		}
	}
}

/* The alarms of all files by step, the highest first: how each is worth is added threshold by threshold. */
void nab_curve(const struct nab_set *s, size_t profile, struct nab_curve *ret)
{
	static float best[NAB_FILES_MAX][NAB_WINDOWS_MAX];
	static uint32_t at[NAB_STEPS + 1], order[NAB_FILES_MAX * NAB_ROWS_MAX / 8];
	double fp = profiles[profile].fp, fn = profiles[profile].fn, raw = 0;
	static uint8_t file[WEIR_ARRAY_SIZE(order)];
	uint32_t n = 0;

	memset(at, 0, sizeof(at));
	ret->windows = 0;
	for (size_t k = 0; k < s->count; k++) {
		ret->windows += (double)s->file[k].windows;
		for (size_t w = 0; w < NAB_WINDOWS_MAX; w++)
			best[k][w] = -1;
		for (size_t i = 0; i < s->file[k].n; i++)
			at[s->file[k].step[i]] += s->file[k].step[i] > 0 && s->file[k].window[i] != 255;
	}
	for (size_t i = NAB_STEPS; i-- > 0;) {
		uint32_t here = at[i];

		at[i] = n;
		n += here;
	}
	if (n > WEIR_ARRAY_SIZE(order))
		abort();
	for (size_t k = 0; k < s->count; k++)
		for (size_t i = 0; i < s->file[k].n; i++)
			if (s->file[k].step[i] > 0 && s->file[k].window[i] != 255) {
				file[at[s->file[k].step[i]]] = (uint8_t)k;
				order[at[s->file[k].step[i]]++] = (uint32_t)i;
			}
	for (size_t step = NAB_STEPS, i = 0; step-- > 0;) {
		for (; i < n && s->file[file[i]].step[order[i]] >= step; i++) {
			const struct nab_file *f = &s->file[file[i]];
			float worth = f->worth[order[i]];
			uint8_t w = f->window[order[i]];

			if (!w) {
				raw += fp * (double)worth;
			} else if (worth > best[file[i]][w - 1]) {
				raw += best[file[i]][w - 1] < 0 ? fn + (double)worth : (double)(worth - best[file[i]][w - 1]);
				best[file[i]][w - 1] = worth;
			}
		}
		ret->score[step] = 100 * raw / ((1 + fn) * ret->windows);
	}
}

size_t nab_best(const struct nab_curve *c)
{
	size_t ret = NAB_STEPS - 1;

	for (size_t i = NAB_STEPS - 1; i-- > 0;)
		if (c->score[i] > c->score[ret])
			ret = i;
	return ret;
}

size_t nab_calm(const struct nab_curve *c)
{
	static double sum[NAB_STEPS + 1];
	size_t ret = NAB_STEPS - 1;
	double most = -INFINITY;

	for (size_t i = 0; i < NAB_STEPS; i++)
		sum[i + 1] = sum[i] + c->score[i];
	for (size_t i = NAB_STEPS / 20; i < NAB_STEPS * 4 / 5; i++) {
		size_t from = (size_t)((double)i * (1 - NAB_NEAR)), to = (size_t)((double)i * (1 + NAB_NEAR)) + 1;
		double mean = (sum[to] - sum[from]) / (double)(to - from);

		if (mean > most) {
			most = mean;
			ret = i;
		}
	}
	return ret;
}

double nab_threshold(size_t step)
{
	return (double)step / NAB_STEPS;
}
