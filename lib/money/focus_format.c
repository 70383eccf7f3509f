/* SPDX-License-Identifier: Apache-2.0 */
/* Types and formats of FOCUS attributes: NumericFormat, DateTimeFormat, StringHandling, UnitFormat, CurrencyFormat,
 * KeyValueFormat. What the official validator does otherwise is in lib/money/focus_defect.c. */
#include <jansson.h>

#include "lib/money/focus_check_impl.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && is_digit(s[n]))
		n++;
	return n;
}

bool focus_is_decimal(const char *s, size_t len)
{
	struct weir_decimal d;

	return weir_decimal_parse(s, len, &d) != -EINVAL;
}

/* A field of a CSV file is text, unless it is binary. */
bool focus_is_string(const char *s, size_t len)
{
	return !memchr(s, '\0', len);
}

/* [-] digits [. digits] [E [-] digits], where the digits before a point may be absent. */
bool focus_format_numeric(const char *s, size_t len)
{
	size_t i = len && *s == '-', whole = digits(s + i, len - i), part;

	i += whole;
	if (i < len && s[i] == '.') {
		part = digits(s + i + 1, len - i - 1);
		if (!part)
			return false;
		i += 1 + part;
	} else if (!whole) {
		return false;
	}
	if (i == len)
		return true;
	if (s[i++] != 'E')
		return false;
	i += i < len && s[i] == '-';
	return i < len && digits(s + i, len - i) == len - i;
}

/* Two digits up to max. */
static bool two(const char *s, int min, int max)
{
	int v = (s[0] - '0') * 10 + s[1] - '0';

	return is_digit(s[0]) && is_digit(s[1]) && v >= min && v <= max;
}

static bool is_date(const char *s)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month;

	if (digits(s, 4) != 4 || s[4] != '-' || s[7] != '-' || !two(s + 5, 1, 12))
		return false;
	year = (s[0] - '0') * 1000 + (s[1] - '0') * 100 + (s[2] - '0') * 10 + s[3] - '0';
	month = (s[5] - '0') * 10 + s[6] - '0';
	return two(s + 8, 1,
		   days[month - 1] + (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)));
}

static bool is_time(const char *s)
{
	return two(s, 0, 23) && s[2] == ':' && two(s + 3, 0, 59) && s[5] == ':' && two(s + 6, 0, 59);
}

bool focus_format_datetime(const char *s, size_t len)
{
	return len == 20 && is_date(s) && s[10] == 'T' && is_time(s + 11) && s[19] == 'Z';
}

/* A date, alone or with a time behind T or a blank, with or without parts of a second and a zone. */
bool focus_is_datetime(const char *s, size_t len)
{
	size_t i = 19;

	if (len < 10 || !is_date(s))
		return false;
	if (len == 10)
		return true;
	if (len < 19 || (s[10] != 'T' && s[10] != ' ') || !is_time(s + 11))
		return false;
	if (i < len && s[i] == '.') {
		size_t n = digits(s + 20, len - 20);

		if (!n)
			return false;
		i += 1 + n;
	}
	if (i == len)
		return true;
	if (s[i] == 'Z')
		return i + 1 == len;
	return len - i == 6 && (s[i] == '+' || s[i] == '-') && two(s + i + 1, 0, 23) && s[i + 3] == ':' &&
	       two(s + i + 4, 0, 59);
}

/* Bytes of the UTF-8 character at s, 0 when it is none: no overlong forms, surrogates or planes beyond. */
static size_t utf8(const unsigned char *s, size_t len)
{
	size_t n = *s < 0x80		     ? 1
		   : *s >= 0xc2 && *s < 0xe0 ? 2
		   : (*s & 0xf0) == 0xe0     ? 3
		   : *s >= 0xf0 && *s < 0xf5 ? 4
					     : 0;

	if (!n || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || (*s == 0xf0 && s[1] < 0x90) ||
	    (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

bool focus_format_string(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;

	while (len) {
		size_t n = utf8(p, len);

		/* Newlines and tabs stand in descriptions; a NUL is no text at all, which is the type's to say. */
		if (!n || (*p && *p < 0x20 && *p != '\t' && *p != '\n' && *p != '\r') || *p == 0x7f)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

bool focus_format_currency(const char *s, size_t len)
{
	if (len != 3)
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] < 'A' || s[i] > 'Z')
			return false;
	return true;
}

/* The units that the specification lists, each in the spelling that it demands. */
static const char *const units[] = {
	"b",   "Kb",  "Mb",  "Gb",  "Tb",  "Pb",  "Eb",	 "B",	"KB",  "MB",  "GB",  "TB",  "PB", "EB",
	"Kib", "Mib", "Gib", "Tib", "Pib", "Eib", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL,
};
static const char *const words[] = {
	"Year",	       "Month",	       "Day",	   "Hour",    "Minute",	 "Second",     "Years",
	"Months",      "Days",	       "Hours",	   "Minutes", "Seconds", "Count",      "Unit",
	"Units",       "Request",      "Requests", "Token",   "Tokens",	 "Connection", "Connections",
	"Certificate", "Certificates", "Domain",   "Domains", "Core",	 "Cores",      NULL,
};
#define TIMES 12   /* of words, the first */
#define SINGULAR 6 /* of those, the first */

static bool listed(const char *s, size_t len, const char *const *list, size_t from, size_t to)
{
	for (size_t i = from; i < to && list[i]; i++)
		if (strlen(list[i]) == len && !memcmp(list[i], s, len))
			return true;
	return false;
}

/* A listed unit in another spelling; of data units case tells bits from bytes, so only words are looked at so. */
static bool misspelt(const char *s, size_t len)
{
	for (size_t i = 0; words[i]; i++)
		if (strlen(words[i]) == len && !strncasecmp(words[i], s, len) && memcmp(words[i], s, len) != 0)
			return true;
	for (size_t i = 0; units[i]; i++)
		if (strlen(units[i]) == len && len > 1 && !strncasecmp(units[i], s, len))
			return !listed(s, len, units, 0, SIZE_MAX);
	return false;
}

/* "<quantity> " before something else. */
static size_t quantity(const char *s, size_t len)
{
	size_t n = digits(s, len);

	return n && n < len && s[n] == ' ' && s[0] != '0' ? n + 1 : 0;
}

/* [quantity ]units, units-times, units/time, units/interval times. */
bool focus_format_unit(const char *s, size_t len)
{
	size_t skip = quantity(s, len), end, count;
	const char *per;

	s += skip;
	len -= skip;
	if (!len || is_digit(*s) || *s == ' ' || s[len - 1] == ' ')
		return false;
	per = memchr(s, '/', len);
	if (per) {
		end = (size_t)(per - s);
		count = quantity(per + 1, len - end - 1);
		if (!listed(per + 1 + count, len - end - 1 - count, words, count ? SINGULAR : 0,
			    count ? TIMES : SINGULAR))
			return false;
		len = end;
	}
	per = memrchr(s, '-', len);
	if (per) {
		end = (size_t)(per - s);
		if (!listed(per + 1, len - end - 1, words, SINGULAR, TIMES))
			return false;
		len = end;
	}
	return len && !misspelt(s, len);
}

bool focus_format_key_value(const char *s, size_t len)
{
	json_t *o = json_loadb(s, len, JSON_REJECT_DUPLICATES, NULL), *value;
	bool good = json_is_object(o);
	const char *key;

	json_object_foreach (o, key, value)
		good = good && !json_is_object(value) && !json_is_array(value);
	json_decref(o);
	return good;
}
