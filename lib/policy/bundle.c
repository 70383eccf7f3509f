/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundle bytes, format 3. All integers little-endian, no padding, nothing after the end.
 *
 *   "weirbnd3"  strings  u32 class  u32 peer_classes
 *   labels policies rules ports peers limits prefixes failsafe
 *
 * Each list is a u32 count and its items, the fields in the order in which the item_* functions
 * below name them; strings are NUL-terminated, one behind the other. Classes are LEB128; of prefixes
 * bundle_prefix.c writes what differs from the one before, 3 to 8 bytes. One set of functions both
 * writes and reads, so the two cannot differ. What was read is then checked: every reference inside
 * its list, every enum known, tiers ascending, prefixes sorted and clean. Any other byte string is
 * refused.
 */
#include <endian.h>

#include "lib/policy/format.h"

struct codec {
	struct weir_buf *out; /* writing; NULL = reading */
	const uint8_t *in;
	size_t left;
	const uint8_t *prefixes, *behind; /* where their bytes are; reading */
	int r; /* first failure; sticky */
};

/* Inline: a bundle is many small numbers, whose length is known where they are read. */
static inline __attribute__((always_inline)) void raw(struct codec *c, void *data, size_t len)
{
	if (c->r < 0)
		return;
	if (c->out) {
		c->r = weir_buf_add(c->out, data, len);
	} else if (c->left < len) {
		c->r = -EBADMSG;
	} else {
		memcpy(data, c->in, len);
		c->in += len;
		c->left -= len;
	}
}

static void u8(struct codec *c, uint8_t *v)
{
	raw(c, v, sizeof(*v));
}

static void u16(struct codec *c, uint16_t *v)
{
	uint16_t le = htole16(*v);

	raw(c, &le, sizeof(le));
	*v = le16toh(le);
}

static void u32(struct codec *c, uint32_t *v)
{
	uint32_t le = htole32(*v);

	raw(c, &le, sizeof(le));
	*v = le32toh(le);
}

static void u64(struct codec *c, __u64 *v)
{
	__u64 le = htole64(*v);

	raw(c, &le, sizeof(le));
	*v = le64toh(le);
}

/* LEB128, in its shortest form. */
static void var(struct codec *c, uint32_t *v)
{
	uint32_t left = *v, sum = 0;
	uint8_t byte;

	if (!c->out && c->r == 0 && c->left && *c->in < 0x80) { /* one byte, as most are */
		*v = *c->in++;
		c->left--;
		return;
	}
	for (unsigned int shift = 0; c->r == 0; shift += 7) {
		byte = (left & 0x7f) | (left > 0x7f ? 0x80 : 0);
		raw(c, &byte, 1);
		left >>= 7;
		if (!c->out && (shift > 28 || (shift == 28 && byte > 0xf) || (shift && !byte)))
			c->r = -EBADMSG;
		else
			sum |= (uint32_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	*v = sum;
}

static void item_char(struct codec *c, void *item)
{
	raw(c, item, 1);
}

static void item_label(struct codec *c, void *item)
{
	struct weir_b_label *l = item;

	u32(c, &l->key);
	u32(c, &l->value);
}

static void item_policy(struct codec *c, void *item)
{
	struct weir_b_policy *p = item;

	u32(c, &p->name);
	u32(c, &p->namespace);
	u32(c, &p->label_first);
	u32(c, &p->label_count);
	u32(c, &p->priority);
	u8(c, &p->tier);
	u8(c, &p->audit);
}

static void item_rule(struct codec *c, void *item)
{
	struct weir_b_rule *r = item;

	u32(c, &r->policy);
	u32(c, &r->index);
	u32(c, &r->port_first);
	u32(c, &r->port_count);
	u32(c, &r->peer_first);
	u32(c, &r->peer_count);
	u32(c, &r->limit);
	u8(c, &r->dir);
	u8(c, &r->action);
	u8(c, &r->implied);
	u8(c, &r->any_peer);
}

static void item_port(struct codec *c, void *item)
{
	struct weir_b_port *p = item;

	u16(c, &p->lo);
	u16(c, &p->hi);
	u8(c, &p->proto);
}

static void item_peer(struct codec *c, void *item)
{
	var(c, item);
}

static void item_limit(struct codec *c, void *item)
{
	struct weir_limit *l = item;

	u64(c, &l->ns_per_byte_q20);
	u64(c, &l->burst_ns);
	u32(c, &l->id);
	u8(c, &l->per);
	u8(c, &l->mode);
	u8(c, &l->dirs);
}

static void item_failsafe(struct codec *c, void *item)
{
	struct weir_failsafe *f = item;

	raw(c, f->prefix, sizeof(f->prefix));
	u8(c, &f->prefixlen);
	u8(c, &f->proto);
	u8(c, &f->dir);
	u8(c, &f->used);
	u16(c, &f->lo);
	u16(c, &f->hi);
}

/* Every item takes at least one byte, so a count beyond what is left is a lie: no memory for it. */
static void list(struct codec *c, void *items_pp, size_t *count, size_t size,
		 void (*item)(struct codec *, void *))
{
	void **items = items_pp;
	uint32_t n = (uint32_t)*count;

	u32(c, &n);
	if (c->r == 0 && c->out && *count > WEIR_B_LIST_MAX)
		c->r = -EFBIG;
	if (c->r == 0 && !c->out && (n > c->left || n > WEIR_B_LIST_MAX))
		c->r = -EBADMSG;
	if (c->r == 0 && !c->out) {
		*items = calloc((size_t)n + 1, size);
		if (!*items)
			c->r = -ENOMEM;
		else
			*count = n;
	}
	if (item == item_char) {
		raw(c, *items, n);
		return;
	}
	for (uint32_t i = 0; c->r == 0 && i < n; i++)
		item(c, (char *)*items + i * size);
}

static void prefixes(struct codec *c, struct weir_bundle *b)
{
	uint32_t n = (uint32_t)b->prefix_count;
	const uint8_t *from;

	c->prefixes = c->in;
	u32(c, &n);
	from = c->in;
	if (c->r == 0 && c->out)
		c->r = b->prefix_count > WEIR_B_LIST_MAX ? -EFBIG : weir_prefixes_encode(b->prefixes, n, c->out);
	else if (c->r == 0)
		c->r = weir_prefixes_decode(b, n, &c->in, from + c->left);
	c->left -= (size_t)(c->in - from);
	c->behind = c->in;
}

static void code_bundle(struct codec *c, struct weir_bundle *b)
{
	list(c, &b->strings, &b->string_bytes, 1, item_char);
	u32(c, &b->class);
	u32(c, &b->peer_classes);
	list(c, &b->labels, &b->label_count, sizeof(*b->labels), item_label);
	list(c, &b->policies, &b->policy_count, sizeof(*b->policies), item_policy);
	list(c, &b->rules, &b->rule_count, sizeof(*b->rules), item_rule);
	list(c, &b->ports, &b->port_count, sizeof(*b->ports), item_port);
	list(c, &b->peers, &b->peer_count, sizeof(*b->peers), item_peer);
	list(c, &b->limits, &b->limit_count, sizeof(*b->limits), item_limit);
	prefixes(c, b);
	list(c, &b->failsafe, &b->failsafe_count, sizeof(*b->failsafe), item_failsafe);
}

int weir_bundle_encode(struct weir_bundle *b, struct weir_buf *ret)
{
	weir_auto_buf struct weir_buf out = {.max = WEIR_BUNDLE_MAX};
	struct codec c = {.out = &out};

	raw(&c, (char *)"weirbnd3", 8);
	code_bundle(&c, b);
	if (c.r < 0)
		return c.r;
	*ret = out;
	out = (struct weir_buf){0};
	return 0;
}

static int name_rules(struct weir_bundle *b)
{
	b->rule_names = calloc(b->rule_count + 1, sizeof(*b->rule_names));
	if (!b->rule_names)
		return -ENOMEM;
	for (size_t i = 0; i < b->rule_count; i++) {
		const struct weir_b_rule *r = &b->rules[i];
		const char *policy = b->strings + b->policies[r->policy].name;

		if (r->implied)
			b->rule_names[i] = weir_strf("%s#default-%s", policy,
						     r->dir == WEIR_EGRESS ? "egress" : "ingress");
		else
			b->rule_names[i] = weir_strf("%s#%u", policy, r->index);
		if (!b->rule_names[i])
			return -ENOMEM;
	}
	return 0;
}

static int digest_rest(const struct codec *c, const uint8_t *data, size_t len, uint8_t ret[WEIR_SHA256_LEN])
{
	weir_auto_sha256 *h = NULL;
	int r = weir_sha256_new(&h);

	if (r == 0)
		r = weir_sha256_add(h, data, (size_t)(c->prefixes - data));
	if (r == 0)
		r = weir_sha256_add(h, c->behind, (size_t)(data + len - c->behind));
	return r < 0 ? r : weir_sha256_end(h, ret);
}

static void bundle_freep(struct weir_bundle **b)
{
	weir_bundle_free(*b);
}

int weir_bundle_parse(const void *data, size_t len, struct weir_bundle **ret, struct weir_err *err)
{
	uint8_t digest[WEIR_SHA256_LEN];
	int r = len > WEIR_BUNDLE_MAX ? 0 : weir_sha256(data, len, digest);

	return r ? r : weir_bundle_parse_known(data, len, digest, ret, err);
}

int weir_bundle_parse_known(const void *data, size_t len, const uint8_t digest[WEIR_SHA256_LEN], struct weir_bundle **ret,
			    struct weir_err *err)
{
	weir_cleanup(bundle_freep) struct weir_bundle *b = calloc(1, sizeof(*b));
	struct codec c = {.in = data, .left = len};
	char magic[8] = "";
	int r;

	if (!b)
		return -ENOMEM;
	if (len > WEIR_BUNDLE_MAX)
		return weir_err_set(err, -EBADMSG, "bundle of %zu bytes is over %u", len,
				    WEIR_BUNDLE_MAX);
	raw(&c, magic, sizeof(magic));
	if (c.r < 0 || memcmp(magic, "weirbnd3", sizeof(magic)) != 0)
		return weir_err_set(err, -EBADMSG, "not a bundle of format 3");
	code_bundle(&c, b);
	if (c.r == -EBADMSG || (c.r == 0 && c.left))
		return weir_err_set(err, -EBADMSG,
				    "bundle is cut short or has bytes behind its end");
	if (c.r < 0 && c.r != -ERANGE)
		return c.r;
	if (c.r || !weir_bundle_consistent(b))
		return weir_err_set(err, -EBADMSG,
				    "bundle contradicts itself: a reference or value is "
				    "out of bounds");
	memcpy(b->digest, digest, sizeof(b->digest));
	r = digest_rest(&c, data, len, b->rest);
	if (r == 0)
		r = name_rules(b);
	if (r < 0)
		return r;
	*ret = weir_take_ptr(b);
	return 0;
}

void weir_bundle_free(struct weir_bundle *b)
{
	if (!b)
		return;
	for (size_t i = 0; b->rule_names && i < b->rule_count; i++)
		free(b->rule_names[i]);
	free(b->rule_names);
	free(b->strings);
	free(b->labels);
	free(b->policies);
	free(b->rules);
	free(b->ports);
	free(b->peers);
	free(b->limits);
	free(b->prefixes);
	free(b->chunks);
	free(b->failsafe);
	free(b);
}

const char *weir_bundle_class(const struct weir_bundle *b)
{
	return b->strings + b->class;
}

void weir_bundle_digest(const struct weir_bundle *b, uint8_t ret[WEIR_SHA256_LEN])
{
	memcpy(ret, b->digest, WEIR_SHA256_LEN);
}

size_t weir_bundle_rules(const struct weir_bundle *b)
{
	return b->rule_count;
}

const char *weir_bundle_rule_name(const struct weir_bundle *b, uint32_t rule)
{
	return rule < b->rule_count ? b->rule_names[rule] : "default";
}
