/* SPDX-License-Identifier: Apache-2.0 */
/* The aggregator's HTTP API over its Unix socket. All of libcurl is behind this. */
#ifndef WEIR_CLI_HTTP_H
#define WEIR_CLI_HTTP_H

#include "lib/ds/buf.h"

#define HTTP_BODY_MAX (64u << 20)
#define HTTP_TIMEOUT_S 60

/*
 * GET path ("/api/v1/status"); the body goes to ret, NUL-terminated behind its end. A status of 400
 * is -EINVAL, another failure -EIO, no aggregator -ECONNREFUSED: with what to do in err.
 */
int http_get(const char *socket, const char *path, struct weir_buf *ret, struct weir_err *err);
/* The same of a POST. */
int http_post(const char *socket, const char *path, const void *data, size_t len, struct weir_buf *ret,
	      struct weir_err *err);

#endif
