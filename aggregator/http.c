/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/http.h"

#include "aggregator/api.h"
#include "aggregator/metrics.h"
#include "lib/base/clock.h"
#include "lib/ds/metrics.h"

#define HTTP_OK 200
#define HTTP_BAD_REQUEST 400
#define HTTP_NOT_FOUND 404
#define HTTP_FAILED 500

static const char *param(const struct api_call *c, const char *name)
{
	return weir_http_param(c->request, name);
}

static int put(unsigned int status, json_t *body, struct weir_http_answer *ret)
{
	ret->status = status;
	ret->type = "application/json";
	ret->body = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
	ret->len = ret->body ? strlen(ret->body) : 0;
	return ret->body ? 0 : -ENOMEM;
}

static int put_error(unsigned int status, const char *text, struct weir_http_answer *ret)
{
	api_auto_json json_t *body = json_pack("{s:s}", "error", text);

	return put(status, body, ret);
}

static int put_metrics(const struct weir_http_request *r, struct service *sv, struct weir_http_answer *ret)
{
	bool classic = weir_metrics_classic(weir_http_header(r, "Accept"));
	weir_auto_buf struct weir_buf b = {0};
	int e = metrics_write(sv, weir_wall_ns(), classic, &b);

	if (e)
		return put_error(HTTP_FAILED, strerror(-e), ret);
	*ret = (struct weir_http_answer){.status = HTTP_OK,
					 .type = classic ? WEIR_CLASSIC_TYPE : WEIR_OPENMETRICS_TYPE,
					 .body = (char *)b.data,
					 .len = b.len};
	b = (struct weir_buf){0};
	return 0;
}

static int on_request(const struct weir_http_request *request, struct weir_http_answer *ret, void *arg)
{
	struct api_call c = {.sv = arg, .now_ns = weir_wall_ns(), .param = param, .request = request};
	api_auto_json json_t *body = NULL;
	api_fn fn;
	int r;

	c.body = weir_http_body(request, &c.body_len);
	if (!c.body && !strcmp(weir_http_path(request), "/metrics"))
		return put_metrics(request, arg, ret);
	fn = api_find(weir_http_path(request), c.body != NULL);
	if (!fn)
		return put_error(HTTP_NOT_FOUND, "no such path; see /api/v1/status", ret);
	r = fn(&c, &body);
	if (r)
		return put_error(r == -EINVAL ? HTTP_BAD_REQUEST : HTTP_FAILED,
				 c.err.text[0] ? c.err.text : strerror(-r), ret);
	return put(HTTP_OK, body, ret);
}

int http_new(struct service *sv, struct weir_loop *loop, struct weir_httpd **ret, struct weir_err *err)
{
	return weir_httpd_new(sv->config.http_socket, loop, on_request, sv, ret, err);
}
