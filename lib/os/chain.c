/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/chain.h"

#include <inttypes.h>

#define PREV ",\"prev\":\""
#define HASH "\",\"hash\":\""
#define END "\"}"
#define HEX (2 * WEIR_SHA256_LEN)

_Static_assert(WEIR_CHAIN_TAIL == sizeof(PREV) - 1 + HEX + sizeof(HASH) - 1 + HEX + sizeof(END) - 1,
	       "length of a line's tail");

static int entry_hash(const uint8_t prev[WEIR_SHA256_LEN], const void *entry, size_t len,
		      uint8_t ret[WEIR_SHA256_LEN])
{
	weir_auto_sha256 *h = NULL;
	int r = weir_sha256_new(&h);

	if (!r)
		r = weir_sha256_add(h, prev, WEIR_SHA256_LEN);
	if (!r)
		r = weir_sha256_add(h, entry, len);
	return r ? r : weir_sha256_end(h, ret);
}

static int take_hex(const char *p, uint8_t ret[WEIR_SHA256_LEN])
{
	char hex[HEX + 1];

	memcpy(hex, p, HEX);
	hex[HEX] = 0;
	return weir_unhex(hex, ret, WEIR_SHA256_LEN);
}

/* The tail has a fixed length, so text inside the entry can never be taken for it. */
static int split(const char *line, size_t len, uint8_t prev[WEIR_SHA256_LEN], uint8_t hash[WEIR_SHA256_LEN])
{
	const char *p = line + len - WEIR_CHAIN_TAIL;

	if (len > WEIR_CHAIN_LINE_MAX || len < WEIR_CHAIN_TAIL || memcmp(p, PREV, sizeof(PREV) - 1) ||
	    memcmp(line + len - (sizeof(END) - 1), END, sizeof(END) - 1))
		return -EBADMSG;
	p += sizeof(PREV) - 1;
	if (take_hex(p, prev) || memcmp(p + HEX, HASH, sizeof(HASH) - 1))
		return -EBADMSG;
	return take_hex(p + HEX + sizeof(HASH) - 1, hash);
}

const char *weir_chain_step(struct weir_chain *c, const char *line, size_t len)
{
	uint8_t prev[WEIR_SHA256_LEN], hash[WEIR_SHA256_LEN], real[WEIR_SHA256_LEN];
	char start[40];

	if (split(line, len, prev, hash))
		return "is no entry of an audit log";
	snprintf(start, sizeof(start), "{\"seq\":%" PRIu64 ",", c->seq + 1);
	if (strncmp(line, start, strlen(start)))
		return "does not carry the next number: an entry was removed, inserted or moved";
	if (memcmp(prev, c->hash, sizeof(prev)))
		return "does not follow the entry before it";
	if (entry_hash(prev, line, len - WEIR_CHAIN_TAIL, real))
		return "cannot be checked: SHA-256 failed";
	if (memcmp(real, hash, sizeof(real)))
		return "was changed";
	memcpy(c->hash, hash, sizeof(hash));
	c->seq++;
	return NULL;
}

int weir_chain_tail(const struct weir_chain *c, const void *entry, size_t len,
		    char ret_tail[WEIR_CHAIN_TAIL + 1], uint8_t ret_hash[WEIR_SHA256_LEN])
{
	char prev[HEX + 1], hash[HEX + 1];
	int r = entry_hash(c->hash, entry, len, ret_hash);

	if (r)
		return r;
	snprintf(ret_tail, WEIR_CHAIN_TAIL + 1, PREV "%s" HASH "%s" END,
		 weir_hex(c->hash, sizeof(c->hash), prev), weir_hex(ret_hash, WEIR_SHA256_LEN, hash));
	return 0;
}

#define HEAD_LEN (sizeof("weir-audit-head-1") - 1 + sizeof(uint64_t) + WEIR_SHA256_LEN)

static void head_bytes(uint64_t seq, const uint8_t hash[WEIR_SHA256_LEN], uint8_t ret[HEAD_LEN])
{
	static const char what[] = "weir-audit-head-1";
	uint8_t *p = ret;

	memcpy(p, what, sizeof(what) - 1);
	p += sizeof(what) - 1;
	for (int i = 7; i >= 0; i--)
		*p++ = (uint8_t)(seq >> (8 * i));
	memcpy(p, hash, WEIR_SHA256_LEN);
}

int weir_chain_head_sign(const struct weir_chain *c, const struct weir_key *key, struct weir_chain_head *ret)
{
	struct weir_chain_head h = {.seq = c->seq};
	uint8_t bytes[HEAD_LEN];
	int r;

	memcpy(h.hash, c->hash, sizeof(h.hash));
	head_bytes(h.seq, h.hash, bytes);
	r = weir_key_sign(key, bytes, sizeof(bytes), h.sig);
	if (!r)
		*ret = h;
	return r;
}

int weir_chain_head_verify(const struct weir_chain_head *h, const uint8_t pub[WEIR_KEY_LEN])
{
	uint8_t bytes[HEAD_LEN];

	head_bytes(h->seq, h->hash, bytes);
	return weir_sig_verify(pub, bytes, sizeof(bytes), h->sig);
}

char *weir_chain_head_text(const struct weir_chain_head *h, char buf[WEIR_CHAIN_HEAD_TEXT])
{
	char hash[HEX + 1], sig[2 * WEIR_SIG_LEN + 1];

	snprintf(buf, WEIR_CHAIN_HEAD_TEXT, "%" PRIu64 " %s %s\n", h->seq, weir_hex(h->hash, sizeof(h->hash), hash),
		 weir_hex(h->sig, sizeof(h->sig), sig));
	return buf;
}

int weir_chain_head_parse(const char *text, struct weir_chain_head *ret)
{
	char hash[HEX + 1], sig[2 * WEIR_SIG_LEN + 1], end;
	struct weir_chain_head h;

	if (*text < '1' || *text > '9' ||
	    sscanf(text, "%20" SCNu64 " %64s %128s %c", &h.seq, hash, sig, &end) != 3 || h.seq > INT64_MAX ||
	    weir_unhex(hash, h.hash, sizeof(h.hash)) || weir_unhex(sig, h.sig, sizeof(h.sig)))
		return -EINVAL;
	*ret = h;
	return 0;
}
