/* SPDX-License-Identifier: Apache-2.0 */
/* An operator's order: one spelling, one signature, one time. */
#include "lib/policy/order.h"
#include "tests/lib/test.h"

#define NOW 1795478400ull /* 2026-11-24T00:00:00Z */

static int parses(const char *text)
{
	struct weir_order o;

	return weir_order_parse(text, strlen(text), &o, NULL);
}

TEST(an_order_has_one_spelling)
{
	static const char good[] = "weir-order 1\ntake-back 7\nnumber 1795478400123456789\nnot-after 2026-11-25T00:00:00Z\n";
	static const char *const bad[] = {
		"",
		"weir-order 1\n",
		"weir-order 2\ntake-back 7\nnumber 1\nnot-after 2026-11-25T00:00:00Z\n",
		"weir-order 1\ntake-back 0\nnumber 1\nnot-after 2026-11-25T00:00:00Z\n",
		"weir-order 1\ntake-back -7\nnumber 1\nnot-after 2026-11-25T00:00:00Z\n",
		"weir-order 1\ntake-back 07\nnumber 1\nnot-after 2026-11-25T00:00:00Z\n",
		"weir-order 1\ntake-back 7\nnumber 9999999999999999999\nnot-after 2026-11-25T00:00:00Z\n",
		"weir-order 1\ntake-back 7\nnumber 1\nnot-after 2026-11-25T00:00:00Z",
		"weir-order 1\ntake-back 7\nnumber 1\nnot-after 2026-11-25T00:00:00Z\n\n",
		"weir-order 1\ntake-back  7\nnumber 1\nnot-after 2026-11-25T00:00:00Z\n",
		"weir-manifest 1\ntake-back 7\nnumber 1\nnot-after 2026-11-25T00:00:00Z\n",
	};
	weir_auto_buf struct weir_buf again = {0};
	struct weir_order o = {0};

	CHECK(weir_order_parse(good, strlen(good), &o, NULL) == 0);
	CHECK(o.serial == 7 && o.number == 1795478400123456789ull && o.not_after_s == NOW + 86400);
	CHECK(weir_order_text(&o, &again) == 0 && !strcmp((char *)again.data, good));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++)
		CHECK(parses(bad[i]) == -EBADMSG, "%zu", i);
	CHECK(weir_order_parse(good, WEIR_ORDER_MAX + 1, &o, NULL) == -EBADMSG, "longer than any");
}

TEST(only_an_operators_fresh_order_counts)
{
	struct weir_key *one, *stranger;
	struct weir_signature sig = {.sig = {0}}, foreign = {.sig = {0}};
	struct weir_order o = {7, 50, NOW + 10}, back = {0};
	weir_auto_buf struct weir_buf b = {0};
	uint8_t operators[1][WEIR_KEY_LEN];
	struct weir_err err = {{0}};

	CHECK(weir_key_new(&one) == 0 && weir_key_new(&stranger) == 0);
	CHECK(weir_key_public(one, operators[0]) == 0 && weir_key_public(stranger, foreign.key) == 0);
	memcpy(sig.key, operators[0], sizeof(sig.key));
	CHECK(weir_order_text(&o, &b) == 0);
	CHECK(weir_key_sign(one, b.data, b.len, sig.sig) == 0 && weir_key_sign(stranger, b.data, b.len, foreign.sig) == 0);
#define VERIFY(s, high, now) weir_order_verify(operators, 1, b.data, b.len, s, high, now, &back, &err)
	CHECK(VERIFY(&sig, 49, NOW) == 0 && back.serial == 7, "%s", err.text);
	CHECK(VERIFY(&sig, 50, NOW) == WEIR_REFUSE_REPLAYED);
	CHECK(VERIFY(&sig, 49, NOW + 10) == WEIR_REFUSE_EXPIRED);
	CHECK(VERIFY(&foreign, 49, NOW) == WEIR_REFUSE_UNSIGNED);
	CHECK(weir_order_verify(operators, 0, b.data, b.len, &sig, 49, NOW, &back, &err) == WEIR_REFUSE_UNSIGNED,
	      "nobody is trusted");
	memcpy(memmem(b.data, b.len, "take-back 7", 11), "take-back 9", 11);
	CHECK(VERIFY(&sig, 49, NOW) == WEIR_REFUSE_TAMPERED);
	CHECK(weir_key_sign(one, b.data, 20, sig.sig) == 0);
	CHECK(weir_order_verify(operators, 1, b.data, 20, &sig, 49, NOW, &back, &err) == WEIR_REFUSE_MALFORMED);
	weir_key_free(one);
	weir_key_free(stranger);
}

TEST_MAIN(T(an_order_has_one_spelling), T(only_an_operators_fresh_order_counts))
