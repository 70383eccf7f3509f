/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/wire/text.h"

#include "lib/ds/utf8.h"
#include "lib/wire/msg.h"

#include <ctype.h>

bool weir_text_ok(const char *s, size_t max)
{
	const uint8_t *p = (const uint8_t *)s;

	while (*p) {
		size_t n = weir_utf8_char((const char *)p);

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
		size_t n = weir_utf8_char(s), step = n ? n : 1;

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
