/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the detector of series: what they keep, and their constants. */
#ifndef WEIR_MODEL_DETECT_IMPL_H
#define WEIR_MODEL_DETECT_IMPL_H

#include "lib/model/detect.h"
#include "lib/model/drift.h"
#include "lib/model/frame.h"

#define DETECT_OCTAVES 40
#define DETECT_BUCKETS (4 * DETECT_OCTAVES)
#define DETECT_GROUP 16 /* buckets of a group */
#define DETECT_GROUPS (DETECT_BUCKETS / DETECT_GROUP)
#define DETECT_LAGS 4
#define DETECT_INPUTS (DETECT_LAGS + 2) /* of the linear component: lags, the time of day's usual value, one */
#define DETECT_DEPTH 2			/* values before, of a context */
#define DETECT_SLOTS 2048
#define DETECT_SHAPE 8	       /* blocks of a stretch */
#define DETECT_SIDES (2 * DETECT_SHAPE) /* of a box: lower bounds, then complements of upper bounds */
#define DETECT_BOXES 64
#define DETECT_RING 128 /* values; blocks times values of a block at most */
#define DETECT_PHASES 48

/* Chosen on a public set, where neighbouring values score well too (docs/models.md says how). */
struct detect_tuning {
	double weight[WEIR_DETECT_COMPONENTS];
	double rest_decay; /* of what an alarm holds down, per value */
	double rest_over;  /* times what is held: less is no new alarm */
	double onset_least;  /* strangeness of what counts as an onset */
	double onset_decay;  /* of their count, per value */
	double onset_weight; /* by which each of them lessens the next */
	double tail_grow;  /* the weight of a value beside that of the one before: old ones fade */
	double max_decay;  /* of the largest strangeness, per value */
	double beyond;	   /* likelihood per decade beyond the largest */
	double grid;	   /* levels per unit of the scaled value's asinh */
	double escape;	   /* weight of the shorter context */
	double surprise;   /* values over which bits are averaged */
	double forget;	   /* of the linear fit, per value */
	double resonance;  /* share of a stretch that must lie in a box */
	double block;	   /* values */
	double few, many;  /* values of the two means */
	double least;	   /* smallest deviation, in scales */
	double alarm;	   /* score */
};
extern const struct detect_tuning detect_tuning;

/* How often a strangeness was seen: a histogram by its logarithm, quarter octaves, old values fading. */
struct detect_tail {
	float count[DETECT_BUCKETS], group[DETECT_GROUPS];
	double total, unit; /* unit: what the next value counts */
	double largest;	    /* decaying */
};

void detect_tail_init(struct detect_tail *t);
/* -log10 of how rare s is, then learns it. */
double detect_tail_step(struct detect_tail *t, double s);
/* The strangeness that one value in 1000 exceeds, the last one, s, left out. */
double detect_tail_limit(const struct detect_tail *t, double s);

struct detect_linear {
	double lag[DETECT_LAGS], weight[DETECT_INPUTS], cov[DETECT_INPUTS][DETECT_INPUTS];
	double expected; /* of the last value */
};

void detect_linear_init(struct detect_linear *l);
/* The error of what was expected of y, then learns it. */
double detect_linear_step(struct detect_linear *l, double y, double season);

struct detect_memory {
	uint16_t tag[DETECT_SLOTS], count[DETECT_SLOTS];
	int32_t before[DETECT_DEPTH];
	double surprise; /* bits, averaged */
};

double detect_memory_step(struct detect_memory *m, double y);

struct detect_shape {
	uint8_t box[DETECT_SIDES][DETECT_BOXES]; /* a side of all boxes together: the loop over boxes is the inner one */
	uint64_t used[DETECT_BOXES];		 /* when it last resonated */
	uint32_t boxes;
	float ring[DETECT_RING];  /* values */
	uint8_t code[DETECT_RING]; /* means of the blocks that end with them */
	double sum;		   /* of the last block */
};

/* n: values before y. */
double detect_shape_step(struct detect_shape *s, uint64_t n, double y);

struct weir_detect {
	uint64_t n; /* values learnt, behind the warm-up */
	uint32_t warm;
	double warm_value[WEIR_DETECT_WARM];
	int64_t warm_time[WEIR_DETECT_WARM];
	double middle, scale;
	double mean, deviation;				    /* level */
	double usual[DETECT_PHASES], usual_y[DETECT_PHASES]; /* season: of the scaled value, and of its asinh */
	uint32_t seen[DETECT_PHASES];
	double few, many, variance; /* shift */
	double held, onsets;	   /* what was an alarm, and how many there were, both fading */
	double strangeness;	   /* of the last value */
	/* of the last value: itself, scaled; how strange and how rare it was to each; what was expected */
	double z, strange[WEIR_DETECT_COMPONENTS], rare[WEIR_DETECT_COMPONENTS];
	double expected[WEIR_DETECT_COMPONENTS];
	double unit[WEIR_DETECT_COMPONENTS]; /* of strangeness, in scales: half an interval is limit times unit */
	struct weir_drift drift; /* of the value beside its time of day's usual */
	struct weir_adwin error; /* of the linear component's errors */
	double error_before;	 /* the window's mean before the last value */
	int32_t moved;		 /* by the last value: 1 or -1, the mean; 0 not */
	uint32_t worse;		 /* by the last value: the errors have another mean */
	struct detect_linear linear;
	struct detect_memory memory;
	struct detect_shape shape;
	struct detect_tail tail[WEIR_DETECT_COMPONENTS];
};

/* Strangeness, 0 and more, as a score: 0 to 1. */
double detect_score(double strangeness);

#endif
