/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dense linear algebra: all of OpenBLAS is behind this file. Matrices lie row by row; `ld` is the distance of rows. One
 * thread: a call costs what it computes, and who wants two cores calls from two threads.
 */
#ifndef WEIR_MODEL_BLAS_H
#define WEIR_MODEL_BLAS_H

#include "lib/base/base.h"

/*
 * To be called ahead of many products. OpenBLAS fetches ahead of what it has packed; where the page was never touched, each such
 * fetch looks for it in vain and costs hundreds of cycles, and products of some sizes take three times as long. This reads the
 * pages, which makes them be there: 0.4 ms, later 0.02.
 */
void weir_blas_ready(void);
/* C (n x n, lower triangle) += X'X of rows x n. 2 rows n^2 / 2 operations. */
void weir_blas_gram(size_t rows, size_t n, const float *x, size_t ldx, float *c);
/* C (m x n) = alpha op(A) op(B) + beta C, op the transpose where said; k is what is summed over. */
void weir_blas_gemm(bool a_t, bool b_t, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
		    const float *b, size_t ldb, float beta, float *c, size_t ldc);
/* y (m) = alpha op(A) x + beta y, A of m x n as it lies. */
void weir_blas_gemv(bool a_t, size_t m, size_t n, float alpha, const float *a, size_t lda, const float *x, float beta,
		    float *y);
/*
 * Solves A X = B in place: A (n x n, its lower triangle read) becomes its Cholesky factor, B (n x m) becomes X.
 * -EDOM when A is not positive definite. n^3/3 + 2 n^2 m operations.
 */
int weir_blas_solve(size_t n, float *a, size_t m, float *b);
/* The same in doubles, for small systems that are nearly singular. */
int weir_blas_solve_double(size_t n, double *a, size_t m, double *b);

#endif
