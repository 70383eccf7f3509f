/* SPDX-License-Identifier: Apache-2.0 */
/* Files with labelled windows, what detectors say of them, and its worth by the rule of the Numenta Anomaly Benchmark (v1.1). */
#ifndef WEIR_EVAL_NAB_TUNE_H
#define WEIR_EVAL_NAB_TUNE_H

#include "lib/model/detect_impl.h"

#define NAB_FILES_MAX 128
#define NAB_ROWS_MAX 100000
#define NAB_WINDOWS_MAX 16
#define NAB_PROFILES 3 /* standard, low FP, low FN */
#define NAB_STEPS 4096 /* thresholds */
#define NAB_NEAR 0.12  /* of a threshold: so near they should score well too */

struct nab_file {
	char name[64];
	size_t n, windows, left[NAB_WINDOWS_MAX], right[NAB_WINDOWS_MAX];
	int64_t *time;
	double *value;
	float *worth;	 /* of an alarm: in a window 0 to 1, outside -1 to 0 */
	uint8_t *window; /* which, from 1; 0: outside; 255: not counted */
	float (*likely)[WEIR_DETECT_COMPONENTS]; /* by nab_learn; [0] is NaN where components saw nothing */
	uint16_t *step;				 /* by nab_judge: score of each row in steps */
};

struct nab_set {
	size_t count;
	struct nab_file file[NAB_FILES_MAX];
};

struct nab_curve {
	double windows, score[NAB_STEPS]; /* by threshold */
};

extern const char *const nab_component[WEIR_DETECT_COMPONENTS];

void nab_worths(struct nab_file *f);
/* Runs the components. */
void nab_learn(const struct nab_set *s, const struct detect_tuning *t);
/* Makes scores of what the components said: weights and what holds down may differ from those of nab_learn. */
void nab_judge(const struct nab_set *s, const struct detect_tuning *t);
void nab_curve(const struct nab_set *s, size_t profile, struct nab_curve *ret);
size_t nab_best(const struct nab_curve *c);
/* The threshold about which, within NAB_NEAR, they score best: what a few alarms do not decide. */
size_t nab_calm(const struct nab_curve *c);
double nab_threshold(size_t step);

enum nab_worn { NAB_MISSING, NAB_FAULTS, NAB_SPIKES, NAB_WORN_KINDS };
extern const char *const nab_worn_kind[NAB_WORN_KINDS];
/* The files with a tenth of their values missing; wrong as data quality knows it; or ten times as large or 0. By seed. */
void nab_worn(const struct nab_set *s, enum nab_worn kind, uint64_t seed, struct nab_set *ret);
void nab_worn_free(struct nab_set *s);

/* What a search begins with, a search, and what it has chosen. */
struct detect_tuning tune_begin(void);
/* searches: 1 at the least, with seed and those behind it. */
void tune_search(const struct nab_set *s, struct detect_tuning *t, uint64_t seed, unsigned int searches);
void tune_print(const struct detect_tuning *t);

#endif
