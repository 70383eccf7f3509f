/* SPDX-License-Identifier: Apache-2.0 */
/* What was said of budgets, so that it is said once; and notices on their way to webhooks. */
#ifndef AGGREGATOR_STORE_BUDGET_H
#define AGGREGATOR_STORE_BUDGET_H

#include "aggregator/store.h"

struct store_alert {
	const char *budget, *threshold, *said;
	uint64_t from_s; /* of the period */
	uint32_t event;	 /* weir_budget_news */
	uint64_t time_s;
	int64_t nanos; /* spent then */
};
/* Takes the place of an earlier one of the threshold and period. */
int store_alert_put(struct store *s, const struct store_alert *a);
int store_alert_drop(struct store *s, const struct store_alert *a);
int store_alerts(struct store *s, const char *budget, uint64_t from_s, int (*fn)(const struct store_alert *a, void *arg),
		 void *arg);

/* In the place of a budget's name, which has no blank: before the id of a finding. */
#define STORE_NOTICE_FINDING "finding "
struct store_notice {
	int64_t id; /* grows */
	const char *budget, *threshold, *webhook, *body, *error;
	uint64_t from_s, time_s;
	uint64_t next_s;   /* not before then */
	uint64_t sent_s;   /* 0: not yet */
	uint32_t attempts; /* that failed */
	bool given_up;
};
int store_notice_add(struct store *s, const struct store_notice *n);
/* Those that are to be sent by now, the longest waiting first. */
int store_notices_due(struct store *s, uint64_t now_s, uint32_t limit, int (*fn)(const struct store_notice *n, void *arg),
		      void *arg);
int store_notices(struct store *s, const char *budget, uint64_t from_s, int (*fn)(const struct store_notice *n, void *arg),
		  void *arg);
int store_notice_sent(struct store *s, int64_t id, uint64_t now_s);
int store_notice_failed(struct store *s, int64_t id, uint64_t next_s, bool give_up, const char *error);
int store_notices_waiting(struct store *s, uint64_t *ret);
/* Webhooks that failed three times at least with a notice since then: "chat finops"; "" = none. */
int store_notices_failing(struct store *s, uint64_t since_s, char *buf, size_t size);
/* All of both kinds from before then. */
int store_budget_forget(struct store *s, uint64_t before_s);

#endif
