/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy.h"

#include <inttypes.h>
#include <unistd.h>

#include "agent/witness.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/os/file.h"

/* The aggregator holds a poll for up to half a minute. */
#define POLL_TIMEOUT_NS (90 * WEIR_NS_PER_S)
/* An empty answer that came faster was not held: do not ask again at once. */
#define POLL_MIN_NS (WEIR_NS_PER_S / 5)

struct candidate {
	char *path;
	uint64_t serial;		   /* evaluated now, 0 = none */
	bool had;
	uint8_t manifest[WEIR_SHA256_LEN]; /* of the last one had or refused */
};

struct policy {
	const struct config *conf;
	struct witness *witness; /* NULL = none */
	struct probe *probe;
	struct gate *gate;
	struct link *link;
	char *path;
	uint64_t serial, have_serial, applied_ns, asked_ns;
	uint64_t high; /* serial of the stored bundle, even if it cannot be applied now */
	uint8_t manifest[WEIR_SHA256_LEN]; /* of the bundle in force */
	uint8_t boot_id[16];
	struct candidate candidate;
	uint64_t refused_serial;
	bool refused_shadow; /* it was a candidate */
	enum weir_refusal refused_code;
	const char *refused_reason;
	struct weir_err refused;
};

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

static void bundle_freep(struct weir_bundle **b)
{
	weir_bundle_free(*b);
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	link_free(p->link);
	free(p->path);
	free(p->candidate.path);
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

uint64_t policy_candidate(const struct policy *p)
{
	return p->candidate.serial;
}

static int refuse(struct policy *p, const struct weir_policy_push *push, enum weir_refusal reason,
		  const char *text)
{
	p->refused_serial = push->serial;
	p->refused_shadow = push->shadow;
	p->refused_code = reason;
	p->refused_reason = weir_refusal_name(reason);
	p->refused = (struct weir_err){0};
	weir_err_set(&p->refused, 0, "%s", text);
	weir_log(WEIR_LOG_ERR, "policy: %s %" PRIu64 " refused (%s): %s; %s",
		 push->shadow ? "candidate" : "bundle", push->serial, p->refused_reason, text,
		 gate_open(p->gate) ? "the running one stays" : "none is in force");
	return -EPERM;
}

static uint64_t high_water(const struct policy *p)
{
	return WEIR_MAX(WEIR_MAX(p->serial, probe_ctl(p->probe)->serial_high), p->high);
}

/* While nothing is loaded the bundle of the high-water mark itself may come (again): after a
 * restart, or after the state directory was lost. Never one below it. */
static struct weir_trust trust_now(const struct policy *p, bool shadow)
{
	uint64_t high = high_water(p);

	if (!shadow && !gate_open(p->gate) && high)
		high--;
	return (struct weir_trust){
		.keys = (const uint8_t(*)[WEIR_KEY_LEN])p->conf->keys,
		.key_count = p->conf->key_count,
		.threshold = p->conf->threshold,
		.max_bundle = p->conf->max_bundle,
		.class = p->conf->class,
		.serial_high = high,
		.now_s = weir_wall_ns() / WEIR_NS_PER_S,
	};
}

/* shadow: what the bundle is to be used for, which its approvers must have meant. */
static int verify(struct policy *p, const struct weir_policy_push *push, bool shadow, struct weir_bundle **ret)
{
	struct weir_signature sigs[WEIR_MAX_SIGNERS];
	size_t n = WEIR_MIN(push->sig_count, WEIR_ARRAY_SIZE(sigs));
	struct weir_trust trust = trust_now(p, shadow);
	struct weir_manifest manifest = {0};
	struct weir_err err = {0};
	const char *wrong;
	int r;

	for (size_t i = 0; i < n; i++) {
		memcpy(sigs[i].key, push->sigs[i].key, sizeof(sigs[i].key));
		memcpy(sigs[i].sig, push->sigs[i].sig, sizeof(sigs[i].sig));
	}
	r = weir_bundle_verify(&trust, push->manifest, push->manifest_len, sigs, n, push->bundle,
			       push->bundle_len, &manifest, ret, &err);
	if (r < 0)
		return refuse(p, push, WEIR_REFUSE_MALFORMED, *err.text ? err.text : strerror(-r));
	if (r > 0)
		return refuse(p, push, (enum weir_refusal)r, err.text);
	wrong = manifest.serial != push->serial ? "the push names another serial than its manifest" :
		manifest.shadow != shadow ? "the push names another stage than its manifest" :
						  NULL;
	weir_manifest_fini(&manifest);
	if (!wrong)
		return 0;
	weir_bundle_free(*ret);
	*ret = NULL;
	return refuse(p, push, WEIR_REFUSE_MALFORMED, wrong);
}

static bool in_force_already(const struct policy *p, const struct weir_policy_push *push)
{
	uint8_t digest[WEIR_SHA256_LEN];

	return gate_open(p->gate) && push->serial == p->serial &&
	       weir_sha256(push->manifest, push->manifest_len, digest) == 0 &&
	       !memcmp(digest, p->manifest, sizeof(digest));
}

static int store(const char *path, const struct weir_msg *m)
{
	weir_auto_buf struct weir_buf b = {0};
	int r = weir_msg_pack(m, &b);

	if (r == 0)
		r = weir_file_write(path, b.data, b.len, 0600);
	return r < 0 ? weir_log_err(r, "%s: the bundle is not on disk, and has to come again after a restart", path) :
		       0;
}

/* The file goes first: without it an agent that starts ends what the kernel still evaluates. */
static void end_candidate(struct policy *p, const char *why)
{
	int r;

	if (unlink(p->candidate.path) < 0 && errno != ENOENT)
		weir_log_err(-errno, "%s: cannot be removed", p->candidate.path);
	r = gate_shadow_end(p->gate);
	if (r < 0)
		weir_log_err(r, "policy: no grace period: a packet may still count for the last candidate");
	if (p->candidate.serial)
		weir_log(WEIR_LOG_INFO, "policy: candidate %" PRIu64 " ended: %s", p->candidate.serial, why);
	p->candidate.serial = 0;
	if (p->refused_shadow)
		p->refused_serial = 0;
}

/*
 * m: the message to store, NULL = it comes from there. What the kernel counted before belongs to the stored
 * one: so the last candidate ends, its counts with it, before another is stored.
 */
static int take_candidate(struct policy *p, const struct weir_policy_push *push, const struct weir_msg *m)
{
	weir_cleanup(bundle_freep) struct weir_bundle *bundle = NULL;
	struct candidate *c = &p->candidate;
	uint8_t digest[WEIR_SHA256_LEN];
	struct weir_err err = {0};
	int r = weir_sha256(push->manifest, push->manifest_len, digest);

	if (r < 0 || (c->serial && !memcmp(digest, c->manifest, sizeof(digest))))
		return r;
	c->had = true;
	memcpy(c->manifest, digest, sizeof(digest));
	r = verify(p, push, true, &bundle);
	if (r < 0)
		return r;
	if (m) {
		end_candidate(p, "another one takes its place");
		(void)store(c->path, m);
	}
	r = gate_shadow(p->gate, bundle, &err);
	if (r < 0) {
		end_candidate(p, "its tables are refused");
		return refuse(p, push, WEIR_REFUSE_TABLES, err.text);
	}
	bundle = NULL; /* the gate's now */
	c->serial = push->serial;
	if (p->refused_shadow)
		p->refused_serial = 0;
	weir_log(WEIR_LOG_INFO, "policy: candidate %" PRIu64 " %s, beside %" PRIu64 " in force", push->serial,
		 m ? "is evaluated" : "is taken up again", p->serial);
	return 0;
}

/* A bundle came in force. */
static void follow_candidate(struct policy *p)
{
	struct weir_err err = {0};
	char why[64];

	if (!p->candidate.serial)
		return;
	if (p->candidate.serial > p->serial) {
		if (gate_shadow_again(p->gate, &err) == 0)
			return;
		weir_log(WEIR_LOG_ERR, "policy: candidate %" PRIu64 ": %s", p->candidate.serial, err.text);
	}
	snprintf(why, sizeof(why), "serial %" PRIu64 " is in force", p->serial);
	end_candidate(p, why);
	p->candidate.had = false;
}

static int take(struct policy *p, const struct weir_policy_push *push, bool stored)
{
	weir_cleanup(bundle_freep) struct weir_bundle *bundle = NULL;
	struct weir_ctl *ctl = probe_ctl(p->probe);
	struct weir_err err = {0};
	int r;

	if (in_force_already(p, push))
		return 0;
	r = verify(p, push, false, &bundle);
	if (r < 0)
		return r;
	r = stored ? gate_adopt(p->gate, bundle, &err) : gate_apply(p->gate, bundle, &err);
	if (r < 0)
		return refuse(p, push, WEIR_REFUSE_TABLES, err.text);
	bundle = NULL; /* the gate's now */
	weir_log(WEIR_LOG_INFO, "policy: bundle %" PRIu64 " %s; in force before: %" PRIu64,
		 push->serial, stored ? "taken up again" : "applied", p->serial);
	p->serial = push->serial;
	p->applied_ns = weir_wall_ns();
	p->refused_serial = 0;
	(void)weir_sha256(push->manifest, push->manifest_len, p->manifest);
	if (push->serial > ctl->serial_high)
		__atomic_store_n(&ctl->serial_high, push->serial, __ATOMIC_RELEASE);
	__atomic_store_n(&ctl->default_deny, 0, __ATOMIC_RELEASE);
	follow_candidate(p);
	return 0;
}

static void ready(const struct weir_welcome *w, void *arg)
{
	(void)w;
	(void)arg;
}

static int request(const uint8_t token[WEIR_TOKEN_LEN], struct weir_buf *ret, void *arg)
{
	struct policy *p = arg;
	struct weir_msg m = {.kind = WEIR_MSG_POLICY_SYNC, .has_token = true};
	struct weir_policy_sync *s = &m.policy_sync;

	memcpy(m.token, token, sizeof(m.token));
	s->applied_serial = p->serial;
	s->have_serial = p->have_serial;
	s->applied_ns = p->applied_ns;
	s->has_digest = probe_digest(p->probe, s->applied_digest) == 0;
	memcpy(s->boot_id, p->boot_id, sizeof(s->boot_id));
	s->candidate_serial = p->candidate.serial;
	s->has_candidate = p->candidate.had;
	memcpy(s->candidate, p->candidate.manifest, sizeof(s->candidate));
	s->mode = probe_ctl(p->probe)->mode;
	s->refused_serial = p->refused_serial;
	s->refused_reason = p->refused_serial ? p->refused_reason : "";
	s->refused_text = p->refused_serial ? p->refused.text : "";
	if (p->witness)
		s->witnessed = *witness_highest(p->witness);
	p->asked_ns = weir_monotonic_ns();
	return weir_msg_pack(&m, ret);
}

static int reply(const struct weir_msg *m, void *arg)
{
	struct policy *p = arg;
	const struct weir_policy_push *push = &m->policy_push;
	uint64_t before = p->applied_ns;

	if (m->kind != WEIR_MSG_POLICY_PUSH) {
		weir_log(WEIR_LOG_ERR, "control: reply of kind %d to a poll", (int)m->kind);
		return -EPROTO;
	}
	if (p->witness)
		witness_told(p->witness);
	if (!push->change && push->end_candidate) {
		end_candidate(p, "it was withdrawn");
		p->candidate.had = false;
		return 0;
	}
	if (!push->change)
		return weir_monotonic_ns() - p->asked_ns < POLL_MIN_NS ? -EAGAIN : 0;
	if (push->shadow) {
		(void)take_candidate(p, push, m);
		return 0;
	}
	/* Refused ones count as had: the aggregator must not send them again and again. */
	p->have_serial = push->serial;
	if (take(p, push, false) == 0 && p->applied_ns != before)
		(void)store(p->path, m);
	return 0;
}

/* NULL: there is none, or not a good one. */
static struct weir_msg *read_stored(const char *path)
{
	weir_cleanup(msg_freep) struct weir_msg *m = NULL;
	weir_auto_free char *data = NULL;
	struct weir_err err = {0};
	size_t len;
	int r = weir_file_read(path, WEIR_CONTROL_MAX, &data, &len);

	if (r == -ENOENT)
		return NULL;
	if (r == 0)
		r = weir_reply_unpack(data, len, WEIR_CONTROL_MAX, &m, &err);
	if (r == 0 && (m->kind != WEIR_MSG_POLICY_PUSH || !m->policy_push.change))
		r = -EBADMSG;
	if (r < 0) {
		weir_log(WEIR_LOG_ERR, "%s: not a stored bundle: %s", path, *err.text ? err.text : strerror(-r));
		return NULL;
	}
	return weir_take_ptr(m);
}

static void restore(struct policy *p)
{
	weir_cleanup(msg_freep) struct weir_msg *m = read_stored(p->path);

	if (!m)
		return;
	if (take(p, &m->policy_push, true) == 0)
		p->have_serial = p->serial;
	/* Signed, and only not good any more: nothing older may take its place. */
	else if (p->refused_code == WEIR_REFUSE_EXPIRED || p->refused_code == WEIR_REFUSE_TABLES)
		p->high = m->policy_push.serial;
}

/* Behind what is in force. Without one the kernel has none either, whoever left it there. */
static void restore_candidate(struct policy *p)
{
	weir_cleanup(msg_freep) struct weir_msg *m = read_stored(p->candidate.path);

	if (m && m->policy_push.serial > high_water(p))
		(void)take_candidate(p, &m->policy_push, NULL);
	if (!p->candidate.serial)
		end_candidate(p, "");
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

	if (!p || !dir)
		return -ENOMEM;
	p->conf = c;
	p->probe = probe;
	p->gate = gate;
	p->path = weir_strf("%s/current", dir);
	p->candidate.path = weir_strf("%s/candidate", dir);
	if (!p->path || !p->candidate.path)
		return -ENOMEM;
	r = weir_mkdir_p(dir, 0700);
	if (r == 0)
		r = weir_boot_id(p->boot_id);
	if (r < 0)
		return weir_err_set(err, r, "%s: %s", dir, strerror(-r));
	restore(p);
	restore_candidate(p);
	if (*c->control)
		r = link_new(loop, c->control, c, self, key, &ops, &p->link, err);
	if (r < 0)
		return r;
	*ret = weir_take_ptr(p);
	return 0;
}
