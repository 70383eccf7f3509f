/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is to say of budgets: once per threshold and period, again when the amount changed. What is said and the
 * notices to webhooks are committed together, so that a crash says nothing twice and loses nothing; a notice is sent until
 * its webhook takes it (with the same Idempotency-Key), twelve times at most, in some two and a half hours.
 */
#ifndef AGGREGATOR_ALERTS_H
#define AGGREGATOR_ALERTS_H

#include "aggregator/budgets.h"
#include "aggregator/service.h"
#include "lib/os/loop.h"

#define ALERTS_ATTEMPTS 12

struct alerts_stats {
	uint64_t said[WEIR_BUDGET_WITHDRAWN + 1]; /* by weir_budget_news */
	uint64_t sent, failed, given_up;	  /* notices */
};

struct alerts;
int alerts_new(struct service *sv, struct weir_loop *loop, struct alerts **ret);
void alerts_free(struct alerts *a);
/* Every few seconds. */
void alerts_run(struct alerts *a, uint64_t now_ns);
/* Budgets up to now, with what is foretold of them. */
int alerts_budgets(struct alerts *a, uint64_t now_ns, struct budgets **ret);
const struct alerts_stats *alerts_stats(const struct alerts *a);

/* Nothing but what names it: -ENODATA when there is nothing to propose. */
int alerts_proposal(struct budgets *b, const struct budget_kept *k, uint64_t now_s, struct weir_buf *ret);

/* alert_text.c: the body of a notice, JSON. */
struct alert_text {
	const struct budget_kept *kept;
	size_t threshold;
	enum weir_budget_news news;
	uint64_t now_s;
	const char *id, *proposal; /* proposal: NULL = none */
};
int alert_text(const struct alert_text *t, struct weir_buf *ret);

/* "finops=https://..." -> the URL of a name, NULL = there is none; and what is wrong with such an entry, or NULL. */
const char *alerts_url(char *const *webhooks, const char *name);
const char *alerts_check_webhook(const char *entry);

#endif
