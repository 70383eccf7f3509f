/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Budgets (kind: Budget; budget.c describes it): what a part of the traffic may cost in a month, quarter or year of UTC's
 * calendar, and when somebody is to be told. Pure: what was spent and what time it is are arguments.
 */
#ifndef WEIR_MONEY_BUDGET_H
#define WEIR_MONEY_BUDGET_H

#include "lib/conf/yaml.h"
#include "lib/ds/buf.h"

#define WEIR_BUDGETS_MAX 256
#define WEIR_BUDGET_NAME 64
#define WEIR_BUDGET_THRESHOLDS 8
#define WEIR_BUDGET_LABELS 8
#define WEIR_BUDGET_HOOKS 4
#define WEIR_BUDGET_TEXT 64 /* longest name of a threshold or webhook, with its terminator */
#define WEIR_BUDGET_VALUE 254
#define WEIR_BUDGET_WHOLE 1000000u /* ppm: 100 % */

enum weir_budget_dim {
	WEIR_BUDGET_TEAM,
	WEIR_BUDGET_NAMESPACE,
	WEIR_BUDGET_WORKLOAD,
	WEIR_BUDGET_NODE,
	WEIR_BUDGET_PATH,
	WEIR_BUDGET_METER,
	WEIR_BUDGET_DIMS,
};
enum weir_budget_period { WEIR_BUDGET_MONTH, WEIR_BUDGET_QUARTER, WEIR_BUDGET_YEAR };
/* What happens at 100 %. */
enum weir_budget_limit { WEIR_BUDGET_NOTIFY, WEIR_BUDGET_PROPOSE };

struct weir_budget_label {
	char *key, *value;
};
struct weir_budget_threshold {
	char name[WEIR_BUDGET_TEXT];
	uint32_t ppm; /* of the amount; ascending among those of a kind */
	bool forecast; /* of what the period is forecast to cost; else of what is spent */
};
struct weir_budget {
	char name[WEIR_BUDGET_NAME];
	char *scope[WEIR_BUDGET_DIMS]; /* NULL: all; what is given must hold together */
	struct weir_budget_label labels[WEIR_BUDGET_LABELS];
	size_t label_count;
	int64_t nanos; /* above 0 */
	char currency[4];
	enum weir_budget_period period;
	struct weir_budget_threshold thresholds[WEIR_BUDGET_THRESHOLDS];
	size_t threshold_count; /* at least one, and one of 100 % of what is spent */
	char hooks[WEIR_BUDGET_HOOKS][WEIR_BUDGET_TEXT];
	size_t hook_count;
	enum weir_budget_limit at_limit;
	bool deny; /* what is proposed: a rate unless this is set */
};

struct weir_budget_set;
int weir_budget_set_new(struct weir_budget_set **ret);
void weir_budget_set_free(struct weir_budget_set *s);
/* One document; an error is "file:line:col path: what". */
int weir_budget_set_add(struct weir_budget_set *s, struct weir_y *doc, struct weir_err *err);
/* All of them are in this currency; "" = none is known. */
int weir_budget_set_seal(const struct weir_budget_set *s, const char *currency, struct weir_err *err);
size_t weir_budget_count(const struct weir_budget_set *s);
const struct weir_budget *weir_budget_at(const struct weir_budget_set *s, size_t i); /* by name */
const struct weir_budget *weir_budget_find(const struct weir_budget_set *s, const char *name);

const char *weir_budget_dim_name(enum weir_budget_dim d); /* as in a document */
const char *weir_budget_period_name(enum weir_budget_period p);
/* The period that has now_s in it: [from, to). */
void weir_budget_bounds(enum weir_budget_period p, uint64_t now_s, uint64_t *ret_from_s, uint64_t *ret_to_s);
/* "team=payments path=internet", "everything"; what is too long for size is cut. */
char *weir_budget_scope(const struct weir_budget *b, char *buf, size_t size);
/* The same for budgets that are measured alike: by scope and period, whatever they allow. */
uint64_t weir_budget_measure(const struct weir_budget *b);
#define WEIR_BUDGET_SAID 256
/* What an alert says it is about: another amount, share, period or scope gives another text. */
char *weir_budget_said(const struct weir_budget *b, size_t threshold, char buf[WEIR_BUDGET_SAID]);

/* Whose cost it is; a workload's part is the same for all of its bytes. */
struct weir_budget_workload {
	const char *team, *namespace, *workload, *node;
	bool (*label)(const struct weir_budget_workload *w, const char *key, const char *value); /* NULL: there are none */
	const char *labels; /* of label */
};
/* A budget of its own with the same in it: who uses it elsewhere, or later. */
int weir_budget_copy(const struct weir_budget *b, struct weir_budget **ret);
void weir_budget_free(struct weir_budget *b);
bool weir_budget_covers_workload(const struct weir_budget *b, const struct weir_budget_workload *w);
bool weir_budget_covers_way(const struct weir_budget *b, const char *path, const char *meter);

/* --- budget_forecast.c --- */
/* What somebody foretold of a budget's period, and for what amount. Bounds are of 80 %; times 0: not in this period. */
struct weir_budget_forecast {
	uint64_t at_s;	 /* as of then; 0: nothing is known */
	uint64_t from_s; /* the period */
	int64_t amount_nanos;
	int64_t nanos, lower_nanos, upper_nanos, lower95_nanos, upper95_nanos; /* at its end */
	uint64_t passes_s, early_s, late_s;				       /* when the amount is passed */
	uint32_t days;							       /* of history */
	bool rough; /* by the mean of few days */
};

/* --- budget_eval.c --- */
struct weir_budget_view {
	uint64_t from_s, to_s;
	int64_t nanos;	  /* spent so far */
	uint64_t ppm;	  /* of the amount */
	int64_t day_nanos; /* spent a day, on average since the period began */
	bool projected;	   /* the period is a day old: before that a projection means nothing */
	int64_t end_nanos; /* at the end of the period, if it goes on like that: a straight line, no forecast */
	uint32_t crossed;  /* bit i: thresholds[i] is reached */
	struct weir_budget_forecast forecast; /* at_s 0: there is none of this period and amount */
};
void weir_budget_evaluate(const struct weir_budget *b, int64_t spent_nanos, uint64_t now_s, struct weir_budget_view *ret);

/*
 * Adds what was foretold to a view, if it is of its period and amount, and marks the thresholds that the forecast reaches: those whose
 * amount even the lower bound of 80 % is above, so that nine of ten come true.
 */
void weir_budget_foresee(const struct weir_budget *b, const struct weir_budget_forecast *f, struct weir_budget_view *view);
#define WEIR_BUDGET_OUTLOOK 128
/* "will exceed on the 23rd (80 %: 19th-28th)", "will not exceed (80 %: at most 91 % of it)"; "" when nothing is known. */
char *weir_budget_outlook(const struct weir_budget *b, const struct weir_budget_view *v, char buf[WEIR_BUDGET_OUTLOOK]);

/* What was said of a threshold in this period; said NULL: nothing. */
enum weir_budget_news { WEIR_BUDGET_QUIET, WEIR_BUDGET_CROSSED, WEIR_BUDGET_RESTATED, WEIR_BUDGET_WITHDRAWN };
const char *weir_budget_news_name(enum weir_budget_news n);
enum weir_budget_news weir_budget_news(const struct weir_budget *b, const struct weir_budget_view *v, size_t threshold,
				       const char *said);

/* --- budget_propose.c --- */
/* The dearest way of what the budget covers. */
struct weir_budget_way {
	const char *path; /* "" = not known */
	uint64_t bytes;	  /* moved on it in the period */
	int64_t nanos;	  /* what they cost */
	uint32_t nodes;	  /* on which they moved */
};
/* A FlowPolicy that would hold the way to the budget's pace, or close it: appended to ret as text. It is not applied.
 * -ENODATA: a rate is asked for, and nothing cost anything. */
int weir_budget_propose(const struct weir_budget *b, const struct weir_budget_view *v, const struct weir_budget_way *way,
			uint64_t now_s, struct weir_buf *ret);

#endif
