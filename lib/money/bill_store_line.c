/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a bill on their way into the store: sixteen a statement. */
#include "lib/money/bill_store_impl.h"

#define ROW "(?,?,?,?,?,?,?,?,?,?,?,?,?)"
#define FOUR ROW "," ROW "," ROW "," ROW
#define LINE_IN "INSERT INTO line VALUES"
_Static_assert(BILLS_LINES == 16, "four times four rows");

int bills_lines_prepare(struct bills_import *m, struct weir_err *err)
{
	int r = bills_prepare(m->bills, LINE_IN ROW, &m->one, err);

	return r ? r : bills_prepare(m->bills, LINE_IN FOUR "," FOUR "," FOUR "," FOUR, &m->many, err);
}

int bills_step(struct bills_import *m, sqlite3_stmt *st, struct weir_err *err)
{
	int code = sqlite3_step(st);

	sqlite3_reset(st);
	return code == SQLITE_DONE ? 0 : bills_fail(m->bills, code, err);
}

int bills_room(char **buf, size_t *cap, size_t want)
{
	char *made;

	if (want <= *cap)
		return 0;
	made = malloc(want * 2);
	if (!made)
		return -ENOMEM;
	free(*buf);
	*buf = made;
	*cap = want * 2;
	return 0;
}

/* Is one of eight bytes below 0x20, or a quote, or a backslash? May say yes for others above 0x7f, never no for these. */
static bool special(uint64_t v)
{
	const uint64_t ones = 0x0101010101010101ULL, high = ones << 7;
	uint64_t quote = v ^ ones * '"', slash = v ^ ones * '\\';

	return ((v - ones * 0x20) | (quote - ones) | (slash - ones)) & high;
}

/* A character takes at most six: \u001f. */
static char *quote(char *out, const char *text, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const char *end = text + len;

	*out++ = '"';
	while (text < end) {
		unsigned char c;
		uint64_t eight;

		if (end - text >= 8) {
			memcpy(&eight, text, 8);
			if (!special(eight)) {
				memcpy(out, text, 8);
				out += 8;
				text += 8;
				continue;
			}
		}
		c = (unsigned char)*text++;
		if (c < 0x20) {
			memcpy(out, "\\u00", 4);
			out[4] = hex[c >> 4];
			out[5] = hex[c & 15];
			out += 6;
			continue;
		}
		if (c == '"' || c == '\\')
			*out++ = '\\';
		*out++ = (char)c;
	}
	*out++ = '"';
	return out;
}

int bills_list(char **buf, size_t *cap, const struct weir_bill_row *row, bool names, size_t *ret_len)
{
	size_t want = 3;
	char *out;
	int r;

	for (size_t i = 0; i < row->extra_count; i++)
		want += 6 * strlen(names ? row->extras[i].name : row->extras[i].value) + 3;
	r = bills_room(buf, cap, want);
	if (r)
		return r;
	out = *buf;
	*out++ = '[';
	for (size_t i = 0; i < row->extra_count; i++) {
		const char *text = names ? row->extras[i].name : row->extras[i].value;

		if (i)
			*out++ = ',';
		out = quote(out, text, strlen(text));
	}
	*out++ = ']';
	*out = '\0';
	*ret_len = (size_t)(out - *buf);
	return 0;
}

static int lines_write(struct bills_import *m, sqlite3_stmt *st, struct bills_line *lines, size_t n, struct weir_err *err)
{
	int at = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t c = 0; c < LINE_COLUMNS - 1; c++)
			if (lines[i].null[c])
				sqlite3_bind_null(st, ++at);
			else
				sqlite3_bind_int64(st, ++at, lines[i].columns[c]);
		if (lines[i].extra_len)
			sqlite3_bind_text(st, ++at, lines[i].extra, (int)lines[i].extra_len, SQLITE_STATIC);
		else
			sqlite3_bind_null(st, ++at);
	}
	return bills_step(m, st, err);
}

int bills_lines_flush(struct bills_import *m, struct weir_err *err)
{
	int r = 0;

	if (m->line_count == BILLS_LINES)
		r = lines_write(m, m->many, m->lines, BILLS_LINES, err);
	else
		for (size_t i = 0; !r && i < m->line_count; i++)
			r = lines_write(m, m->one, &m->lines[i], 1, err);
	m->line_count = 0;
	return r;
}

int bills_line_add(struct bills_import *m, const struct weir_bill_row *row, const struct bills_item *item, struct weir_err *err)
{
	struct bills_line *l = &m->lines[m->line_count];
	int r = 0;

	memset(l->null, 0, sizeof(l->null));
	l->columns[LINE_ID] = m->next_line++;
	l->columns[LINE_BILL] = m->last->id;
	l->columns[LINE_ITEM] = item->id;
	l->columns[LINE_LINE] = (int64_t)row->line;
	l->columns[LINE_START] = row->time_s[WEIR_BILL_CHARGE_START];
	l->columns[LINE_END] = row->time_s[WEIR_BILL_CHARGE_END];
	l->columns[LINE_QUANTITY] = row->quantity.whole;
	l->columns[LINE_NANOS] = row->quantity.nanos;
	l->null[LINE_QUANTITY] = l->null[LINE_NANOS] = !row->has_quantity;
	for (size_t c = 0; c < WEIR_BILL_COSTS; c++) {
		l->columns[LINE_COSTS + c] = row->nanos[c];
		l->null[LINE_COSTS + c] = !row->has_cost[c];
	}
	l->extra_len = 0;
	if (row->extra_count)
		r = bills_list(&l->extra, &l->extra_cap, row, false, &l->extra_len);
	if (r || ++m->line_count < BILLS_LINES)
		return r;
	return bills_lines_flush(m, err);
}
