/* SPDX-License-Identifier: Apache-2.0 */
/* What commands about models of the live traffic share. */
#ifndef WEIR_CLI_LIVE_H
#define WEIR_CLI_LIVE_H

#include "cli/table.h"
#include "cli/view.h"

#define LIVE_LIMIT 20
#define LIVE_LIMIT_MAX 1000 /* of the aggregator, to one answer */

struct live_filter {
	const char *namespace, *workload, *team; /* NULL: all; a workload may be NAMESPACE/NAME */
};
/* "&namespace=shop&workload=web", for free(). */
int live_filters(const struct live_filter *f, char **ret);
/* A field that is a text, else "". */
const char *live_text(const json_t *o, const char *field);
int live_check_limit(uint64_t limit, struct weir_err *err);
/* A number as people read its unit: "1.46 GiB/s", "0.120000" of nanos, "0.8 ms" of us; "-" of what is none. Returns buf. */
char *live_value(double v, const char *unit, char buf[HUMAN_MAX]);

#endif
