/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/decimal.h"

#define BASE 1000000000U
#define DIGITS (9 * WEIR_DECIMAL_LIMBS)
#define PLACES (DIGITS / 2) /* behind the point */
#define EXPONENT_MAX 1000
#define WIDE (2 * WEIR_DECIMAL_LIMBS) /* of a product */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What text is made of. */
struct parts {
	bool negative;
	size_t digits_at, digits_end; /* with the point among them */
	size_t point;		      /* place of the point, digits_end when there is none */
	long exponent;
};

static int parse_exponent(const char *text, size_t len, long *ret)
{
	size_t i = len && (*text == '+' || *text == '-');
	long v = 0;

	if (i == len)
		return -EINVAL;
	for (; i < len; i++) {
		if (!is_digit(text[i]))
			return -EINVAL;
		v = v > EXPONENT_MAX ? v : v * 10 + (text[i] - '0');
	}
	*ret = *text == '-' ? -v : v;
	return 0;
}

static int split(const char *text, size_t len, struct parts *p)
{
	size_t i = 0, digits = 0;

	*p = (struct parts){.negative = len && *text == '-'};
	if (len && (*text == '-' || *text == '+'))
		i++;
	p->digits_at = i;
	p->point = SIZE_MAX;
	for (; i < len && (is_digit(text[i]) || (text[i] == '.' && p->point == SIZE_MAX)); i++) {
		if (text[i] == '.')
			p->point = i;
		else
			digits++;
	}
	/* "5." ends in a point that stands for nothing. */
	if (!digits || p->point == i - 1)
		return -EINVAL;
	p->digits_end = i;
	if (p->point == SIZE_MAX)
		p->point = i;
	if (i == len)
		return 0;
	return text[i] == 'e' || text[i] == 'E' ? parse_exponent(text + i + 1, len - i - 1, &p->exponent) : -EINVAL;
}

static bool is_zero(const struct weir_decimal *d)
{
	for (size_t i = 0; i < WEIR_DECIMAL_LIMBS; i++)
		if (d->limb[i])
			return false;
	return true;
}

int weir_decimal_parse(const char *text, size_t len, struct weir_decimal *ret)
{
	static const uint32_t tens[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
	struct weir_decimal d = {0};
	struct parts p;
	int r = split(text, len, &p);

	if (r)
		return r;
	for (size_t i = p.digits_at; i < p.digits_end; i++) {
		/* 10^place is what the digit is worth. */
		long place = i < p.point ? (long)(p.point - i) - 1 : -(long)(i - p.point);
		long slot = place + p.exponent + PLACES;

		if (text[i] == '.' || text[i] == '0')
			continue;
		if (slot < 0 || slot >= DIGITS)
			return -ERANGE;
		d.limb[slot / 9] += (uint32_t)(text[i] - '0') * tens[slot % 9];
	}
	d.negative = p.negative && !is_zero(&d);
	*ret = d;
	return 0;
}

static int compare(const uint32_t *a, const uint32_t *b, size_t n)
{
	while (n--)
		if (a[n] != b[n])
			return a[n] < b[n] ? -1 : 1;
	return 0;
}

int weir_decimal_cmp(const struct weir_decimal *a, const struct weir_decimal *b)
{
	int r;

	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	r = compare(a->limb, b->limb, WEIR_DECIMAL_LIMBS);
	return a->negative ? -r : r;
}

int weir_decimal_add(const struct weir_decimal *a, const struct weir_decimal *b, struct weir_decimal *ret)
{
	bool same = a->negative == b->negative, swap = !same && compare(a->limb, b->limb, WEIR_DECIMAL_LIMBS) < 0;
	const struct weir_decimal *x = swap ? b : a, *y = swap ? a : b; /* the larger first, so that nothing is borrowed at its end */
	struct weir_decimal d = {0};
	int64_t carry = 0;

	for (size_t i = 0; i < WEIR_DECIMAL_LIMBS; i++) {
		carry += same ? (int64_t)x->limb[i] + y->limb[i] : (int64_t)x->limb[i] - y->limb[i];
		d.limb[i] = (uint32_t)((carry + BASE) % BASE);
		carry = carry < 0 ? -1 : carry / (int64_t)BASE;
	}
	if (carry)
		return -ERANGE;
	d.negative = x->negative && !is_zero(&d);
	*ret = d;
	return 0;
}

static void multiply(const uint32_t *a, const uint32_t *b, uint32_t ret[WIDE])
{
	memset(ret, 0, WIDE * sizeof(*ret));
	for (size_t i = 0; i < WEIR_DECIMAL_LIMBS; i++) {
		uint64_t carry = 0;

		for (size_t k = 0; k < WEIR_DECIMAL_LIMBS; k++) {
			carry += ret[i + k] + (uint64_t)a[i] * b[k];
			ret[i + k] = (uint32_t)(carry % BASE);
			carry /= BASE;
		}
		ret[i + WEIR_DECIMAL_LIMBS] = (uint32_t)carry;
	}
}

/* |a - b| of numbers of one sign, a + b of others. */
static void distance(const uint32_t *a, const uint32_t *b, bool same_sign, uint32_t ret[WIDE])
{
	bool swap = compare(a, b, WIDE) < 0;
	int64_t carry = 0;

	for (size_t i = 0; i < WIDE; i++) {
		int64_t x = swap ? b[i] : a[i], y = swap ? a[i] : b[i];

		carry += same_sign ? x - y : x + y;
		ret[i] = (uint32_t)((carry % BASE + BASE) % BASE);
		carry = (carry - ret[i]) / BASE;
	}
}

bool weir_decimal_is_product(const struct weir_decimal *a, const struct weir_decimal *b,
			     const struct weir_decimal *r)
{
	uint32_t product[WIDE], wanted[WIDE] = {0}, off[WIDE], least[WIDE] = {0}, part[WIDE] = {0};
	uint64_t rest = 0;

	multiply(a->limb, b->limb, product);
	/* The product has twice the places behind the point. */
	memcpy(wanted + WEIR_DECIMAL_LIMBS / 2, r->limb, sizeof(r->limb));
	distance(product, wanted, (a->negative != b->negative) == r->negative || is_zero(r), off);
	least[WEIR_DECIMAL_LIMBS - 1] = 1; /* 10^-9 */
	for (size_t i = WIDE - 1; i > 0; i--) {
		rest = rest * BASE + product[i];
		part[i - 1] = (uint32_t)(rest / 1000);
		rest %= 1000;
	}
	return compare(off, least, WIDE) <= 0 || compare(off, part, WIDE) <= 0;
}
