/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/webhook.h"

#include "lib/base/clock.h"

#include <curl/curl.h>

/* While something is under way it is looked at so often: alerts are in no hurry, and most of the time nothing is. */
#define TICK_NS (WEIR_NS_PER_S / 50)
#define CONNECT_TIMEOUT_MS 5000L
#define URL_MAX 2048

struct transfer {
	CURL *easy; /* NULL: the slot is free */
	struct curl_slist *headers;
	int64_t id;
	webhook_fn fn;
	void *arg;
	char error[CURL_ERROR_SIZE];
};

struct webhooks {
	CURLM *multi;
	struct weir_source *timer;
	char *ca;
	struct transfer slots[WEBHOOK_MAX];
};

static void transfer_end(struct webhooks *w, struct transfer *t)
{
	if (t->easy) {
		curl_multi_remove_handle(w->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	*t = (struct transfer){0};
}

void webhooks_free(struct webhooks *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < WEBHOOK_MAX; i++)
		transfer_end(w, &w->slots[i]);
	if (w->multi)
		curl_multi_cleanup(w->multi);
	weir_source_free(w->timer);
	free(w->ca);
	free(w);
}

size_t webhooks_free_slots(const struct webhooks *w)
{
	size_t n = 0;

	for (size_t i = 0; i < WEBHOOK_MAX; i++)
		n += !w->slots[i].easy;
	return n;
}

/* What became of it; the slot is free when its owner hears of it, so that it can be used at once. */
static void finish(struct webhooks *w, struct transfer *t, CURLcode code)
{
	struct transfer was = *t;
	char why[CURL_ERROR_SIZE + 64] = "";
	long status = 0;
	int r = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code) {
		r = code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO;
		snprintf(why, sizeof(why), "%s", *t->error ? t->error : curl_easy_strerror(code));
	} else if (status / 100 != 2) {
		r = -EPROTO;
		snprintf(why, sizeof(why), "status %ld%s", status, status / 100 == 3 ? ": redirects are not followed" : "");
	}
	transfer_end(w, t);
	was.fn(was.arg, was.id, r, why);
}

static int on_timer(uint32_t events, void *arg)
{
	struct webhooks *w = arg;
	int running = 0, left = 0;
	CURLMsg *m;

	(void)events;
	curl_multi_perform(w->multi, &running);
	while ((m = curl_multi_info_read(w->multi, &left))) {
		CURLcode code = m->data.result;

		for (size_t i = 0; m->msg == CURLMSG_DONE && i < WEBHOOK_MAX; i++)
			if (w->slots[i].easy == m->easy_handle) {
				finish(w, &w->slots[i], code);
				break;
			}
	}
	return webhooks_free_slots(w) == WEBHOOK_MAX ? weir_source_rearm(w->timer, 0, 0) : 0;
}

int webhooks_new(struct weir_loop *loop, const char *ca, struct webhooks **ret)
{
	struct webhooks *w = calloc(1, sizeof(*w));
	int r = w ? 0 : -ENOMEM;

	if (!r && curl_global_init(CURL_GLOBAL_DEFAULT))
		r = -ENOMEM;
	if (!r) {
		w->multi = curl_multi_init();
		w->ca = strdup(ca);
		r = w->multi && w->ca ? weir_loop_timer(loop, 0, 0, on_timer, w, &w->timer) : -ENOMEM;
	}
	if (r) {
		webhooks_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

const char *webhook_check_url(const char *url)
{
	const char *host = !strncmp(url, "https://", 8) ? url + 8 : !strncmp(url, "http://", 7) ? url + 7 : NULL;

	if (!host || !*host || *host == '/')
		return "its URL must begin with https:// or http:// and a host";
	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f)
			return "its URL has a blank or a control character";
	return strlen(url) > URL_MAX ? "its URL is too long" : NULL;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

static int add_header(struct transfer *t, const char *line)
{
	struct curl_slist *more = line ? curl_slist_append(t->headers, line) : NULL;

	if (!more)
		return -ENOMEM;
	t->headers = more;
	return 0;
}

static int setup(struct webhooks *w, struct transfer *t, const char *url, const char *body)
{
	CURL *c = t->easy;

	if (curl_easy_setopt(c, CURLOPT_URL, url) || curl_easy_setopt(c, CURLOPT_POST, 1L) ||
	    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) || curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, body) ||
	    curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers) || curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) ||
	    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error) || curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) ||
	    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) || curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) ||
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) || curl_easy_setopt(c, CURLOPT_USERAGENT, "weir-aggregator/" WEIR_VERSION) ||
	    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) ||
	    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)WEBHOOK_TIMEOUT_MS))
		return -EINVAL;
	return *w->ca && curl_easy_setopt(c, CURLOPT_CAINFO, w->ca) ? -EINVAL : 0;
}

int webhook_post(struct webhooks *w, const char *url, const char *key, const char *body, int64_t id, webhook_fn fn, void *arg)
{
	weir_auto_free char *idempotency = weir_strf("Idempotency-Key: %s", key);
	struct transfer *t = NULL;
	int r;

	for (size_t i = 0; i < WEBHOOK_MAX && !t; i++)
		t = w->slots[i].easy ? NULL : &w->slots[i];
	if (!t)
		return -EBUSY;
	*t = (struct transfer){.easy = curl_easy_init(), .id = id, .fn = fn, .arg = arg};
	r = t->easy ? add_header(t, "Content-Type: application/json") : -ENOMEM;
	if (!r)
		r = add_header(t, "Expect:");
	if (!r)
		r = add_header(t, idempotency);
	if (!r)
		r = setup(w, t, url, body);
	if (!r && curl_multi_add_handle(w->multi, t->easy))
		r = -EIO;
	if (!r)
		r = weir_source_rearm(w->timer, 1, TICK_NS);
	if (r)
		transfer_end(w, t);
	return r;
}
