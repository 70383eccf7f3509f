/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the policy share; nobody else includes this. */
#ifndef WEIR_AGENT_POLICY_PRIV_H
#define WEIR_AGENT_POLICY_PRIV_H

#include "agent/marks.h"
#include "agent/policy.h"

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
	struct weir_source *timer; /* of the confirmation; NULL: there is no loop */
	struct marks marks;
	char *current, *previous, *pending; /* files */
	uint64_t serial, have_serial, applied_ns, asked_ns;
	uint64_t asked_pending; /* what the poll under way says is to be confirmed */
	uint64_t high; /* serial of the stored bundle, even if it cannot be applied now */
	uint8_t manifest[WEIR_SHA256_LEN]; /* of the bundle in force */
	uint8_t boot_id[16];
	struct candidate candidate;
	uint64_t drifts; /* times that the kernel held other tables than were put there */
	uint64_t refused_serial;
	bool refused_shadow; /* it was a candidate */
	enum weir_refusal refused_code;
	const char *refused_reason;
	struct weir_err refused;
	uint64_t have_order;
	struct weir_err order_refused;
	char *request, *answer; /* files of weir-agent --rollback */
	int requests;		/* inotify */
	struct weir_source *asked;
};

static inline void policy_msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}
#define policy_auto_msg weir_cleanup(policy_msg_freep) struct weir_msg

static inline void policy_bundle_freep(struct weir_bundle **b)
{
	weir_bundle_free(*b);
}
#define policy_auto_bundle weir_cleanup(policy_bundle_freep) struct weir_bundle

/* policy_trust.c */
/* What a bundle is to be used for, which its approvers must have meant; or why it need not be above the marks. */
enum policy_use {
	POLICY_ENFORCE,
	POLICY_SHADOW,
	POLICY_STORED, /* it was in force here when the last agent ended */
	POLICY_RETURN, /* it was before another took its place: may even have expired meanwhile */
};
/* 0 and the bundle, or -EPERM: refused, with the reason in p. */
int policy_verify(struct policy *p, const struct weir_policy_push *push, enum policy_use use,
		  struct weir_bundle **ret, struct weir_manifest *ret_manifest);
int policy_refuse(struct policy *p, const struct weir_policy_push *push, enum weir_refusal reason,
		  const char *text);
bool policy_is(const struct weir_policy_push *push, const uint8_t manifest[WEIR_SHA256_LEN]);
enum weir_refusal policy_undone_reason(const struct policy *p, uint64_t serial);
bool policy_none_confirmed(const struct policy *p); /* ever */
uint64_t policy_high_water(const struct policy *p);
/* A message as it is in a file. NULL: there is none, or not a good one. */
struct weir_msg *policy_read(const char *path);
int policy_store(const char *path, const struct weir_msg *m);
void policy_save_marks(struct policy *p);

/* policy_candidate.c */
/* m: the message to store, NULL = it comes from there. */
int policy_take_candidate(struct policy *p, const struct weir_policy_push *push, const struct weir_msg *m);
void policy_end_candidate(struct policy *p, const char *why);
void policy_follow_candidate(struct policy *p); /* another bundle came in force */
void policy_restore_candidate(struct policy *p);

/* policy_commit.c */
int policy_commit_start(struct policy *p, struct weir_loop *loop);
void policy_restore(struct policy *p);
/* m: of the push, to be stored. */
int policy_take(struct policy *p, const struct weir_policy_push *push, const struct weir_msg *m);
/* The aggregator has heard that `serial` is in force. */
void policy_confirm(struct policy *p, uint64_t serial);
/* What is in force goes, the bundle confirmed last (before it) comes back. -ENOENT: there is none. */
int policy_take_back(struct policy *p, enum weir_undo why);
/* Neither it nor one below comes in force (again) by itself. */
void policy_never_again(struct policy *p, uint64_t serial);

/* policy_order.c */
/* Looks for a request of root (weir-agent --rollback), now and whenever one comes. */
int policy_orders_start(struct policy *p, struct weir_loop *loop, const char *dir);
int policy_order(struct policy *p, const struct weir_policy_push *push);

#endif
