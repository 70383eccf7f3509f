/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <inttypes.h>

#define GAP 2

struct column {
	char *title;
	size_t width; /* in characters, not bytes */
	bool right;
};

struct table {
	struct column columns[TABLE_COLUMNS_MAX];
	size_t column_count;
	char **cells;
	size_t cell_count, cell_cap;
};

/* Characters of UTF-8 text: bytes that do not continue one. */
static size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static char *text_clean(const char *s)
{
	char *copy = strdup(s);

	for (char *p = copy; p && *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return copy;
}

int table_new(struct table **ret)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	*ret = t;
	return 0;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->column_count; i++)
		free(t->columns[i].title);
	for (size_t i = 0; i < t->cell_count; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

int table_column(struct table *t, const char *title, bool right)
{
	struct column *c;

	if (t->column_count == TABLE_COLUMNS_MAX)
		return -E2BIG;
	c = &t->columns[t->column_count];
	c->title = text_clean(title);
	if (!c->title)
		return -ENOMEM;
	c->width = text_width(title);
	c->right = right;
	t->column_count++;
	return 0;
}

int table_cell(struct table *t, const char *text)
{
	weir_auto_free char *copy = text_clean(text);
	struct column *c = &t->columns[t->cell_count % t->column_count];

	if (!copy)
		return -ENOMEM;
	if (t->cell_count == t->cell_cap) {
		size_t cap = t->cell_cap ? t->cell_cap * 2 : 64;
		char **cells = realloc(t->cells, cap * sizeof(*cells));

		if (!cells)
			return -ENOMEM;
		t->cells = cells;
		t->cell_cap = cap;
	}
	c->width = WEIR_MAX(c->width, text_width(copy));
	t->cells[t->cell_count++] = weir_take_ptr(copy);
	return 0;
}

static void cell_print(const struct column *c, const char *text, bool last, FILE *f)
{
	int pad = (int)(c->width - text_width(text));

	if (c->right)
		fprintf(f, "%*s%s", pad, "", text);
	else
		fprintf(f, "%s%*s", text, last ? 0 : pad, "");
	if (!last)
		fprintf(f, "%*s", GAP, "");
}

/* What is left of a text that was cut ends with "..". */
static void cut(char *s, size_t width)
{
	char *p = s;

	if (text_width(s) <= width)
		return;
	for (size_t n = 0; n + 2 < width; n++)
		for (p++; ((unsigned char)*p & 0xc0) == 0x80;)
			p++;
	strcpy(p, "..");
}

void table_fit(struct table *t, size_t width)
{
	size_t used = 0, last = t->column_count - 1, left;

	for (size_t i = 0; i < last; i++)
		used += t->columns[i].width + GAP;
	left = WEIR_MAX(width - WEIR_MIN(width, used), (size_t)TABLE_LEAST);
	for (size_t i = last; i < t->cell_count; i += t->column_count)
		cut(t->cells[i], left);
	t->columns[last].width = WEIR_MIN(t->columns[last].width, left);
}

int table_print(const struct table *t, FILE *f, bool colour)
{
	size_t n = t->column_count;

	if (colour)
		fputs("\033[1m", f);
	for (size_t i = 0; i < n; i++)
		cell_print(&t->columns[i], t->columns[i].title, i + 1 == n, f);
	fputs(colour ? "\033[0m\n" : "\n", f);
	for (size_t i = 0; i < t->cell_count; i++) {
		cell_print(&t->columns[i % n], t->cells[i], i % n + 1 == n, f);
		if (i % n + 1 == n)
			fputc('\n', f);
	}
	return ferror(f) ? -EIO : 0;
}

/* Three significant digits: "1.46", "14.6", "146". */
static void print_scaled(double v, const char *unit, char *buf)
{
	int decimals = v < 9.995 ? 2 : v < 99.95 ? 1 : 0;

	snprintf(buf, HUMAN_MAX, "%.*f %s", decimals, v, unit);
}

/* Whole below one step, else in the unit of which fewer than a step are printed, or in the last. */
static char *scale(uint64_t n, unsigned int step, const char *const *units, char *buf)
{
	double v = (double)n / step;

	if (n < step) {
		snprintf(buf, HUMAN_MAX, "%" PRIu64 " %s", n, units[0]);
		return buf;
	}
	for (units++; v >= step - 0.5 && units[1]; units++)
		v /= step;
	print_scaled(v, *units, buf);
	return buf;
}

char *human_bytes(uint64_t bytes, char *buf)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL};

	return scale(bytes, 1024, units, buf);
}

char *human_rate(uint64_t bits_per_s, char *buf)
{
	static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", NULL};

	return scale(bits_per_s, 1000, units, buf);
}

char *human_seconds(uint64_t s, char *buf)
{
	if (s < 60)
		snprintf(buf, HUMAN_MAX, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(buf, HUMAN_MAX, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, HUMAN_MAX, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(buf, HUMAN_MAX, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
	return buf;
}

char *human_money(int64_t nanos, const char *currency, char *buf)
{
	uint64_t v = nanos < 0 ? -(uint64_t)nanos : (uint64_t)nanos;
	uint64_t micros = v / 1000 + (v % 1000 >= 500);
	const char *sign = nanos < 0 ? "-" : "";
	int n;

	if (v && !micros)
		n = snprintf(buf, HUMAN_MAX, "%s0.%09" PRIu64, sign, v);
	else
		n = snprintf(buf, HUMAN_MAX, "%s%" PRIu64 ".%06" PRIu64, sign, micros / 1000000,
			     micros % 1000000);
	if (*currency)
		snprintf(buf + n, HUMAN_MAX - (size_t)n, " %.8s", currency);
	return buf;
}
