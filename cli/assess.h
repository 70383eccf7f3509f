/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of weirctl assess share: what was asked, what was read, and the sums that are shown. */
#ifndef WEIR_CLI_ASSESS_H
#define WEIR_CLI_ASSESS_H

#include "cli/args.h"
#include "cli/settle.h"
#include "lib/ds/map.h"
#include "lib/money/flowlog.h"
#include "lib/money/replay.h"
#include "lib/money/rules.h"

#define ASSESS_KEYS_MAX (1u << 20) /* owners, or resources; what comes later is one of "others" */
#define ASSESS_HOURS_MAX 800	   /* of a month */

struct assess_question {
	const char *bills[ARGS_LIST_MAX + 1], *ranges[ARGS_LIST_MAX + 1];
	const char *topology, *flowlogs, *prices, *traffic, *period, *account, *rate, *show;
	bool strict;
	uint64_t limit;
};

/* One line of a table. */
struct assess_sum {
	const char *key;
	uint64_t bytes;			   /* that moved, each once */
	int64_t measured, share;	   /* what they cost by the price books, and of the bill; nanos */
	int64_t billed, unattributed;	   /* resources: of network lines */
};
struct assess_sums {
	struct assess_sum *rows;
	size_t count;
	struct weir_map *index;
};
int assess_sums_init(struct assess_sums *s);
void assess_sums_fini(struct assess_sums *s);
/* Finds or makes; behind ASSESS_KEYS_MAX that of all others. Pointers end with the next call. */
int assess_sum_of(struct assess_sums *s, const char *key, struct assess_sum **ret);

#define ASSESS_METERS_MAX 512u
struct assess_meter { /* of the bill's lines; those without one are one by the reason why nobody is seen to cause them */
	char name[96];
	int64_t billed;
	struct weir_parts parts;
};

struct assess_billed { /* usage lines of a meter in a region; region "" = not known */
	const char *meter;
	char region[64];
	uint64_t bytes;
};

struct assess {
	const struct cli *c;
	struct assess_question q;
	struct weir_err *err;
	struct weir_topology *topology;
	struct weir_flow_hours *hours;
	struct weir_traffic_set *traffic;
	struct weir_replay *replay;
	struct weir_savings *savings;
	char *room;	      /* directory with the store of bills */
	struct settle settle; /* bills, book, charges, settlement, month, currency, rate */
	struct weir_flowlog_stats logs;
	uint64_t notes, agent_rows; /* what has no place in an imported topology; rows of --traffic */
	struct weir_bill_stats bill;
	/* of the month */
	uint32_t month;
	uint64_t hours_with_rows;
	struct assess_sums paths, owners, resources;
	struct assess_meter meters[ASSESS_METERS_MAX], total; /* total: of the network */
	size_t meter_count;
	int64_t elsewhere; /* billed for what is no network */
	uint64_t unpriced_bytes, free_bytes;
	struct assess_billed billed[ASSESS_METERS_MAX];
	size_t billed_count;
	struct weir_replay_usage *before; /* of the month, besides the logs; owned */
	size_t before_count;
};

/* Whose a row is, for people: "shop/web", "i-0123", an address. */
void assess_owner(const struct weir_traffic *t, char *buf, size_t size);
/* What the month had used besides what was logged (assess_before.c); the lines' bytes first. */
int assess_billed_bytes(struct assess *a, const struct weir_bill_line *l);
int assess_before(struct assess *a);
void assess_before_fini(struct assess *a);
/* Claims of what replay says of the month, and the sums of bytes by path and owner. */
int assess_claim(struct assess *a);
/* A line of the bill into the settlement, under its resource. */
int assess_line(const struct weir_bill_line *l, void *arg);
/* Sums a settled line; assess_share() then what each path and owner has of the bill. */
int assess_hear(const struct weir_settled *s, void *arg);
int assess_share(struct assess *a);
/* What could be saved, by replay of the same traffic with changes: what goes together is chosen. */
int assess_save(struct assess *a);
/* {hours, total, items, held} */
int assess_savings_json(const struct assess *a, json_t **ret);
int assess_savings_print(struct assess *a, const json_t *savings);
/* The change of one of them, to be applied as it is, and the way back. */
int assess_show(const struct assess *a);
/* All that was found, as JSON. */
int assess_json(struct assess *a, json_t **ret);
int assess_print(struct assess *a, const json_t *root);

#endif
