/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LAPACK speaks Fortran: matrices column by column. A symmetric matrix is its own transpose, so our lower triangle is
 * Fortran's upper one, and the factor that it leaves there is U with A = U'U.
 */
#include "lib/model/blas.h"

#if __has_include(<openblas/cblas.h>)
#include <openblas/cblas.h>
#else
#include <cblas.h>
#endif

#define PACKED ((size_t)2 << 20) /* bytes that our largest products are packed into; the room is 32 MB and more */
#define PAGE 4096

void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info, size_t len);
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t len);

/* Ends the threads that the library starts as it is loaded; one that has none has no such function. */
int blas_thread_shutdown_(void) __attribute__((weak));

/*
 * A library that starts threads of its own would take the cores that others were given; and threads that are there before a program
 * gives up its privileges keep theirs.
 */
static __attribute__((constructor)) void one_thread(void)
{
	openblas_set_num_threads(1);
	if (blas_thread_shutdown_)
		blas_thread_shutdown_();
}

/* Lends and takes back the room that products are packed into; another library has no such functions. */
void *blas_memory_alloc(int where) __attribute__((weak));
void blas_memory_free(void *room) __attribute__((weak));

void weir_blas_ready(void)
{
	volatile const char *room = blas_memory_alloc && blas_memory_free ? blas_memory_alloc(0) : NULL;

	for (size_t i = 0; i < PACKED && room; i += PAGE)
		(void)room[i];
	if (room)
		blas_memory_free((void *)room);
}

void weir_blas_gram(size_t rows, size_t n, const float *x, size_t ldx, float *c)
{
	cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, (int)n, (int)rows, 1, x, (int)ldx, 1, c, (int)n);
}

void weir_blas_gemm(bool a_t, bool b_t, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
		    const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
	cblas_sgemm(CblasRowMajor, a_t ? CblasTrans : CblasNoTrans, b_t ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k,
		    alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

void weir_blas_gemv(bool a_t, size_t m, size_t n, float alpha, const float *a, size_t lda, const float *x, float beta,
		    float *y)
{
	cblas_sgemv(CblasRowMajor, a_t ? CblasTrans : CblasNoTrans, (int)m, (int)n, alpha, a, (int)lda, x, 1, beta, y, 1);
}

int weir_blas_solve(size_t n, float *a, size_t m, float *b)
{
	int order = (int)n, info = 0;

	spotrf_("U", &order, a, &order, &info, 1);
	if (info)
		return -EDOM;
	cblas_strsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, order, (int)m, 1, a, order, b, (int)m);
	cblas_strsm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, order, (int)m, 1, a, order, b, (int)m);
	return 0;
}

int weir_blas_solve_double(size_t n, double *a, size_t m, double *b)
{
	int order = (int)n, info = 0;

	dpotrf_("U", &order, a, &order, &info, 1);
	if (info)
		return -EDOM;
	cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, order, (int)m, 1, a, order, b, (int)m);
	cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, order, (int)m, 1, a, order, b, (int)m);
	return 0;
}
