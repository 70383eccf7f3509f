/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer with an upper bound. */
#ifndef WEIR_BUF_H
#define WEIR_BUF_H

#include "lib/base/base.h"

struct weir_buf {
	uint8_t *data;
	size_t len, cap;
	size_t max; /* 0 = 64 MiB */
};

void weir_buf_fini(struct weir_buf *b);
/* -ENOMEM, or -EFBIG beyond max; on failure b is unchanged. After a success data[len] is 0. */
int weir_buf_add(struct weir_buf *b, const void *data, size_t len);
int weir_buf_addf(struct weir_buf *b, const char *fmt, ...) WEIR_PRINTF(2, 3);
/* A text in double quotes, as both YAML and JSON read it; control characters become '?'. */
int weir_buf_quote(struct weir_buf *b, const char *s);
#define weir_auto_buf weir_cleanup(weir_buf_fini)

#endif
