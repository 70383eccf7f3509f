/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live_text.h"

#include "aggregator/text.h"
#include "lib/base/clock.h"
#include "lib/ds/lpm.h"

#include <inttypes.h>
#include <math.h>

static int put(struct weir_buf *b, const char *name, const char *value)
{
	int r = weir_buf_addf(b, "%s\"%s\":", b->len && b->data[b->len - 1] != '{' ? "," : "", name);

	return r ? r : text_json(b, value);
}

static int put_known(struct weir_buf *b, const char *name, const char *value)
{
	return *value ? put(b, name, value) : 0;
}

/* What is no number, as an expectation that nobody had, is null. */
static int put_number(struct weir_buf *b, const char *name, double v)
{
	return isfinite(v) ? weir_buf_addf(b, ",\"%s\":%.17g", name, v) : weir_buf_addf(b, ",\"%s\":null", name);
}

static int put_time(struct weir_buf *b, const char *name, uint64_t time_s)
{
	char text[32];

	return put(b, name, weir_time_text(time_s * WEIR_NS_PER_S, text));
}

static int put_who(const struct weir_finding *f, struct weir_buf *b)
{
	const struct weir_finding_subject *s = &f->subject;
	char peer[64];
	int r = put_known(b, "node", s->node);

	r = r ? r : put_known(b, "domain", s->domain);
	r = r ? r : put(b, "namespace", s->namespace);
	r = r ? r : put(b, "workload", s->name);
	r = r ? r : put(b, "team", s->team);
	if (!r && f->has_peer)
		r = put(b, "peer", weir_prefix_text(&f->peer, peer));
	r = r ? r : put_known(b, "peer_name", f->peer_name);
	r = r ? r : put_known(b, "path", f->path);
	r = r ? r : put_known(b, "series", f->series);
	if (!r && f->port)
		r = weir_buf_addf(b, ",\"port\":%u", f->port);
	if (!r && f->proto)
		r = weir_buf_addf(b, ",\"protocol\":%u", f->proto);
	return r;
}

static int put_proposal(const struct weir_finding *f, struct weir_buf *b)
{
	weir_auto_buf struct weir_buf proposal = {.max = WEIR_FINDING_PROPOSAL_MAX};
	int r = f->action == WEIR_ACTION_NONE ? -ENODATA : weir_finding_propose(f, &proposal);

	/* What can be said of nobody in particular is not proposed. */
	if (r == -ENODATA || r == -EINVAL)
		return put(b, "action", weir_finding_action_name(WEIR_ACTION_NONE));
	r = r ? r : put(b, "action", weir_finding_action_name(f->action));
	return r ? r : put(b, "proposal", (const char *)proposal.data);
}

static int put_all(const struct weir_finding *f, const char *currency, struct weir_buf *b)
{
	char amount[TEXT_MONEY_MAX];
	int r = put(b, "kind", weir_finding_kind_name(f->kind));

	r = r ? r : put_who(f, b);
	r = r ? r : put_number(b, "observed", f->observed);
	r = r ? r : put_number(b, "expected", f->expected);
	r = r ? r : put_known(b, "unit", f->unit);
	r = r ? r : put(b, "cost_per_hour", text_money(f->nanos_per_hour, amount));
	r = r ? r : put(b, "currency", currency);
	r = r ? r : put(b, "sentence", f->sentence);
	return r ? r : put_proposal(f, b);
}

int live_text_body(const struct weir_finding *f, const char *currency, const char *extra, struct weir_buf *ret)
{
	int r = weir_buf_add(ret, "{", 1);

	r = r ? r : put_all(f, currency, ret);
	r = r ? r : weir_buf_add(ret, extra, strlen(extra));
	return r ? r : weir_buf_add(ret, "}", 1);
}

int live_text_notice(const struct weir_finding *f, int64_t id, uint64_t now_s, const char *currency, bool ended, struct weir_buf *ret)
{
	weir_auto_free char *text = weir_strf("%s: %s%s", weir_finding_kind_name(f->kind), f->sentence,
					      ended ? " It is over." : f->action != WEIR_ACTION_NONE ? " A change is proposed, and not in force." : "");
	char which[48];
	int r = text ? weir_buf_add(ret, "{", 1) : -ENOMEM;

	snprintf(which, sizeof(which), "finding/%" PRId64 "/%s", id, ended ? "ended" : "found");
	r = r ? r : put(ret, "id", which);
	r = r ? r : put(ret, "event", ended ? "ended" : "found");
	r = r ? r : put_time(ret, "since", f->since_s);
	r = r ? r : put_time(ret, "last", f->last_s);
	r = r ? r : put_time(ret, "time", now_s);
	r = r ? r : put_all(f, currency, ret);
	r = r ? r : put(ret, "text", text);
	return r ? r : weir_buf_add(ret, "}", 1);
}
