/* SPDX-License-Identifier: Apache-2.0 */
/* A kept promise: what is read is written, read again, and then the same. */
#include "lib/money/promise.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	weir_auto_promise struct weir_promise *p = NULL, *again = NULL;
	weir_auto_free char *text = NULL, *same = NULL;
	struct weir_err err = {0};
	int r = weir_promise_parse((const char *)data, len, "promise", &p, &err);

	MUST(!r == !!p && (p || *err.text || r == -ENOMEM));
	text = p ? weir_promise_text(p) : NULL;
	if (!text)
		return 0;
	MUST(weir_promise_parse(text, strlen(text), "promise", &again, &err) == 0);
	same = weir_promise_text(again);
	MUST(!same || !strcmp(text, same));
	return 0;
}
