/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_priv.h"

#include <inttypes.h>

#include "agent/witness.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/os/file.h"

/* The aggregator holds a poll for up to half a minute. */
#define POLL_TIMEOUT_NS (90 * WEIR_NS_PER_S)
/* An empty answer that came faster was not held: do not ask again at once. */
#define POLL_MIN_NS (WEIR_NS_PER_S / 5)

void policy_free(struct policy *p)
{
	if (!p)
		return;
	link_free(p->link);
	weir_source_free(p->timer);
	free(p->marks.path);
	free(p->current);
	free(p->previous);
	free(p->pending);
	free(p->candidate.path);
	weir_source_free(p->asked);
	weir_closep(&p->requests);
	free(p->request);
	free(p->answer);
	free(p);
}

static void policy_freep(struct policy **p)
{
	policy_free(*p);
}

void policy_witness(struct policy *p, struct witness *w)
{
	p->witness = w;
}

struct link *policy_link(struct policy *p)
{
	return p->link;
}

uint64_t policy_serial(const struct policy *p)
{
	return p->serial;
}

uint64_t policy_drifts(const struct policy *p)
{
	return p->drifts;
}

uint64_t policy_applied_ns(const struct policy *p)
{
	return p->applied_ns;
}

uint64_t policy_refused(const struct policy *p)
{
	return p->refused_serial;
}

uint64_t policy_candidate(const struct policy *p)
{
	return p->candidate.serial;
}

static void ready(const struct weir_welcome *w, void *arg)
{
	(void)w;
	(void)arg;
}

/* What the kernel enforces is looked at before it is reported: somebody else may have written there. */
static bool mend(struct policy *p)
{
	struct weir_err err = {0};
	int r = gate_mend(p->gate, &err);

	if (!r)
		return true;
	p->drifts++;
	if (r < 0) {
		weir_log(WEIR_LOG_ERR, "policy: the kernel holds other tables than those of bundle %" PRIu64 ": %s",
			 p->serial, err.text);
		return false;
	}
	weir_log(WEIR_LOG_ERR, "policy: the kernel held other tables than those of bundle %" PRIu64
		 "; they are in force again", p->serial);
	policy_follow_candidate(p);
	return true;
}

int policy_request(struct policy *p, const uint8_t token[WEIR_TOKEN_LEN], struct weir_buf *ret)
{
	struct weir_msg m = {.kind = WEIR_MSG_POLICY_SYNC, .has_token = true};
	struct weir_policy_sync *s = &m.policy_sync;

	memcpy(m.token, token, sizeof(m.token));
	s->applied_serial = mend(p) ? p->serial : 0;
	s->drifts = p->drifts;
	s->threshold = p->conf->threshold;
	s->approvers = (uint32_t)p->conf->key_count;
	s->have_serial = p->have_serial;
	s->applied_ns = p->applied_ns;
	s->has_digest = probe_digest(p->probe, s->applied_digest) == 0;
	memcpy(s->boot_id, p->boot_id, sizeof(s->boot_id));
	s->candidate_serial = p->candidate.serial;
	s->has_candidate = p->candidate.had;
	memcpy(s->candidate, p->candidate.manifest, sizeof(s->candidate));
	s->mode = probe_ctl(p->probe)->mode;
	s->unconfirmed_serial = p->marks.at->pending;
	s->key_epoch = p->conf->key_epoch;
	s->undone_from = p->marks.at->from;
	s->undone_to = p->marks.at->to;
	s->undone_ns = p->marks.at->at_ns;
	s->undone_why = (uint32_t)p->marks.at->why;
	s->have_order = WEIR_MAX(p->have_order, (uint64_t)p->marks.at->order);
	s->order_refused = p->order_refused.text;
	s->refused_serial = p->refused_serial;
	s->refused_reason = p->refused_serial ? p->refused_reason : "";
	s->refused_text = p->refused_serial ? p->refused.text : "";
	if (p->witness)
		s->witnessed = *witness_highest(p->witness);
	p->asked_pending = p->marks.at->pending;
	p->asked_ns = weir_monotonic_ns();
	return weir_msg_pack(&m, ret);
}

static int request(const uint8_t token[WEIR_TOKEN_LEN], struct weir_buf *ret, void *arg)
{
	return policy_request(arg, token, ret);
}

int policy_reply(struct policy *p, const struct weir_msg *m)
{
	const struct weir_policy_push *push = &m->policy_push;
	bool heard = p->asked_pending; /* answered at once, so that it counts */

	if (m->kind != WEIR_MSG_POLICY_PUSH) {
		weir_log(WEIR_LOG_ERR, "control: reply of kind %d to a poll", (int)m->kind);
		return -EPROTO;
	}
	if (p->witness)
		witness_told(p->witness);
	/* Whatever it says: it answers what the poll said. */
	policy_confirm(p, p->asked_pending);
	p->asked_pending = 0;
	if (!push->change && push->order_len)
		return policy_order(p, push);
	if (!push->change && push->end_candidate) {
		policy_end_candidate(p, "it was withdrawn");
		p->candidate.had = false;
		return 0;
	}
	if (!push->change)
		return !heard && weir_monotonic_ns() - p->asked_ns < POLL_MIN_NS ? -EAGAIN : 0;
	if (push->shadow) {
		(void)policy_take_candidate(p, push, m);
		return 0;
	}
	/* Refused ones count as had: the aggregator must not send them again and again. */
	p->have_serial = push->serial;
	(void)policy_take(p, push, m);
	return 0;
}

static int reply(const struct weir_msg *m, void *arg)
{
	return policy_reply(arg, m);
}

static int open_files(struct policy *p, const char *dir, struct weir_err *err)
{
	struct weir_err why = {0};
	int r;

	p->marks = (struct marks){probe_marks(p->probe), &probe_ctl(p->probe)->serial_high, weir_strf("%s/marks", dir)};
	p->current = weir_strf("%s/current", dir);
	p->previous = weir_strf("%s/previous", dir);
	p->pending = weir_strf("%s/pending", dir);
	p->candidate.path = weir_strf("%s/candidate", dir);
	if (!p->marks.path || !p->current || !p->previous || !p->pending || !p->candidate.path)
		return -ENOMEM;
	r = weir_mkdir_p(dir, 0700);
	if (r == 0)
		r = weir_boot_id(p->boot_id);
	if (r < 0)
		return weir_err_set(err, r, "%s: %s", dir, strerror(-r));
	if (marks_load(&p->marks, &why) < 0)
		weir_log(WEIR_LOG_ERR, "%s: %s; what the kernel remembers counts", p->marks.path, why.text);
	return 0;
}

/* There is no setting by which a bundle is taken without signatures. */
static void say_trust(const struct config *c)
{
	if (!c->key_count)
		weir_log(WEIR_LOG_WARN, "trust.approvers is empty: no bundle is ever accepted");
	else
		weir_log(WEIR_LOG_INFO, "bundles need the signatures of %u of %zu approvers, key epoch %u",
			 c->threshold, c->key_count, c->key_epoch);
}

int policy_new(struct weir_loop *loop, const struct config *c, const struct weir_hello *self,
	       const struct weir_key *key, struct probe *probe, struct gate *gate,
	       struct policy **ret, struct weir_err *err)
{
	weir_cleanup(policy_freep) struct policy *p = calloc(1, sizeof(*p));
	weir_auto_free char *dir = weir_strf("%s/bundle", c->state_dir);
	struct link_ops ops = {
		.what = "control",
		.kind = WEIR_SOCKET_CONTROL,
		.max_message = WEIR_CONTROL_MAX,
		.timeout_ns = POLL_TIMEOUT_NS,
		.ready = ready,
		.request = request,
		.reply = reply,
		.arg = p,
	};
	int r;

	if (!p)
		return -ENOMEM;
	p->requests = -1;
	if (!dir)
		return -ENOMEM;
	p->conf = c;
	p->probe = probe;
	p->gate = gate;
	say_trust(c);
	r = open_files(p, dir, err);
	if (r == 0)
		r = policy_commit_start(p, loop);
	if (r < 0)
		return r;
	policy_restore(p);
	policy_restore_candidate(p);
	r = policy_orders_start(p, loop, dir);
	if (r < 0)
		return weir_err_set(err, r, "%s: %s", dir, strerror(-r));
	if (*c->control)
		r = link_new(loop, c->control, c, self, key, &ops, &p->link, err);
	if (r < 0)
		return r;
	*ret = weir_take_ptr(p);
	return 0;
}
