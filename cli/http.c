/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http.h"

#include <curl/curl.h>
#include <jansson.h>

static void curl_freep(CURL **c)
{
	curl_easy_cleanup(*c);
}

static void json_freep(json_t **j)
{
	json_decref(*j);
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	/* Fewer than given ends the transfer with CURLE_WRITE_ERROR. */
	return weir_buf_add(arg, data, size * n) ? 0 : size * n;
}

/* The "error" line of the answer, or the status alone when there is none. */
static int status_error(long status, const struct weir_buf *body, struct weir_err *err)
{
	weir_cleanup(json_freep) json_t *root =
		json_loadb((const char *)body->data, body->len, 0, NULL);
	const char *text = json_string_value(json_object_get(root, "error"));
	int r = status == 400 ? -EINVAL : -EIO;

	if (text)
		return weir_err_set(err, r, "%s", text);
	return weir_err_set(err, r, "the aggregator answered with status %ld", status);
}

static int transport_error(CURLcode code, const char *socket, struct weir_err *err)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return weir_err_set(
			err, -ECONNREFUSED,
			"cannot reach the aggregator at %s; is weir-aggregator running? "
			"--socket PATH names another socket",
			socket);
	case CURLE_OPERATION_TIMEDOUT:
		return weir_err_set(err, -ETIMEDOUT, "%s: no answer within %d s; ask for less",
				    socket, HTTP_TIMEOUT_S);
	case CURLE_WRITE_ERROR:
		return weir_err_set(err, -EFBIG,
				    "%s: the answer is larger than %u MiB; ask for less", socket,
				    HTTP_BODY_MAX >> 20);
	default:
		return weir_err_set(err, -EIO, "%s: %s", socket, curl_easy_strerror(code));
	}
}

static int request_setup(CURL *c, const char *socket, const char *url, struct weir_buf *body)
{
	if (curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, socket) ||
	    curl_easy_setopt(c, CURLOPT_URL, url) ||
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) ||
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, body) ||
	    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) ||
	    /* A proxy from the environment is not on this socket. */
	    curl_easy_setopt(c, CURLOPT_PROXY, "") ||
	    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)HTTP_TIMEOUT_S))
		return -EINVAL;
	return 0;
}

static int post_setup(CURL *c, const void *data, size_t len)
{
	return curl_easy_setopt(c, CURLOPT_POST, 1L) || curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)len) ||
			       curl_easy_setopt(c, CURLOPT_POSTFIELDS, data) ?
		       -EINVAL :
		       0;
}

/* data NULL: a GET. */
static int request(const char *socket, const char *path, const void *data, size_t len, struct weir_buf *ret,
		   struct weir_err *err)
{
	weir_cleanup(curl_freep) CURL *c = curl_easy_init();
	weir_auto_free char *url = weir_strf("http://weir%s", path);
	weir_auto_buf struct weir_buf body = {.max = HTTP_BODY_MAX};
	long status = 0;
	CURLcode code;

	if (!c || !url)
		return weir_err_set(err, -ENOMEM, "out of memory");
	if (request_setup(c, socket, url, &body) || (data && post_setup(c, data, len)))
		return weir_err_set(err, -EINVAL, "--socket: '%s' cannot be used", socket);
	code = curl_easy_perform(c);
	if (code)
		return transport_error(code, socket, err);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return status_error(status, &body, err);
	if (weir_buf_add(&body, "", 1))
		return weir_err_set(err, -ENOMEM, "out of memory");
	body.len--;
	*ret = body;
	body = (struct weir_buf){0};
	return 0;
}

int http_get(const char *socket, const char *path, struct weir_buf *ret, struct weir_err *err)
{
	return request(socket, path, NULL, 0, ret, err);
}

int http_post(const char *socket, const char *path, const void *data, size_t len, struct weir_buf *ret,
	      struct weir_err *err)
{
	return request(socket, path, data, len, ret, err);
}
