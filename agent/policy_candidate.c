/* SPDX-License-Identifier: Apache-2.0 */
/* The candidate: evaluated beside what is in force, never enforced. */
#include "agent/policy_priv.h"

#include <inttypes.h>

#include "lib/base/log.h"

/* The file goes first: without it an agent that starts ends what the kernel still evaluates. */
void policy_end_candidate(struct policy *p, const char *why)
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
 * What the kernel counted before belongs to the stored one: so the last candidate ends, its counts with it,
 * before another is stored.
 */
int policy_take_candidate(struct policy *p, const struct weir_policy_push *push, const struct weir_msg *m)
{
	policy_auto_bundle *bundle = NULL;
	struct candidate *c = &p->candidate;
	uint8_t digest[WEIR_SHA256_LEN];
	struct weir_err err = {0};
	int r = weir_sha256(push->manifest, push->manifest_len, digest);

	if (r < 0 || (c->serial && !memcmp(digest, c->manifest, sizeof(digest))))
		return r;
	c->had = true;
	memcpy(c->manifest, digest, sizeof(digest));
	r = policy_verify(p, push, POLICY_SHADOW, &bundle, NULL);
	if (r < 0)
		return r;
	if (m) {
		policy_end_candidate(p, "another one takes its place");
		(void)policy_store(c->path, m);
	}
	r = gate_shadow(p->gate, bundle, &err);
	if (r < 0) {
		policy_end_candidate(p, "its tables are refused");
		return policy_refuse(p, push, WEIR_REFUSE_TABLES, err.text);
	}
	bundle = NULL; /* the gate's now */
	c->serial = push->serial;
	if (p->refused_shadow)
		p->refused_serial = 0;
	weir_log(WEIR_LOG_INFO, "policy: candidate %" PRIu64 " %s, beside %" PRIu64 " in force", push->serial,
		 m ? "is evaluated" : "is taken up again", p->serial);
	return 0;
}

void policy_follow_candidate(struct policy *p)
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
	policy_end_candidate(p, why);
	p->candidate.had = false;
}

/* Behind what is in force. Without one the kernel has none either, whoever left it there. */
void policy_restore_candidate(struct policy *p)
{
	policy_auto_msg *m = policy_read(p->candidate.path);

	if (m && m->policy_push.serial > policy_high_water(p))
		(void)policy_take_candidate(p, &m->policy_push, NULL);
	if (!p->candidate.serial)
		policy_end_candidate(p, "");
}
