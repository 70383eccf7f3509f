/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of weirctl prices share: books of a directory, and prices as text and JSON. */
#ifndef WEIR_CLI_PRICES_H
#define WEIR_CLI_PRICES_H

#include "cli/view.h"
#include "lib/money/price.h"

#define PRICES_REPOSITORY "/etc/weir/policies"

static inline void prices_book_freep(struct weir_pricebook **b)
{
	weir_pricebook_free(*b);
}
#define prices_auto_book weir_cleanup(prices_book_freep)

/* The sealed books of dir, a policy repository or a directory of books; NULL is PRICES_REPOSITORY. What is
 * wrong with them is told; CLI_INVALID when it is an error. */
int prices_load(const char *dir, struct weir_pricebook **ret,
		void (*fn)(enum weir_problem kind, const char *line, void *arg), void *arg);
/* Prints errors alone; for commands that only read books. */
void prices_complain(enum weir_problem kind, const char *line, void *arg);

/* All fill and return buf. */
#define PRICES_TEXT 48
char *prices_nanos(int64_t nanos, char buf[PRICES_TEXT]);		/* "0.090000000" */
char *prices_price(int64_t nanos, char buf[PRICES_TEXT]);		/* "0.09" */
char *prices_units(const struct weir_meter *m, uint64_t bytes, char buf[PRICES_TEXT]); /* "10240 GiB" */
char *prices_day(uint64_t time_s, char buf[PRICES_TEXT]);		/* "2026-11-01"; "" at 0 and at no end */

/* Everything that is known of a price, but its tiers when tiers is false; NULL on failure. */
json_t *prices_json(const struct weir_meter *m, bool tiers);
void prices_print_json(const struct cli *c, const json_t *root);

#endif
