/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/spark.h"

#define LEVELS 8

char *spark_text(const int64_t *v, size_t n, bool blocks, char buf[SPARK_TEXT])
{
	static const char *const chars[2][LEVELS] = {
		{"_", ".", ":", "-", "=", "+", "*", "#"},
		{"\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"},
	};
	int64_t most = 0;
	char *p = buf;

	n = WEIR_MIN(n, (size_t)SPARK_MAX);
	for (size_t i = 0; i < n; i++)
		most = WEIR_MAX(most, v[i]);
	for (size_t i = 0; i < n; i++) {
		/* 1 to LEVELS - 1, rounded up: little is not nothing. */
		double share = v[i] > 0 ? (double)v[i] / (double)most * (LEVELS - 1) : 0;
		size_t level = (size_t)share + (share > (double)(size_t)share);

		p = stpcpy(p, chars[blocks][WEIR_MIN(level, (size_t)LEVELS - 1)]);
	}
	*p = '\0';
	return buf;
}
