/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charges as rows of FOCUS 1.2 or 1.3. Charges come in the order of their charge periods; those of one period are held and
 * written when the next one begins. What moved through one meter of one account in one period is the origin; it is cut
 * where its unit price changes (focus_cut.h), each piece is split over the workloads and paths by their bytes (largest
 * remainder), and each share is a row. In 1.3 rows say so: which origin, what ratio of it (twelve digits, which sum to
 * exactly 1), and to whom. Same bytes give same rows, whatever order they come in within a period.
 *
 * List and contracted costs are price times quantity to the nano-unit. Billed and effective costs are what was charged,
 * where the charge says so (the ledger), else the contracted cost. Both sum to their origin exactly.
 */
#ifndef WEIR_FOCUS_EXPORT_H
#define WEIR_FOCUS_EXPORT_H

#include "lib/money/focus_columns.h"
#include "lib/money/price.h"

#define WEIR_FOCUS_PERIOD_CHARGES_MAX (1u << 20) /* of one charge period, once those of a kind are one */
#define WEIR_FOCUS_TEXTS_MAX (4u << 20)		 /* different ones, of all charges */
#define WEIR_FOCUS_RATIO_DIGITS 12

/* Texts are borrowed until the call ends; NULL is "". */
struct weir_focus_charge {
	uint64_t from_s, to_s; /* charge period, within one month */
	uint32_t month;	       /* billing period, 202611 */
	const char *provider, *region, *account;
	const char *meter; /* "none": nothing charges; "unpriced": no price is known. Both are counted, not written */
	const char *domain, *namespace, *workload, *kind, *team, *labels; /* labels: "a=b,c=d" */
	const char *resource; /* of what is paid by the hour; bytes are its seconds then, 0 where nanos say them */
	const char *how;      /* a share of a resource: how it was found, "shared by bytes"; "" = all of it */
	enum weir_path path;
	bool flow_log; /* who saw the bytes: a cloud's flow log, else an agent */
	uint64_t bytes;
	bool charged;  /* nanos is what was charged; else the price books say */
	int64_t nanos;
};

struct weir_focus_export_options {
	enum weir_focus_version version;
	const struct weir_pricebook *book;
	const char *account_prefix; /* before account ids, so that readers of CSV do not take them for numbers; "" */
};

struct weir_focus_export_stats {
	uint64_t rows, origins, charges;
	__int128 billed, contracted; /* nanos of all rows */
	uint64_t free_bytes, unpriced_bytes; /* of meters none and unpriced */
	uint64_t differing; /* origins charged otherwise than the books say by more than rounding */
	uint64_t off_nanos; /* by how much the billed costs of rows are not the contracted ones, sum of magnitudes */
};

struct weir_focus_export;
/* sink gets whole lines, the first is the head. */
int weir_focus_export_new(const struct weir_focus_export_options *o, int (*sink)(const void *data, size_t len, void *arg),
			  void *arg, struct weir_focus_export **ret);
void weir_focus_export_free(struct weir_focus_export *x);
static inline void weir_focus_export_freep(struct weir_focus_export **x)
{
	weir_focus_export_free(*x);
}
#define weir_auto_focus_export weir_cleanup(weir_focus_export_freep)

/* A charge of the month before the first period: it has used the tiers, and is no row. */
int weir_focus_export_before(struct weir_focus_export *x, const struct weir_focus_charge *c, struct weir_err *err);
/* -EINVAL: a meter that the books do not have, or a period before the last one. -E2BIG: more than the maxima. */
int weir_focus_export_add(struct weir_focus_export *x, const struct weir_focus_charge *c, struct weir_err *err);
/* Writes what is held. */
int weir_focus_export_end(struct weir_focus_export *x, struct weir_focus_export_stats *ret, struct weir_err *err);

#endif
