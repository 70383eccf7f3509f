/* SPDX-License-Identifier: Apache-2.0 */
/* What weirctl plan-cost found, and how it is printed (plan_report.c). */
#ifndef WEIR_CLI_PLAN_COST_H
#define WEIR_CLI_PLAN_COST_H

#include "cli/view.h"
#include "lib/money/plan.h"

struct plan_report {
	const struct cli *c;
	struct weir_plan_cost *cost;
	char currency[16];
	json_t *notes; /* lines */
	bool markdown, has_budget, over;
	int64_t budget; /* nanos a month */
};

int plan_report_json(const struct plan_report *p);
/* For a pull request. */
int plan_report_markdown(const struct plan_report *p);
int plan_report_table(const struct plan_report *p);

#endif
