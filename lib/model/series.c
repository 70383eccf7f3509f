/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/series.h"

#include <math.h>

void weir_series_fini(struct weir_series *s)
{
	free(s->v);
	free(s->flags);
	s->v = NULL;
	s->flags = NULL;
}

int weir_series_init(struct weir_series *s, const char *id, size_t n)
{
	weir_auto_free double *v = NULL;
	weir_auto_free uint8_t *flags = NULL;

	if (n > WEIR_SERIES_POINTS_MAX)
		return -E2BIG;
	v = malloc((n ? n : 1) * sizeof(*v));
	flags = calloc(n ? n : 1, 1);
	if (!v || !flags)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		v[i] = NAN;
	*s = (struct weir_series){.n = n, .v = weir_take_ptr(v), .flags = weir_take_ptr(flags)};
	snprintf(s->id, sizeof(s->id), "%s", id);
	return 0;
}
