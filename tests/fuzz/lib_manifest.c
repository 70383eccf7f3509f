/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest: what parses is written again as the same bytes, or one text would have two signatures. */
#include "lib/policy/bundle.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	weir_auto_buf struct weir_buf text = {0};
	struct weir_manifest m = {0};
	struct weir_err err = {0};

	if (weir_manifest_parse((const char *)data, len, &m, &err)) {
		MUST(*err.text);
		return 0;
	}
	MUST(weir_manifest_text(&m, &text) == 0);
	MUST(text.len == len && !memcmp(text.data, data, len));
	weir_manifest_fini(&m);
	return 0;
}
