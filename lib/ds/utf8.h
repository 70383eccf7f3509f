/* SPDX-License-Identifier: Apache-2.0 */
/* Characters of texts from outside. */
#ifndef WEIR_UTF8_H
#define WEIR_UTF8_H

#include "lib/base/base.h"

/* Bytes of the printable character at s (RFC 3629: no overlong forms, no surrogates); 0: there is none, a control or the end. */
size_t weir_utf8_char(const char *s);

#endif
