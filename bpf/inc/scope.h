/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What an address alone says of where it is, see weir_scope. */
#ifndef WEIR_SCOPE_H
#define WEIR_SCOPE_H

#define WEIR_SCOPE_INLINE static inline __attribute__((always_inline))

WEIR_SCOPE_INLINE __u32 weir_scope4(const __u8 *a)
{
	if (a[0] == 127)
		return WEIR_SCOPE_LOOPBACK;
	if (a[0] == 169 && a[1] == 254)
		return WEIR_SCOPE_LINK;
	if (a[0] == 10 || (a[0] == 172 && a[1] >> 4 == 1) || (a[0] == 192 && a[1] == 168) ||
	    (a[0] == 100 && a[1] >> 6 == 1))
		return WEIR_SCOPE_PRIVATE;
	return WEIR_SCOPE_PUBLIC;
}

/* a: 16 bytes, IPv4 as ::ffff:a.b.c.d. */
WEIR_SCOPE_INLINE __u32 weir_scope_of(const __u8 *a)
{
	const __u64 *hi = (const __u64 *)a;
	const __u32 *mid = (const __u32 *)(a + 8);

	if (!hi[0] && a[8] == 0 && a[9] == 0 && a[10] == 0xff && a[11] == 0xff)
		return weir_scope4(a + 12);
	if (!hi[0] && !mid[0] && a[12] == 0 && a[13] == 0 && a[14] == 0 && a[15] == 1)
		return WEIR_SCOPE_LOOPBACK;
	if (a[0] == 0xfe && a[1] >> 6 == 2)
		return WEIR_SCOPE_LINK;
	if (a[0] >> 1 == 0x7e)
		return WEIR_SCOPE_PRIVATE;
	return WEIR_SCOPE_PUBLIC;
}

#endif
