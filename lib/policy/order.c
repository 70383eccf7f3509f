/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/order.h"

#include <inttypes.h>
#include <time.h>

#include "lib/base/clock.h"

int weir_order_text(const struct weir_order *o, struct weir_buf *ret)
{
	char until[32];

	weir_time_text(o->not_after_s * WEIR_NS_PER_S, until);
	return weir_buf_addf(ret, "weir-order 1\ntake-back %" PRIu64 "\nnumber %" PRIu64 "\nnot-after %s\n", o->serial,
			     o->number, until);
}

/* There is one spelling of an order: what was read is written again and must give the same bytes. */
int weir_order_parse(const void *text, size_t len, struct weir_order *ret, struct weir_err *err)
{
	weir_auto_buf struct weir_buf again = {0};
	weir_auto_free char *copy = len <= WEIR_ORDER_MAX ? strndup(text, len) : NULL;
	struct weir_order o = {0};
	struct tm tm = {0};
	int end = 0, r;

	if (len > WEIR_ORDER_MAX)
		return weir_err_set(err, -EBADMSG, "an order of %zu bytes is over %d", len, WEIR_ORDER_MAX);
	if (!copy)
		return -ENOMEM;
	if (sscanf(copy, "weir-order 1\ntake-back %18" SCNu64 "\nnumber %19" SCNu64 "\nnot-after %n", &o.serial, &o.number,
		   &end) != 2 || !end || !strptime(copy + end, "%Y-%m-%dT%H:%M:%SZ\n", &tm) || timegm(&tm) <= 0)
		return weir_err_set(err, -EBADMSG, "not an order");
	o.not_after_s = (uint64_t)timegm(&tm);
	r = weir_order_text(&o, &again);
	if (r < 0)
		return r;
	if (again.len != len || memcmp(again.data, text, len) || !o.serial || o.number > INT64_MAX)
		return weir_err_set(err, -EBADMSG, "the order is not in its canonical form");
	*ret = o;
	return 0;
}

int weir_order_verify(const uint8_t (*operators)[WEIR_KEY_LEN], size_t count, const void *text, size_t len,
		      const struct weir_signature *sig, uint64_t number_high, uint64_t now_s,
		      struct weir_order *ret, struct weir_err *err)
{
	bool known = false;
	int r;

	for (size_t i = 0; i < count; i++)
		known |= !memcmp(operators[i], sig->key, WEIR_KEY_LEN);
	if (!known)
		return weir_err_set(err, WEIR_REFUSE_UNSIGNED, "not signed by an operator who is trusted here");
	if (weir_sig_verify(sig->key, text, len, sig->sig))
		return weir_err_set(err, WEIR_REFUSE_TAMPERED, "the order is not what the operator signed");
	r = weir_order_parse(text, len, ret, err);
	if (r < 0)
		return r == -EBADMSG ? WEIR_REFUSE_MALFORMED : r;
	if (ret->number <= number_high)
		return weir_err_set(err, WEIR_REFUSE_REPLAYED, "the order is not newer than the last one");
	if (now_s >= ret->not_after_s)
		return weir_err_set(err, WEIR_REFUSE_EXPIRED, "the order expired %" PRIu64 " s ago",
				    now_s - ret->not_after_s);
	return 0;
}
