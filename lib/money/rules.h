/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What could be saved: one table of rules, what each finds in recorded traffic, and which of all that is found goes
 * together. A rule only proposes: what a change saves is what the replay of the same traffic through the changed topology
 * costs less, tiers, allowances and hourly resources included, and rules that touch the same bytes are metered again after
 * each choice. The formula beside it is the same by hand. No clock, no I/O, no global.
 */
#ifndef WEIR_MONEY_RULES_H
#define WEIR_MONEY_RULES_H

#include "lib/money/change.h"
#include "lib/money/replay.h"

enum weir_level { WEIR_LEVEL_LOW, WEIR_LEVEL_MEDIUM, WEIR_LEVEL_HIGH };
const char *weir_level_name(enum weir_level l); /* "low" */

/* A rule, for people; finding and changing is its row's in rules.c. */
struct weir_saving_rule {
	const char *id;	  /* "R01": numbers are stable */
	const char *name, *inputs, *formula, *guard, *change, *rollback;
	uint32_t window_h;  /* hours of evidence that it needs */
	bool behavioural;   /* what people and programs do decides; else the formula is exact */
	enum weir_level effort, risk;
};
size_t weir_saving_rules(void);
const struct weir_saving_rule *weir_saving_rule_at(size_t i);

enum weir_saving_format { WEIR_SAVING_TERRAFORM, WEIR_SAVING_KUBERNETES, WEIR_SAVING_FLOWPOLICY };
struct weir_saving_file { /* of a change; to be applied in their order */
	enum weir_saving_format format;
	const char *name; /* "r01-0123abcd.tf.json" */
	const char *text;
};

struct weir_candidate {
	const struct weir_saving_rule *rule;
	const char *id;	  /* "R01-0123abcd": of the rule and what it is about, the same in each run */
	const char *what; /* one line */
	const char *held; /* which guard holds it back, one line; NULL = none: it may be chosen */
	const char *note; /* what a reviewer must know besides; "" */
	const struct weir_edit *edits;
	size_t edit_count;
	uint64_t bytes, rows;  /* of evidence, in the span */
	int64_t formula_nanos; /* what the formula says of the span */
	int64_t extra_nanos;   /* what the change costs in the span besides, in a meter that no topology has */
	const struct weir_saving_file *files;
	size_t file_count;
	const char *undo; /* how to go back */
};

struct weir_savings_in {
	const struct weir_topology *topology;
	const struct weir_pricebook *book;
	const struct weir_traffic_set *traffic;
	const struct weir_replay_usage *before; /* as of a replay */
	size_t before_count;
	uint32_t window_h;    /* evidence asked of all rules; 0 = what each row says */
	int64_t floor_nanos;  /* a month: what saves less is not worth a change; at least 1 */
	void (*progress)(size_t replays, void *arg); /* of a search, after each; NULL */
	void *arg;
};

struct weir_proposed {
	const struct weir_candidate *candidate;
	int64_t span_nanos;		       /* what replay says, behind those chosen before it */
	int64_t month_nanos, low_nanos, high_nanos; /* of 730 hours, and in 9 of 10 resampled months */
	enum weir_level confidence;		       /* by the hours of evidence */
};

struct weir_savings;
#define WEIR_SAVING_CANDIDATES_MAX 1024u
/* Finds what rules propose. Topology, book, traffic are borrowed until the end. -EINVAL without traffic, -ENOMEM. */
int weir_savings_new(const struct weir_savings_in *in, struct weir_savings **ret, struct weir_err *err);
void weir_savings_free(struct weir_savings *s);
static inline void weir_savings_freep(struct weir_savings **s)
{
	weir_savings_free(*s);
}
#define weir_auto_savings weir_cleanup(weir_savings_freep)
size_t weir_savings_candidates(const struct weir_savings *s);
const struct weir_candidate *weir_savings_candidate(const struct weir_savings *s, size_t i);
size_t weir_savings_dropped(const struct weir_savings *s); /* found behind the maximum, and not looked at */
uint64_t weir_savings_hours(const struct weir_savings *s); /* of the span */
uint64_t weir_savings_seen(const struct weir_savings *s);  /* of them something was recorded in: evidence */

/*
 * Chooses the set that saves most, as replay says: greedy, all that is left metered again after each choice; then what a set
 * of one less, one exchanged, or one that bars others would save, until nothing does or 20,000 replays are spent. Each
 * choice saves something in the presence of all others; their sum is one replay of all edits, less what no topology has.
 * Replays of the search are of traffic summed by month, those that count of traffic summed by day.
 */
int weir_savings_choose(struct weir_savings *s, struct weir_err *err);
size_t weir_savings_count(const struct weir_savings *s);
const struct weir_proposed *weir_savings_at(const struct weir_savings *s, size_t i);
/* Of all that was chosen together; candidate is NULL. */
const struct weir_proposed *weir_savings_total(const struct weir_savings *s);
int64_t weir_savings_cost(const struct weir_savings *s); /* of the span, as it is now */

/* What the edits save in the span, by replay: before minus after; -EINVAL when they do not fit, or leave more without a price. */
int weir_savings_replay(const struct weir_savings_in *in, const struct weir_edit *edits, size_t n, int64_t *ret_nanos,
			struct weir_err *err);

/*
 * An interval around a sum of days: their sum, and the 5th and 95th of 100 of resampled sums (bootstrap over days, Efron
 * 1979; the seed is fixed, so that the same days give the same interval). n is at least 1.
 */
void weir_saving_interval(const int64_t *days, size_t n, int64_t *ret_low, int64_t *ret_high);

#endif
