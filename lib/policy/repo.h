/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy repository as a directory (policies/ of this repository is a complete example):
 *   weir.yaml  topology/\*.yaml prices/\*.yaml allocation/\*.yaml budgets/\*.yaml policies/\*.yaml  lists/\*.txt  approvals/
 * Read once through an O_PATH descriptor of the resolved directory, so that a symlink that flips in
 * mid-read cannot mix revisions. Bounded: 1 MiB a file, 1,000 files, 16 MiB in all; lists of prefixes
 * apart: 64 MiB and 2^20 prefixes in all.
 */
#ifndef WEIR_REPO_H
#define WEIR_REPO_H

#include "lib/money/allocation.h"
#include "lib/money/budget.h"
#include "lib/money/price.h"
#include "lib/policy/bundle.h"

struct weir_compiled; /* bundles of all classes: compiled once, by the first release, shared by all */
struct weir_repo {
	struct weir_topology *topology;
	struct weir_pricebook *prices;
	struct weir_allocation *allocation;
	struct weir_budget_set *budgets;
	struct weir_policy_set *policies;
	struct weir_failsafe failsafe[WEIR_MAX_FAILSAFE];
	size_t failsafe_count;
	uint64_t validity_s; /* of a manifest made from it */
	uint64_t confirm_ms; /* the same; 0 = WEIR_CONFIRM_MS */
	uint64_t key_epoch;  /* of the approvers */
	/* approvers of weir.yaml, k of n; the agents pin their own */
	uint8_t (*approvers)[WEIR_KEY_LEN];
	size_t approver_count;
	/* one of whom can order the return to the bundle before; the agents pin their own */
	uint8_t (*operators)[WEIR_KEY_LEN];
	size_t operator_count;
	uint32_t threshold;
	uint8_t source[WEIR_SHA256_LEN]; /* over names and bytes of all files but approvals/ */
	struct weir_compiled *compiled;
};
/* All errors of one revision are one line each through on_error (may be NULL); returns -EINVAL and the
 * first in err. */
int weir_repo_load(const char *dir, struct weir_repo **ret, struct weir_err *err,
		   void (*on_error)(const char *line, void *arg), void *arg);
void weir_repo_free(struct weir_repo *r);

/* All bundles and the manifest of a revision (bundles in manifest order). */
struct weir_release {
	struct weir_manifest manifest;
	struct weir_buf manifest_text;
	const struct weir_buf *bundles;
	struct weir_compiled *compiled; /* whose they are */
};
int weir_release_make(const struct weir_repo *r, uint64_t serial, uint64_t not_before_s, bool shadow,
		      struct weir_release **ret, struct weir_err *err);
void weir_release_free(struct weir_release *r);
int weir_compiled_new(struct weir_compiled **ret);
void weir_compiled_free(struct weir_compiled *c); /* with the last of those that share it */

/* approvals/<serial>.manifest (the text) and approvals/<serial>.<key id>.sig ("ed25519:<key> <base64>").
 * Newest serial of a stage whose class digests equal what compiling the directory gives, with its
 * signatures. The stages share one row of serials: whatever is approved later stands above. */
struct weir_approval {
	char *manifest_text;
	size_t manifest_len;
	struct weir_manifest manifest;
	struct weir_signature sigs[WEIR_MAX_SIGNERS];
	size_t sig_count;
};
/* -ENOENT: no approval for this content (err says what to do). */
int weir_approval_find(const char *dir, const struct weir_repo *r, bool shadow, struct weir_approval **ret,
		       struct weir_err *err);
void weir_approval_free(struct weir_approval *a);
/* Writes or extends an approval, for shadow alone or to be enforced: serial 0 = reuse the pending one for
 * this content and stage, else highest + 1. */
int weir_approval_sign(const char *dir, const struct weir_repo *r, const struct weir_key *key, bool shadow,
		       uint64_t serial, uint64_t now_s, uint64_t *ret_serial, struct weir_err *err);

#endif
