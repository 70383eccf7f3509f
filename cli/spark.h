/* SPDX-License-Identifier: Apache-2.0 */
/* A row of numbers as a line of as many characters: how it went, not how much it was. */
#ifndef WEIR_CLI_SPARK_H
#define WEIR_CLI_SPARK_H

#include "lib/base/base.h"

#define SPARK_MAX 64
#define SPARK_TEXT (3 * SPARK_MAX + 1) /* a block is three bytes of UTF-8 */

/* At most SPARK_MAX of v, by its largest; what is not above 0 is the lowest character, and only that is. Fills and returns buf. */
char *spark_text(const int64_t *v, size_t n, bool blocks, char buf[SPARK_TEXT]);

#endif
