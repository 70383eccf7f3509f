/* SPDX-License-Identifier: Apache-2.0 */
/* A CSV file as rows of FOCUS by their columns, splits among them. */
#include "lib/money/focus_split.h"
#include "tests/fuzz/fuzz.h"

static void on_finding(const struct weir_focus_finding *f, void *arg)
{
	uint64_t *told = arg;

	MUST(f->column && *f->what);
	(*told)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_file f = fuzz_file(data, len);
	weir_auto_csv struct weir_csv *csv = NULL;
	struct weir_focus_columns_report report = {0};
	struct weir_err err = {0};
	uint64_t told = 0;
	int r = weir_csv_open(f.path, &csv, &err);

	if (!r)
		r = weir_focus_columns_check(WEIR_FOCUS_1_3, csv, on_finding, &told, &report, &err);
	MUST(!r || *err.text || r == -ENOMEM);
	MUST(r || (told == WEIR_MIN(report.findings, (uint64_t)WEIR_FOCUS_FINDINGS_MAX) && report.split_rows <= report.rows &&
		   report.origins <= report.split_rows));
	close(f.fd);
	return 0;
}
