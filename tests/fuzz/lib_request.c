/* SPDX-License-Identifier: Apache-2.0 */
/* What the aggregator takes from anybody who completed a handshake: a request, whatever it says it is. */
#include "lib/wire/msg.h"
#include "tests/fuzz/fuzz.h"

/* What was accepted once is accepted again, and by its own bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	weir_auto_buf struct weir_buf once = {0}, twice = {0};
	struct weir_msg *m = NULL, *again = NULL;
	struct weir_err err = {0};

	if (weir_request_unpack(data, len, WEIR_TELEMETRY_MAX, &m, &err)) {
		MUST(*err.text);
		return 0;
	}
	MUST(weir_msg_pack(m, &once) == 0);
	MUST(weir_request_unpack(once.data, once.len, 2 * WEIR_TELEMETRY_MAX, &again, &err) == 0);
	MUST(weir_msg_pack(again, &twice) == 0);
	MUST(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
	weir_msg_free(again);
	weir_msg_free(m);
	return 0;
}
