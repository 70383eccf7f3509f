/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and times of a bill. */
#include "lib/money/bill_impl.h"

#include <time.h>

typedef unsigned __int128 u128;

/* So many digits that with the largest multiple (BILL_MULTIPLE_MAX) they fit, and that a nano-unit is among them
 * wherever the result fits; what comes behind can only break a tie. */
#define DIGITS_MAX 24
#define EXPONENT_MAX 400
#define NANO_DIGITS 9

struct digits {
	u128 value;
	int exponent; /* of ten, of the last digit of value */
	bool rest;    /* something that is not 0 stands behind */
	bool any, negative;
	unsigned int count;
};

static void digit_add(struct digits *d, unsigned int digit, bool fraction)
{
	d->any = true;
	if (d->count == DIGITS_MAX) {
		d->rest |= digit != 0;
		d->exponent += !fraction;
		return;
	}
	d->value = d->value * 10 + digit;
	d->count += d->value != 0;
	d->exponent -= fraction;
}

static int exponent_read(const char *s, const char *end, int *ret)
{
	bool negative = false;
	int v = 0;

	if (s < end && (*s == '+' || *s == '-'))
		negative = *s++ == '-';
	if (s == end)
		return -EINVAL;
	for (; s < end; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		v = WEIR_MIN(v * 10 + (*s - '0'), EXPONENT_MAX);
	}
	*ret += negative ? -v : v;
	return 0;
}

static int digits_read(const char *s, size_t len, struct digits *d)
{
	const char *end = s + len;
	bool fraction = false;

	if (s < end && (*s == '-' || *s == '+'))
		d->negative = *s++ == '-';
	for (; s < end; s++) {
		if (*s >= '0' && *s <= '9')
			digit_add(d, (unsigned int)(*s - '0'), fraction);
		else if (*s == '.' && !fraction)
			fraction = true;
		else
			break;
	}
	if (!d->any)
		return -EINVAL;
	if (s < end && (*s == 'e' || *s == 'E'))
		return exponent_read(s + 1, end, &d->exponent);
	return s == end ? 0 : -EINVAL;
}

/* v / 10^n, half to even. */
static u128 divide(u128 v, int n, bool rest, bool *rounded)
{
	u128 by = 1, left;

	for (; n > 0 && by <= (u128)-1 / 10; n--)
		by *= 10;
	if (n > 0) { /* less than any nano-unit */
		*rounded |= v != 0 || rest;
		return 0;
	}
	left = v % by;
	v /= by;
	*rounded |= left != 0 || rest;
	if (left > by / 2 || (left == by / 2 && by > 1 && (rest || (v & 1))))
		v++;
	return v;
}

int weir_bill_decimal(const char *s, size_t len, uint64_t multiple, __int128 *ret, bool *rounded)
{
	struct digits d = {0};
	bool was_rounded = false;
	int r = digits_read(s, len, &d), shift;

	if (r)
		return r;
	if (!d.value) {
		*ret = 0;
		*rounded |= d.rest;
		return 0;
	}
	if (__builtin_mul_overflow(d.value, (u128)multiple, &d.value))
		return -ERANGE;
	shift = d.exponent + NANO_DIGITS;
	for (; shift > 0; shift--)
		if (__builtin_mul_overflow(d.value, (u128)10, &d.value))
			return -ERANGE;
	d.value = divide(d.value, -shift, d.rest, &was_rounded);
	if (d.value >> 127)
		return -ERANGE;
	*ret = d.negative ? -(__int128)d.value : (__int128)d.value;
	*rounded |= was_rounded;
	return 0;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar; years from March, so that leap days come last. */
static int64_t days_of(int64_t y, unsigned int m, unsigned int d)
{
	int64_t year = m > 2 ? y : y - 1, era = year / 400;
	unsigned int of_era = (unsigned int)(year - era * 400), of_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

	return era * 146097 + (int64_t)(of_era * 365 + of_era / 4 - of_era / 100 + of_year) - 719468;
}

static bool number_of(const char **s, unsigned int digits, unsigned int *ret)
{
	unsigned int v = 0;

	for (unsigned int i = 0; i < digits; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (unsigned int)(**s - '0');
	}
	*ret = v;
	return true;
}

static bool sign_of(const char **s, char c)
{
	return *(*s)++ == c;
}

static bool date_read(const char **s, int64_t *ret_days)
{
	static const unsigned int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const char *p = *s;
	unsigned int y, m, d;
	bool leap, ok;

	ok = number_of(&p, 4, &y) && sign_of(&p, '-') && number_of(&p, 2, &m) && sign_of(&p, '-') && number_of(&p, 2, &d);
	if (!ok) { /* as Azure's EA exports write it */
		p = *s;
		ok = number_of(&p, 2, &m) && sign_of(&p, '/') && number_of(&p, 2, &d) && sign_of(&p, '/') &&
		     number_of(&p, 4, &y);
	}
	if (!ok || y < 1970 || m < 1 || m > 12 || d < 1 || d > month_days[m - 1])
		return false;
	leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (m == 2 && d == 29 && !leap)
		return false;
	*ret_days = days_of(y, m, d);
	*s = p;
	return true;
}

/* "Z", " UTC", "+02:00", "+0200" or nothing. */
static bool zone_read(const char *s, int64_t *ret_s)
{
	unsigned int h, m;
	int sign = *s == '-' ? -1 : 1;

	*ret_s = 0;
	if (!*s || !strcmp(s, "Z") || !strcmp(s, " UTC") || !strcmp(s, "z"))
		return true;
	if (*s != '+' && *s != '-')
		return false;
	s++;
	if (!number_of(&s, 2, &h))
		return false;
	s += *s == ':';
	if (!number_of(&s, 2, &m) || *s || h > 14 || m > 59)
		return false;
	*ret_s = sign * (int64_t)(h * 3600 + m * 60);
	return true;
}

int weir_bill_time(const char *s, int64_t *ret_s)
{
	unsigned int h, m, sec = 0;
	int64_t days, zone;

	if (!date_read(&s, &days))
		return -EINVAL;
	if (!*s) {
		*ret_s = days * 86400;
		return 0;
	}
	if (*s != 'T' && *s != ' ')
		return -EINVAL;
	s++;
	if (!number_of(&s, 2, &h) || !sign_of(&s, ':') || !number_of(&s, 2, &m))
		return -EINVAL;
	if (*s == ':') {
		s++;
		if (!number_of(&s, 2, &sec))
			return -EINVAL;
	}
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++)
			;
	if (h > 23 || m > 59 || sec > 60 || !zone_read(s, &zone))
		return -EINVAL;
	*ret_s = days * 86400 + h * 3600 + m * 60 + sec - zone;
	return 0;
}

int64_t bill_month_start(int64_t time_s, unsigned int later)
{
	time_t t = (time_t)time_s;
	struct tm tm;
	unsigned int month;

	gmtime_r(&t, &tm);
	month = (unsigned int)tm.tm_mon + later;
	return days_of(tm.tm_year + 1900 + month / 12, month % 12 + 1, 1) * 86400;
}
