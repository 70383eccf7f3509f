/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every file may use: cleanup attributes, ownership transfer, bounds, one error text.
 *
 * Convention: functions return 0 or -errno; out-parameters are ret_*, last, untouched on failure;
 * x_free() takes NULL. Owning locals carry a cleanup attribute from birth and ownership escapes
 * only through weir_take_ptr() / weir_take_fd().
 */
#ifndef WEIR_BASE_H
#define WEIR_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WEIR_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define WEIR_MIN(a, b) ((a) < (b) ? (a) : (b))
#define WEIR_MAX(a, b) ((a) > (b) ? (a) : (b))
#define WEIR_PRINTF(f, v) __attribute__((format(printf, f, v)))
#define weir_cleanup(fn) __attribute__((cleanup(fn)))

static inline void weir_freep(void *p)
{
	free(*(void **)p);
}

static inline void weir_closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void weir_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define weir_auto_free weir_cleanup(weir_freep)
#define weir_auto_close weir_cleanup(weir_closep)
#define weir_auto_fclose weir_cleanup(weir_fclosep)

#define weir_take_ptr(p)                     \
	({                                   \
		__typeof__(p) *_pp = &(p);   \
		__typeof__(p) _p = *_pp;     \
		*_pp = NULL;                 \
		_p;                          \
	})

static inline int weir_take_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

/*
 * One line for the person who must act: "file:line:col path: what is wrong; what to do" or plain
 * text. The first failure is kept; later weir_err_set() calls on the same object do nothing.
 */
struct weir_err {
	char text[512];
};

/* Formats into err (NULL is allowed) unless it already holds a text; returns r. */
int weir_err_set(struct weir_err *err, int r, const char *fmt, ...) WEIR_PRINTF(3, 4);

/* malloc'ed printf; NULL on failure. */
char *weir_strf(const char *fmt, ...) WEIR_PRINTF(1, 2);

/* Copies at most size - 1 bytes and terminates; returns -ENAMETOOLONG when it had to cut. */
int weir_strcpy(char *dst, size_t size, const char *src);

#endif
