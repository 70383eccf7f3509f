/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics.h"

#include <sys/utsname.h>

#include "lib/base/clock.h"
#include "lib/wire/facts.h"

#define HTTP_OK 200
#define HTTP_NOT_FOUND 404
#define HTTP_FAILED 500

struct metrics {
	struct metrics_conf c;
	struct weir_httpd *httpd;
	struct weir_fact_unexplained unexplained[WEIR_LINES];
};

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

static void from_summary(struct metrics *m, const struct weir_summary *s, struct weir_facts *f)
{
	f->epoch = s->epoch;
	f->sequence = s->sequence;
	f->bytes[WEIR_INGRESS] = s->total_bytes[WEIR_INGRESS];
	f->bytes[WEIR_EGRESS] = s->total_bytes[WEIR_EGRESS];
	f->flow_rows_used = s->flow_rows_used;
	f->flow_rows = s->flow_rows;
	f->packet_ps = s->packet_ps;
	f->lease_until_ns = s->lease_until_ns;
	f->lapsed_s = s->lapsed_s;
	f->drops = s->drops;
	f->drop_count = s->drop_count;
	f->unexplained = m->unexplained;
	for (size_t i = 0; i < s->identity_count && f->unexplained_count < WEIR_LINES; i++) {
		const struct weir_sum_identity *id = &s->identity[i];

		if (id->term == WEIR_TERM_UNEXPLAINED)
			m->unexplained[f->unexplained_count++] =
				(struct weir_fact_unexplained){id->interface, id->dir, id->signed_bytes};
	}
}

static void from_others(const struct metrics *m, struct weir_facts *f)
{
	const struct metrics_conf *c = &m->c;
	uint64_t acked_ns = c->uplink ? uplink_acked_ns(c->uplink) : 0, now_ns = weir_wall_ns();

	f->mode = probe_ctl(c->probe)->mode;
	f->window_ns = c->conf->window_ns;
	f->lag_ns = acked_ns && now_ns > acked_ns ? now_ns - acked_ns : 0;
	if (c->uplink) {
		f->skew_ns = uplink_skew(c->uplink)->skew_ns;
		f->skew_error_ns = uplink_skew(c->uplink)->error_ns;
	}
	f->spool_bytes = spool_bytes(c->spool);
	f->spool_max = c->conf->spool_max;
	f->serial = policy_serial(c->policy);
	f->applied_ns = policy_applied_ns(c->policy);
	f->refused_serial = policy_refused(c->policy);
	f->has_digest = probe_digest(c->probe, f->digest) == 0;
	f->drifts = policy_drifts(c->policy);
	f->threshold = c->conf->threshold;
	f->approvers = c->conf->key_count;
}

static int write_metrics(struct metrics *m, bool classic, struct weir_buf *ret)
{
	const struct config *conf = m->c.conf;
	weir_cleanup(msg_freep) struct weir_msg *msg = NULL;
	weir_auto_buf struct weir_buf last = {0};
	struct weir_err err = {0};
	struct weir_metrics w;
	struct utsname un = {0};
	struct weir_facts f = {.node = conf->name, .domain = conf->domain, .class = conf->class,
			       .version = WEIR_VERSION, .hooks = probe_hooks(m->c.probe)};
	int r = spool_read_last(m->c.spool, &last);

	uname(&un);
	f.kernel = un.release;
	if (r == 0)
		r = weir_summary_unpack(last.data, last.len, &msg, &err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (msg)
		from_summary(m, &msg->summary, &f);
	from_others(m, &f);
	weir_metrics_begin(&w, ret, classic);
	weir_facts_write(&w, &f, 1, WEIR_FACTS_AGENT);
	return weir_metrics_end(&w);
}

static int put_text(unsigned int status, const char *text, struct weir_http_answer *ret)
{
	ret->status = status;
	ret->type = "text/plain; charset=utf-8";
	ret->body = weir_strf("%s\n", text);
	ret->len = ret->body ? strlen(ret->body) : 0;
	return ret->body ? 0 : -ENOMEM;
}

static int on_request(const struct weir_http_request *request, struct weir_http_answer *ret, void *arg)
{
	bool classic = weir_metrics_classic(weir_http_header(request, "Accept"));
	weir_auto_buf struct weir_buf b = {0};
	size_t len;
	int r;

	if (weir_http_body(request, &len) || strcmp(weir_http_path(request), "/metrics"))
		return put_text(HTTP_NOT_FOUND, "no such path; there is /metrics", ret);
	r = write_metrics(arg, classic, &b);
	if (r < 0)
		return put_text(HTTP_FAILED, strerror(-r), ret);
	*ret = (struct weir_http_answer){.status = HTTP_OK,
					 .type = classic ? WEIR_CLASSIC_TYPE : WEIR_OPENMETRICS_TYPE,
					 .body = (char *)b.data,
					 .len = b.len};
	b = (struct weir_buf){0};
	return 0;
}

int metrics_new(const struct metrics_conf *conf, const char *path, struct weir_loop *loop, struct metrics **ret,
		struct weir_err *err)
{
	struct metrics *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->c = *conf;
	r = weir_httpd_new(path, loop, on_request, m, &m->httpd, err);
	if (r < 0) {
		free(m);
		return r;
	}
	*ret = m;
	return 0;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	weir_httpd_free(m->httpd);
	free(m);
}
