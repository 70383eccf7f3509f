/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy.h"

#include <inttypes.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/os/file.h"

/* The aggregator holds a poll for up to half a minute. */
#define POLL_TIMEOUT_NS (90 * WEIR_NS_PER_S)
/* An empty answer that came faster was not held: do not ask again at once. */
#define POLL_MIN_NS (WEIR_NS_PER_S / 5)

struct policy {
	const struct config *conf;
	struct probe *probe;
	struct gate *gate;
	struct link *link;
	char *path;
	uint64_t serial, have_serial, applied_ns, asked_ns;
	uint64_t high; /* serial of the stored bundle, even if it cannot be applied now */
	uint8_t manifest[WEIR_SHA256_LEN]; /* of the bundle in force */
	uint8_t boot_id[16];
	uint64_t refused_serial;
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
	free(p);
}

static void policy_freep(struct policy **p)
{
	policy_free(*p);
}

uint64_t policy_serial(const struct policy *p)
{
	return p->serial;
}

static int refuse(struct policy *p, uint64_t serial, enum weir_refusal reason, const char *text)
{
	p->refused_serial = serial;
	p->refused_code = reason;
	p->refused_reason = weir_refusal_name(reason);
	p->refused = (struct weir_err){0};
	weir_err_set(&p->refused, 0, "%s", text);
	weir_log(WEIR_LOG_ERR, "policy: bundle %" PRIu64 " refused (%s): %s; %s", serial,
		 p->refused_reason, text,
		 gate_open(p->gate) ? "the running one stays" : "none is in force");
	return -EPERM;
}

/* While nothing is loaded the bundle of the high-water mark itself may come (again): after a
 * restart, or after the state directory was lost. Never one below it. */
static struct weir_trust trust_now(const struct policy *p)
{
	uint64_t high = WEIR_MAX(p->serial, probe_ctl(p->probe)->serial_high);

	high = WEIR_MAX(high, p->high);
	if (!gate_open(p->gate) && high)
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

static int verify(struct policy *p, const struct weir_policy_push *push, struct weir_bundle **ret)
{
	struct weir_signature sigs[WEIR_MAX_SIGNERS];
	size_t n = WEIR_MIN(push->sig_count, WEIR_ARRAY_SIZE(sigs));
	struct weir_trust trust = trust_now(p);
	struct weir_manifest manifest = {0};
	struct weir_err err = {0};
	uint64_t serial;
	int r;

	for (size_t i = 0; i < n; i++) {
		memcpy(sigs[i].key, push->sigs[i].key, sizeof(sigs[i].key));
		memcpy(sigs[i].sig, push->sigs[i].sig, sizeof(sigs[i].sig));
	}
	r = weir_bundle_verify(&trust, push->manifest, push->manifest_len, sigs, n, push->bundle,
			       push->bundle_len, &manifest, ret, &err);
	if (r < 0)
		return refuse(p, push->serial, WEIR_REFUSE_MALFORMED,
			      *err.text ? err.text : strerror(-r));
	if (r > 0)
		return refuse(p, push->serial, (enum weir_refusal)r, err.text);
	serial = manifest.serial;
	weir_manifest_fini(&manifest);
	if (serial == push->serial)
		return 0;
	weir_bundle_free(*ret);
	*ret = NULL;
	return refuse(p, push->serial, WEIR_REFUSE_MALFORMED,
		      "the push names another serial than its manifest");
}

static bool in_force_already(const struct policy *p, const struct weir_policy_push *push)
{
	uint8_t digest[WEIR_SHA256_LEN];

	return gate_open(p->gate) && push->serial == p->serial &&
	       weir_sha256(push->manifest, push->manifest_len, digest) == 0 &&
	       !memcmp(digest, p->manifest, sizeof(digest));
}

static int take(struct policy *p, const struct weir_policy_push *push, bool stored)
{
	weir_cleanup(bundle_freep) struct weir_bundle *bundle = NULL;
	struct weir_ctl *ctl = probe_ctl(p->probe);
	struct weir_err err = {0};
	int r;

	if (in_force_already(p, push))
		return 0;
	r = verify(p, push, &bundle);
	if (r < 0)
		return r;
	r = stored ? gate_adopt(p->gate, bundle, &err) : gate_apply(p->gate, bundle, &err);
	if (r < 0)
		return refuse(p, push->serial, WEIR_REFUSE_TABLES, err.text);
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
	return 0;
}

static int store(struct policy *p, const struct weir_msg *m)
{
	weir_auto_buf struct weir_buf b = {0};
	int r = weir_msg_pack(m, &b);

	if (r == 0)
		r = weir_file_write(p->path, b.data, b.len, 0600);
	return r < 0 ? weir_log_err(r, "%s: the bundle in force is not on disk", p->path) : 0;
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
	s->mode = probe_ctl(p->probe)->mode;
	s->refused_serial = p->refused_serial;
	s->refused_reason = p->refused_serial ? p->refused_reason : "";
	s->refused_text = p->refused_serial ? p->refused.text : "";
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
	if (!push->change)
		return weir_monotonic_ns() - p->asked_ns < POLL_MIN_NS ? -EAGAIN : 0;
	/* Refused ones count as had: the aggregator must not send them again and again. */
	p->have_serial = push->serial;
	if (take(p, push, false) == 0 && p->applied_ns != before)
		(void)store(p, m);
	return 0;
}

static void restore(struct policy *p)
{
	weir_cleanup(msg_freep) struct weir_msg *m = NULL;
	weir_auto_free char *data = NULL;
	struct weir_err err = {0};
	size_t len;
	int r = weir_file_read(p->path, WEIR_CONTROL_MAX, &data, &len);

	if (r == -ENOENT)
		return;
	if (r == 0)
		r = weir_reply_unpack(data, len, WEIR_CONTROL_MAX, &m, &err);
	if (r == 0 && (m->kind != WEIR_MSG_POLICY_PUSH || !m->policy_push.change))
		r = -EBADMSG;
	if (r < 0) {
		weir_log(WEIR_LOG_ERR, "%s: not a stored bundle: %s", p->path,
			 *err.text ? err.text : strerror(-r));
		return;
	}
	if (take(p, &m->policy_push, true) == 0)
		p->have_serial = p->serial;
	/* Signed, and only not good any more: nothing older may take its place. */
	else if (p->refused_code == WEIR_REFUSE_EXPIRED || p->refused_code == WEIR_REFUSE_TABLES)
		p->high = m->policy_push.serial;
}

int policy_new(struct weir_loop *loop, const struct config *c, const struct weir_hello *self,
	       const struct weir_key *key, struct probe *probe, struct gate *gate,
	       struct policy **ret, struct weir_err *err)
{
	weir_cleanup(policy_freep) struct policy *p = calloc(1, sizeof(*p));
	weir_auto_free char *dir = weir_strf("%s/bundle", c->state_dir);
	const struct weir_tls_files tls = {
		.ca = c->ca, .cert = c->cert, .key = c->key, .server_name = c->server_name};
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
	if (!p->path)
		return -ENOMEM;
	r = weir_mkdir_p(dir, 0700);
	if (r == 0)
		r = weir_boot_id(p->boot_id);
	if (r < 0)
		return weir_err_set(err, r, "%s: %s", dir, strerror(-r));
	restore(p);
	if (*c->control)
		r = link_new(loop, c->control, &tls, self, key, &ops, &p->link, err);
	if (r < 0)
		return r;
	*ret = weir_take_ptr(p);
	return 0;
}
