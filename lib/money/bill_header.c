/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is, which format its columns are of, and which column stands where. */
#include "lib/money/bill_impl.h"

#include <strings.h>

#define NAME_MAX_LEN 512

static const struct {
	const char *magic;
	size_t len;
	const char *what;
} foreign[] = {
	{"PAR1", 4, "is a Parquet file; export CSV, or convert it first"},
	{"PK\3\4", 4, "is a ZIP archive; unpack it first"},
	{"\x28\xb5\x2f\xfd", 4, "is compressed by zstd; unpack it first"},
	{"\xff\xfe", 2, "is UTF-16 text; save it as UTF-8"},
	{"\xfe\xff", 2, "is UTF-16 text; save it as UTF-8"},
	{"[", 1, "is a JSON array; one object a line is read"},
};

/* Which formats' signs were seen. */
struct signs {
	bool seen[WEIR_BILL_FORMATS][2];
};

static int sign_see(const char *name, size_t len, char *text, size_t text_len, void *arg)
{
	struct signs *s = arg;
	char plain[NAME_MAX_LEN];

	(void)text, (void)text_len;
	bill_plain_name(name, len, plain, sizeof(plain));
	for (size_t f = 0; f < WEIR_BILL_FORMATS; f++)
		for (size_t i = 0; i < 2; i++)
			s->seen[f][i] |= !strcmp(plain, bill_formats[f].sign[i]);
	return 0;
}

static int format_choose(struct weir_bill_reader *b, const struct signs *s, struct weir_err *err)
{
	for (size_t f = 0; f < WEIR_BILL_FORMATS; f++) {
		if (!s->seen[f][0] || !s->seen[f][1])
			continue;
		b->stats.format = (enum weir_bill_format)f;
		b->format = &bill_formats[f];
		return 0;
	}
	return weir_err_set(err, -EINVAL,
			    "%s:1: the columns are of no bill that is known: FOCUS has BilledCost and ChargePeriodStart, CUR "
			    "line_item_usage_start_date and line_item_line_item_type, Azure MeterCategory and UnitOfMeasure, GCP "
			    "usage_start_time and cost",
			    b->name);
}

/* Gives the slot to every target of its name that has none; false: no target. */
static bool slot_place(struct weir_bill_reader *b, const char *plain, size_t slot)
{
	uint8_t ranks[BILL_TARGETS] = {0};
	bool placed = false, kept = false;

	for (size_t i = 0; i < b->format->column_count; i++) {
		const struct bill_column *c = &b->format->columns[i];
		size_t target = bill_target(c->kind, c->which), rank = ranks[target]++;

		if (strcmp(c->name, plain) != 0 || b->choice[target][rank])
			continue;
		b->choice[target][rank] = (uint16_t)(slot + 1);
		placed = true;
		/* A row takes a part of these alone. */
		kept |= c->kind == BILL_OTHER && (c->which == BILL_PRODUCT || c->which == BILL_CREDITS);
	}
	return placed && !kept;
}

static const char *tag_of(const struct bill_format *f, const char *name)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(f->tag_prefix); i++) {
		size_t len = f->tag_prefix[i] ? strlen(f->tag_prefix[i]) : 0;

		if (len && !strncmp(name, f->tag_prefix[i], len) && name[len])
			return name + len;
	}
	return NULL;
}

int bill_slot_add(struct weir_bill_reader *b, const char *name, size_t len)
{
	char plain[NAME_MAX_LEN];
	struct bill_slot *s;

	if (b->slot_count == WEIR_BILL_COLUMNS_MAX)
		return -E2BIG;
	s = &b->slots[b->slot_count];
	s->name = strndup(name, len);
	if (!s->name)
		return -ENOMEM;
	bill_plain_name(name, len, plain, sizeof(plain));
	s->tag = tag_of(b->format, s->name);
	if (s->tag)
		b->tags[b->tag_count++] = (uint16_t)b->slot_count;
	else if (!slot_place(b, plain, b->slot_count))
		b->others[b->other_count++] = (uint16_t)b->slot_count;
	return (int)b->slot_count++;
}

/* Names each target that has no column, by the first column that it could have. */
static int required_check(const struct weir_bill_reader *b, struct weir_err *err)
{
	const struct bill_format *f = b->format;
	bool told[BILL_TARGETS] = {false};
	char missing[256] = "";

	for (size_t i = 0; i < f->column_count; i++) {
		const struct bill_column *c = &f->columns[i];
		size_t target = bill_target(c->kind, c->which), used = strlen(missing);
		bool there = false;

		for (size_t k = 0; k < BILL_CHOICES; k++)
			there |= b->choice[target][k] != 0;
		if (!c->required || there || told[target])
			continue;
		told[target] = true;
		snprintf(missing + used, sizeof(missing) - used, "%s%s", used ? ", " : "", c->name);
	}
	return *missing ? weir_err_set(err, -EINVAL, "%s:1: this %s bill lacks what every such bill has: %s", b->name, f->name,
				       missing) :
			  0;
}

static int csv_header(struct weir_bill_reader *b, struct weir_err *err)
{
	struct bill_record *rec = &b->rec;
	struct signs signs = {0};
	int r = bill_csv_next(&b->lines, rec);

	if (r < 0)
		return r;
	if (!r)
		return weir_err_set(err, -EINVAL, "%s: is empty: no header", b->name);
	if (rec->bad)
		return weir_err_set(err, -EINVAL, "%s:%llu: the header %s", b->name, (unsigned long long)rec->line, rec->bad);
	for (size_t i = 0; i < rec->count; i++)
		sign_see(rec->values[i].text, rec->values[i].len, NULL, 0, &signs);
	r = format_choose(b, &signs, err);
	for (size_t i = 0; r >= 0 && i < rec->count; i++)
		r = bill_slot_add(b, rec->values[i].text, rec->values[i].len);
	return r < 0 ? r : required_check(b, err);
}

/* The format of the first object; it stays to be read as a row. A null column may be left out, so none is required. */
static int json_header(struct weir_bill_reader *b, struct weir_err *err)
{
	struct bill_lines *l = &b->lines;
	weir_auto_free char *copy = NULL;
	struct signs signs = {0};
	const char *start, *lf;
	size_t len;
	int r = bill_lines_fill(l, WEIR_BILL_RECORD_MAX);

	if (r)
		return r;
	start = l->data + l->at;
	lf = memchr(start, '\n', l->len - l->at);
	len = lf ? (size_t)(lf - start) : l->len - l->at;
	copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, start, len);
	copy[len] = '\0';
	if (bill_json_walk(copy, len, NULL, sign_see, &signs))
		return weir_err_set(err, -EINVAL, "%s:1: is no JSON object of one line", b->name);
	return format_choose(b, &signs, err);
}

int bill_header_read(struct weir_bill_reader *b, struct weir_err *err)
{
	struct bill_lines *l = &b->lines;
	const char *p;
	int r = bill_lines_fill(l, 4);

	if (r)
		return r;
	p = l->data + l->at;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(foreign); i++)
		if (l->len - l->at >= foreign[i].len && !memcmp(p, foreign[i].magic, foreign[i].len))
			return weir_err_set(err, -EINVAL, "%s: %s", b->name, foreign[i].what);
	r = bill_lines_skip_mark(l);
	if (r)
		return r;
	b->stats.json = l->at < l->len && l->data[l->at] == '{';
	return b->stats.json ? json_header(b, err) : csv_header(b, err);
}
