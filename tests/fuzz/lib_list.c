/* SPDX-License-Identifier: Apache-2.0 */
/* A list of prefixes, as text. */
#include "lib/policy/policy.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct weir_policy_set *set = NULL;
	struct weir_err err = {0};

	MUST(weir_policy_set_new(&set) == 0);
	MUST(weir_policy_set_list(set, "l", "l.txt", (const char *)data, len, &err) == 0 || *err.text);
	weir_policy_set_free(set);
	return 0;
}
