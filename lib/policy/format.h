/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to lib/policy: a bundle in memory. compile.c fills it, bundle.c turns it into bytes and
 * back (the format is described there), tables.c and show.c read it. Strings are offsets into one
 * pool; everything that refers to something else does so by index, checked once by bundle.c.
 */
#ifndef WEIR_POLICY_FORMAT_H
#define WEIR_POLICY_FORMAT_H

#include "lib/policy/bundle.h"

#define WEIR_B_NONE UINT32_MAX /* no string */

struct weir_b_label {
	uint32_t key, value; /* strings */
};

struct weir_b_policy {
	uint32_t name, namespace; /* strings; namespace WEIR_B_NONE = any */
	uint32_t label_first, label_count;
	uint32_t priority;
	uint8_t tier, audit;
};

struct weir_b_rule {
	uint32_t policy, index;
	uint32_t port_first, port_count; /* 0 = every protocol and port */
	uint32_t peer_first, peer_count; /* ascending peer classes; meaningless with any_peer */
	uint32_t limit;			 /* index + 1; 0 = none */
	uint8_t dir, action, implied, any_peer;
};

struct weir_b_port {
	uint16_t lo, hi;
	uint8_t proto;
};

/* Items of one list. */
#define WEIR_B_LIST_MAX (1u << 22)

struct weir_b_prefix {
	struct weir_prefix prefix;
	uint32_t class;
};

/* Prefixes [first, next one's first). Where one begins depends on nothing but the prefix there. Two chunks are the same
 * when their first prefixes and these digests of the bytes behind them are. */
struct weir_b_chunk {
	uint32_t first;
	uint8_t digest[WEIR_SHA256_LEN];
};

struct weir_bundle {
	char *strings;
	size_t string_bytes;
	uint32_t class;	       /* string */
	uint32_t peer_classes; /* highest + 1 */
	struct weir_b_label *labels;
	size_t label_count;
	struct weir_b_policy *policies;
	size_t policy_count;
	struct weir_b_rule *rules; /* in the order in which they are asked */
	size_t rule_count;
	struct weir_b_port *ports;
	size_t port_count;
	uint32_t *peers;
	size_t peer_count;
	struct weir_limit *limits;
	size_t limit_count;
	struct weir_b_prefix *prefixes; /* in weir_prefix_cmp order */
	size_t prefix_count;
	struct weir_failsafe *failsafe;
	size_t failsafe_count;
	/* of a parsed one */
	uint8_t digest[WEIR_SHA256_LEN];
	uint8_t rest[WEIR_SHA256_LEN]; /* of all bytes but the prefixes' */
	struct weir_b_chunk *chunks;   /* and one behind the last */
	size_t chunk_count;
	uint64_t lengths[3]; /* bit n: a prefix of length n occurs */
	char **rule_names;
};

/* bundle_check.c: nothing in what was read contradicts itself. */
bool weir_bundle_consistent(const struct weir_bundle *b);

/* The bytes of prefixes behind one another (bundle_prefix.c describes them). */
int weir_prefixes_encode(const struct weir_b_prefix *prefixes, size_t n, struct weir_buf *ret);
/* Reads n of them into b, with chunks and lengths, and moves *in behind; b->peer_classes is known. -EBADMSG: no such bytes;
 * -ERANGE: all are read, and contradict each other or the rest (order, bits behind a length, class, number). */
int weir_prefixes_decode(struct weir_bundle *b, size_t n, const uint8_t **in, const uint8_t *end);

/* weir_bundle_parse of bytes whose digest is known. */
int weir_bundle_parse_known(const void *data, size_t len, const uint8_t digest[WEIR_SHA256_LEN], struct weir_bundle **ret,
			    struct weir_err *err);

/* Fills prefixes, peer classes and peers of b, whose rules are those of the set. */
int weir_classify(const struct weir_policy_set *set, const struct weir_topology *t, const char *class,
		  struct weir_bundle *b, struct weir_err *err);

int weir_bundle_encode(struct weir_bundle *b, struct weir_buf *ret);

/* Fills spans and roots of t from sorted prefixes. -ENOMEM. */
int weir_spans_build(const struct weir_b_prefix *prefixes, size_t n, struct weir_tables *t);

#endif
