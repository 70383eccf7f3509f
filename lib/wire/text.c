/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/wire/text.h"
#include "lib/wire/msg.h"

#include <ctype.h>

/* Bytes of the well-formed character at s (RFC 3629: no overlong forms, no surrogates), 0 = none. */
static size_t utf8_char(const uint8_t *s)
{
	uint8_t lo = 0x80, hi = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		lo = 0xa0;
	else if (s[0] == 0xed)
		hi = 0x9f;
	else if (s[0] == 0xf0)
		lo = 0x90;
	else if (s[0] == 0xf4)
		hi = 0x8f;
	for (size_t i = 1; i < n; i++, lo = 0x80, hi = 0xbf)
		if (s[i] < lo || s[i] > hi)
			return 0;
	return n == 2 && s[0] == 0xc2 && s[1] < 0xa0 ? 0 : n; /* C1 controls */
}

bool weir_text_ok(const char *s, size_t max)
{
	const uint8_t *p = (const uint8_t *)s;

	while (*p) {
		size_t n = utf8_char(p);

		if (!n)
			return false;
		p += n;
		if ((size_t)(p - (const uint8_t *)s) > max)
			return false;
	}
	return true;
}

char *weir_text_clean(struct weir_arena *a, const char *s, size_t max)
{
	size_t len = 0;
	char *copy;

	if (!s)
		return (char *)"";
	if (weir_text_ok(s, max))
		return (char *)s;
	copy = weir_arena_alloc(a, WEIR_MIN(strlen(s), max) + 1);
	if (!copy)
		return NULL;
	while (*s) {
		size_t n = utf8_char((const uint8_t *)s), step = n ? n : 1;

		if (len + step > max)
			break;
		if (n)
			memcpy(copy + len, s, n);
		else
			copy[len] = '?';
		len += step;
		s += step;
	}
	return copy;
}

bool weir_text_node_ok(const char *s)
{
	size_t len = strnlen(s, WEIR_NODE_MAX);

	if (!len || len >= WEIR_NODE_MAX || s[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isascii(s[i]) || (!isalnum((unsigned char)s[i]) && !strchr("._-", s[i])))
			return false;
	return true;
}
