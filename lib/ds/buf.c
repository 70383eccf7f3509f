/* SPDX-License-Identifier: Apache-2.0 */
/* Growth by doubling. One byte behind len is always allocated and zero, so data is a string. */
#include "lib/ds/buf.h"

#include <stdarg.h>

#define BUF_MAX_DEFAULT ((size_t)64 << 20)

void weir_buf_fini(struct weir_buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = 0;
	b->cap = 0;
}

static int buf_reserve(struct weir_buf *b, size_t more)
{
	size_t max = b->max ? b->max : BUF_MAX_DEFAULT;
	size_t need, cap;
	uint8_t *data;

	if (b->len > max || more > max - b->len)
		return -EFBIG;
	need = b->len + more + 1;
	if (need <= b->cap)
		return 0;
	cap = WEIR_MAX(b->cap, (size_t)64);
	while (cap < need)
		cap *= 2;
	cap = WEIR_MIN(cap, max + 1);
	data = realloc(b->data, cap);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

int weir_buf_add(struct weir_buf *b, const void *data, size_t len)
{
	int r = buf_reserve(b, len);

	if (r)
		return r;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int weir_buf_addf(struct weir_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	r = buf_reserve(b, (size_t)n);
	if (r)
		return r;
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

int weir_buf_quote(struct weir_buf *b, const char *s)
{
	int r = weir_buf_add(b, "\"", 1);

	for (; !r && *s; s++) {
		bool control = (unsigned char)*s < ' ' || *s == 0x7f;

		r = weir_buf_addf(b, *s == '"' || *s == '\\' ? "\\%c" : "%c", control ? '?' : *s);
	}
	return r ? r : weir_buf_add(b, "\"", 1);
}
