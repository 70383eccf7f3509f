/* SPDX-License-Identifier: Apache-2.0 */
/* A bill of any format, plain or gzip: rows are whole or told, the count of both is right, and the file is read to its end. */
#include "lib/money/bill.h"
#include "tests/fuzz/fuzz.h"

/* A bomb inflates without end; what is looked for shows before. */
#define ROWS_MAX 20000

static void bad_row(const struct weir_bill_bad *bad, void *arg)
{
	MUST(bad->line > 0 && bad->column && *bad->reason);
	++*(uint64_t *)arg;
}

static void row_check(const struct weir_bill_row *row)
{
	for (unsigned int t = 0; t < WEIR_BILL_TEXTS; t++)
		MUST(row->text[t] && strlen(row->text[t]) <= WEIR_BILL_RECORD_MAX);
	MUST(*row->text[WEIR_BILL_ACCOUNT] && *row->text[WEIR_BILL_CURRENCY] && row->has_cost[WEIR_BILL_BILLED]);
	MUST(row->quantity.nanos > -1000000000 && row->quantity.nanos < 1000000000);
	for (size_t i = 0; i < row->extra_count; i++)
		MUST(row->extras[i].name && row->extras[i].value);
	(void)weir_bill_network(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_file f = fuzz_file(data, len);
	struct weir_bill_reader *b = NULL;
	const struct weir_bill_row *row;
	uint64_t bad = 0, rows = 0;
	struct weir_err err = {0};
	uint8_t hash[32];
	int r;

	MUST(lseek(f.fd, 0, SEEK_SET) == 0);
	r = weir_bill_open_fd(f.fd, "input", bad_row, &bad, &b, &err);
	MUST((r == 0) == (b != NULL) && (r == 0 || *err.text));
	while (b && (r = weir_bill_next(b, &row, &err)) == 1 && rows < ROWS_MAX) {
		row_check(row);
		rows++;
	}
	if (b) {
		const struct weir_bill_stats *s = weir_bill_stats(b);

		MUST(s->bad_rows == bad && (r == 1 || s->rows == rows));
		MUST(r >= 0 || *err.text);
		MUST(r != 0 || s->bytes_read == len);
		MUST(r != 0 || weir_bill_sha256(b, hash) == 0);
	}
	weir_bill_close(b);
	return 0;
}
