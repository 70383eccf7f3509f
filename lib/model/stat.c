/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/stat.h"

#include <math.h>

static void swap(double *a, double *b)
{
	double t = *a;

	*a = *b;
	*b = t;
}

static void order(double *a, double *b)
{
	if (*b < *a)
		swap(a, b);
}

/* Hoare's quickselect, the pivot a median of three: what is sorted already stays linear. */
double weir_select(double *v, size_t n, size_t k)
{
	ptrdiff_t lo = 0, hi = (ptrdiff_t)n - 1, at = (ptrdiff_t)k;

	while (lo < hi) {
		ptrdiff_t i = lo, j = hi, mid = lo + (hi - lo) / 2;
		double pivot;

		order(&v[lo], &v[mid]);
		order(&v[lo], &v[hi]);
		order(&v[mid], &v[hi]);
		pivot = v[mid];
		while (i <= j) {
			while (v[i] < pivot)
				i++;
			while (pivot < v[j])
				j--;
			if (i <= j)
				swap(&v[i++], &v[j--]);
		}
		if (at <= j)
			hi = j;
		else if (at >= i)
			lo = i;
		else
			break;
	}
	return v[k];
}

double weir_median(double *v, size_t n)
{
	double upper = weir_select(v, n, n / 2);

	return n % 2 ? upper : (upper + weir_select(v, n, n / 2 - 1)) / 2;
}

static size_t rank_of(size_t n, double p)
{
	double rank = ceil(p * (double)(n + 1));
	size_t k = rank < 1 ? 0 : (size_t)rank - 1;

	return WEIR_MIN(k, n - 1);
}

double weir_quantile_up(double *v, size_t n, double p)
{
	return weir_select(v, n, rank_of(n, p));
}

/* Behind a value that was selected stands nothing smaller: the next one is looked for there. */
void weir_quantiles_up(double *v, size_t n, const double *p, size_t count, double *ret)
{
	for (size_t i = 0, from = 0; i < count; i++) {
		size_t k = rank_of(n, p[i]);

		ret[i] = weir_select(v + from, n - from, k - from);
		from = k;
	}
}
