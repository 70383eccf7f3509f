/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/http.h"

#include "aggregator/api.h"
#include "lib/base/clock.h"

#include <microhttpd.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CONNECTIONS 64
#define IDLE_S 10
#define BODY_MAX 4096
/* Work that one turn of the loop gives to HTTP before other sources have their turn. */
#define RUNS_PER_TURN 64

struct http {
	struct service *sv;
	struct MHD_Daemon *daemon;
	struct weir_source *ready, *tick;
	char *path;
};

static const char *param(const struct api_call *c, const char *name)
{
	return MHD_lookup_connection_value(c->request, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result respond(struct MHD_Connection *conn, unsigned int status, json_t *body)
{
	char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
	struct MHD_Response *resp;
	enum MHD_Result r;

	if (!text)
		return MHD_NO;
	resp = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!resp) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(resp, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	r = MHD_queue_response(conn, status, resp);
	MHD_destroy_response(resp);
	return r;
}

static enum MHD_Result respond_error(struct MHD_Connection *conn, unsigned int status, const char *text)
{
	api_auto_json json_t *body = json_pack("{s:s}", "error", text);

	return respond(conn, status, body);
}

/* Of one request, while its body comes in. */
struct upload {
	size_t len;
	bool post, too_large;
	char body[BODY_MAX + 1];
};

static enum MHD_Result begin(const char *method, void **state)
{
	struct upload *u = calloc(1, sizeof(*u));

	if (!u)
		return MHD_NO;
	u->post = !strcmp(method, MHD_HTTP_METHOD_POST);
	*state = u;
	return MHD_YES;
}

static void add_body(struct upload *u, const char *data, size_t len)
{
	u->too_large |= !u->post || len > BODY_MAX - u->len;
	if (u->too_large)
		return;
	memcpy(u->body + u->len, data, len);
	u->len += len;
}

static void on_completed(void *arg, struct MHD_Connection *conn, void **state, enum MHD_RequestTerminationCode how)
{
	(void)arg;
	(void)conn;
	(void)how;
	free(*state);
	*state = NULL;
}

static enum MHD_Result answer(struct http *h, struct MHD_Connection *conn, const char *url, const struct upload *u)
{
	struct api_call c = {.sv = h->sv, .now_ns = weir_wall_ns(), .param = param, .request = conn,
			     .body = u->post ? u->body : NULL, .body_len = u->len};
	api_auto_json json_t *body = NULL;
	api_fn fn = api_find(url, u->post);
	int r;

	if (!fn)
		return respond_error(conn, MHD_HTTP_NOT_FOUND, "no such path; see /api/v1/status");
	r = fn(&c, &body);
	if (r)
		return respond_error(conn,
				     r == -EINVAL ? MHD_HTTP_BAD_REQUEST :
						    MHD_HTTP_INTERNAL_SERVER_ERROR,
				     c.err.text[0] ? c.err.text : strerror(-r));
	return respond(conn, MHD_HTTP_OK, body);
}

/* Called with the headers, then with each piece of a body, then once more: only then it can be answered. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_len, void **state)
{
	struct upload *u = *state;

	(void)version;
	if (!u)
		return begin(method, state);
	if (*upload_len) {
		add_body(u, upload, *upload_len);
		*upload_len = 0;
		return MHD_YES;
	}
	if (u->too_large)
		return respond_error(conn, MHD_HTTP_BAD_REQUEST, "the body is too large");
	if (!u->post && strcmp(method, MHD_HTTP_METHOD_GET))
		return respond_error(conn, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and POST are served here");
	return answer(arg, conn, url, u);
}

static int run(uint32_t events, void *arg)
{
	struct http *h = arg;
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
		return weir_err_set(err, -ENAMETOOLONG, "http.socket: %s: at most %zu bytes", path,
				    sizeof(sa.sun_path) - 1);
	if (answers(&sa))
		return weir_err_set(err, -EADDRINUSE, "%s: another weir-aggregator is running", path);
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

static int start(struct http *h, struct weir_loop *loop, struct weir_err *err)
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

int http_new(struct service *sv, struct weir_loop *loop, struct http **ret, struct weir_err *err)
{
	struct http *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->sv = sv;
	h->path = strdup(sv->config.http_socket);
	r = h->path ? start(h, loop, err) : -ENOMEM;
	if (r) {
		http_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void http_free(struct http *h)
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
