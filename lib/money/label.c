/* SPDX-License-Identifier: Apache-2.0 */
/* One label of {"a":"b","c":"d"}: each row of a month asks for some, so nothing is built. */
#include "lib/money/allocation.h"

static const char *blanks(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* \uXXXX as UTF-8; the number of bytes, 0 = none. Halves of surrogates stand for themselves, as no label has them. */
static size_t unicode(const char *p, char out[4])
{
	unsigned int c = 0;

	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef", *d = p[i] ? strchr(digits, p[i] | 0x20) : NULL;

		if (!d)
			return 0;
		c = 16 * c + (unsigned int)(d - digits);
	}
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	out[0] = (char)(0xe0 | c >> 12);
	out[1] = (char)(0x80 | (c >> 6 & 0x3f));
	out[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

/* A string into buf; behind it, NULL when it is none. *ret_fits: it was not longer than buf. */
static const char *text(const char *p, char buf[WEIR_LABEL_MAX], bool *ret_fits)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	size_t n = 0;

	*ret_fits = true;
	if (*p++ != '"')
		return NULL;
	for (; *p && *p != '"'; p++) {
		char out[4] = {*p};
		size_t size = 1;
		const char *e;

		if (*p == '\\' && p[1] == 'u') {
			size = unicode(p + 2, out);
			p += 5;
		} else if (*p == '\\') {
			e = *++p ? strchr(from, *p) : NULL;
			size = e != NULL;
			out[0] = e ? to[e - from] : 0;
		}
		if (!size)
			return NULL;
		if (n + size >= WEIR_LABEL_MAX)
			*ret_fits = false;
		else
			memcpy(buf + n, out, size);
		n += *ret_fits ? size : 0;
	}
	buf[n] = '\0';
	return *p ? p + 1 : NULL;
}

const char *weir_label_find(const char *labels, const char *key, char buf[WEIR_LABEL_MAX])
{
	const char *p = blanks(labels);
	bool fits, key_fits;

	if (*p++ != '{')
		return NULL;
	for (p = blanks(p); *p == '"'; p = blanks(p + 1)) {
		bool found;

		p = text(p, buf, &key_fits);
		found = p && key_fits && !strcmp(buf, key);
		p = p ? blanks(p) : NULL;
		p = p && *p == ':' ? text(blanks(p + 1), buf, &fits) : NULL;
		if (!p)
			return NULL;
		if (found)
			return fits ? buf : NULL;
		p = blanks(p);
		if (*p != ',')
			return NULL;
	}
	return NULL;
}
