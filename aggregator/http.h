/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server on a Unix socket, in our loop: no thread, bounded connections, GET only. */
#ifndef AGGREGATOR_HTTP_H
#define AGGREGATOR_HTTP_H

#include "aggregator/service.h"
#include "lib/os/loop.h"

struct http;
/* Takes over a socket file that nobody answers on; -EADDRINUSE when somebody does. */
int http_new(struct service *sv, struct weir_loop *loop, struct http **ret, struct weir_err *err);
void http_free(struct http *h);

#endif
