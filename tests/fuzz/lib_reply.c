/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent takes from the aggregator: a reply, with a bundle in it or not. */
#include "lib/wire/msg.h"
#include "tests/fuzz/fuzz.h"

/* What was accepted once is accepted again, and by its own bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	weir_auto_buf struct weir_buf once = {0}, twice = {0};
	struct weir_msg *m = NULL, *again = NULL;
	struct weir_err err = {0};

	if (weir_reply_unpack(data, len, WEIR_CONTROL_MAX, &m, &err)) {
		MUST(*err.text);
		return 0;
	}
	MUST(weir_msg_pack(m, &once) == 0);
	MUST(weir_reply_unpack(once.data, once.len, 2 * WEIR_CONTROL_MAX, &again, &err) == 0);
	MUST(weir_msg_pack(again, &twice) == 0);
	MUST(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
	weir_msg_free(again);
	weir_msg_free(m);
	return 0;
}
