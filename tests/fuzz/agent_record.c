/* SPDX-License-Identifier: Apache-2.0 */
/* A record of the spool: a summary, read back from a disk that may hold anything, and folded. */
#include "agent/harvest.h"
#include "lib/wire/msg.h"
#include "tests/fuzz/fuzz.h"

/* Rows lose detail, the node's totals stay. */
static void compare(const struct weir_summary *a, const struct weir_summary *b)
{
	MUST(!memcmp(a->total_bytes, b->total_bytes, sizeof(a->total_bytes)));
	MUST(!memcmp(a->total_packets, b->total_packets, sizeof(a->total_packets)));
	MUST(a->epoch == b->epoch && a->sequence == b->sequence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	weir_auto_buf struct weir_buf folded = {0};
	struct weir_msg *m = NULL, *small = NULL;
	struct weir_err err = {0};
	int r = weir_summary_unpack(data, len, &m, &err);

	MUST(!r || *err.text);
	if (harvest_fold(data, len, &folded) == 0) {
		MUST(!r);
		MUST(weir_summary_unpack(folded.data, folded.len, &small, &err) == 0);
		compare(&m->summary, &small->summary);
	}
	weir_msg_free(small);
	weir_msg_free(m);
	return 0;
}
