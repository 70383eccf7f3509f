/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle: every offset, count and index of it is hostile; what parses makes tables, or says why not. */
#include "lib/policy/bundle.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct weir_label label = {"app", "x"};
	static const struct weir_subject subjects[] = {{"data", "n", &label, 1}, {"", "", NULL, 0}};
	struct weir_bundle *bundle = NULL;
	struct weir_tables *tables = NULL;
	struct weir_err err = {0};
	FILE *null;

	if (weir_bundle_parse(data, len, &bundle, &err)) {
		MUST(*err.text);
		return 0;
	}
	null = fopen("/dev/null", "w");
	MUST(null && *weir_bundle_class(bundle));
	(void)weir_bundle_print(bundle, null);
	fclose(null);
	for (size_t i = 0; i < weir_bundle_rules(bundle); i++)
		MUST(weir_bundle_rule_name(bundle, (uint32_t)i));
	if (weir_tables_build(bundle, subjects, WEIR_ARRAY_SIZE(subjects), &tables, &err) == 0) {
		uint8_t digest[WEIR_SHA256_LEN];

		MUST(weir_tables_digest(tables, digest) == 0);
		MUST(!memcmp(digest, tables->digest, sizeof(digest)));
	}
	weir_tables_free(tables);
	weir_bundle_free(bundle);
	return 0;
}
