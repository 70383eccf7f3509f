/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confirmed commit. A bundle that comes in force is *pending* until the aggregator has answered a poll that
 * said so; if it does not in the time that the manifest gives, the node goes back to the last confirmed one,
 * and takes none up to the serial that failed again.
 *
 * Files: `current`, the last confirmed bundle; `previous`, the one confirmed before it; `pending`. Before the
 * kernel switches, the deadline stands in the pinned marks and the bundle in `pending`; so whenever an agent
 * dies, the next one knows what the kernel may hold and until when. A deadline ends with the boot: what was
 * pending then is taken back at the next start.
 */
#include "agent/policy_priv.h"

#include <fcntl.h>
#include <inttypes.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

#define NS_PER_MS ((uint64_t)1000000)
/* When there is nothing to go back to, or it cannot be brought in force. */
#define AGAIN_NS (10 * WEIR_NS_PER_S)

static void arm(struct policy *p, uint64_t ns)
{
	int r = p->timer ? weir_source_rearm(p->timer, ns, 0) : 0;

	if (r < 0)
		weir_log_err(r, "policy: no timer for the confirmation");
}

static uint64_t time_left(const struct policy *p)
{
	uint64_t now = weir_boot_ns();

	return p->marks.at->confirm_until_ns > now ? p->marks.at->confirm_until_ns - now : 0;
}

static void forget_file(const char *path)
{
	if (unlink(path) < 0 && errno != ENOENT)
		weir_log_err(-errno, "%s: cannot be removed", path);
}

static void came_in_force(struct policy *p, const struct weir_policy_push *push, uint64_t key_epoch)
{
	struct weir_ctl *ctl = probe_ctl(p->probe);

	p->serial = push->serial;
	p->applied_ns = weir_wall_ns();
	p->refused_serial = 0;
	(void)weir_sha256(push->manifest, push->manifest_len, p->manifest);
	if (push->serial > *p->marks.serial)
		__atomic_store_n(p->marks.serial, push->serial, __ATOMIC_RELEASE);
	p->marks.at->key_epoch = WEIR_MAX((uint64_t)p->marks.at->key_epoch, key_epoch);
	__atomic_store_n(&ctl->default_deny, 0, __ATOMIC_RELEASE);
	policy_follow_candidate(p);
}

static bool in_force_already(const struct policy *p, const struct weir_policy_push *push)
{
	uint8_t digest[WEIR_SHA256_LEN];

	return gate_open(p->gate) && push->serial == p->serial &&
	       weir_sha256(push->manifest, push->manifest_len, digest) == 0 &&
	       !memcmp(digest, p->manifest, sizeof(digest));
}

static void begin(struct policy *p, const struct weir_msg *m, uint64_t confirm_ns)
{
	struct weir_marks *w = p->marks.at;

	__atomic_store_n(&w->confirm_until_ns, weir_boot_ns() + confirm_ns, __ATOMIC_RELEASE);
	__atomic_store_n(&w->pending, m->policy_push.serial, __ATOMIC_RELEASE);
	(void)policy_store(p->pending, m);
	policy_save_marks(p);
}

static void not_pending(struct policy *p)
{
	__atomic_store_n(&p->marks.at->pending, 0, __ATOMIC_RELEASE);
	policy_save_marks(p);
	forget_file(p->pending);
}

int policy_take(struct policy *p, const struct weir_policy_push *push, const struct weir_msg *m)
{
	policy_auto_bundle *bundle = NULL;
	weir_cleanup(weir_manifest_fini) struct weir_manifest manifest = {0};
	struct weir_err err = {0};
	uint64_t confirm_ms, before = p->serial;
	int r;

	if (in_force_already(p, push))
		return 0;
	r = policy_verify(p, push, POLICY_ENFORCE, &bundle, &manifest);
	if (r < 0)
		return r;
	confirm_ms = manifest.confirm_ms ? manifest.confirm_ms : WEIR_CONFIRM_MS;
	if (policy_is(push, p->marks.at->confirmed)) /* it comes again because it was not on disk */
		(void)policy_store(p->current, m);
	else
		begin(p, m, confirm_ms * NS_PER_MS);
	r = gate_apply(p->gate, bundle, &err);
	if (r < 0) {
		not_pending(p);
		return policy_refuse(p, push, WEIR_REFUSE_TABLES, err.text);
	}
	bundle = NULL; /* the gate's now */
	came_in_force(p, push, manifest.key_epoch);
	weir_log(WEIR_LOG_INFO, "policy: bundle %" PRIu64 " applied; in force before: %" PRIu64, p->serial, before);
	if (p->marks.at->pending) {
		arm(p, confirm_ms * NS_PER_MS);
		weir_log(WEIR_LOG_INFO, "policy: bundle %" PRIu64 " is to be confirmed within %" PRIu64 " ms",
			 p->serial, confirm_ms);
	}
	policy_save_marks(p);
	return 0;
}

/* `current` becomes `previous`, `pending` becomes `current`; a crash in between leaves all there is. */
static int shift_files(const struct policy *p)
{
	weir_auto_free char *temp = weir_strf("%s.new", p->previous);
	int r = temp ? 0 : -ENOMEM;

	if (r == 0 && (unlink(temp) == 0 || errno == ENOENT) && link(p->current, temp) == 0)
		r = rename(temp, p->previous) < 0 ? -errno : 0;
	else if (r == 0 && errno != ENOENT)
		r = -errno;
	if (r == 0 && rename(p->pending, p->current) < 0)
		r = -errno;
	return r;
}

static void now_confirmed(struct policy *p, const uint8_t manifest[WEIR_SHA256_LEN])
{
	struct weir_marks *w = p->marks.at;

	if (memcmp(w->confirmed, manifest, sizeof(w->confirmed)))
		memcpy(w->previous, w->confirmed, sizeof(w->previous));
	memcpy(w->confirmed, manifest, sizeof(w->confirmed));
	__atomic_store_n(&w->pending, 0, __ATOMIC_RELEASE);
	policy_save_marks(p);
}

void policy_confirm(struct policy *p, uint64_t serial)
{
	int r;

	if (!serial || serial != p->marks.at->pending)
		return;
	arm(p, 0);
	if (serial != p->serial) { /* in the kernel, and not on disk any more: it has to come again */
		not_pending(p);
		return;
	}
	r = shift_files(p);
	if (r < 0)
		weir_log_err(r, "%s: bundle %" PRIu64 " is confirmed and not on disk; it has to come again after a "
				"restart", p->current, serial);
	now_confirmed(p, p->manifest);
	weir_log(WEIR_LOG_INFO, "policy: bundle %" PRIu64 " is confirmed", serial);
}

static const char *undo_text(enum weir_undo why)
{
	static const char *const texts[WEIR_UNDOS] = {
		[WEIR_UNDO_NONE] = "taken back",
		[WEIR_UNDO_UNCONFIRMED] = "taken back: the aggregator was not heard of in time",
		[WEIR_UNDO_OPERATOR] = "taken back by an operator's order",
		[WEIR_UNDO_ROOT] = "taken back by root on the node",
	};

	return why < WEIR_UNDOS ? texts[why] : texts[WEIR_UNDO_NONE];
}

/* The refusal that the aggregator hears of: the serial does not come in force again. */
static void report_undone(struct policy *p)
{
	const struct weir_marks *w = p->marks.at;

	if (!w->undone || w->undone <= p->serial)
		return;
	p->have_serial = WEIR_MAX(p->have_serial, (uint64_t)w->undone);
	p->refused_serial = w->undone;
	p->refused_shadow = false;
	p->refused_code = policy_undone_reason(p, w->undone);
	p->refused_reason = weir_refusal_name(p->refused_code);
	p->refused = (struct weir_err){0};
	weir_err_set(&p->refused, 0, "%s; it needs a higher serial",
		     w->from == w->undone ? undo_text((enum weir_undo)w->why) : "an operator's order forbids it");
}

/* The bundle in a file, which must be the one whose manifest is known: a file may be an old copy. */
static int bring_back(struct policy *p, const char *path, const uint8_t manifest[WEIR_SHA256_LEN])
{
	policy_auto_msg *m = policy_read(path);
	policy_auto_bundle *bundle = NULL;
	struct weir_err err = {0};
	int r;

	if (!m)
		return -ENOENT;
	if (!policy_is(&m->policy_push, manifest))
		return weir_log_err(-ESTALE, "%s: not the bundle that was in force last", path);
	r = policy_verify(p, &m->policy_push, POLICY_RETURN, &bundle, NULL);
	if (r < 0)
		return r;
	r = gate_open(p->gate) ? gate_apply(p->gate, bundle, &err) : gate_adopt(p->gate, bundle, &err);
	if (r < 0)
		return weir_log_err(r, "policy: bundle %" PRIu64 " cannot return: %s", m->policy_push.serial, err.text);
	bundle = NULL; /* the gate's now */
	came_in_force(p, &m->policy_push, 0);
	return 0;
}

/* Before the first bundle was confirmed there was none in force. */
static int back_to_none(struct policy *p)
{
	gate_close(p->gate);
	p->serial = 0;
	__atomic_store_n(&probe_ctl(p->probe)->default_deny, p->conf->default_deny, __ATOMIC_RELEASE);
	return 0;
}

void policy_never_again(struct policy *p, uint64_t serial)
{
	p->marks.at->undone = WEIR_MAX((uint64_t)p->marks.at->undone, serial);
	*p->marks.serial = WEIR_MAX((uint64_t)*p->marks.serial, serial);
	policy_save_marks(p);
	report_undone(p);
}

/* `previous` is in force: marks, then files; a start finds its way from in between. */
static void now_previous(struct policy *p)
{
	struct weir_marks *w = p->marks.at;

	memcpy(w->confirmed, w->previous, sizeof(w->confirmed));
	memset(w->previous, 0, sizeof(w->previous));
}

int policy_take_back(struct policy *p, enum weir_undo why)
{
	struct weir_marks *w = p->marks.at;
	bool pending = w->pending;
	uint64_t from = pending ? (uint64_t)w->pending : p->serial;
	int r = bring_back(p, pending ? p->current : p->previous, pending ? w->confirmed : w->previous);

	if (r == -ENOENT && pending && policy_none_confirmed(p))
		r = back_to_none(p);
	if (r < 0) {
		weir_log_err(r, "policy: nothing to go back to: bundle %" PRIu64 " stays", from);
		if (pending)
			arm(p, AGAIN_NS);
		return r;
	}
	if (!pending)
		now_previous(p);
	w->from = from;
	w->to = p->serial;
	w->at_ns = weir_wall_ns();
	w->why = why;
	__atomic_store_n(&w->pending, 0, __ATOMIC_RELEASE);
	policy_never_again(p, from);
	if (pending)
		forget_file(p->pending);
	else if (rename(p->previous, p->current) < 0)
		weir_log_err(-errno, "%s: cannot become current", p->previous);
	arm(p, 0);
	weir_log(WEIR_LOG_WARN, "policy: bundle %" PRIu64 " %s; in force now: %" PRIu64, from, undo_text(why), p->serial);
	return 0;
}

static int on_deadline(uint32_t events, void *arg)
{
	struct policy *p = arg;

	(void)events;
	if (p->marks.at->pending)
		(void)policy_take_back(p, WEIR_UNDO_UNCONFIRMED);
	return 0;
}

int policy_commit_start(struct policy *p, struct weir_loop *loop)
{
	return weir_loop_timer(loop, 0, 0, on_deadline, p, &p->timer);
}

/* A stored bundle, after a restart: what the kernel holds of it already stays. */
static int take_stored(struct policy *p, const struct weir_policy_push *push)
{
	policy_auto_bundle *bundle = NULL;
	weir_cleanup(weir_manifest_fini) struct weir_manifest manifest = {0};
	struct weir_err err = {0};
	int r = policy_verify(p, push, POLICY_STORED, &bundle, &manifest);

	if (r < 0)
		return r;
	r = gate_adopt(p->gate, bundle, &err);
	if (r < 0)
		return policy_refuse(p, push, WEIR_REFUSE_TABLES, err.text);
	bundle = NULL; /* the gate's now */
	came_in_force(p, push, manifest.key_epoch);
	p->have_serial = p->serial;
	weir_log(WEIR_LOG_INFO, "policy: bundle %" PRIu64 " taken up again", p->serial);
	return 0;
}

/* What stands in `current` was in force as a whole; an agent older than confirmations kept no marks. */
static void restore_current(struct policy *p, const struct weir_msg *m)
{
	if (!m)
		return;
	if (take_stored(p, &m->policy_push) == 0) {
		if (memcmp(p->manifest, p->marks.at->confirmed, sizeof(p->manifest)))
			now_confirmed(p, p->manifest);
	} else if (p->refused_code == WEIR_REFUSE_EXPIRED || p->refused_code == WEIR_REFUSE_TABLES) {
		/* Signed, and only not good any more: nothing older may take its place. */
		p->high = m->policy_push.serial;
	}
}

/* 0: an unconfirmed bundle was left, and is dealt with. */
static int restore_pending(struct policy *p, const struct weir_msg *current)
{
	uint64_t serial = p->marks.at->pending, left = time_left(p);
	policy_auto_msg *m = serial ? policy_read(p->pending) : NULL;
	uint8_t digest[WEIR_SHA256_LEN];

	if (!serial)
		return -ENOENT;
	if (!left)
		return policy_take_back(p, WEIR_UNDO_UNCONFIRMED);
	if (m && m->policy_push.serial == serial && take_stored(p, &m->policy_push) == 0) {
		weir_log(WEIR_LOG_INFO, "policy: it is to be confirmed within %" PRIu64 " ms", left / NS_PER_MS);
		arm(p, left);
		return 0;
	}
	/* The last agent died between the files and the marks. */
	if (current && current->policy_push.serial == serial &&
	    weir_sha256(current->policy_push.manifest, current->policy_push.manifest_len, digest) == 0) {
		now_confirmed(p, digest);
		return -ENOENT;
	}
	return policy_take_back(p, WEIR_UNDO_UNCONFIRMED);
}

/* The last agent died when `previous` was in force and not `current` yet. */
static struct weir_msg *read_current(struct policy *p)
{
	policy_auto_msg *m = policy_read(p->current), *previous = NULL;

	if (policy_none_confirmed(p) || (m && policy_is(&m->policy_push, p->marks.at->confirmed)))
		return weir_take_ptr(m);
	previous = policy_read(p->previous);
	if (!previous || !policy_is(&previous->policy_push, p->marks.at->confirmed) ||
	    rename(p->previous, p->current) < 0)
		return weir_take_ptr(m);
	return weir_take_ptr(previous);
}

void policy_restore(struct policy *p)
{
	policy_auto_msg *m = read_current(p);

	if (restore_pending(p, m) < 0)
		restore_current(p, m);
	if (!p->marks.at->pending)
		forget_file(p->pending);
	report_undone(p);
}
