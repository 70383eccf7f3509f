/* SPDX-License-Identifier: Apache-2.0 */
/* A requirements model, and behind the first line that is "---" a CSV file to check by it; without one, a fixed file. */
#include "lib/money/focus_check.h"
#include "tests/fuzz/fuzz.h"

static const char rows[] = "a,b,c,Tags\n1,2,2,{}\nx,,\"NULL\",k=v\n2026-08-01T00:00:00Z,USD,GB-Hours,\xff\n-1.5E-3,"
			   "0,\"\",\"{\"\"k\"\":1}\"\n";

static void check(const struct weir_focus_model *m, const uint8_t *csv, size_t len)
{
	struct weir_focus_options o = {.criteria = UINT64_MAX, .distinct_max = 8};
	weir_auto_focus_report struct weir_focus_report *report = NULL;
	weir_auto_csv struct weir_csv *c = NULL;
	struct fuzz_file f = fuzz_file(csv, len);
	struct weir_err err = {0};
	int r = weir_csv_open(f.path, &c, &err);
	size_t told = 0;

	if (!r)
		r = weir_focus_check(m, &o, c, &report, &err);
	MUST(!r || *err.text || r == -ENOMEM);
	for (int i = 0; report && i < WEIR_FOCUS_MAY; i++)
		told += report->failed[i];
	/* Each rule is counted once. */
	MUST(r || told + report->passed + report->skipped + report->composites_failed == m->rule_count);
	close(f.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *cut = memmem(data, len, "\n---\n", 5);
	weir_auto_focus_model struct weir_focus_model *m = NULL;
	struct weir_err err = {0};
	int r = weir_focus_model_parse((const char *)data, cut ? (size_t)(cut - data) : len, "model", &m, &err);

	MUST(!r == !!m && (m || *err.text || r == -ENOMEM));
	if (m && cut)
		check(m, cut + 5, len - (size_t)(cut - data) - 5);
	else if (m)
		check(m, (const uint8_t *)rows, sizeof(rows) - 1);
	return 0;
}
