/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/transform.h"

#define SHIFT 0.05   /* of the mean of what is above 0 */
#define RANGE_MIN 1e-4 /* of the mean: what is smaller counts as a zero */

struct weir_transform weir_transform_of(const double *v, size_t n)
{
	double sum = 0, least = INFINITY;
	size_t above = 0;

	for (size_t i = 0; i < n; i++) {
		if (isnan(v[i]))
			continue;
		least = fmin(least, v[i]);
		sum += v[i] > 0 ? v[i] : 0;
		above += v[i] > 0;
	}
	if (!above || least < 0)
		return (struct weir_transform){0};
	return (struct weir_transform){.log = true, .shift = least > RANGE_MIN * sum / (double)above ? 0 : SHIFT * sum / (double)above};
}
