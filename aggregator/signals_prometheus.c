/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources that are queries of a Prometheus: each asks for the steps that it does not have yet (GET /api/v1/query_range), first
 * for those of the past that are kept. An answer is bounded; where it would be longer, fewer steps are asked for at once.
 */
#include "aggregator/signals_impl.h"

#include "lib/base/clock.h"
#include "lib/os/file.h"

#include <inttypes.h>

#define SLOTS 4
#define ANSWER_MAX ((size_t)4 << 20)
/* An answer that takes longer than a step comes too late; but two seconds are left to anybody. */
#define TIMEOUT_MAX_S 20u
#define TIMEOUT_MIN_S 2u
/* Of one answer: of 1000 series it takes some 50 ms of the loop. */
#define STEPS_MAX 30
/* What was scraped at the end of a step is there a little later. */
#define SETTLE_S 5
#define RETRY_S 10
#define RETRY_MAX_S 300
#define TOKEN_MAX 4096
#define QUERY_MAX 1024

struct query {
	const struct config *config;
	uint64_t next_s; /* the first step that is not here; 0: none was asked for */
	uint64_t retry_s;
	uint32_t steps; /* to ask for at once */
	uint32_t failed; /* in a row */
	bool busy;
	struct signals_asked asked;
};

static bool plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
}

static int url(const struct config *c, const char *promql, const struct signals_asked *a, struct weir_buf *b)
{
	size_t n = strlen(c->signals_prometheus);
	int r;

	while (n && c->signals_prometheus[n - 1] == '/')
		n--;
	r = weir_buf_addf(b, "%.*s/api/v1/query_range?start=%" PRIu64 "&end=%" PRIu64 "&step=%" PRIu32 "&query=", (int)n, c->signals_prometheus,
			  a->from_s, a->to_s, a->step_s);
	for (; !r && *promql; promql++)
		r = plain(*promql) ? weir_buf_add(b, promql, 1) : weir_buf_addf(b, "%%%02X", (unsigned char)*promql);
	return r;
}

/* Read each time, as tokens are exchanged. NULL: none is set. */
static int authorization(const char *file, char **ret, struct signals_source *src, uint64_t now_ns)
{
	weir_auto_free char *token = NULL;
	size_t len;
	int r;

	if (!file || !*file)
		return 0;
	r = weir_file_read(file, TOKEN_MAX, &token, &len);
	while (!r && len && (token[len - 1] == '\n' || token[len - 1] == '\r' || token[len - 1] == ' '))
		token[--len] = '\0';
	for (size_t i = 0; !r && i < len; i++)
		if ((unsigned char)token[i] <= ' ' || token[i] == 0x7f)
			r = -EINVAL;
	if (r || !len) {
		signals_failed(src, now_ns, "signals.token_file: %s: %s", file, r && r != -EINVAL ? strerror(-r) : "must be one line of a token");
		return r ? r : -EINVAL;
	}
	*ret = weir_strf("Authorization: Bearer %s", token);
	explicit_bzero(token, len);
	return *ret ? 0 : -ENOMEM;
}

static void failed(struct query *q, uint64_t now_ns)
{
	q->retry_s = now_ns / WEIR_NS_PER_S + WEIR_MIN(RETRY_S << WEIR_MIN(q->failed, 5u), RETRY_MAX_S);
	q->failed++;
}

static void on_answer(void *arg, int64_t id, int r, const char *why, const char *body, size_t len)
{
	struct signals_source *src = arg;
	uint64_t now_ns = src->signals->now_ns;
	struct query *q = src->own;
	char wrong[SIGNALS_ERROR_MAX] = "";

	(void)id;
	q->busy = false;
	if (!r) {
		r = signals_matrix(src, &q->asked, body, len, wrong);
		why = wrong;
	} else if (r == -EPROTO) {
		signals_matrix_error(body, len, wrong);
	}
	if (r) {
		if (q->steps > 1 && (r == -EFBIG || r == -EBADMSG))
			q->steps /= 2;
		signals_failed(src, now_ns, why == wrong || !*wrong ? "%s" : "%s: %s", why, wrong);
		failed(q, now_ns);
		return;
	}
	q->failed = 0;
	q->next_s = q->asked.to_s + q->asked.step_s;
	signals_worked(src, now_ns);
	signals_set_drop(&src->signals->set, q->asked.query,
			 q->asked.to_s - WEIR_MIN(q->asked.to_s, (uint64_t)SIGNALS_POINTS_MAX * q->asked.step_s));
}

static void ask(struct signals_source *src, uint64_t now_ns)
{
	struct query *q = src->own;
	weir_auto_buf struct weir_buf where = {0};
	weir_auto_free char *token = NULL;
	int r = authorization(q->config->signals_token_file, &token, src, now_ns);
	const char *const headers[] = {"Accept: application/json", token, NULL};
	struct curl_request request = {.headers = headers, .answer_max = ANSWER_MAX,
				       .timeout_ms = 1000 * (long)WEIR_MAX(WEIR_MIN(q->asked.step_s, TIMEOUT_MAX_S), TIMEOUT_MIN_S), .fn = on_answer, .arg = src};

	if (r) {
		failed(q, now_ns);
		return;
	}
	r = url(q->config, src->about.what, &q->asked, &where);
	request.url = (const char *)where.data;
	if (!r)
		r = curl_loop_send(src->signals->curl, &request);
	q->busy = !r;
	if (r && r != -EBUSY) {
		signals_failed(src, now_ns, "cannot ask: %s", strerror(-r));
		failed(q, now_ns);
	}
}

static void prometheus_run(struct signals_source *src, uint64_t now_ns, size_t *budget)
{
	struct query *q = src->own;
	uint64_t now_s = now_ns / WEIR_NS_PER_S, step_s = q->config->signals_step_ns / WEIR_NS_PER_S, keep_s = SIGNALS_POINTS_MAX * step_s;
	uint64_t end_s = now_s < SETTLE_S + keep_s ? 0 : (now_s - SETTLE_S) / step_s * step_s;

	(void)budget;
	if (q->next_s + keep_s <= end_s)
		q->next_s = end_s - keep_s + step_s;
	if (q->busy || q->next_s > end_s || !end_s || now_s < q->retry_s)
		return;
	q->asked = (struct signals_asked){.query = src->about.name, .step_s = (uint32_t)step_s, .from_s = q->next_s,
					  .to_s = WEIR_MIN(end_s, q->next_s + (q->steps - 1) * step_s)};
	ask(src, now_ns);
}

static int prometheus_add(struct signals *s, const struct config *c)
{
	int r = 0;

	if (!c->signals_prometheus || !*c->signals_prometheus)
		return 0;
	r = curl_loop_new(s->loop, c->signals_ca ? c->signals_ca : "", SLOTS, &s->curl);
	for (char **entry = c->signals_queries; !r && entry && *entry; entry++) {
		size_t n = signals_name_length(*entry);
		struct signals_source *src;
		struct query *q = calloc(1, sizeof(*q));

		r = q ? signals_add_source(s, &signals_prometheus, *entry, n, *entry + n + 1, &src) : -ENOMEM;
		if (r) {
			free(q);
			return r;
		}
		*q = (struct query){.config = c, .steps = STEPS_MAX};
		src->own = q;
	}
	return r;
}

static void prometheus_free(struct signals_source *src)
{
	free(src->own);
	src->own = NULL;
}

const struct signals_kind signals_prometheus = {"prometheus", prometheus_add, prometheus_run, prometheus_free, false};

/* A token is a password: it goes over TLS, or does not leave the machine. */
static bool is_private(const char *base)
{
	static const char *const hosts[] = {"https://", "http://127.0.0.1", "http://localhost", "http://[::1]"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(hosts); i++) {
		size_t n = strlen(hosts[i]);

		if (!strncmp(base, hosts[i], n) && (!i || !base[n] || base[n] == ':' || base[n] == '/'))
			return true;
	}
	return false;
}

static const char *query_wrong(const char *entry)
{
	size_t n = signals_name_length(entry);

	if (!n || !entry[n + 1])
		return "write NAME=PROMQL, the name of a-z, 0-9 and -";
	return strlen(entry) - n - 1 > QUERY_MAX ? "a query has at most 1024 bytes" : NULL;
}

int signals_check_prometheus(const struct config *c, const char *path, struct weir_err *err)
{
	const char *base = c->signals_prometheus, *wrong = *base ? curl_check_url(base) : NULL;
	size_t n = 0;

	if (wrong || strpbrk(base, "?#"))
		return weir_err_set(err, -EINVAL, "%s: signals.prometheus: %s", path, wrong ? wrong : "its URL must end before ? and #");
	if (*c->signals_token_file && !is_private(base))
		return weir_err_set(err, -EINVAL, "%s: signals.token_file: a token goes over https:// only, or to loopback", path);
	if (c->signals_step_ns % WEIR_NS_PER_S)
		return weir_err_set(err, -EINVAL, "%s: signals.step: must be whole seconds", path);
	for (; c->signals_queries[n]; n++) {
		size_t len = signals_name_length(c->signals_queries[n]);

		wrong = query_wrong(c->signals_queries[n]);
		for (size_t i = 0; !wrong && i < n; i++)
			if (!strncmp(c->signals_queries[i], c->signals_queries[n], len + 1))
				wrong = "its name is taken by one before it";
		if (n == SIGNALS_QUERIES_MAX)
			wrong = "at most 64 are asked";
		if (wrong)
			return weir_err_set(err, -EINVAL, "%s: signals.queries: entry %zu: %s", path, n + 1, wrong);
	}
	if (n && !*base)
		return weir_err_set(err, -EINVAL, "%s: signals.queries: nobody is asked: signals.prometheus is empty", path);
	if (*base && !n)
		return weir_err_set(err, -EINVAL, "%s: signals.prometheus: nothing is asked: signals.queries is empty", path);
	return 0;
}
