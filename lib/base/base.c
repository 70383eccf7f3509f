/* SPDX-License-Identifier: Apache-2.0 */
/* Error texts and bounded strings. */
#include "lib/base/base.h"

#include <stdarg.h>

int weir_err_set(struct weir_err *err, int r, const char *fmt, ...)
{
	va_list ap;

	if (!err || err->text[0])
		return r;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return r;
}

char *weir_strf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	/* On failure the content of s is undefined. */
	return n < 0 ? NULL : s;
}

int weir_strcpy(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);
	size_t fit;

	if (!size)
		return -ENAMETOOLONG;
	fit = WEIR_MIN(len, size - 1);
	memcpy(dst, src, fit);
	dst[fit] = '\0';
	return fit < len ? -ENAMETOOLONG : 0;
}
