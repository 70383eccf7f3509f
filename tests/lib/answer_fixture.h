/* SPDX-License-Identifier: Apache-2.0 */
/* An aggregator of one canned answer, or of one after the other, and a command of weirctl that asks it. */
#ifndef WEIR_TEST_ANSWER_FIXTURE_H
#define WEIR_TEST_ANSWER_FIXTURE_H

#include "tests/lib/cli_fixture.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

struct answer {
	const char *status, *body;
	char dir[32], socket[64];
	const char *then;  /* the body of a second answer; NULL = there is none */
	char request[512]; /* the last one's first line, filled by the server */
	char first[512];   /* the first one's */
	int fd;
	bool blocks; /* the terminal shows UTF-8 */
	size_t width; /* of it; 0 = none */
};

static inline void serve_body(struct answer *a, const char *body)
{
	int fd = accept(a->fd, NULL, NULL);
	ssize_t n = read(fd, a->request, sizeof(a->request) - 1);

	a->request[n > 0 ? n : 0] = '\0';
	a->request[strcspn(a->request, "\r")] = '\0';
	dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", a->status, strlen(body), body);
	close(fd);
}

static inline void *serve_one(void *arg)
{
	struct answer *a = arg;

	serve_body(a, a->body);
	strcpy(a->first, a->request);
	if (a->then)
		serve_body(a, a->then);
	return NULL;
}

static inline void answer_listen(struct answer *a)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	strcpy(a->dir, "/tmp/weir-query-XXXXXX");
	if (!mkdtemp(a->dir))
		abort();
	snprintf(a->socket, sizeof(a->socket), "%s/s", a->dir);
	strcpy(addr.sun_path, a->socket);
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a->fd < 0 || bind(a->fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(a->fd, 1))
		abort();
}

/* Runs argv against the answer; the output belongs to the caller. */
static inline int ask(struct answer *a, int argc, char **argv, char **ret_out, struct weir_err *err)
{
	pthread_t server;
	int r;

	answer_listen(a);
	if (pthread_create(&server, NULL, serve_one, a))
		abort();
	r = cli_fixture_run((struct cli){.socket = a->socket, .blocks = a->blocks, .width = a->width}, argc, argv, ret_out, err);
	pthread_join(server, NULL);
	close(a->fd);
	unlink(a->socket);
	rmdir(a->dir);
	return r;
}
#define ASK(a, out, err, ...)                                                                      \
	({                                                                                         \
		char *_argv[] = {__VA_ARGS__};                                                     \
		ask(a, WEIR_ARRAY_SIZE(_argv), _argv, out, err);                                   \
	})

#endif
