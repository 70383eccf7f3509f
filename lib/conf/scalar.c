/* SPDX-License-Identifier: Apache-2.0 */
/* Typed readers of YAML scalars: exact or refused, never rounded, never guessed. */
#include "lib/conf/tree.h"

#define NANOS_PER_UNIT 1000000000LL
#define MAX_DECIMALS 9

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit rate_units[] = {
	{"bit", 1},	      {"kbit", 1000},	       {"Mbit", 1000000},
	{"Gbit", 1000000000}, {"Tbit", 1000000000000},
};

static const struct unit size_units[] = {
	{"B", 1},
	{"KiB", 1ULL << 10},
	{"MiB", 1ULL << 20},
	{"GiB", 1ULL << 30},
	{"TiB", 1ULL << 40},
	{"kB", 1000},
	{"MB", 1000000},
	{"GB", 1000000000},
	{"TB", 1000000000000},
};

static const struct unit duration_units[] = {
	{"ns", 1},	    {"us", 1000},	  {"ms", 1000000},	 {"s", 1000000000},
	{"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000},
};

/* "12.345" as whole digits and decimals; *ret_rest points behind the number. */
struct decimal {
	uint64_t whole;
	uint64_t frac;	/* in units of 10^-decimals */
	uint64_t scale; /* 10^decimals */
	const char *rest;
};

int weir_y_str(struct weir_y *y, const char **ret, struct weir_err *err)
{
	if (y->kind == WEIR_Y_SCALAR && y->text[0]) {
		*ret = y->text;
		return 0;
	}
	weir_y_err(y, err, y->kind == WEIR_Y_SCALAR ? "is empty" : "must be a single value");
	return -EINVAL; /* said here, so that the compiler sees when *ret is set */
}

int weir_y_dup(struct weir_y *y, char **ret, struct weir_err *err)
{
	const char *text;
	char *copy;
	int r;

	r = weir_y_str(y, &text, err);
	if (r < 0)
		return r;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits without sign, blank or leading zero ("010" is eight in other readers of YAML). */
static bool digits(const char *s, uint64_t *ret, const char **ret_rest)
{
	uint64_t v = 0;

	if (!is_digit(s[0]) || (s[0] == '0' && is_digit(s[1])))
		return false;
	for (; is_digit(*s); s++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s - '0', &v))
			return false;
	*ret = v;
	*ret_rest = s;
	return true;
}

static bool decimal(const char *s, struct decimal *ret)
{
	struct decimal d = {.scale = 1};

	if (!digits(s, &d.whole, &d.rest))
		return false;
	if (*d.rest == '.') {
		d.rest++;
		if (!is_digit(*d.rest))
			return false;
		for (; is_digit(*d.rest); d.rest++) {
			if (d.scale == NANOS_PER_UNIT)
				return false;
			d.frac = d.frac * 10 + (uint64_t)(*d.rest - '0');
			d.scale *= 10;
		}
	}
	*ret = d;
	return true;
}

int weir_y_u64(struct weir_y *y, uint64_t min, uint64_t max, uint64_t *ret, struct weir_err *err)
{
	const char *s, *rest;
	uint64_t v;
	int r;

	r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	if (!digits(s, &v, &rest) || *rest)
		return weir_y_err(y, err, "'%.60s' is not a whole number", s);
	if (v < min || v > max)
		return weir_y_err(y, err, "%.60s is not within %llu to %llu", s,
				  (unsigned long long)min, (unsigned long long)max);
	*ret = v;
	return 0;
}

int weir_y_bool(struct weir_y *y, bool *ret, struct weir_err *err)
{
	const char *s;
	int r;

	r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	if (strcmp(s, "true") && strcmp(s, "false"))
		return weir_y_err(y, err, "'%.60s' is neither true nor false", s);
	*ret = s[0] == 't';
	return 0;
}

int weir_y_enum(struct weir_y *y, const char *const *names, unsigned int *ret, struct weir_err *err)
{
	char list[200] = "";
	const char *s;
	int r;

	r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	for (unsigned int i = 0; names[i]; i++) {
		size_t used = strlen(list);

		if (!strcmp(s, names[i])) {
			*ret = i;
			return 0;
		}
		snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", names[i]);
	}
	return weir_y_err(y, err, "'%.60s' is none of %s", s, list);
}

static int with_unit(struct weir_y *y, const struct unit *units, size_t n, const char *what,
		     uint64_t *ret, struct weir_err *err)
{
	unsigned __int128 v;
	struct decimal d;
	const char *s;
	size_t i = 0;
	int r;

	r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	if (!decimal(s, &d))
		return weir_y_err(y, err, "'%.60s' is not %s", s, what);
	if (!*d.rest)
		return weir_y_err(y, err, "'%.60s' has no unit; write %s", s, what);
	while (i < n && strcmp(d.rest, units[i].name))
		i++;
	if (i == n)
		return weir_y_err(y, err, "unit '%.60s' is unknown; write %s", d.rest, what);
	v = (unsigned __int128)d.frac * units[i].factor;
	if (v % d.scale)
		return weir_y_err(y, err, "'%.60s' is not a whole number of %s", s, units[0].name);
	v = v / d.scale + (unsigned __int128)d.whole * units[i].factor;
	if (v > UINT64_MAX)
		return weir_y_err(y, err, "'%.60s' is too large", s);
	*ret = (uint64_t)v;
	return 0;
}

int weir_y_rate(struct weir_y *y, uint64_t *ret_bits_per_s, struct weir_err *err)
{
	return with_unit(y, rate_units, WEIR_ARRAY_SIZE(rate_units), "a rate such as 200Mbit",
			 ret_bits_per_s, err);
}

int weir_y_size(struct weir_y *y, uint64_t *ret_bytes, struct weir_err *err)
{
	return with_unit(y, size_units, WEIR_ARRAY_SIZE(size_units), "a size such as 64MiB",
			 ret_bytes, err);
}

int weir_y_duration(struct weir_y *y, uint64_t *ret_ns, struct weir_err *err)
{
	return with_unit(y, duration_units, WEIR_ARRAY_SIZE(duration_units),
			 "a duration such as 10m", ret_ns, err);
}

int weir_y_prefix(struct weir_y *y, struct weir_prefix *ret, struct weir_err *err)
{
	const char *s;
	int r;

	r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	if (weir_prefix_parse(s, ret) < 0)
		return weir_y_err(y, err,
				  "'%.60s' is not a prefix such as 10.0.0.0/8 (host bits zero)", s);
	return 0;
}

int weir_y_addr(struct weir_y *y, struct weir_addr *ret, struct weir_err *err)
{
	const char *s;
	int r;

	r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	if (weir_addr_parse(s, ret) < 0)
		return weir_y_err(y, err, "'%.60s' is not an IP address", s);
	return 0;
}

int weir_nanos_parse(const char *s, int64_t *ret)
{
	bool negative = s[0] == '-';
	struct decimal d;
	int64_t v;

	if (!decimal(s + negative, &d) || *d.rest)
		return -EINVAL;
	if (__builtin_mul_overflow(d.whole, NANOS_PER_UNIT, &v) ||
	    __builtin_add_overflow(v, d.frac * (NANOS_PER_UNIT / d.scale), &v))
		return -ERANGE;
	*ret = negative ? -v : v;
	return 0;
}

int weir_y_nanos(struct weir_y *y, int64_t *ret, struct weir_err *err)
{
	const char *s;
	int r;

	r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	r = weir_nanos_parse(s, ret);
	if (r == -ERANGE)
		return weir_y_err(y, err, "'%.60s' is too large", s);
	return !r ? 0 : weir_y_err(y, err, "'%.60s' is not an amount such as 0.045 (at most %d decimals)", s, MAX_DECIMALS);
}

/* n digits as a number; -1 when one is none. */
static int fixed(const char *s, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (!is_digit(s[i]))
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool parse_date(const char *s, uint64_t *ret_s)
{
	int year, month, day;
	uint64_t days = 0;

	if (strnlen(s, 10) < 10 || s[4] != '-' || s[7] != '-')
		return false;
	year = fixed(s, 4);
	month = fixed(s + 5, 2);
	day = fixed(s + 8, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return false;
	for (int i = 1970; i < year; i++)
		days += 337 + (uint64_t)days_in_month(i, 2);
	for (int i = 1; i < month; i++)
		days += (uint64_t)days_in_month(year, i);
	*ret_s = (days + (uint64_t)day - 1) * 86400;
	return true;
}

static bool parse_clock(const char *s, uint64_t *ret_s)
{
	int hour, minute, second;

	if (strlen(s) != 10 || s[0] != 'T' || s[3] != ':' || s[6] != ':' || s[9] != 'Z')
		return false;
	hour = fixed(s + 1, 2);
	minute = fixed(s + 4, 2);
	second = fixed(s + 7, 2);
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
		return false;
	*ret_s = (uint64_t)(hour * 3600 + minute * 60 + second);
	return true;
}

int weir_y_time(struct weir_y *y, uint64_t *ret_s, struct weir_err *err)
{
	uint64_t date, in_day = 0;
	const char *s;
	int r;

	r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	if (!parse_date(s, &date) || (s[10] && !parse_clock(s + 10, &in_day)))
		return weir_y_err(
			y, err, "'%.60s' is no time such as 2026-11-01 or 2026-11-01T00:00:00Z", s);
	*ret_s = date + in_day;
	return 0;
}
