/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_GROW_H
#define WEIR_GROW_H

#include "lib/base/base.h"

/* Room for one more behind count items of an array of *cap, which doubles; array_p points to its pointer. -ENOMEM. */
static inline int weir_grow(void *array_p, size_t count, size_t *cap, size_t size)
{
	size_t want = *cap ? 2 * *cap : 64;
	void *p;

	if (count < *cap)
		return 0;
	p = reallocarray(*(void **)array_p, want, size);
	if (!p)
		return -ENOMEM;
	*(void **)array_p = p;
	*cap = want;
	return 0;
}

#endif
