/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_WHY_H
#define WEIR_CLI_WHY_H

#include "cli/settle.h"

struct why_question {
	const char *by, *since, *against; /* of bills: months */
	uint64_t limit;
	struct settle_question bill; /* bill.bills NULL: of the ledger */
};
/* {currency, items, hidden, rest, total} as /api/v1/cost/why has them, with what is unmeasured. */
int why_bill(const struct cli *c, const struct why_question *q, json_t **ret, struct weir_err *err);

#endif
