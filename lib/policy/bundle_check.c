/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold in a bundle that was read: every reference inside its list, every enum known, order.
 * Prefixes are checked while they are read (bundle_prefix.c). */
#include "lib/policy/format.h"

static bool within(uint32_t first, uint32_t count, size_t total)
{
	return first <= total && count <= total - first;
}

static bool check_policies(const struct weir_bundle *b)
{
	for (size_t i = 0; i < b->label_count; i++)
		if (b->labels[i].key >= b->string_bytes || b->labels[i].value >= b->string_bytes)
			return false;
	for (size_t i = 0; i < b->policy_count; i++) {
		const struct weir_b_policy *p = &b->policies[i];

		if (p->name >= b->string_bytes || p->tier >= WEIR_TIERS || p->audit > 1 ||
		    (p->namespace != WEIR_B_NONE && p->namespace >= b->string_bytes) ||
		    !within(p->label_first, p->label_count, b->label_count))
			return false;
	}
	return true;
}

static bool check_limit(const struct weir_limit *l)
{
	return l->per < WEIR_PERS && l->mode < WEIR_LIMIT_MODES && l->ns_per_byte_q20 && l->dirs &&
	       l->dirs < 1 << WEIR_DIRS && (l->mode != WEIR_PACE || l->dirs == 1 << WEIR_EGRESS);
}

/* One rule's peers behind the other's, ascending: so all of them together are as many as the list has. */
static bool check_peers(const struct weir_bundle *b, const struct weir_b_rule *r, size_t *at)
{
	if (r->peer_first != *at)
		return false;
	for (uint32_t i = 0; i < r->peer_count; i++)
		if (b->peers[*at + i] >= b->peer_classes ||
		    (i && b->peers[*at + i] <= b->peers[*at + i - 1]))
			return false;
	*at += r->peer_count;
	return true;
}

static bool check_rules(const struct weir_bundle *b)
{
	uint8_t tier = 0;
	size_t peers = 0;

	for (size_t i = 0; i < b->rule_count; i++) {
		const struct weir_b_rule *r = &b->rules[i];

		if (r->policy >= b->policy_count || r->dir >= WEIR_DIRS ||
		    r->action > WEIR_ACT_PASS || r->implied > 1 || r->any_peer > 1 ||
		    r->limit > b->limit_count ||
		    !within(r->port_first, r->port_count, b->port_count) ||
		    !within(r->peer_first, r->peer_count, b->peer_count) ||
		    (r->any_peer && r->peer_count) ||
		    b->policies[r->policy].tier < tier)
			return false;
		tier = b->policies[r->policy].tier;
		if (!check_peers(b, r, &peers))
			return false;
	}
	if (peers != b->peer_count)
		return false;
	for (size_t i = 0; i < b->port_count; i++)
		if (b->ports[i].lo > b->ports[i].hi || b->ports[i].proto >= WEIR_PROTOS)
			return false;
	for (size_t i = 0; i < b->limit_count; i++)
		if (!check_limit(&b->limits[i]))
			return false;
	return true;
}

/* Bits behind the length must be zero: a kernel trie would store two keys for one prefix. */
static bool clean_prefix(const uint8_t addr[16], uint8_t len)
{
	if (len > 128)
		return false;
	if (len % 8 && addr[len / 8] & (0xff >> len % 8))
		return false;
	for (unsigned int byte = (len + 7u) / 8; byte < 16; byte++)
		if (addr[byte])
			return false;
	return true;
}

static bool check_failsafe(const struct weir_bundle *b)
{
	for (size_t i = 0; i < b->failsafe_count; i++) {
		const struct weir_failsafe *f = &b->failsafe[i];

		if (!clean_prefix(f->prefix, f->prefixlen) || f->proto >= WEIR_PROTOS ||
		    f->dir >= WEIR_DIRS || f->used != 1 || f->lo > f->hi)
			return false;
	}
	return b->failsafe_count <= WEIR_MAX_FAILSAFE;
}

bool weir_bundle_consistent(const struct weir_bundle *b)
{
	if (b->string_bytes == 0 || b->strings[b->string_bytes - 1] ||
	    b->class >= b->string_bytes || !b->strings[b->class] || strlen(b->strings + b->class) >= WEIR_CLASS_MAX ||
	    b->peer_classes == 0 || b->peer_classes > WEIR_B_LIST_MAX)
		return false;
	return check_policies(b) && check_rules(b) && check_failsafe(b);
}
