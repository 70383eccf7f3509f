/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/curl_loop.h"

#include "lib/base/clock.h"

#include <curl/curl.h>

/* While something is under way it is looked at so often: nothing here is in a hurry, and most of the time nothing is. */
#define TICK_NS (WEIR_NS_PER_S / 50)
#define CONNECT_TIMEOUT_MS 5000L
#define URL_MAX 2048

struct transfer {
	CURL *easy; /* NULL: the slot is free */
	struct curl_slist *headers;
	int64_t id;
	curl_loop_fn fn;
	void *arg;
	size_t answer_max;
	bool cut; /* the answer is longer */
	struct weir_buf answer;
	char error[CURL_ERROR_SIZE];
};

struct curl_loop {
	CURLM *multi;
	struct weir_source *timer;
	char *ca;
	size_t count;
	struct transfer slots[CURL_LOOP_MAX];
};

static void transfer_end(struct curl_loop *c, struct transfer *t)
{
	if (t->easy) {
		curl_multi_remove_handle(c->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	weir_buf_fini(&t->answer);
	*t = (struct transfer){0};
}

void curl_loop_free(struct curl_loop *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		transfer_end(c, &c->slots[i]);
	if (c->multi)
		curl_multi_cleanup(c->multi);
	weir_source_free(c->timer);
	free(c->ca);
	free(c);
}

size_t curl_loop_slots(const struct curl_loop *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->count; i++)
		n += !c->slots[i].easy;
	return n;
}

/* What became of it; the slot is free when its owner hears of it, so that it can be used at once. */
static void finish(struct curl_loop *c, struct transfer *t, CURLcode code)
{
	weir_auto_buf struct weir_buf answer = t->answer;
	struct transfer was = *t;
	char why[CURL_ERROR_SIZE + 64] = "";
	long status = 0;
	int r = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->cut) {
		r = -EFBIG;
		snprintf(why, sizeof(why), "the answer is longer than %zu bytes", t->answer_max);
	} else if (code) {
		r = code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO;
		snprintf(why, sizeof(why), "%s", *t->error ? t->error : curl_easy_strerror(code));
	} else if (status / 100 != 2) {
		r = -EPROTO;
		snprintf(why, sizeof(why), "status %ld%s", status, status / 100 == 3 ? ": redirects are not followed" : "");
	}
	t->answer = (struct weir_buf){0};
	transfer_end(c, t);
	was.fn(was.arg, was.id, r, why, answer.len ? (const char *)answer.data : "", answer.len);
}

static int on_timer(uint32_t events, void *arg)
{
	struct curl_loop *c = arg;
	int running = 0, left = 0;
	CURLMsg *m;

	(void)events;
	curl_multi_perform(c->multi, &running);
	while ((m = curl_multi_info_read(c->multi, &left))) {
		CURLcode code = m->data.result;

		for (size_t i = 0; m->msg == CURLMSG_DONE && i < c->count; i++)
			if (c->slots[i].easy == m->easy_handle) {
				finish(c, &c->slots[i], code);
				break;
			}
	}
	return curl_loop_slots(c) == c->count ? weir_source_rearm(c->timer, 0, 0) : 0;
}

int curl_loop_new(struct weir_loop *loop, const char *ca, size_t slots, struct curl_loop **ret)
{
	struct curl_loop *c = calloc(1, sizeof(*c));
	int r = c ? 0 : -ENOMEM;

	if (!r && curl_global_init(CURL_GLOBAL_DEFAULT))
		r = -ENOMEM;
	if (!r) {
		c->count = WEIR_MIN(slots, (size_t)CURL_LOOP_MAX);
		c->multi = curl_multi_init();
		c->ca = strdup(ca);
		r = c->multi && c->ca ? weir_loop_timer(loop, 0, 0, on_timer, c, &c->timer) : -ENOMEM;
	}
	if (r) {
		curl_loop_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

const char *curl_check_url(const char *url)
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
	struct transfer *t = arg;

	if (!t->answer_max)
		return size * n;
	if (size * n > t->answer_max - t->answer.len) {
		t->cut = true;
		return 0;
	}
	return weir_buf_add(&t->answer, data, size * n) ? 0 : size * n;
}

static int add_headers(struct transfer *t, const char *const *lines)
{
	for (; lines && *lines; lines++) {
		struct curl_slist *more = curl_slist_append(t->headers, *lines);

		if (!more)
			return -ENOMEM;
		t->headers = more;
	}
	return 0;
}

static int setup(const struct curl_loop *c, struct transfer *t, const struct curl_request *q)
{
	CURL *e = t->easy;

	if (curl_easy_setopt(e, CURLOPT_URL, q->url) || curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers) ||
	    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) || curl_easy_setopt(e, CURLOPT_WRITEDATA, t) ||
	    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error) || curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) ||
	    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) || curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) ||
	    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) || curl_easy_setopt(e, CURLOPT_USERAGENT, "weir-aggregator/" WEIR_VERSION) ||
	    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) || curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, q->timeout_ms))
		return -EINVAL;
	if (q->post && (curl_easy_setopt(e, CURLOPT_POST, 1L) || curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)strlen(q->post)) ||
			curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, q->post)))
		return -EINVAL;
	return *c->ca && curl_easy_setopt(e, CURLOPT_CAINFO, c->ca) ? -EINVAL : 0;
}

int curl_loop_send(struct curl_loop *c, const struct curl_request *q)
{
	struct transfer *t = NULL;
	int r;

	for (size_t i = 0; i < c->count && !t; i++)
		t = c->slots[i].easy ? NULL : &c->slots[i];
	if (!t)
		return -EBUSY;
	*t = (struct transfer){.easy = curl_easy_init(), .id = q->id, .fn = q->fn, .arg = q->arg, .answer_max = q->answer_max};
	r = t->easy ? add_headers(t, q->headers) : -ENOMEM;
	if (!r)
		r = setup(c, t, q);
	if (!r && curl_multi_add_handle(c->multi, t->easy))
		r = -EIO;
	if (!r)
		r = weir_source_rearm(c->timer, 1, TICK_NS);
	if (r)
		transfer_end(c, t);
	return r;
}
