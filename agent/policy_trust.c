/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a bundle may be used here, and bundles in files. */
#include "agent/policy_priv.h"

#include <inttypes.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/os/file.h"

int policy_refuse(struct policy *p, const struct weir_policy_push *push, enum weir_refusal reason,
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

uint64_t policy_high_water(const struct policy *p)
{
	return WEIR_MAX(WEIR_MAX(p->serial, (uint64_t)*p->marks.serial), p->high);
}

bool policy_is(const struct weir_policy_push *push, const uint8_t manifest[WEIR_SHA256_LEN])
{
	uint8_t digest[WEIR_SHA256_LEN];

	return weir_sha256(push->manifest, push->manifest_len, digest) == 0 &&
	       !memcmp(digest, manifest, sizeof(digest));
}

bool policy_none_confirmed(const struct policy *p)
{
	static const uint8_t none[WEIR_SHA256_LEN];

	return !memcmp(p->marks.at->confirmed, none, sizeof(none));
}

/* While nothing is loaded the bundle that was confirmed last may come again, or one that was not yet: after a
 * restart, or after the state directory was lost. Never another, nor one that was taken back. */
static uint64_t must_be_above(const struct policy *p, const struct weir_policy_push *push, enum policy_use use)
{
	uint64_t high = policy_high_water(p);
	const struct weir_marks *w = p->marks.at;

	if (use == POLICY_RETURN)
		return 0;
	if (use == POLICY_SHADOW || gate_open(p->gate) || !high)
		return high;
	if (policy_is(push, w->confirmed))
		return 0;
	return high > w->undone && (policy_none_confirmed(p) || w->pending == push->serial) ? high - 1 : high;
}

/* Of a bundle that returns it is not asked whether it may come, only whether it is whole. */
static uint64_t valid_at_s(const struct weir_policy_push *push, enum policy_use use)
{
	weir_cleanup(weir_manifest_fini) struct weir_manifest m = {0};

	if (use == POLICY_RETURN &&
	    weir_manifest_parse((const char *)push->manifest, push->manifest_len, &m, NULL) == 0)
		return m.not_before_s;
	return weir_wall_ns() / WEIR_NS_PER_S;
}

enum weir_refusal policy_undone_reason(const struct policy *p, uint64_t serial)
{
	const struct weir_marks *w = p->marks.at;

	return w->from == serial && w->why == WEIR_UNDO_UNCONFIRMED ? WEIR_REFUSE_UNCONFIRMED : WEIR_REFUSE_UNDONE;
}

/* One that was taken back has a reason of its own, which says more than that it is not new. */
static enum weir_refusal reason_of(const struct policy *p, const struct weir_policy_push *push, int r)
{
	if ((r != WEIR_REFUSE_OLDER && r != WEIR_REFUSE_REPLAYED) || push->serial <= p->serial ||
	    push->serial > p->marks.at->undone || push->shadow)
		return (enum weir_refusal)r;
	return policy_undone_reason(p, push->serial);
}

static const char *mismatch(const struct weir_policy_push *push, enum policy_use use, const struct weir_manifest *m)
{
	if (m->serial != push->serial)
		return "the push names another serial than its manifest";
	return m->shadow != (use == POLICY_SHADOW) ? "the push names another stage than its manifest" : NULL;
}

int policy_verify(struct policy *p, const struct weir_policy_push *push, enum policy_use use,
		  struct weir_bundle **ret, struct weir_manifest *ret_manifest)
{
	weir_cleanup(weir_manifest_fini) struct weir_manifest manifest = {0};
	struct weir_signature sigs[WEIR_MAX_SIGNERS];
	size_t n = WEIR_MIN(push->sig_count, WEIR_ARRAY_SIZE(sigs));
	const struct weir_marks *w = p->marks.at;
	uint8_t had[2][WEIR_SHA256_LEN];
	struct weir_trust trust = {
		.keys = (const uint8_t(*)[WEIR_KEY_LEN])p->conf->keys,
		.key_count = p->conf->key_count,
		.threshold = p->conf->threshold,
		.max_bundle = p->conf->max_bundle,
		.class = p->conf->class,
		.serial_high = must_be_above(p, push, use),
		.key_epoch = p->conf->key_epoch,
		.key_epoch_high = use == POLICY_ENFORCE || use == POLICY_SHADOW ? w->key_epoch : 0,
		.had = (const uint8_t(*)[WEIR_SHA256_LEN])had,
		.had_count = WEIR_ARRAY_SIZE(had),
		.now_s = valid_at_s(push, use),
	};
	struct weir_err err = {0};
	int r;

	memcpy(had[0], w->confirmed, sizeof(had[0]));
	memcpy(had[1], w->previous, sizeof(had[1]));
	for (size_t i = 0; i < n; i++) {
		memcpy(sigs[i].key, push->sigs[i].key, sizeof(sigs[i].key));
		memcpy(sigs[i].sig, push->sigs[i].sig, sizeof(sigs[i].sig));
	}
	r = weir_bundle_verify(&trust, push->manifest, push->manifest_len, sigs, n, push->bundle,
			       push->bundle_len, &manifest, ret, &err);
	if (r < 0)
		return policy_refuse(p, push, WEIR_REFUSE_MALFORMED, *err.text ? err.text : strerror(-r));
	if (r > 0)
		return policy_refuse(p, push, reason_of(p, push, r), err.text);
	if (mismatch(push, use, &manifest)) {
		weir_bundle_free(*ret);
		*ret = NULL;
		return policy_refuse(p, push, WEIR_REFUSE_MALFORMED, mismatch(push, use, &manifest));
	}
	if (ret_manifest) {
		*ret_manifest = manifest;
		manifest = (struct weir_manifest){0};
	}
	return 0;
}

int policy_store(const char *path, const struct weir_msg *m)
{
	weir_auto_buf struct weir_buf b = {0};
	int r = weir_msg_pack(m, &b);

	if (r == 0)
		r = weir_file_write(path, b.data, b.len, 0600);
	return r < 0 ? weir_log_err(r, "%s: the bundle is not on disk, and has to come again after a restart", path) :
		       0;
}

struct weir_msg *policy_read(const char *path)
{
	policy_auto_msg *m = NULL;
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

void policy_save_marks(struct policy *p)
{
	int r = marks_save(&p->marks);

	if (r < 0)
		weir_log_err(r, "%s: high-water marks are not on disk; the kernel has them until a reboot", p->marks.path);
}
