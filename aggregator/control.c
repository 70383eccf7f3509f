/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: long polls. A PolicySync is answered at once when another serial than the one
 * the agent has is current for its class; else it is held until one is, or HOLD_NS passes. The next
 * poll is the acknowledgement, so nothing is lost by a lost message. The same goes for the candidate,
 * behind what is to be enforced; that there is none any more is an answer of its own.
 */
#include "aggregator/service.h"
#include "aggregator/witness.h"

#include "aggregator/text.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <inttypes.h>

#define HOLD_NS (15 * 1000000000ull)
/* The same serial to the same session no sooner than this: an agent that neither takes nor refuses it
 * must not turn the poll into a busy loop. */
#define REPUSH_NS 1000000000ull
/* Requests of one turn of the loop: telemetry has its turn in between. */
#define TURN 256
/* Each push is a copy until its node has taken it: with so many bytes under way the others wait. */
#define PUSH_BYTES_MAX ((size_t)256 << 20)

struct held {
	uint64_t id, until_ns;
	uint64_t have_serial, refused_serial, have_order;
	uint64_t candidate_ns; /* nothing of a candidate before */
	uint8_t candidate[WEIR_SHA256_LEN];
	bool has_candidate;
	char node[WEIR_NODE_MAX];
	char class[SESSION_CLASS_MAX];
};

struct control {
	struct service *sv;
	size_t n;
	struct held held[CONTROL_REQUESTS];
};

int control_new(struct service *sv, struct control **ret)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->sv = sv;
	*ret = c;
	return 0;
}

void control_free(struct control *c)
{
	free(c);
}

size_t control_held(const struct control *c)
{
	return c->n;
}

static void push(struct service *sv, uint64_t id, const char *node, const char *class, bool shadow,
		 uint64_t now_ns)
{
	const struct weir_approval *a = shadow ? gitops_candidate(sv->gitops) : gitops_approval(sv->gitops);
	const struct weir_buf *bundle =
		shadow ? gitops_candidate_bundle(sv->gitops, class) : gitops_bundle(sv->gitops, class);
	struct weir_push_sig sigs[WEIR_MAX_SIGNERS];
	struct weir_msg m = {.kind = WEIR_MSG_POLICY_PUSH};
	char serial[24];

	for (size_t i = 0; i < a->sig_count; i++) {
		memcpy(sigs[i].key, a->sigs[i].key, sizeof(sigs[i].key));
		memcpy(sigs[i].sig, a->sigs[i].sig, sizeof(sigs[i].sig));
	}
	m.policy_push = (struct weir_policy_push){
		.change = true,
		.serial = a->manifest.serial,
		.manifest = (const uint8_t *)a->manifest_text,
		.manifest_len = a->manifest_len,
		.sigs = sigs,
		.sig_count = a->sig_count,
		.bundle = bundle->data,
		.bundle_len = bundle->len,
		.shadow = shadow,
	};
	service_reply(sv, sv->control_wire, id, &m);
	snprintf(serial, sizeof(serial), "%" PRIu64, a->manifest.serial);
	weir_log(WEIR_LOG_INFO, "pushed %s %s to %s (%s)", shadow ? "candidate" : "serial", serial, node, class);
	service_audited(audit_add(sv->audit, now_ns, shadow ? "candidate-pushed" : "pushed", "node", node, "class",
				  class, "serial", serial, NULL));
}

static bool may_push(const struct control *c)
{
	struct weir_wire_stats is;

	weir_wire_server_stats(c->sv->control_wire, &is);
	return is.sending < PUSH_BYTES_MAX;
}

static void no_change(struct service *sv, uint64_t id, bool end_candidate)
{
	const struct weir_msg m = {.kind = WEIR_MSG_POLICY_PUSH, .policy_push.end_candidate = end_candidate};

	service_reply(sv, sv->control_wire, id, &m);
}

static void push_order(struct service *sv, uint64_t id, const char *node, const struct emergency *e, uint64_t now_ns)
{
	const struct weir_msg m = {.kind = WEIR_MSG_POLICY_PUSH,
				   .policy_push = {.order = e->text, .order_len = e->len, .order_sig = e->sig}};
	char serial[24];

	service_reply(sv, sv->control_wire, id, &m);
	snprintf(serial, sizeof(serial), "%" PRIu64, e->order.serial);
	service_audited(audit_add(sv->audit, now_ns, "emergency-pushed", "node", node, "serial", serial, NULL));
}

/* Whether the candidate of a class is another than the one that the agent was sent last, or there is none
 * any more. Nobody is told that while it is not known. An agent older than candidates says what it has of
 * none, and refuses each by its serial. */
static bool candidate_moved(const struct gitops *g, const struct held *h)
{
	if (!gitops_settled(g))
		return false;
	if (!gitops_candidate_bundle(g, h->class))
		return h->has_candidate;
	if (!h->has_candidate)
		return h->refused_serial != gitops_candidate(g)->manifest.serial;
	return memcmp(h->candidate, gitops_candidate_digest(g), sizeof(h->candidate)) != 0;
}

static void answer_candidate(struct service *sv, const struct held *h, uint64_t now_ns)
{
	if (gitops_candidate_bundle(sv->gitops, h->class))
		push(sv, h->id, h->node, h->class, true, now_ns);
	else
		no_change(sv, h->id, true);
}

/* The node's own words: it evaluates another candidate than it did, or none. */
static void record_candidate(struct service *sv, const struct session *s, const struct weir_policy_sync *p,
			     uint64_t had, uint64_t now_ns)
{
	char serial[24], in_force[24];

	snprintf(in_force, sizeof(in_force), "%" PRIu64, p->applied_serial);
	if (had && had != p->candidate_serial) {
		snprintf(serial, sizeof(serial), "%" PRIu64, had);
		weir_log(WEIR_LOG_INFO, "agent %s: candidate %s ended", s->node, serial);
		service_audited(audit_add(sv->audit, now_ns, "candidate-ended", "node", s->node, "serial", serial,
					  "in_force", in_force, NULL));
	}
	if (p->candidate_serial && had != p->candidate_serial) {
		snprintf(serial, sizeof(serial), "%" PRIu64, p->candidate_serial);
		weir_log(WEIR_LOG_INFO, "agent %s evaluates candidate %s", s->node, serial);
		service_audited(audit_add(sv->audit, now_ns, "candidate-applied", "node", s->node, "serial", serial,
					  "in_force", in_force, NULL));
	}
}

/* A bundle was taken back, by the node itself or in an emergency. */
static void record_undone(struct service *sv, const struct session *s, const struct weir_policy_sync *p,
			  const struct store_reported *had, uint64_t now_ns)
{
	char from[24], to[24], at[21];

	if (!p->undone_from || (had->undone_ns == p->undone_ns && had->undone_from == p->undone_from))
		return;
	snprintf(from, sizeof(from), "%" PRIu64, p->undone_from);
	snprintf(to, sizeof(to), "%" PRIu64, p->undone_to);
	weir_log(WEIR_LOG_WARN, "agent %s took serial %s back (%s), serial %s is in force there", s->node, from,
		 text_undo(p->undone_why), to);
	service_audited(audit_add(sv->audit, now_ns, p->undone_why == WEIR_UNDO_UNCONFIRMED ? "rolled-back" : "emergency",
				  "node", s->node, "serial", from, "in_force", to, "why", text_undo(p->undone_why),
				  "at", weir_time_text(p->undone_ns, at), NULL));
}

/* A node that does not follow an order is as much of an alarm as the order. */
static void record_order(struct service *sv, struct session *s, const struct weir_policy_sync *p, uint64_t now_ns)
{
	if (!*p->order_refused || s->order_noted == p->have_order)
		return;
	s->order_noted = p->have_order;
	weir_log(WEIR_LOG_ERR, "agent %s did not follow the emergency order: %s", s->node, p->order_refused);
	service_audited(audit_add(sv->audit, now_ns, "emergency-refused", "node", s->node, "reason", p->order_refused,
				  NULL));
}

/* What an agent reports about itself, into the store and, where it moved, into the audit log. */
static void record(struct service *sv, struct session *s, const struct weir_policy_sync *p,
		   uint64_t now_ns)
{
	char serial[24], digest[2 * sizeof(p->applied_digest) + 1] = "";
	struct store_reported had = {0};
	int r = store_agent_reported(sv->store, s->node, p, &had);

	if (!r && !had.same)
		r = store_agent_policy(sv->store, s->node, p, now_ns);
	if (r) {
		weir_log_err(r, "store: agent %s: %s", s->node, store_error(sv->store));
		return;
	}
	if (p->has_digest)
		weir_hex(p->applied_digest, sizeof(p->applied_digest), digest);
	if (had.serial != p->applied_serial) {
		snprintf(serial, sizeof(serial), "%" PRIu64, p->applied_serial);
		weir_log(WEIR_LOG_INFO, "agent %s applied serial %s (had %" PRIu64 ")", s->node, serial,
			 had.serial);
		service_audited(audit_add(sv->audit, now_ns, "applied", "node", s->node, "serial", serial,
					  "digest", digest, NULL));
	}
	record_undone(sv, s, p, &had, now_ns);
	record_order(sv, s, p, now_ns);
	if (p->drifts > had.drifts) {
		snprintf(serial, sizeof(serial), "%" PRIu64, p->applied_serial);
		weir_log(WEIR_LOG_ERR, "agent %s: its kernel held other tables than were put there; %s", s->node,
			 p->applied_serial ? "mended" : "they are not in force");
		service_audited(audit_add(sv->audit, now_ns, "drift", "node", s->node, "serial", serial, "digest",
					  digest, "state", p->applied_serial ? "mended" : "not mended", NULL));
	}
	record_candidate(sv, s, p, had.candidate, now_ns);
	if (p->refused_serial && had.refused != p->refused_serial) {
		snprintf(serial, sizeof(serial), "%" PRIu64, p->refused_serial);
		weir_log(WEIR_LOG_WARN, "agent %s refused serial %s: %s: %s", s->node, serial,
			 p->refused_reason, p->refused_text);
		service_audited(audit_add(sv->audit, now_ns, "refused", "node", s->node, "serial", serial,
					  "reason", p->refused_reason, "text", p->refused_text, NULL));
	}
}

static void hold(struct control *c, const struct held *h)
{
	/* Full but for a reserve in which new agents say hello: the oldest poll ends early. */
	if (c->n >= CONTROL_REQUESTS - CONTROL_REQUESTS / 8) {
		no_change(c->sv, c->held[0].id, false);
		memmove(c->held, c->held + 1, --c->n * sizeof(c->held[0]));
	}
	c->held[c->n++] = *h;
}

static void sync_policy(struct control *c, struct session *s, uint64_t id,
			const struct weir_policy_sync *p, uint64_t now_ns)
{
	uint64_t serial = gitops_serial(c->sv->gitops, s->class);
	bool wanted = serial && serial != p->have_serial && serial != p->refused_serial;
	struct held h = {.id = id, .until_ns = now_ns + HOLD_NS, .have_serial = p->have_serial,
			 .refused_serial = p->refused_serial, .candidate_ns = s->candidate_ns + REPUSH_NS,
			 .has_candidate = p->has_candidate, .have_order = p->have_order};
	const struct emergency *order = order_for(c->sv, p->have_order, now_ns);

	memcpy(h.node, s->node, sizeof(h.node));
	memcpy(h.class, s->class, sizeof(h.class));
	memcpy(h.candidate, p->candidate, sizeof(h.candidate));
	record(c->sv, s, p, now_ns);
	witness_take(c->sv->witness, s->node, &p->witnessed, now_ns);
	if (order) {
		push_order(c->sv, id, s->node, order, now_ns);
		return;
	}
	if (p->unconfirmed_serial) { /* the node waits for a word, whatever it says */
		no_change(c->sv, id, false);
		return;
	}
	if ((wanted || candidate_moved(c->sv->gitops, &h)) && !may_push(c)) {
		hold(c, &h);
	} else if (wanted && s->pushed_serial == serial && now_ns < s->pushed_ns + REPUSH_NS) {
		h.until_ns = now_ns + REPUSH_NS;
		h.refused_serial = serial; /* until then it is not pushed again */
		hold(c, &h);
	} else if (wanted) {
		s->pushed_serial = serial;
		s->pushed_ns = now_ns;
		push(c->sv, id, s->node, s->class, false, now_ns);
	} else if (candidate_moved(c->sv->gitops, &h) && now_ns >= h.candidate_ns) {
		s->candidate_ns = now_ns;
		answer_candidate(c->sv, &h, now_ns);
	} else if (p->witnessed.seq && !s->witnessed) {
		no_change(c->sv, id, false); /* for it waits with newer heads of the audit log until it was heard */
	} else {
		hold(c, &h);
	}
	s->witnessed = true;
}

/* What a fleet says at once costs one commit and one sync. Nobody is told that any of it is kept. */
static void turn_begin(struct service *sv)
{
	audit_hold(sv->audit);
	if (store_begin(sv->store))
		weir_log(WEIR_LOG_ERR, "store: %s", store_error(sv->store));
}

static void turn_end(struct service *sv)
{
	if (store_commit(sv->store)) {
		weir_log(WEIR_LOG_ERR, "store: what agents reported is not kept: %s", store_error(sv->store));
		store_rollback(sv->store);
	}
	service_audited(audit_release(sv->audit));
}

void control_ready(struct control *c, uint64_t now_ns)
{
	struct weir_msg *m;
	struct session *s;
	uint64_t id;
	int r, left = TURN;

	turn_begin(c->sv);
	while (left-- && (r = service_next(c->sv, WEIR_SOCKET_CONTROL, now_ns, &id, &m, &s)) >= 0) {
		if (r)
			continue;
		if (m->kind == WEIR_MSG_POLICY_SYNC)
			sync_policy(c, s, id, &m->policy_sync, now_ns);
		else
			service_refuse(c->sv, c->sv->control_wire, id, WEIR_RC_INVALID,
				       "this socket takes policy polls");
		weir_msg_free(m);
	}
	turn_end(c->sv);
}

void control_sweep(struct control *c, uint64_t now_ns)
{
	size_t kept = 0;

	audit_hold(c->sv->audit);
	for (size_t i = 0; i < c->n; i++) {
		const struct held *h = &c->held[i];
		uint64_t serial = gitops_serial(c->sv->gitops, h->class);
		bool late = now_ns >= h->until_ns;
		const struct emergency *order = order_for(c->sv, h->have_order, now_ns);

		if (order) {
			push_order(c->sv, h->id, h->node, order, now_ns);
			continue;
		}
		/* One that was refused is offered again at the end of the poll: its reason may be gone. */
		if (serial && serial != h->have_serial && (serial != h->refused_serial || late) &&
		    may_push(c))
			push(c->sv, h->id, h->node, h->class, false, now_ns);
		else if (candidate_moved(c->sv->gitops, h) && now_ns >= h->candidate_ns && may_push(c))
			answer_candidate(c->sv, h, now_ns);
		else if (late)
			no_change(c->sv, h->id, false);
		else if (kept++ != i)
			c->held[kept - 1] = *h;
	}
	c->n = kept;
	service_audited(audit_release(c->sv->audit));
}
