/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/webhook.h"

#include "aggregator/curl_loop.h"

struct flight {
	bool used;
	int64_t id;
	webhook_fn fn;
	void *arg;
};

struct webhooks {
	struct curl_loop *curl;
	struct flight flights[WEBHOOK_MAX];
};

void webhooks_free(struct webhooks *w)
{
	if (!w)
		return;
	curl_loop_free(w->curl);
	free(w);
}

size_t webhooks_free_slots(const struct webhooks *w)
{
	return curl_loop_slots(w->curl);
}

int webhooks_new(struct weir_loop *loop, const char *ca, struct webhooks **ret)
{
	struct webhooks *w = calloc(1, sizeof(*w));
	int r = w ? curl_loop_new(loop, ca, WEBHOOK_MAX, &w->curl) : -ENOMEM;

	if (r) {
		webhooks_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

const char *webhook_check_url(const char *url)
{
	return curl_check_url(url);
}

/* The request's id is the flight's place. */
static void on_answer(void *arg, int64_t id, int r, const char *why, const char *body, size_t len)
{
	struct webhooks *w = arg;
	struct flight was = w->flights[id];

	(void)body;
	(void)len;
	w->flights[id].used = false;
	was.fn(was.arg, was.id, r, why);
}

int webhook_post(struct webhooks *w, const char *url, const char *key, const char *body, int64_t id, webhook_fn fn, void *arg)
{
	weir_auto_free char *idempotency = weir_strf("Idempotency-Key: %s", key);
	const char *const headers[] = {"Content-Type: application/json", "Expect:", idempotency, NULL};
	struct curl_request q = {.url = url, .headers = headers, .post = body, .timeout_ms = WEBHOOK_TIMEOUT_MS, .fn = on_answer, .arg = w};
	int r;

	if (!idempotency)
		return -ENOMEM;
	while (q.id < WEBHOOK_MAX && w->flights[q.id].used)
		q.id++;
	if (q.id == WEBHOOK_MAX)
		return -EBUSY;
	r = curl_loop_send(w->curl, &q);
	if (!r)
		w->flights[q.id] = (struct flight){true, id, fn, arg};
	return r;
}
