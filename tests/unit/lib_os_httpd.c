/* SPDX-License-Identifier: Apache-2.0 */
/* What the HTTP server passes on, and what it answers itself. */
#include "lib/os/httpd.h"
#include "tests/lib/stored.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* "/path GET" or "/path POST 4096 LAST", the last byte of the body. */
static int on_request(const struct weir_http_request *r, struct weir_http_answer *ret, void *arg)
{
	size_t len;
	const char *body = weir_http_body(r, &len);

	(void)arg;
	ret->status = 200;
	ret->type = "text/plain";
	ret->body = body ? weir_strf("%s POST %zu %c", weir_http_path(r), len, len ? body[len - 1] : '-') :
			   weir_strf("%s GET", weir_http_path(r));
	ret->len = ret->body ? strlen(ret->body) : 0;
	return ret->body && strlen(body ? body : "") == len ? 0 : -EINVAL;
}

/* A process that serves until it is killed. */
static pid_t serve(const char *path)
{
	int up[2] = {-1, -1};
	char byte = 0;
	pid_t child = pipe(up) ? -1 : fork();

	if (!child) {
		struct weir_loop *l = NULL;
		struct weir_httpd *h = NULL;
		struct weir_err err = {{0}};
		int r = weir_loop_new(&l, NULL, NULL);

		if (!r)
			r = weir_httpd_new(path, l, on_request, NULL, &h, &err);
		if (!r && write(up[1], "", 1) == 1)
			r = weir_loop_run(l);
		weir_httpd_free(h);
		if (l)
			weir_loop_free(l);
		_exit(r ? 1 : 0);
	}
	close(up[1]);
	if (child > 0 && read(up[0], &byte, 1) != 1)
		child = -1;
	close(up[0]);
	return child;
}

/* All of the answer to one request with a body of so many 'a' and a 'z'. */
static void ask(const char *path, const char *method, size_t len, char *ret, size_t size)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	weir_auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	weir_auto_free char *body = calloc(1, len + 1);
	size_t used = 0;
	ssize_t n;

	*ret = '\0';
	if (!body || weir_strcpy(sa.sun_path, sizeof(sa.sun_path), path) ||
	    connect(fd, (const struct sockaddr *)&sa, sizeof(sa)))
		return;
	if (len) {
		memset(body, 'a', len);
		body[len - 1] = 'z';
	}
	dprintf(fd, "%s /p HTTP/1.1\r\nHost: w\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", method, len, body);
	while ((n = read(fd, ret + used, size - 1 - used)) > 0)
		used += (size_t)n;
	ret[used] = '\0';
}

TEST(a_get_and_a_small_post_are_passed_on_all_else_is_refused)
{
	static const struct {
		const char *method;
		size_t len;
		const char *status, *body;
	} rows[] = {
		{"GET", 0, " 200 ", "/p GET"},
		{"POST", 0, " 200 ", "/p POST 0 -"},
		{"POST", 700, " 200 ", "/p POST 700 z"},
		{"POST", WEIR_HTTP_BODY_MAX, " 200 ", "/p POST 4096 z"},
		{"POST", WEIR_HTTP_BODY_MAX + 1, " 400 ", "{\"error\":\"the body is too large\"}"},
		{"POST", 20 * WEIR_HTTP_BODY_MAX, " 400 ", "{\"error\":\"the body is too large\"}"},
		{"GET", 1, " 400 ", "{\"error\":\"the body is too large\"}"},
		{"PUT", 0, " 405 ", "{\"error\":\"only GET and POST are served here\"}"},
		{"GET", 0, " 200 ", "/p GET"},
	};
	auto_scratch t = {0};
	char got[4096];
	int status;
	pid_t child;

	CHECK(!scratch_new(&t));
	child = serve(t.store);
	CHECK(child > 0, "the server starts");
	for (size_t i = 0; child > 0 && i < WEIR_ARRAY_SIZE(rows); i++) {
		const char *body;

		ask(t.store, rows[i].method, rows[i].len, got, sizeof(got));
		body = strstr(got, "\r\n\r\n");
		CHECK(strstr(got, rows[i].status) && body && !strcmp(body + 4, rows[i].body), "row %zu: %s", i, got);
	}
	CHECK(child > 0 && !kill(child, SIGTERM) && waitpid(child, &status, 0) == child && !status, "it ends by itself");
	CHECK(access(t.store, F_OK) && errno == ENOENT, "its socket is gone");
}

TEST_MAIN(T(a_get_and_a_small_post_are_passed_on_all_else_is_refused))
