/* SPDX-License-Identifier: Apache-2.0 */
/* Text of addresses and prefixes. */
#include "lib/ds/lpm.h"

#include <arpa/inet.h>
#include <endian.h>

#define V4_BITS 96 /* length of ::ffff:0:0, under which IPv4 stands */

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

bool weir_addr_is_v4(const struct weir_addr *a)
{
	return memcmp(a->b, v4_mapped, sizeof(v4_mapped)) == 0;
}

int weir_addr_parse(const char *s, struct weir_addr *ret)
{
	struct weir_addr a = {0};

	if (inet_pton(AF_INET, s, a.b + 12) == 1) {
		memcpy(a.b, v4_mapped, sizeof(v4_mapped));
		*ret = a;
		return 0;
	}
	if (inet_pton(AF_INET6, s, a.b) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

char *weir_addr_text(const struct weir_addr *a, char *buf)
{
	if (weir_addr_is_v4(a))
		inet_ntop(AF_INET, a->b + 12, buf, INET_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, a->b, buf, INET6_ADDRSTRLEN);
	return buf;
}

/* One to three digits without sign or leading zero, at most max. */
static int prefix_len_parse(const char *s, unsigned int max, unsigned int *ret)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; s[i] >= '0' && s[i] <= '9' && i < 4; i++)
		n = n * 10 + (unsigned int)(s[i] - '0');
	if (i == 0 || s[i] || n > max || (s[0] == '0' && i > 1))
		return -EINVAL;
	*ret = n;
	return 0;
}

static bool host_bits_zero(const struct weir_prefix *p)
{
	for (unsigned int bit = p->len; bit < 128; bit++)
		if (p->addr.b[bit / 8] & (0x80u >> (bit % 8)))
			return false;
	return true;
}

int weir_prefix_parse(const char *s, struct weir_prefix *ret)
{
	const char *slash = strchr(s, '/');
	size_t len = slash ? (size_t)(slash - s) : strlen(s);
	struct weir_prefix p = {.len = 128};
	char text[INET6_ADDRSTRLEN];
	unsigned int n, base;

	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, len);
	text[len] = '\0';
	if (weir_addr_parse(text, &p.addr))
		return -EINVAL;
	if (slash) {
		/* A length counts in the family the address is written in. */
		base = strchr(text, ':') ? 0 : V4_BITS;
		if (prefix_len_parse(slash + 1, 128 - base, &n))
			return -EINVAL;
		p.len = (uint8_t)(base + n);
	}
	if (!host_bits_zero(&p))
		return -EINVAL;
	*ret = p;
	return 0;
}

char *weir_prefix_text(const struct weir_prefix *p, char *buf)
{
	size_t len;

	/* ::ffff:0:0 cut shorter than 96 bits is an IPv6 prefix; its text must parse back to itself. */
	if (p->len >= V4_BITS && weir_addr_is_v4(&p->addr)) {
		weir_addr_text(&p->addr, buf);
		len = strlen(buf);
		snprintf(buf + len, 50 - len, "/%d", p->len - V4_BITS);
		return buf;
	}
	inet_ntop(AF_INET6, p->addr.b, buf, INET6_ADDRSTRLEN);
	len = strlen(buf);
	snprintf(buf + len, 50 - len, "/%d", p->len);
	return buf;
}

bool weir_prefix_covers(const struct weir_prefix *p, const struct weir_addr *a)
{
	unsigned int full = p->len / 8, rest = p->len % 8;

	if (memcmp(p->addr.b, a->b, full) != 0)
		return false;
	return !rest || ((p->addr.b[full] ^ a->b[full]) >> (8 - rest)) == 0;
}

int weir_prefix_cmp(const struct weir_prefix *a, const struct weir_prefix *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a->addr.b, sizeof(x));
	memcpy(y, b->addr.b, sizeof(y));
	for (int i = 0; i < 2; i++)
		if (x[i] != y[i])
			return be64toh(x[i]) < be64toh(y[i]) ? -1 : 1;
	return (int)a->len - (int)b->len;
}
