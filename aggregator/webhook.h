/* SPDX-License-Identifier: Apache-2.0 */
/* POSTs of JSON to others' HTTP servers, from the loop. */
#ifndef AGGREGATOR_WEBHOOK_H
#define AGGREGATOR_WEBHOOK_H

#include "lib/os/loop.h"

#define WEBHOOK_MAX 4 /* under way at once */
#define WEBHOOK_TIMEOUT_MS 10000

struct webhooks;
/* ca: file of authorities, "" = the system's. */
int webhooks_new(struct weir_loop *loop, const char *ca, struct webhooks **ret);
void webhooks_free(struct webhooks *w); /* ends what is under way, and tells nobody */
size_t webhooks_free_slots(const struct webhooks *w);

/* From the loop: r 0 = an answer of 2xx; why is one line without the URL, which may have a secret in it. */
typedef void (*webhook_fn)(void *arg, int64_t id, int r, const char *why);
/*
 * A body of JSON; key tells the receiver the same one again (Idempotency-Key). No redirect is followed, what the server
 * says besides its status is thrown away, TLS is verified. -EBUSY: no slot. All texts are copied.
 */
int webhook_post(struct webhooks *w, const char *url, const char *key, const char *body, int64_t id, webhook_fn fn, void *arg);

/* NULL, or what is wrong with it. */
const char *webhook_check_url(const char *url);

#endif
