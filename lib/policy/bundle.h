/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From policies to kernel tables, in two steps.
 *
 *  compile (aggregator, weirctl): policy set + topology -> one *bundle* per node class. A bundle is a
 *  flat byte string, the same bytes for the same input on every machine: rules with selectors, limits,
 *  failsafe list, and the prefix table address -> peer class. Its content digest is SHA-256.
 *
 *  A *manifest* is a small text that names serial, validity and the digest of each class's bundle; it
 *  is what approvers sign (Ed25519 over its bytes):
 *      weir-manifest 1
 *      serial 7
 *      source <sha256 of the input files>
 *      not-before 2026-11-24T00:00:00Z
 *      not-after 2027-11-24T00:00:00Z
 *      key-epoch 2                                      (of the approvers, see struct weir_trust; absent = 0)
 *      confirm-within-ms 5000                           (absent = WEIR_CONFIRM_MS)
 *      stage shadow                                     (only when it is approved for shadow alone)
 *      class <name> <sha256 of the bundle> <bytes>      (sorted by name, one line each)
 *
 *  tables (agent): bundle + the subjects present on this node -> decision tables as the kernel wants them.
 */
#ifndef WEIR_BUNDLE_H
#define WEIR_BUNDLE_H

#include "lib/ds/buf.h"
#include "lib/os/crypto.h"
#include "lib/policy/policy.h"

/*
 * A million prefixes of both families take 6 to 8 MB, and never more than 19 bytes each. 2^20 of them
 * make at most 2^21 + 1 spans of a family, which the 22 steps of a search in BPF tell apart.
 */
#define WEIR_BUNDLE_MAX (32u << 20)
#define WEIR_BUNDLE_PREFIXES_MAX (1u << 20) /* of all lists together too */
#define WEIR_MANIFEST_MAX (256u << 10)
#define WEIR_CLASS_MAX 128
#define WEIR_MAX_SIGNERS 16
/* A node that has not heard from the aggregator for so long under a new bundle takes it back. */
#define WEIR_CONFIRM_MS 60000u
#define WEIR_CONFIRM_MS_MIN 100u
#define WEIR_CONFIRM_MS_MAX 3600000u
#define WEIR_KEY_EPOCH_MAX 1000000000u

/* A failsafe entry from weir.yaml; see struct weir_failsafe. */
int weir_bundle_compile(const struct weir_policy_set *s, const struct weir_topology *t,
			const char *class, const struct weir_failsafe *failsafe, size_t failsafe_count,
			struct weir_buf *ret, struct weir_err *err);

struct weir_bundle; /* parsed view of bundle bytes; owns a copy */
/* Every offset, count and index is checked: hostile bytes give -EBADMSG and a reason. */
int weir_bundle_parse(const void *data, size_t len, struct weir_bundle **ret, struct weir_err *err);
void weir_bundle_free(struct weir_bundle *b);
const char *weir_bundle_class(const struct weir_bundle *b);
void weir_bundle_digest(const struct weir_bundle *b, uint8_t ret[WEIR_SHA256_LEN]);
size_t weir_bundle_rules(const struct weir_bundle *b);
/* "policy-name#2" for messages and reports. */
const char *weir_bundle_rule_name(const struct weir_bundle *b, uint32_t rule);
/* Text for people: `weirctl policy show`. */
int weir_bundle_print(const struct weir_bundle *b, FILE *f);

struct weir_class_ref {
	char name[WEIR_CLASS_MAX];
	uint8_t digest[WEIR_SHA256_LEN];
	uint64_t bytes;
};
struct weir_manifest {
	uint64_t serial;
	uint8_t source[WEIR_SHA256_LEN];
	uint64_t not_before_s, not_after_s;
	uint64_t key_epoch;
	uint64_t confirm_ms; /* 0 = WEIR_CONFIRM_MS */
	bool shadow; /* evaluated beside what is in force, never enforced */
	struct weir_class_ref *classes;
	size_t class_count;
};
int weir_manifest_text(const struct weir_manifest *m, struct weir_buf *ret);
int weir_manifest_parse(const char *text, size_t len, struct weir_manifest *ret, struct weir_err *err);
void weir_manifest_fini(struct weir_manifest *m);

struct weir_signature {
	uint8_t key[WEIR_KEY_LEN];
	uint8_t sig[WEIR_SIG_LEN];
};
/* Why a push is refused; stable names are reported to the aggregator. */
enum weir_refusal {
	WEIR_REFUSE_NONE = 0,
	WEIR_REFUSE_MALFORMED,	  /* manifest or bundle does not parse */
	WEIR_REFUSE_OVERSIZED,
	WEIR_REFUSE_UNSIGNED,	  /* no signature by an approver */
	WEIR_REFUSE_STRIPPED,	  /* by fewer than k of them */
	WEIR_REFUSE_TAMPERED,	  /* an approver's signature is not of these bytes; or the bundle was changed */
	WEIR_REFUSE_KEY_EPOCH,	  /* of approvers that this node does not know yet */
	WEIR_REFUSE_OLDER,	  /* serial not above, or key epoch below, the high-water mark */
	WEIR_REFUSE_REPLAYED,	  /* the same, and it was in force here before */
	WEIR_REFUSE_NOT_YET,
	WEIR_REFUSE_EXPIRED,
	WEIR_REFUSE_WRONG_CLASS,
	WEIR_REFUSE_MIXED,	  /* the bundle is another one than the manifest names, also by its length */
	WEIR_REFUSE_TABLES,	  /* does not fit the kernel tables */
	WEIR_REFUSE_UNCONFIRMED,  /* was taken back here: under it the aggregator was lost */
	WEIR_REFUSE_UNDONE,	  /* the same, by an operator or by root */
	WEIR_REFUSALS,
};
const char *weir_refusal_name(enum weir_refusal r);
/*
 * A key epoch numbers the sets of approvers. To replace approvers, nodes get the new keys and epoch beside the
 * old keys; from the first bundle of the new epoch on, none of an older epoch is accepted, whoever signed it.
 */
struct weir_trust {
	const uint8_t (*keys)[WEIR_KEY_LEN];
	size_t key_count;
	uint32_t threshold; /* k >= 1 */
	const char *class;
	uint64_t serial_high; /* accept only above; equal serial with equal digest is the caller's no-op */
	uint64_t key_epoch, key_epoch_high; /* accept none above the first, none below the second */
	/* SHA-256 of manifests that were in force here: what is not above the marks is "replayed" then */
	const uint8_t (*had)[WEIR_SHA256_LEN];
	size_t had_count;
	uint64_t now_s;
	size_t max_bundle; /* bytes of a bundle; 0 = WEIR_BUNDLE_MAX, which is never exceeded */
};
/* 0 and the parsed bundle, or the refusal (as return value, > 0) with a sentence in err. */
int weir_bundle_verify(const struct weir_trust *trust, const void *manifest, size_t manifest_len,
		       const struct weir_signature *sigs, size_t sig_count, const void *bundle,
		       size_t bundle_len, struct weir_manifest *ret_manifest,
		       struct weir_bundle **ret_bundle, struct weir_err *err);

/*
 * What tables say, whatever their layout: their digest is SHA-256 over it. A family's spans count each for
 * itself, order-free, so that a changed one is taken off and the new one added; that finds what went
 * wrong, not who has root and forges.
 */
struct weir_span_sum {
	uint64_t count, lanes[2];
};
struct weir_tables_sum {
	uint8_t rules[WEIR_SHA256_LEN]; /* decisions, ranges, limits, failsafe list */
	struct weir_span_sum spans4, spans6;
};

/* Spans stand in blocks of slots, not all of them needed; see spread.h. */
#define WEIR_SPAN_BLOCK 64
#define WEIR_SPAN_FILL 56
size_t weir_span_slots(size_t spans); /* room for so many, with gaps */

/* Kernel tables for the subjects given; subject class of subjects[i] is ret->class_of[i] (>= 1; class
 * 0 is "unidentified", decided as a subject with no namespace, name and labels). Deterministic. */
struct weir_tables {
	uint32_t *class_of;
	size_t subject_count;
	struct weir_decision *decisions; /* by WEIR_DECISION_AT */
	size_t decision_count;
	uint32_t peer_classes;
	struct weir_range *ranges;
	size_t range_count;
	struct weir_limit *limits;
	size_t limit_count;
	struct weir_span4 *spans4; /* address -> peer class, as in bpf/abi */
	size_t span4_count;	   /* slots */
	struct weir_span6 *spans6;
	size_t span6_count;
	struct weir_root *roots; /* WEIR_ROOTS */
	struct weir_failsafe *failsafe;
	size_t failsafe_count;
	struct weir_tables_sum sum;
	uint8_t digest[WEIR_SHA256_LEN]; /* of sum: what the kernel must hold */
};
int weir_tables_build(const struct weir_bundle *b, const struct weir_subject *subjects, size_t n,
		      struct weir_tables **ret, struct weir_err *err);
void weir_tables_free(struct weir_tables *t);
/* What weir_tables_build leaves in ->sum and ->digest, computed anew: for tables read back from the kernel.
 * Covers all but class_of and subject_count. -EBADMSG: spans out of order, or roots that do not lead to
 * theirs. */
int weir_tables_sum(const struct weir_tables *t, struct weir_tables_sum *ret);
int weir_sum_digest(const struct weir_tables_sum *s, uint8_t ret[WEIR_SHA256_LEN]);
int weir_tables_digest(const struct weir_tables *t, uint8_t ret[WEIR_SHA256_LEN]);
/* One family's spans in a half of the kernel's tables: one of spans4 and spans6 is set. */
struct weir_spread {
	struct weir_span4 *spans4;
	struct weir_span6 *spans6;
	struct weir_root *roots;
	size_t used, cap; /* slots */
};
/*
 * Prefixes that now has otherwise than old, at most max. -E2BIG: more, or something else differs too.
 * Compares digests of some 256 prefixes each, made when the bundles were parsed: 30 us for 2^20.
 */
int weir_bundle_diff(const struct weir_bundle *old, const struct weir_bundle *now, struct weir_prefix *ret,
		     size_t max, size_t *ret_count);
/*
 * Brings the addresses of one prefix of weir_bundle_diff() to what b says; after all of them the tables are
 * those of b. -E2BIG: the prefix holds too much for that, -ENOSPC: no room; build anew.
 */
int weir_bundle_respan(const struct weir_bundle *b, const struct weir_prefix *p, struct weir_spread *v4,
		       struct weir_spread *v6, struct weir_tables_sum *sum);
/* The lookup the BPF program does, in C over the tables: for tests and for `weirctl policy show`. */
void weir_tables_lookup(const struct weir_tables *t, uint32_t subject_class, const struct weir_conn *c,
			struct weir_decision_ref *ret);

#endif
