/* SPDX-License-Identifier: Apache-2.0 */
/* A CSV of anybody, as weirctl model reads it: each record whole and its fields numbers, missing, or named by their line. */
#include <math.h>

#include "cli/model_csv.h"
#include "tests/fuzz/fuzz.h"

static void lines(const char *path, size_t len)
{
	model_auto_csv c = {0};
	struct weir_err err = {{0}};
	uint64_t before = 0;
	int r;

	MUST(!model_csv_open(&c, path, &err));
	while ((r = model_csv_next(&c, &err)) == 1) {
		MUST(c.line > before && c.fields > 0 && c.fields <= len + 1);
		before = c.line;
		for (size_t i = 0; i < c.fields; i++) {
			double v = 0;
			int n = model_csv_number(&c, i, &v, &err);

			MUST(n == 0 ? isnan(v) || fabs(v) <= 1e100 : n == -EINVAL && strstr(err.text, ": field "));
		}
	}
	MUST(r == 0 || *err.text);
}

static void set(const char *path)
{
	model_auto_set s = {0};
	struct weir_err err = {{0}};

	if (model_set_read(path, &s, &err)) {
		MUST(*err.text && !s.count);
		return;
	}
	MUST(s.count > 0);
	for (size_t i = 0; i < s.count; i++)
		MUST(s.series[i].n > 0 && strlen(s.series[i].id) < WEIR_SERIES_ID_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_file f = fuzz_file(data, len);

	lines(f.path, len);
	set(f.path);
	close(f.fd);
	return 0;
}
