/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's prefix is a proper prefix of each child's, and child[i] continues it with bit i. A node
 * without a value joins two children and always has both. So a walk down meets at most 129 nodes
 * and n prefixes need at most 2n nodes. Node, child 0, child 1 is weir_prefix_cmp order.
 */
#include "lib/ds/lpm.h"

struct lpm_node {
	struct weir_prefix prefix;
	uint32_t value;
	struct lpm_node *child[2];
};

struct weir_lpm {
	struct lpm_node *root;
};

static unsigned int addr_bit(const struct weir_addr *a, unsigned int i)
{
	return (a->b[i / 8] >> (7 - i % 8)) & 1u;
}

/* Number of leading bits that are equal, at most max. */
static unsigned int addr_common(const struct weir_addr *a, const struct weir_addr *b,
				unsigned int max)
{
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(a->b); i++) {
		unsigned int diff = a->b[i] ^ b->b[i];

		if (diff) {
			n += (unsigned int)__builtin_clz(diff) - 24;
			break;
		}
		n += 8;
	}
	return WEIR_MIN(n, max);
}

static struct weir_prefix prefix_cut(const struct weir_prefix *p, unsigned int len)
{
	struct weir_prefix cut = {.len = (uint8_t)len};

	memcpy(cut.addr.b, p->addr.b, len / 8);
	if (len % 8)
		cut.addr.b[len / 8] = p->addr.b[len / 8] & (uint8_t)(0xff00u >> (len % 8));
	return cut;
}

static struct lpm_node *node_new(const struct weir_prefix *p, uint32_t value)
{
	struct lpm_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->prefix = *p;
	n->value = value;
	return n;
}

static void node_free(struct lpm_node *n)
{
	if (!n)
		return;
	node_free(n->child[0]);
	node_free(n->child[1]);
	free(n);
}

int weir_lpm_new(struct weir_lpm **ret)
{
	struct weir_lpm *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	*ret = t;
	return 0;
}

void weir_lpm_free(struct weir_lpm *t)
{
	if (!t)
		return;
	node_free(t->root);
	free(t);
}

/* Puts a new node for p where *at stands; *at, if any, shares the first `common` bits with p. */
static int lpm_insert(struct lpm_node **at, const struct weir_prefix *p, uint32_t value,
		      unsigned int common)
{
	weir_auto_free struct lpm_node *n = node_new(p, value);
	weir_auto_free struct lpm_node *join = NULL;
	struct weir_prefix cut;
	struct lpm_node *old = *at;

	if (!n)
		return -ENOMEM;
	if (!old) {
		*at = weir_take_ptr(n);
		return 0;
	}
	if (common == p->len) {
		n->child[addr_bit(&old->prefix.addr, common)] = old;
		*at = weir_take_ptr(n);
		return 0;
	}
	cut = prefix_cut(p, common);
	join = node_new(&cut, WEIR_LPM_NONE);
	if (!join)
		return -ENOMEM;
	join->child[addr_bit(&old->prefix.addr, common)] = old;
	join->child[addr_bit(&p->addr, common)] = weir_take_ptr(n);
	*at = weir_take_ptr(join);
	return 0;
}

int weir_lpm_put(struct weir_lpm *t, const struct weir_prefix *p, uint32_t value)
{
	struct lpm_node **at = &t->root;
	struct weir_prefix cut;
	unsigned int common = 0;

	if (value == WEIR_LPM_NONE || p->len > 128)
		return -EINVAL;
	cut = prefix_cut(p, p->len);
	if (weir_prefix_cmp(&cut, p) != 0)
		return -EINVAL;
	while (*at) {
		struct lpm_node *n = *at;

		common = addr_common(&n->prefix.addr, &p->addr, WEIR_MIN(n->prefix.len, p->len));
		if (common < n->prefix.len)
			break;
		if (n->prefix.len == p->len) {
			n->value = value;
			return 0;
		}
		at = &n->child[addr_bit(&p->addr, common)];
	}
	return lpm_insert(at, p, value, common);
}

uint32_t weir_lpm_find_prefix(const struct weir_lpm *t, const struct weir_prefix *p)
{
	const struct lpm_node *n = t->root;
	uint32_t best = WEIR_LPM_NONE;

	while (n && n->prefix.len <= p->len && weir_prefix_covers(&n->prefix, &p->addr)) {
		if (n->value != WEIR_LPM_NONE)
			best = n->value;
		if (n->prefix.len == p->len)
			break;
		n = n->child[addr_bit(&p->addr, n->prefix.len)];
	}
	return best;
}

uint32_t weir_lpm_find(const struct weir_lpm *t, const struct weir_addr *a)
{
	struct weir_prefix p = {.addr = *a, .len = 128};

	return weir_lpm_find_prefix(t, &p);
}

static int node_each(const struct lpm_node *n,
		     int (*fn)(const struct weir_prefix *p, uint32_t value, void *arg), void *arg)
{
	int r = 0;

	if (!n)
		return 0;
	if (n->value != WEIR_LPM_NONE)
		r = fn(&n->prefix, n->value, arg);
	if (!r)
		r = node_each(n->child[0], fn, arg);
	return r ? r : node_each(n->child[1], fn, arg);
}

int weir_lpm_each(const struct weir_lpm *t,
		  int (*fn)(const struct weir_prefix *p, uint32_t value, void *arg), void *arg)
{
	return node_each(t->root, fn, arg);
}
