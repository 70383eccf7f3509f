/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/httpd.h"

#include <microhttpd.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CONNECTIONS 64
#define IDLE_S 10
/* Work that one turn of the loop gives to HTTP before other sources have their turn. */
#define RUNS_PER_TURN 64

struct weir_httpd {
	weir_http_fn fn;
	void *arg;
	struct MHD_Daemon *daemon;
	struct weir_source *ready, *tick;
	char *path;
};

struct weir_http_request {
	struct MHD_Connection *conn;
	const char *path;
	size_t len;
	bool post, too_large;
	char body[WEIR_HTTP_BODY_MAX + 1];
};

const char *weir_http_path(const struct weir_http_request *r)
{
	return r->path;
}

const char *weir_http_param(const struct weir_http_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->conn, MHD_GET_ARGUMENT_KIND, name);
}

const char *weir_http_header(const struct weir_http_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name);
}

const char *weir_http_body(const struct weir_http_request *r, size_t *ret_len)
{
	*ret_len = r->len;
	return r->post ? r->body : NULL;
}

int weir_http_peer(const struct weir_http_request *r, unsigned int *ret_uid)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (!info)
		return -ENOTSUP;
	if (getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	*ret_uid = peer.uid;
	return 0;
}

static enum MHD_Result respond(struct MHD_Connection *conn, const struct weir_http_answer *a)
{
	struct MHD_Response *resp = MHD_create_response_from_buffer(a->len, a->body, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result r;

	if (!resp) {
		free(a->body);
		return MHD_NO;
	}
	MHD_add_response_header(resp, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
	r = MHD_queue_response(conn, a->status, resp);
	MHD_destroy_response(resp);
	return r;
}

static enum MHD_Result respond_error(struct MHD_Connection *conn, unsigned int status, const char *json)
{
	struct weir_http_answer a = {.status = status, .type = "application/json", .body = strdup(json),
				     .len = strlen(json)};

	return a.body ? respond(conn, &a) : MHD_NO;
}

static enum MHD_Result begin(struct MHD_Connection *conn, const char *method, void **state)
{
	struct weir_http_request *r = calloc(1, sizeof(*r));

	if (!r)
		return MHD_NO;
	r->conn = conn;
	r->post = !strcmp(method, MHD_HTTP_METHOD_POST);
	*state = r;
	return MHD_YES;
}

static void add_body(struct weir_http_request *r, const char *data, size_t len)
{
	r->too_large |= !r->post || len > WEIR_HTTP_BODY_MAX - r->len;
	if (r->too_large)
		return;
	memcpy(r->body + r->len, data, len);
	r->len += len;
}

static void on_completed(void *arg, struct MHD_Connection *conn, void **state, enum MHD_RequestTerminationCode how)
{
	(void)arg;
	(void)conn;
	(void)how;
	free(*state);
	*state = NULL;
}

/* Called with the headers, then with each piece of a body, then once more: only then it can be answered. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_len, void **state)
{
	struct weir_http_request *request = *state;
	struct weir_http_answer a = {0};
	struct weir_httpd *h = arg;

	(void)version;
	if (!request)
		return begin(conn, method, state);
	if (*upload_len) {
		add_body(request, upload, *upload_len);
		*upload_len = 0;
		return MHD_YES;
	}
	if (request->too_large)
		return respond_error(conn, MHD_HTTP_BAD_REQUEST, "{\"error\":\"the body is too large\"}");
	if (!request->post && strcmp(method, MHD_HTTP_METHOD_GET))
		return respond_error(conn, MHD_HTTP_METHOD_NOT_ALLOWED,
				     "{\"error\":\"only GET and POST are served here\"}");
	request->path = url;
	return h->fn(request, &a, h->arg) ? MHD_NO : respond(conn, &a);
}

static int run(uint32_t events, void *arg)
{
	struct weir_httpd *h = arg;
	MHD_UNSIGNED_LONG_LONG timeout;

	(void)events;
	for (int i = 0; i < RUNS_PER_TURN; i++) {
		MHD_run(h->daemon);
		if (MHD_get_timeout(h->daemon, &timeout) != MHD_YES || timeout)
			break;
	}
	return 0;
}

static bool answers(const struct sockaddr_un *sa)
{
	weir_auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && !connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
}

static int listen_unix(const char *path, int *ret_fd, struct weir_err *err)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	weir_auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	mode_t mask;
	int r;

	if (fd < 0)
		return weir_err_set(err, -errno, "%s: no socket: %s", path, strerror(errno));
	if (weir_strcpy(sa.sun_path, sizeof(sa.sun_path), path))
		return weir_err_set(err, -ENAMETOOLONG, "%s: a socket's path has at most %zu bytes", path,
				    sizeof(sa.sun_path) - 1);
	if (answers(&sa))
		return weir_err_set(err, -EADDRINUSE, "%s: another program answers there", path);
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
		unlink(path);
	mask = umask(0117);
	r = bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) ? -errno : 0;
	umask(mask);
	if (!r && listen(fd, CONNECTIONS))
		r = -errno;
	if (r)
		return weir_err_set(err, r, "%s: cannot listen: %s", path, strerror(-r));
	*ret_fd = weir_take_fd(&fd);
	return 0;
}

static int start(struct weir_httpd *h, struct weir_loop *loop, struct weir_err *err)
{
	const union MHD_DaemonInfo *info;
	int fd, r = listen_unix(h->path, &fd, err);

	if (r)
		return r;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, h,
				     MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
				     (unsigned int)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
				     (unsigned int)IDLE_S, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
				     MHD_OPTION_END);
	if (!h->daemon) {
		close(fd);
		return weir_err_set(err, -EIO, "%s: cannot start the HTTP server", h->path);
	}
	info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return weir_err_set(err, -ENOTSUP, "libmicrohttpd has no epoll here");
	r = weir_loop_fd(loop, info->epoll_fd, EPOLLIN, run, h, &h->ready);
	/* Idle connections are closed by time, which no descriptor announces. */
	return r ? r : weir_loop_timer(loop, 1000000000ull, 1000000000ull, run, h, &h->tick);
}

int weir_httpd_new(const char *path, struct weir_loop *loop, weir_http_fn fn, void *arg,
		   struct weir_httpd **ret, struct weir_err *err)
{
	struct weir_httpd *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->fn = fn;
	h->arg = arg;
	h->path = strdup(path);
	r = h->path ? start(h, loop, err) : -ENOMEM;
	if (r) {
		weir_httpd_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void weir_httpd_free(struct weir_httpd *h)
{
	if (!h)
		return;
	weir_source_free(h->ready);
	weir_source_free(h->tick);
	if (h->daemon) {
		MHD_stop_daemon(h->daemon);
		unlink(h->path);
	}
	free(h->path);
	free(h);
}
