/* SPDX-License-Identifier: Apache-2.0 */
/* A Prometheus is asked for what is not here yet; one that answers anything else, or nothing, is told of and asked again. */
#include "aggregator/service.h"
#include "tests/lib/signals_fixture.h"
#include "tests/lib/test.h"

#include "lib/os/file.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#define NS WEIR_NS_PER_S
#define GUARD_NS (30 * NS)

/* Answers to range queries, a connection at a time. */
struct peer {
	pthread_t thread;
	int fd;
	char url[64];
	const char *answer; /* NULL: a matrix of what was asked for, with the time as its value */
	size_t endless;	    /* bytes of a body that never ends, instead */
	bool silent;	    /* it takes the question, and that is all */
	int requests;
	char last[8192];
};

static uint64_t asked(const char *request, const char *name)
{
	const char *at = strstr(request, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

static void answer(struct peer *p, int fd)
{
	static char body[1 << 20];
	const char *fixed = __atomic_load_n(&p->answer, __ATOMIC_SEQ_CST);
	char head[256];
	size_t n = 0;

	if (p->silent) {
		while (read(fd, body, sizeof(body)) > 0)
			continue;
		return;
	}
	if (p->endless) {
		static const char http[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";

		write_all(fd, http, sizeof(http) - 1);
		memset(body, '[', sizeof(body));
		for (size_t sent = 0; sent < p->endless; sent += sizeof(body))
			write_all(fd, body, sizeof(body));
		return;
	}
	if (fixed) {
		write_all(fd, fixed, strlen(fixed));
		return;
	}
	n = (size_t)snprintf(body, sizeof(body), "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"m\"},\"values\":[");
	for (uint64_t t = asked(p->last, "start="), to = asked(p->last, "end="), step = asked(p->last, "step="); step && t <= to; t += step)
		n += (size_t)snprintf(body + n, sizeof(body) - n, "[%llu,\"%llu\"]%s", (unsigned long long)t, (unsigned long long)t, t + step > to ? "" : ",");
	n += (size_t)snprintf(body + n, sizeof(body) - n, "]}]}}");
	write_all(fd, head, (size_t)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", n));
	write_all(fd, body, n);
}

static void *serve(void *arg)
{
	struct peer *p = arg;
	int fd;

	while ((fd = accept(p->fd, NULL, NULL)) >= 0) {
		size_t len = 0;
		ssize_t n;

		while (len + 1 < sizeof(p->last) && (n = read(fd, p->last + len, sizeof(p->last) - 1 - len)) > 0) {
			len += (size_t)n;
			p->last[len] = '\0';
			if (strstr(p->last, "\r\n\r\n"))
				break;
		}
		answer(p, fd);
		__atomic_add_fetch(&p->requests, 1, __ATOMIC_SEQ_CST);
		shutdown(fd, SHUT_WR);
		close(fd);
	}
	return NULL;
}

static void peer_start(struct peer *p)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd < 0 || bind(p->fd, (struct sockaddr *)&at, len) || listen(p->fd, 8) || getsockname(p->fd, (struct sockaddr *)&at, &len) ||
	    pthread_create(&p->thread, NULL, serve, p))
		abort();
	snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%u", ntohs(at.sin_port));
}

struct world {
	struct service sv;
	struct weir_loop *loop;
	struct signals *signals;
	struct weir_source *tick;
	struct peer peer;
	char *queries[2];
	bool (*until)(struct world *w);
	uint64_t now_ns, guard_ns, before; /* before: what was counted when a wait began */
	bool timed_out;
};

static const struct signals_about *about(const struct world *w)
{
	return signals_about(w->signals, 0);
}

/* The tests' own clock: signals have one only from here. */
static int on_tick(uint32_t events, void *arg)
{
	struct world *w = arg;

	(void)events;
	signals_run(w->signals, w->now_ns);
	w->timed_out = weir_monotonic_ns() > w->guard_ns;
	if (w->until(w) || w->timed_out)
		weir_loop_stop(w->loop, 0);
	return 0;
}

static bool run(struct world *w, bool (*until)(struct world *w))
{
	w->until = until;
	w->guard_ns = weir_monotonic_ns() + GUARD_NS;
	weir_loop_run(w->loop);
	return !w->timed_out;
}

static void world_new(struct world *w)
{
	*w = (struct world){.queries = {(char *)"load=sum(x{a=\"b c\"}) / 2"}, .now_ns = (NOW_S + 30) * NS};
	peer_start(&w->peer);
	w->sv.config = (struct config){.signals_prometheus = w->peer.url, .signals_queries = w->queries, .signals_step_ns = 60 * NS};
	if (weir_loop_new(&w->loop, NULL, NULL) || signals_new(&w->sv, w->loop, &w->signals) ||
	    weir_loop_timer(w->loop, 1, NS / 50, on_tick, w, &w->tick))
		abort();
	weir_source_rearm(w->signals->timer, 0, 0);
}

static void world_free(struct world *w)
{
	weir_source_free(w->tick);
	signals_free(w->signals);
	weir_loop_free(w->loop);
	shutdown(w->peer.fd, SHUT_RDWR);
	pthread_join(w->peer.thread, NULL);
	close(w->peer.fd);
}

static bool is_full(struct world *w)
{
	return signals_series(w->signals) && signals_series_at(w->signals, 0)->n == SIGNALS_POINTS_MAX;
}

static bool has_more(struct world *w)
{
	return about(w)->read > w->before;
}

static bool has_failed(struct world *w)
{
	return about(w)->failures > w->before;
}

TEST(the_past_is_caught_up_and_then_each_step_asked_once)
{
	struct world w;
	const struct signals_series *s;
	int requests;

	world_new(&w);
	CHECK(run(&w, is_full), "%s", about(&w)->error);
	s = signals_series_at(w.signals, 0);
	CHECK(s->start_s == NOW_S - (SIGNALS_POINTS_MAX - 1) * 60 && s->values[s->n - 1] == (double)NOW_S && s->values[0] == (double)s->start_s,
	      "from %llu", (unsigned long long)s->start_s);
	CHECK(about(&w)->read == SIGNALS_POINTS_MAX && about(&w)->taken == SIGNALS_POINTS_MAX && about(&w)->state == SIGNALS_WORKS, "each once: %llu",
	      (unsigned long long)about(&w)->read);
	CHECK(w.peer.requests == SIGNALS_POINTS_MAX / 30, "%d requests", w.peer.requests);
	CHECK(strstr(w.peer.last, "/api/v1/query_range?") && strstr(w.peer.last, "&query=sum%28x%7Ba%3D%22b%20c%22%7D%29%20%2F%202 "), "%s", w.peer.last);
	requests = w.peer.requests;
	w.before = about(&w)->read;
	w.now_ns += 60 * NS;
	CHECK(run(&w, has_more) && about(&w)->read == w.before + 1 && w.peer.requests == requests + 1, "one step, one point");
	CHECK(s->n == SIGNALS_POINTS_MAX && s->values[s->n - 1] == (double)NOW_S + 60, "the oldest goes");
	world_free(&w);
}

TEST(an_outage_is_made_good)
{
	struct world w;
	const struct signals_series *s;

	world_new(&w);
	CHECK(run(&w, is_full), "%s", about(&w)->error);
	w.peer.answer = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n{\"status\":\"error\",\"error\":\"later\"}";
	w.now_ns += 300 * NS;
	CHECK(run(&w, has_failed) && about(&w)->state == SIGNALS_FAILS && !strcmp(about(&w)->error, "status 503: later"), "%s", about(&w)->error);
	w.peer.answer = NULL;
	w.before = about(&w)->read;
	w.now_ns += 300 * NS;
	CHECK(run(&w, has_more) && about(&w)->state == SIGNALS_WORKS, "%s", about(&w)->error);
	s = signals_series_at(w.signals, 0);
	for (size_t i = 0; i < s->n; i++)
		CHECK(s->values[i] == (double)(s->start_s + 60 * i), "no hole at %zu", i);
	CHECK(s->values[s->n - 1] == (double)NOW_S + 600, "up to now");
	world_free(&w);
}

TEST(what_is_no_answer_of_prometheus_is_told)
{
	static const struct {
		const char *answer, *says;
	} cases[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "no matrix of Prometheus"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello", ""},
		{"SSH-2.0-OpenSSH_9.2\r\n", ""},
		{"", ""},
		{"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "redirects are not followed"},
		{"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n{\"status\":\"error\",\"error\":\"parse error \\u001b[31m at char 3\"}",
		 "status 400: parse error ?[31m at char 3"},
		{"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\n\xff\xfe[", "status 401"},
	};
	struct world w;

	world_new(&w);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		w.peer.answer = cases[i].answer;
		w.before = about(&w)->failures;
		w.now_ns += 600 * NS;
		CHECK(run(&w, has_failed) && *about(&w)->error && strstr(about(&w)->error, cases[i].says), "%s: %s", cases[i].answer, about(&w)->error);
		CHECK(!strstr(about(&w)->error, "127.0.0.1:") || !*cases[i].says, "no URL: %s", about(&w)->error);
	}
	CHECK(!signals_series(w.signals), "nothing is kept");
	world_free(&w);
}

/* Both are cut: no answer is longer in memory than 4 MiB, and nobody waits for its end. */
TEST(an_answer_without_end_is_cut)
{
	struct world w;

	world_new(&w);
	w.peer.endless = (size_t)1 << 30;
	CHECK(run(&w, has_failed) && strstr(about(&w)->error, "longer than 4194304 bytes"), "%s", about(&w)->error);
	w.peer.endless = 0;
	w.before = about(&w)->read;
	w.now_ns += 60 * NS;
	CHECK(run(&w, has_more) && about(&w)->read == 15, "half as many steps are asked for: %llu", (unsigned long long)about(&w)->read);
	world_free(&w);
}

TEST(nobody_waits_for_one_that_never_answers)
{
	struct world w;
	uint64_t began_ns = weir_monotonic_ns();

	world_new(&w);
	w.sv.config.signals_step_ns = NS;
	w.peer.silent = true;
	CHECK(run(&w, has_failed) && strstr(about(&w)->error, "imed out"), "%s", about(&w)->error);
	CHECK(weir_monotonic_ns() - began_ns < 10 * NS, "in %llu ms", (unsigned long long)((weir_monotonic_ns() - began_ns) / 1000000));
	world_free(&w);
}

TEST(a_token_is_read_each_time)
{
	char file[] = "/tmp/weir-token-XXXXXX";
	int fd = mkstemp(file);
	struct world w;

	world_new(&w);
	w.sv.config.signals_token_file = file;
	CHECK(run(&w, has_failed) && strstr(about(&w)->error, "must be one line of a token"), "an empty one: %s", about(&w)->error);
	CHECK(w.peer.requests == 0, "nothing is asked without it");
	if (write(fd, "s3cret\n", 7) != 7)
		abort();
	w.now_ns += 60 * NS;
	CHECK(run(&w, has_more) && strstr(w.peer.last, "\r\nAuthorization: Bearer s3cret\r\n"), "%s", w.peer.last);
	unlink(file);
	close(fd);
	world_free(&w);
}

TEST(settings_that_are_wrong_say_how)
{
	static const struct {
		const char *yaml, *says;
	} cases[] = {
		{"{prometheus: \"ftp://x\", queries: [\"a=x\"]}", "signals.prometheus: its URL must begin with"},
		{"{prometheus: \"http://x/?a\", queries: [\"a=x\"]}", "must end before ? and #"},
		{"{prometheus: \"http://x\"}", "signals.queries is empty"},
		{"{queries: [\"a=x\"]}", "signals.prometheus is empty"},
		{"{prometheus: \"http://x\", queries: [\"a=x\", \"up\"]}", "signals.queries: entry 2: write NAME=PROMQL"},
		{"{prometheus: \"http://x\", queries: [\"a=x\", \"a=y\"]}", "entry 2: its name is taken"},
		{"{prometheus: \"http://x\", queries: [\"a=x\"], token_file: /t}", "a token goes over https:// only"},
		{"{prometheus: \"http://127.0.0.1.example\", queries: [\"a=x\"], token_file: /t}", "a token goes over https:// only"},
		{"{prometheus: \"http://x\", queries: [\"a=x\"], step: 1500ms}", "signals.step: must be whole seconds"},
		{"{eve: eve.json}", "signals.eve: a path must begin with /"},
		{"{logs: [\"a=/x:time=t,text=m\", \"b=/y:time=t\"]}", "signals.logs: entry 2: it must say which fields are time and text"},
		{"{logs: [\"a=/x:time=t,text=m\", \"b=/x:time=t,text=m\"]}", "entry 2: its file is followed by one before it"},
		{"{logs: [\"a=/x:time=t,text=m\", \"a=/y:time=t,text=m\"]}", "entry 2: its name is taken"},
		{"{logs: [\"a=/x:time=t,text=m\"], eve: /x}", "its file is signals.eve too"},
		{"{logs: [\"a=/x:time=t,text=m\", \"b=/xy:time=t,text=m\"], eve: /e, prometheus: \"http://127.0.0.1:9/\", queries: [\"a=x\"], token_file: /t}", NULL},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		char file[] = "/tmp/weir-signals-XXXXXX";
		weir_auto_close int fd = mkstemp(file);
		struct weir_err err = {{0}};
		struct config c;
		int r;

		if (dprintf(fd, "signals: %s\n", cases[i].yaml) < 0)
			abort();
		r = config_load(file, &c, &err);
		if (!r)
			config_fini(&c);
		CHECK(r == (cases[i].says ? -EINVAL : 0) && (!cases[i].says || (strstr(err.text, cases[i].says) && !strncmp(err.text, file, strlen(file)))),
		      "%s: %s", cases[i].yaml, err.text);
		unlink(file);
	}
}

TEST_MAIN(T(the_past_is_caught_up_and_then_each_step_asked_once), T(an_outage_is_made_good), T(what_is_no_answer_of_prometheus_is_told),
	  T(an_answer_without_end_is_cut), T(nobody_waits_for_one_that_never_answers), T(a_token_is_read_each_time), T(settings_that_are_wrong_say_how))
