/* SPDX-License-Identifier: Apache-2.0 */
/* What is served on http.socket: the API as JSON, and /metrics. */
#ifndef AGGREGATOR_HTTP_H
#define AGGREGATOR_HTTP_H

#include "aggregator/service.h"
#include "lib/os/httpd.h"

int http_new(struct service *sv, struct weir_loop *loop, struct weir_httpd **ret, struct weir_err *err);

#endif
