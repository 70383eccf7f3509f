/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal numbers as bills print them, compared exactly: a fixed point with 36 digits before and 36 behind it, which is
 * more than any price, quantity or cost needs. No floating point anywhere.
 */
#ifndef WEIR_DECIMAL_H
#define WEIR_DECIMAL_H

#include "lib/base/base.h"

#define WEIR_DECIMAL_LIMBS 8 /* of nine digits each, the least first; half of them behind the point */

struct weir_decimal {
	bool negative; /* never of zero */
	uint32_t limb[WEIR_DECIMAL_LIMBS];
};

/*
 * "12", "-0.5", ".5", "1.5E-10"; a plus sign and a small e are understood too. -EINVAL: no number; -ERANGE: digits that
 * are not 0 beyond the 36 on either side.
 */
int weir_decimal_parse(const char *text, size_t len, struct weir_decimal *ret);
/* Less than, equal to or greater than 0, as a is to b. */
int weir_decimal_cmp(const struct weir_decimal *a, const struct weir_decimal *b);
/* a + b; -ERANGE behind 36 digits before the point. */
int weir_decimal_add(const struct weir_decimal *a, const struct weir_decimal *b, struct weir_decimal *ret);
/*
 * Is a * b = r, as far as money is told apart: to a nano-unit, or to a part in 10^12 of large sums, which is where the
 * arithmetic of writers that use binary floating point ends.
 */
bool weir_decimal_is_product(const struct weir_decimal *a, const struct weir_decimal *b,
			     const struct weir_decimal *r);

#endif
