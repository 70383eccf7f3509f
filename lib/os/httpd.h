/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server on a Unix socket, in a loop: no thread, bounded connections, GET and small POST. All of
 * libmicrohttpd is behind this.
 */
#ifndef WEIR_HTTPD_H
#define WEIR_HTTPD_H

#include "lib/os/loop.h"

#define WEIR_HTTP_BODY_MAX 4096

struct weir_http_request;
/* "/metrics"; lives until the handler returns, as does all that follows. */
const char *weir_http_path(const struct weir_http_request *r);
/* Value of a query parameter or a header, NULL = not given. */
const char *weir_http_param(const struct weir_http_request *r, const char *name);
const char *weir_http_header(const struct weir_http_request *r, const char *name);
/* The user at the other end of the socket; -errno. */
int weir_http_peer(const struct weir_http_request *r, unsigned int *ret_uid);
/* Of a POST, terminated; NULL = GET. */
const char *weir_http_body(const struct weir_http_request *r, size_t *ret_len);

struct weir_http_answer {
	unsigned int status;
	const char *type; /* static */
	char *body;	  /* malloc'ed, taken over */
	size_t len;
};
/* Fills in all of it, or returns -errno: then the connection is closed without an answer. */
typedef int (*weir_http_fn)(const struct weir_http_request *r, struct weir_http_answer *ret, void *arg);

struct weir_httpd;
/* Owner and group may read and write the socket (0660). Takes over a socket file that nobody answers on;
 * -EADDRINUSE when somebody does. */
int weir_httpd_new(const char *path, struct weir_loop *loop, weir_http_fn fn, void *arg,
		   struct weir_httpd **ret, struct weir_err *err);
void weir_httpd_free(struct weir_httpd *h); /* removes the socket */

#endif
