/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What budgets will come to: hourly cost of what each covers, of 13 weeks, forecast (lib/model/total.h) by a job of the worker that
 * reads the store by a connection of its own. Once an hour, two minutes behind it, and when the budgets are others. The first job reads 13
 * weeks of the ledger, later ones what can have changed; a budget's hours are 17 kB, and its forecast takes 2 ms.
 * Of 1.1 million rows (100 workloads, five ways) and 64 budgets: 1.6 s of processor for the first job, 0.2 s for one an hour later.
 */
#ifndef AGGREGATOR_OUTLOOK_H
#define AGGREGATOR_OUTLOOK_H

#include "aggregator/budgets.h"
#include "aggregator/worker.h"

struct outlook;
/* path: of the store's file. The worker may end before the outlook, not after it. */
int outlook_new(struct worker *w, const char *path, struct outlook **ret);
void outlook_free(struct outlook *o);
/* Adds what is known to the views of budgets that were updated. */
void outlook_apply(const struct outlook *o, struct budgets *b);
/* Posts a job if there is something to foretell anew. */
void outlook_run(struct outlook *o, struct budgets *b, uint64_t now_s);
/* The same at once, on this thread, by the store given. */
int outlook_now(struct outlook *o, struct budgets *b, struct store *s, uint64_t now_s);

#endif
