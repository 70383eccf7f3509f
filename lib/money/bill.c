/* SPDX-License-Identifier: Apache-2.0 */
/* A bill's reader: opens, goes from row to row, tells and counts what is bad. */
#include "lib/money/bill_impl.h"

#include <fcntl.h>

void weir_bill_close(struct weir_bill_reader *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->slot_count; i++)
		free(b->slots[i].name);
	weir_map_free(b->by_name, NULL);
	bill_lines_fini(&b->lines);
	free(b->rec.values);
	bill_source_close(b->source);
	weir_buf_fini(&b->tag_text);
	weir_buf_fini(&b->scratch);
	free(b->name);
	free(b);
}

static int broken(const struct weir_bill_reader *b, int r, struct weir_err *err)
{
	if (r == -EBADMSG)
		return weir_err_set(err, -EINVAL, "%s: its gzip stream is torn or damaged behind line %llu; fetch it again",
				    b->name, (unsigned long long)b->lines.line);
	return weir_err_set(err, r, "%s: cannot read: %s", b->name, strerror(-r));
}

int weir_bill_open_fd(int fd, const char *name, weir_bill_bad_fn bad, void *arg, struct weir_bill_reader **ret,
		      struct weir_err *err)
{
	weir_auto_bill struct weir_bill_reader *b = calloc(1, sizeof(*b));
	int r;

	if (!b) {
		close(fd);
		return -ENOMEM;
	}
	b->bad = bad;
	b->bad_arg = arg;
	b->name = strdup(name);
	r = bill_source_open(fd, &b->source);
	if (!r)
		r = b->name ? bill_lines_init(&b->lines, b->source) : -ENOMEM;
	if (!r)
		r = weir_map_new(&b->by_name);
	if (!r)
		r = bill_header_read(b, err);
	if (r)
		return b->name ? broken(b, r, err) : r;
	b->stats.gzip = bill_source_gzip(b->source);
	*ret = weir_take_ptr(b);
	return 0;
}

int weir_bill_open(const char *path, weir_bill_bad_fn bad, void *arg, struct weir_bill_reader **ret, struct weir_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return weir_err_set(err, -errno, "%s: cannot open: %s", path, strerror(errno));
	return weir_bill_open_fd(fd, path, bad, arg, ret, err);
}

/* Is the value of this path wanted whole: does a column have that name? */
static bool path_known(const char *path, size_t len, void *arg)
{
	const struct weir_bill_reader *b = arg;
	char plain[256];

	bill_plain_name(path, len, plain, sizeof(plain));
	for (size_t i = 0; i < b->format->column_count; i++)
		if (!strcmp(b->format->columns[i].name, plain))
			return true;
	return false;
}

static int path_value(const char *path, size_t len, char *text, size_t text_len, void *arg)
{
	struct weir_bill_reader *b = arg;
	uintptr_t at = (uintptr_t)weir_map_find(b->by_name, path, len);
	int slot = (int)at - 1;

	if (text && text_len > WEIR_BILL_FIELD_MAX)
		return -EFBIG;
	if (!at) {
		slot = bill_slot_add(b, path, len);
		if (slot < 0)
			return slot;
		b->rec.values[slot].text = NULL;
		at = (uintptr_t)slot + 1;
		slot = weir_map_put(b->by_name, path, len, (void *)at, NULL);
		if (slot)
			return slot;
		slot = (int)at - 1;
	}
	b->rec.values[slot] = (struct weir_csv_field){.text = text, .len = text_len};
	return 0;
}

/* One object a line, its values by slot. */
static int json_next(struct weir_bill_reader *b)
{
	struct bill_record *rec = &b->rec;
	size_t len = 0;
	char *text;
	int r;

	if (rec->cap < WEIR_BILL_COLUMNS_MAX) {
		free(rec->values);
		rec->values = calloc(WEIR_BILL_COLUMNS_MAX, sizeof(*rec->values));
		rec->cap = rec->values ? WEIR_BILL_COLUMNS_MAX : 0;
		if (!rec->values)
			return -ENOMEM;
	}
	for (size_t i = 0; i < b->slot_count; i++)
		rec->values[i] = (struct weir_csv_field){0};
	rec->bad = NULL;
	rec->odd_text = false;
	rec->bad_column = WEIR_BILL_COLUMNS_MAX;
	r = bill_line_next(&b->lines, &text, &len, &rec->line, &rec->odd_text);
	if (r <= 0)
		return r;
	r = text ? bill_json_walk(text, len, path_known, path_value, b) : 0;
	if (!text)
		rec->bad = "is longer than a row may be (1 MiB)";
	else if (r == -EFBIG)
		rec->bad = "has a value that is longer than one may be (64 KiB)";
	else if (r == -E2BIG)
		rec->bad = "has more columns than a bill may have";
	else if (r == -EINVAL)
		rec->bad = "is no JSON object";
	else if (r)
		return r;
	rec->count = b->slot_count;
	for (size_t i = 0; !rec->bad && i < rec->count; i++)
		if (rec->values[i].text)
			rec->values[i].text[rec->values[i].len] = '\0';
	return 1;
}

static void tell(struct weir_bill_reader *b, const char *column, const char *reason)
{
	struct weir_bill_bad bad = {b->name, b->rec.line, column, reason};

	b->stats.bad_rows++;
	if (b->bad)
		b->bad(&bad, b->bad_arg);
}

/* What is wrong with the record itself. */
static bool record_bad(struct weir_bill_reader *b)
{
	const struct bill_record *rec = &b->rec;

	if (!rec->bad && rec->count != b->slot_count) {
		snprintf(b->reason, sizeof(b->reason), "has %zu fields where the header has %zu", rec->count, b->slot_count);
		tell(b, "", b->reason);
		return true;
	}
	if (rec->bad)
		tell(b, rec->bad_column < b->slot_count ? b->slots[rec->bad_column].name : "", rec->bad);
	return rec->bad != NULL;
}

int weir_bill_next(struct weir_bill_reader *b, const struct weir_bill_row **ret, struct weir_err *err)
{
	const char *column, *reason;
	int r;

	for (;;) {
		r = b->stats.json ? json_next(b) : bill_csv_next(&b->lines, &b->rec);
		if (r < 0)
			return broken(b, r, err);
		if (!r)
			return 0;
		if (record_bad(b))
			continue;
		r = bill_row_make(b, &column, &reason);
		if (!r)
			break;
		if (r != -EINVAL)
			return weir_err_set(err, r, "%s: %s", b->name, strerror(-r));
		tell(b, column, reason);
	}
	b->stats.rows++;
	b->stats.odd_text += b->rec.odd_text;
	*ret = &b->row;
	return 1;
}

const struct weir_bill_stats *weir_bill_stats(const struct weir_bill_reader *b)
{
	struct weir_bill_stats *s = (struct weir_bill_stats *)(uintptr_t)&b->stats;

	s->bytes_read = bill_source_pos(b->source);
	s->bytes_total = bill_source_size(b->source);
	return s;
}

int weir_bill_sha256(struct weir_bill_reader *b, uint8_t ret[32])
{
	return bill_source_sha256(b->source, ret);
}
