/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to others' HTTP servers, from the loop. All of libcurl in the aggregator is behind this. */
#ifndef AGGREGATOR_CURL_LOOP_H
#define AGGREGATOR_CURL_LOOP_H

#include "lib/ds/buf.h"
#include "lib/os/loop.h"

#define CURL_LOOP_MAX 8 /* slots, at most */

struct curl_loop;
/* slots: under way at once, 1 to CURL_LOOP_MAX. ca: file of authorities, "" = the system's. */
int curl_loop_new(struct weir_loop *loop, const char *ca, size_t slots, struct curl_loop **ret);
void curl_loop_free(struct curl_loop *c); /* ends what is under way, and tells nobody */
size_t curl_loop_slots(const struct curl_loop *c); /* that are free */

/*
 * From the loop, once for each request that was taken: r 0 = an answer of 2xx, -EPROTO another status, -EFBIG an answer
 * beyond answer_max, -ETIMEDOUT, -EIO. why is one line without the URL, which may have a secret in it. body is what came
 * of the answer, terminated, also with another status; it ends with the call.
 */
typedef void (*curl_loop_fn)(void *arg, int64_t id, int r, const char *why, const char *body, size_t len);

struct curl_request {
	const char *url;
	const char *const *headers; /* NULL-terminated lines */
	const char *post;	    /* a body; NULL = GET */
	size_t answer_max;	    /* 0: what the server says besides its status is thrown away */
	long timeout_ms;	    /* of the whole */
	int64_t id;
	curl_loop_fn fn;
	void *arg;
};
/* No redirect is followed, TLS is verified, no compression is asked for. -EBUSY: no slot. All texts are copied. */
int curl_loop_send(struct curl_loop *c, const struct curl_request *q);

/* NULL, or what is wrong with it: "its URL ...". */
const char *curl_check_url(const char *url);

#endif
