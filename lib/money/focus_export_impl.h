/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the FOCUS export share. */
#ifndef WEIR_FOCUS_EXPORT_IMPL_H
#define WEIR_FOCUS_EXPORT_IMPL_H

#include <jansson.h>

#include "lib/ds/buf.h"
#include "lib/money/focus_cut.h"
#include "lib/money/focus_export.h"

/* One piece of an origin: the sums of its rows. */
struct focus_origin {
	const struct weir_focus_charge *first; /* for what all rows of it have in common */
	const struct weir_meter *meter;	       /* what the account pays */
	const struct weir_focus_piece *piece;
	const char *pool;
	int64_t list, contracted, billed; /* nanos */
	bool whole; /* a resource of which nobody's share is known: one row, and no split */
	uint64_t quantity, quantity_unit; /* in pricing units: quantity / quantity_unit */
};

struct focus_share {
	const struct weir_focus_charge *charge;
	uint64_t bytes;
	int64_t list, contracted, billed;
	uint64_t quantity; /* of the origin's unit */
	uint64_t ratio;	   /* of 10^WEIR_FOCUS_RATIO_DIGITS */
};

/* One row, without its meaning: the text of each column, empty is null (focus_write.c). */
struct focus_writer {
	enum weir_focus_version version;
	const char *currency, *account_prefix;
	struct weir_buf text; /* of the row's cells, each with its end */
	size_t at[WEIR_FOCUS_COLS_ALL];
	bool set[WEIR_FOCUS_COLS_ALL];
	struct weir_buf line;
};
void focus_writer_fini(struct focus_writer *w);
/* The head or a row as a line in w->line. */
int focus_write_head(struct focus_writer *w);
int focus_write_row(struct focus_writer *w, const struct focus_origin *o, const struct focus_share *s);

struct weir_focus_export {
	const struct weir_pricebook *book;
	struct focus_writer w;
	int (*sink)(const void *data, size_t len, void *arg);
	void *arg;
	struct weir_focus_usage *usage;
	struct weir_map *texts; /* themselves, the charges' own */
	struct weir_focus_charge *charges;
	size_t count, cap;
	uint64_t from_s; /* of the period that is held */
	bool head;
	struct weir_focus_export_stats stats;
};

int focus_find_meter(const struct weir_focus_export *x, const struct weir_focus_charge *c, const struct weir_meter **ret,
		     struct weir_err *err);
/* n charges of one origin (focus_origin.c). */
int focus_origin_write(struct weir_focus_export *x, struct weir_focus_charge *c, size_t n, struct weir_err *err);
/* The writer's line to who wants it. */
int focus_sink_line(struct weir_focus_export *x);

/* Cells of texts, times, money and JSON (focus_cell.c). */
int focus_set(struct focus_writer *w, enum weir_focus_col c, const char *fmt, ...) WEIR_PRINTF(3, 4);
/* A text of others: what is not printable ASCII becomes %XX. "" is null. */
int focus_set_text(struct focus_writer *w, enum weir_focus_col c, const char *prefix, const char *text);
int focus_set_money(struct focus_writer *w, enum weir_focus_col c, int64_t nanos);
int focus_set_time(struct focus_writer *w, enum weir_focus_col c, uint64_t time_s);
/* num / den with all its digits, up to 36 behind the point; at least one. */
#define FOCUS_NUMBER_MAX 80
char *focus_number(uint64_t num, uint64_t den, char buf[FOCUS_NUMBER_MAX]);
char *focus_money(int64_t nanos, char buf[FOCUS_NUMBER_MAX]);
/* Takes o; NULL is -ENOMEM. Keys sorted, ASCII. */
int focus_set_json(struct focus_writer *w, enum weir_focus_col c, json_t *o);
/* team, namespace, workload and labels as a flat JSON object in ASCII; labels that are called like one of these give way. */
int focus_set_tags(struct focus_writer *w, enum weir_focus_col c, const struct weir_focus_charge *g);

/* Provider and service as bills call them (focus_names.c). */
struct focus_service {
	const char *service, *subcategory;
};
const char *focus_provider(const char *provider); /* "AWS"; itself when it is not known */
struct focus_service focus_service_of(const char *provider, const char *meter);

/*
 * Cost of each of n amounts at one price, so that they sum to total and each is its exact cost rounded up or down: the
 * largest remainders are rounded up. total is that of all of them, rounded. (focus_share.c)
 */
int focus_costs(int64_t total, int64_t nanos_per_unit, uint64_t unit, const uint64_t *bytes, size_t n, int64_t *ret);
/* amounts of pieces over amounts of charges: ret[piece * n + charge], both margins kept. */
void focus_spread(const struct weir_focus_piece *pieces, size_t piece_count, const uint64_t *bytes, size_t n, uint64_t *ret,
		  uint64_t *scratch);
/*
 * The same where it is known what each was charged: who came first had the first of the tiers. Piece by piece as many
 * bytes of each as leave it, at the mean price of the pieces behind, what it is still to cost; so its cost is what it was
 * charged, but for rounding, as long as the pieces can make it.
 */
int focus_spread_charged(const struct weir_focus_piece *pieces, size_t piece_count, uint64_t unit, const uint64_t *bytes,
			 const int64_t *nanos, size_t n, uint64_t *ret);

#endif
