/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operator's order to take a bundle back: in an emergency one key is enough, whatever k is, because all
 * that it can do is bring back what was in force and confirmed before. A small text, signed as it stands:
 *      weir-order 1
 *      take-back 7
 *      number 1795478400123456789
 *      not-after 2026-11-25T00:00:00Z
 * The number is the wall clock at which it was given; a node follows none that is not above the last one. It
 * concerns one serial, so that an order that was kept back can do nothing to a bundle of later.
 */
#ifndef WEIR_ORDER_H
#define WEIR_ORDER_H

#include "lib/policy/bundle.h"

#define WEIR_ORDER_MAX 256
#define WEIR_ORDER_VALID_S 86400u

struct weir_order {
	uint64_t serial, number, not_after_s;
};

int weir_order_text(const struct weir_order *o, struct weir_buf *ret);
/* -EBADMSG, and which line in err. */
int weir_order_parse(const void *text, size_t len, struct weir_order *ret, struct weir_err *err);
/* 0, or the refusal (> 0) with a sentence in err: unsigned, tampered, malformed, replayed, expired. */
int weir_order_verify(const uint8_t (*operators)[WEIR_KEY_LEN], size_t count, const void *text, size_t len,
		      const struct weir_signature *sig, uint64_t number_high, uint64_t now_s,
		      struct weir_order *ret, struct weir_err *err);

#endif
