/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of others (ip, tc, nft) that a comparison needs; they act in the bench's own namespaces. */
#ifndef WEIR_BENCH_SHELL_H
#define WEIR_BENCH_SHELL_H

#include "lib/base/base.h"

/* -EIO when it fails; its last words are in err. */
int shell(struct weir_err *err, const char *fmt, ...) WEIR_PRINTF(2, 3);
bool shell_has(const char *program);

#endif
