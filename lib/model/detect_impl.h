/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the detector of series: what they keep, and their constants. */
#ifndef WEIR_MODEL_DETECT_IMPL_H
#define WEIR_MODEL_DETECT_IMPL_H

#include "lib/model/detect.h"
#include "lib/model/detect_math.h"
#include "lib/model/drift.h"

#define DETECT_OCTAVES 32
#define DETECT_BUCKETS (4 * DETECT_OCTAVES)
#define DETECT_GROUP 16 /* buckets of a group */
#define DETECT_GROUPS (DETECT_BUCKETS / DETECT_GROUP)
#define DETECT_LAGS 4
#define DETECT_INPUTS (DETECT_LAGS + 2) /* of the linear component: lags, one, the time of day's usual value */
#define DETECT_UNITS 8			/* of the LSTM */
#define DETECT_READ (DETECT_UNITS + 3)	/* of its readout: units, the last value, the usual one, one */
#define DETECT_READ_WIDE 3		/* that in vectors */
#define DETECT_DEPTH 2			/* values before, of a context */
#define DETECT_SLOTS 1024
#define DETECT_SHAPE 8			/* blocks of a stretch */
#define DETECT_SIDES (2 * DETECT_SHAPE) /* of a box: lower bounds, then complements of upper bounds */
#define DETECT_BOXES 64
#define DETECT_RING 128 /* values; blocks times values of a block at most */
#define DETECT_PHASES 48
#define DETECT_SLOTS_WEEK 336 /* half hours of a week */
#define DETECT_NEAR 5 /* values that a wild one is compared with */

/* Chosen on a public set, where neighbouring values score well too (docs/models.md says how). */
struct detect_tuning {
	double weight[WEIR_DETECT_COMPONENTS];
	double rest_decay;   /* of what an alarm holds down, per value */
	double rest_over;    /* times what is held: less is no new alarm */
	double onset_least;  /* strangeness of what counts as an onset */
	double onset_decay;  /* of their count, per value */
	double onset_weight; /* by which each of them lessens the next */
	double tail_grow;    /* the weight of a value beside that of the one before: old ones fade */
	double max_decay;    /* of the largest strangeness, per value */
	double beyond;	     /* likelihood per decade beyond the largest */
	double grid;	     /* levels per unit of the scaled value's asinh */
	double escape;	     /* weight of the shorter context */
	double surprise;     /* values over which bits are averaged */
	double forget;	     /* of the linear fit, per value */
	double lstm_forget;  /* of the LSTM's readout, per value */
	double resonance;    /* share of a stretch that must lie in a box */
	double block;	     /* values */
	double few, many;    /* values of the two means */
	double least;	     /* smallest deviation, in scales */
	double alarm;	     /* score */
};
extern const struct detect_tuning detect_tuning;

/* How often a strangeness was seen: a histogram by its logarithm, quarter octaves, old values fading. */
struct detect_tail {
	float count[DETECT_BUCKETS] __attribute__((aligned(16))), group[DETECT_GROUPS] __attribute__((aligned(16)));
	float total, unit; /* unit: what the next value counts */
	float largest;	   /* decaying */
};

void detect_tail_init(struct detect_tail *h);
/* -log10 of how rare s is, then learns it. */
float detect_tail_step(struct detect_tail *h, const struct detect_tuning *t, float s);
/* The strangeness that one value in 1000 exceeds, the last one, s, left out. */
double detect_tail_limit(const struct detect_tail *h, const struct detect_tuning *t, float s);

struct detect_linear {
	detect_v4 lag, weight[2], cov[DETECT_INPUTS * 2];
	float expected; /* of the last value */
};

void detect_linear_init(struct detect_linear *l);
/* The error of what was expected of y, then learns it. */
float detect_linear_step(struct detect_linear *l, const struct detect_tuning *t, float y, float season);

enum detect_gate_kind { DETECT_IN, DETECT_FORGET, DETECT_CELL, DETECT_OUT, DETECT_GATES };
extern const detect_v4 detect_gate_weight[DETECT_GATES][DETECT_UNITS + 2][DETECT_UNITS / 4];
extern const detect_v4 detect_gate_bias[DETECT_GATES][DETECT_UNITS / 4];

struct detect_lstm {
	detect_v4 h[DETECT_UNITS / 4], c[DETECT_UNITS / 4];
	detect_v4 weight[DETECT_READ_WIDE], cov[DETECT_READ * DETECT_READ_WIDE];
	float last, expected;
};

void detect_lstm_init(struct detect_lstm *l);
/* The error of what was expected of y, then learns it. */
float detect_lstm_step(struct detect_lstm *l, const struct detect_tuning *t, float y, float season);

struct detect_memory {
	struct detect_slot {
		uint16_t tag, count;
	} slot[DETECT_SLOTS];
	int32_t before[DETECT_DEPTH];
	float surprise; /* bits, averaged */
};

float detect_memory_step(struct detect_memory *m, const struct detect_tuning *t, float y);

struct detect_shape {
	uint8_t box[DETECT_SIDES][DETECT_BOXES]; /* a side of all boxes together: the loop over boxes is the inner one */
	float share[DETECT_BOXES];		 /* 1 / (1 + the sum of a box's sides); 0: no box yet */
	uint32_t used[DETECT_BOXES];		 /* when it last resonated */
	uint32_t boxes;
	float ring[DETECT_RING];   /* values */
	uint8_t code[DETECT_RING]; /* means of the blocks that end with them */
	double sum;		   /* of the last block */
};

/* n: values before y. */
float detect_shape_step(struct detect_shape *s, const struct detect_tuning *t, uint64_t n, float y);

/* What stands before the components: is this value to be trusted? */
struct detect_gate {
	int64_t last_s, ahead_s; /* of the last value believed; a time far ahead of it that waits for a second */
	float near[DETECT_NEAR]; /* the last values that were not wild, scaled */
	float zero;		 /* what 0 is, scaled */
	float spread;		 /* mean distance of values from their median */
	float size;		 /* mean distance from 0 of those that are not 0 */
	float faults;		 /* share of values that were wild and did not stay */
	float odds;		 /* share of values that were none or a thousandfold behind calm ones */
	float suspect;		 /* the last wild value */
	uint32_t n, wild;	 /* values in near; wild ones in a row */
	uint32_t told;		 /* of these, those left out as of another unit or begun anew */
	uint32_t faulty;	 /* there are too many of those for an anomaly: they are left out */
	uint32_t backward;	 /* values in a row whose clock was behind */
};

/* Forgets all but how many faults there were. */
void detect_gate_begin(struct detect_gate *g, float spread, float zero);
/* How far one of n values, WEIR_DETECT_WARM at most, usually is from the median of those before it. */
double detect_gate_spread(const double *v, size_t n);
/* The flags (WEIR_Q_*) of the next value, z scaled, and whether components may see it. *time_s becomes -1 where it is not to be trusted. */
bool detect_gate_step(struct detect_gate *g, int64_t *time_s, float z, unsigned int *ret_flags);

/* What is usual at each half hour of the week, for drift. */
struct detect_week {
	int64_t first_s; /* the first time seen */
	float mean;	 /* of the last values: for a half hour that was not seen yet */
	uint32_t known;	 /* two weeks are */
	float usual[DETECT_SLOTS_WEEK];
	uint8_t seen[DETECT_SLOTS_WEEK];
};

/* Makes one score of what is rare. */
struct detect_judge {
	double held, onsets; /* what was an alarm, and how many there were, both fading */
	double strangeness;  /* of the last value */
	float rare[WEIR_DETECT_COMPONENTS]; /* to each, times its weight */
};

/* likely: -log10 of how rare the value is to each component. 0 to 1. */
double detect_judge_step(struct detect_judge *j, const struct detect_tuning *t, const float likely[WEIR_DETECT_COMPONENTS]);

struct weir_detect {
	const struct detect_tuning *tuning;
	uint64_t n; /* values learnt, behind the warm-up */
	uint32_t warm, flags; /* flags: of the last value */
	double middle, scale;
	float mean, deviation;				    /* level */
	float few, many, variance;			    /* shift */
	float usual[DETECT_PHASES], usual_y[DETECT_PHASES]; /* season: of the scaled value, and of its asinh */
	uint16_t seen[DETECT_PHASES];
	struct detect_judge judge;
	/* of the last value: itself, scaled; how strange it was to each, and how rare; what was expected */
	float z, strange[WEIR_DETECT_COMPONENTS], likely[WEIR_DETECT_COMPONENTS];
	float expected[WEIR_DETECT_COMPONENTS];
	float unit[WEIR_DETECT_COMPONENTS]; /* of strangeness, in scales: half an interval is limit times unit */
	struct weir_drift drift;	    /* of the value beside what is usual at its time */
	struct detect_week week;
	struct weir_adwin error;	    /* of the linear component's errors */
	double error_before;		    /* the window's mean before the last value */
	int32_t moved;			    /* by the last value: 1 or -1, the mean; 0 not */
	uint32_t worse;			    /* by the last value: the errors have another mean */
	struct detect_gate gate;
	struct detect_linear linear;
	struct detect_lstm lstm;
	struct detect_shape shape;
	struct detect_tail tail[WEIR_DETECT_COMPONENTS];
	union { /* the first values are kept where contexts will be */
		struct detect_memory memory;
		struct detect_warm {
			double value[WEIR_DETECT_WARM];
			int64_t time[WEIR_DETECT_WARM];
		} first;
	};
};

/* Looks for drift, when components have seen the value. */
void detect_drift_step(struct weir_detect *d, int64_t time_s);
/* t must outlive it. */
int detect_new(const struct detect_tuning *t, struct weir_detect **ret);
/* Strangeness, 0 and more, as a score: 0 to 1. */
double detect_score(double strangeness);

#endif
