/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that others wrote, as weir keeps and shows them. */
#include "aggregator/signals_impl.h"

#include <math.h>
#include <time.h>

/* The character at s: its bytes (1 where it is no UTF-8), *ret its number. */
static size_t character(const char *s, uint32_t *ret)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = *u < 0x80 ? 1 : *u >= 0xf0 ? 4 : *u >= 0xe0 ? 3 : *u >= 0xc2 ? 2 : 0;
	uint32_t c = n == 1 ? *u : *u & (0x7fu >> n);

	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80) {
			n = 0;
			break;
		}
		c = c << 6 | (u[i] & 0x3f);
	}
	*ret = n ? c : 0xffff;
	return n ? n : 1;
}

/* Controls, and what is not seen but changes what is: marks of direction, of joining, ends of lines, surrogates. */
static bool unprintable(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || (c >= 0xd800 && c < 0xe000) || c == 0xfeff || (c >= 0xfff9 && c <= 0xffff) || c > 0x10ffff;
}

void signals_printable(char *dst, size_t size, const char *src)
{
	size_t used = 0;

	while (*src) {
		uint32_t c;
		size_t n = character(src, &c);
		bool bad = unprintable(c);

		if (used + (bad ? 1 : n) >= size)
			break;
		if (bad)
			dst[used++] = c == '\t' || c == '\n' || c == '\r' ? ' ' : '?';
		else
			for (size_t i = 0; i < n; i++)
				dst[used++] = src[i];
		src += n;
	}
	dst[used] = '\0';
}

/* n digits, moved over. */
static bool digits(const char **s, int n, int *ret)
{
	int v = 0;

	for (; n; n--, ++*s) {
		if (**s < '0' || **s > '9')
			return false;
		v = 10 * v + (**s - '0');
	}
	*ret = v;
	return true;
}

/* Z, +hh, +hhmm, +hh:mm: minutes to the east of UTC. */
static bool zone(const char **s, int *ret)
{
	int sign = **s == '-' ? -1 : 1, h, m = 0;

	if (**s == 'Z' || **s == 'z') {
		++*s;
		*ret = 0;
		return true;
	}
	if (**s != '+' && **s != '-')
		return false;
	++*s;
	if (!digits(s, 2, &h))
		return false;
	if (**s == ':')
		++*s;
	if (**s && !digits(s, 2, &m))
		return false;
	*ret = sign * (60 * h + m);
	return h <= 23 && m <= 59;
}

int signals_time_text(const char *s, bool zoneless, uint64_t *ret_s)
{
	struct tm tm = {0};
	int east = 0;
	time_t t;

	if (!digits(&s, 4, &tm.tm_year) || *s++ != '-' || !digits(&s, 2, &tm.tm_mon) || *s++ != '-' || !digits(&s, 2, &tm.tm_mday))
		return -EINVAL;
	if ((*s != 'T' && *s != 't' && *s != ' ') || !digits((++s, &s), 2, &tm.tm_hour) || *s++ != ':' || !digits(&s, 2, &tm.tm_min) ||
	    *s++ != ':' || !digits(&s, 2, &tm.tm_sec))
		return -EINVAL;
	if ((*s == '.' || *s == ',') && s[1] >= '0' && s[1] <= '9')
		for (s++; *s >= '0' && *s <= '9';)
			s++;
	if (*s ? !zone(&s, &east) || *s : !zoneless)
		return -EINVAL;
	if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
	    tm.tm_sec > 60)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	t = timegm(&tm) - 60 * (time_t)east;
	if (t < 0)
		return -EINVAL;
	*ret_s = (uint64_t)t;
	return 0;
}

int signals_time_number(double v, uint64_t *ret_s)
{
	double s = v < 1e11 ? v : v < 1e14 ? v / 1e3 : v < 1e17 ? v / 1e6 : v / 1e9;

	if (!isfinite(v) || v < 1 || s >= 1e11)
		return -EINVAL;
	*ret_s = (uint64_t)s;
	return 0;
}

json_t *signals_object(const char *line, size_t len)
{
	json_t *o = json_loadb(line, len, JSON_ALLOW_NUL, NULL);

	if (json_is_object(o))
		return o;
	json_decref(o);
	return NULL;
}

bool signals_json_light(const char *text, size_t len, size_t objects, size_t values)
{
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (quoted) {
			i += c == '\\';
			quoted = c != '"';
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[' || c == ',') {
			if ((c == '{' && !objects--) || !values--)
				return false;
		}
	}
	return true;
}

const char *signals_string(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

uint16_t signals_port(const json_t *v)
{
	json_int_t n = json_is_string(v) ? strtoll(json_string_value(v), NULL, 10) : json_integer_value(v);

	return n > 0 && n <= UINT16_MAX ? (uint16_t)n : 0;
}

bool signals_address(const char *s, struct weir_addr *ret, uint16_t *ret_port)
{
	char text[64];
	const char *from = *s == '[' ? s + 1 : s, *colon = strchr(from, ':');
	size_t n = *s == '[' ? strcspn(from, "]") : colon && !strchr(colon + 1, ':') ? (size_t)(colon - from) : strlen(from);
	const char *rest = from + n + (*s == '[' && from[n]);
	long port = *rest == ':' ? strtol(rest + 1, NULL, 10) : 0;

	if (n >= sizeof(text))
		return false;
	memcpy(text, from, n);
	text[n] = '\0';
	*ret_port = port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
	return !weir_addr_parse(text, ret);
}
