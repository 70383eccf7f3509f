/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a bill: RFC 4180 fields, unquoted where they stand, or lines; of bounded size, and UTF-8. */
#include "lib/money/bill_impl.h"

#define READ_SIZE ((size_t)256 << 10)

int bill_lines_init(struct bill_lines *l, struct bill_source *source)
{
	*l = (struct bill_lines){.source = source, .line = 1, .cap = WEIR_BILL_RECORD_MAX + READ_SIZE + 8};
	l->data = malloc(l->cap);
	return l->data ? 0 : -ENOMEM;
}

void bill_lines_fini(struct bill_lines *l)
{
	free(l->data);
	l->data = NULL;
}

int bill_lines_fill(struct bill_lines *l, size_t want)
{
	while (l->len - l->at < want && !l->ended) {
		ssize_t n;

		if (l->at) {
			memmove(l->data, l->data + l->at, l->len - l->at);
			l->len -= l->at;
			l->at = 0;
		}
		n = bill_source_read(l->source, l->data + l->len, l->cap - l->len - 8);
		if (n < 0)
			return (int)n;
		l->len += (size_t)n;
		l->ended = n == 0;
	}
	return 0;
}

int bill_lines_skip_mark(struct bill_lines *l)
{
	int r = bill_lines_fill(l, 3);

	if (!r && l->len - l->at >= 3 && !memcmp(l->data + l->at, "\xef\xbb\xbf", 3))
		l->at += 3;
	return r;
}

/* Length of the UTF-8 character at p, 0: none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	static const struct {
		unsigned char mask, lead, low, high; /* bounds of the second byte, but for the rows below */
		uint32_t least;
	} kinds[] = {{0xe0, 0xc0, 0x80, 0xbf, 0x80}, {0xf0, 0xe0, 0x80, 0xbf, 0x800}, {0xf8, 0xf0, 0x80, 0xbf, 0x10000}};
	uint32_t c;

	for (size_t k = 0; k < WEIR_ARRAY_SIZE(kinds); k++) {
		size_t n = k + 2;

		if ((*p & kinds[k].mask) != kinds[k].lead)
			continue;
		c = *p & (unsigned char)~kinds[k].mask;
		if (left < n)
			return 0;
		for (size_t i = 1; i < n; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (p[i] & 0x3f);
		}
		return c < kinds[k].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
	}
	return 0;
}

/* What is no UTF-8, or NUL, becomes '?': the text goes on to JSON and to terminals. */
static bool clean(char *text, size_t len)
{
	bool odd = false;

	for (size_t i = 0; i < len;) {
		uint64_t eight;
		size_t n;

		if (i + 8 <= len) {
			memcpy(&eight, text + i, 8);
			/* No byte above 127, none that is 0. */
			if (!((eight | (eight - 0x0101010101010101ULL)) & 0x8080808080808080ULL)) {
				i += 8;
				continue;
			}
		}
		n = (unsigned char)text[i] < 0x80 ? text[i] != 0 : utf8_len((unsigned char *)text + i, len - i);
		if (!n) {
			text[i] = '?';
			odd = true;
			n = 1;
		}
		i += n;
	}
	return odd;
}

static int value_add(struct bill_record *rec, char *text, size_t len, bool quoted)
{
	if (rec->count == rec->cap) {
		size_t cap = rec->cap ? rec->cap * 2 : 128;
		struct weir_csv_field *values = realloc(rec->values, cap * sizeof(*values));

		if (!values)
			return -ENOMEM;
		rec->values = values;
		rec->cap = cap;
	}
	rec->values[rec->count++] = (struct weir_csv_field){text, len, quoted};
	return 0;
}

/* Where the record that begins at `at` ends (its line feed, or the end); counts the lines in it. */
enum found { FOUND, FOUND_MORE, FOUND_LONG };
static enum found record_end(const struct bill_lines *l, bool csv, size_t *pos, bool *quoted, size_t *ret_end)
{
	const char *d = l->data;
	size_t i = *pos, stop = WEIR_MIN(l->len, l->at + WEIR_BILL_RECORD_MAX);

	while (i < stop) {
		const char *lf;
		size_t end;

		if (*quoted) {
			const char *q = memchr(d + i, '"', stop - i);

			i = q ? (size_t)(q - d) + 1 : stop;
			*quoted = !q;
			continue;
		}
		lf = memchr(d + i, '\n', stop - i);
		end = lf ? (size_t)(lf - d) : stop;
		if (csv) {
			const char *q = memchr(d + i, '"', end - i);

			/* One in the midst of a field is a character like others; one behind another is an escape. */
			if (q) {
				i = (size_t)(q - d) + 1;
				*quoted = q == d + l->at || q[-1] == ',' || q[-1] == '"';
				continue;
			}
		}
		if (lf) {
			*ret_end = end;
			return FOUND;
		}
		i = stop;
	}
	*pos = i;
	if (i >= l->at + WEIR_BILL_RECORD_MAX)
		return FOUND_LONG;
	if (!l->ended)
		return FOUND_MORE;
	*ret_end = l->len;
	return *quoted ? FOUND_LONG : FOUND;
}

/* Behind an over-long record: the next line. A quote that nobody closed costs no more than its own line. */
static int skip_line(struct bill_lines *l)
{
	for (;;) {
		const char *lf = memchr(l->data + l->at, '\n', l->len - l->at);
		int r;

		if (lf) {
			l->at = (size_t)(lf - l->data) + 1;
			l->line++;
			return 0;
		}
		l->at = l->len;
		if (l->ended)
			return 0;
		r = bill_lines_fill(l, 1);
		if (r)
			return r;
	}
}

/* 1: text[0..len) is the record, 0: the end; *ret NULL: over-long. */
static int record_next(struct bill_lines *l, bool csv, char **ret, size_t *ret_len, uint64_t *ret_line, bool *ret_odd)
{
	for (;;) {
		bool quoted = false;
		size_t pos, end = 0, len;
		enum found f;
		char *text;
		int r = l->at == l->len ? bill_lines_fill(l, 1) : 0;

		if (r)
			return r;
		if (l->at == l->len)
			return 0;
		pos = l->at;
		while ((f = record_end(l, csv, &pos, &quoted, &end)) == FOUND_MORE) {
			size_t scanned = pos - l->at;

			r = bill_lines_fill(l, l->len - l->at + 1);
			if (r)
				return r;
			pos = l->at + scanned;
		}
		*ret_line = l->line;
		if (f == FOUND_LONG) {
			*ret = NULL;
			r = skip_line(l);
			return r ? r : 1;
		}
		text = l->data + l->at;
		len = end - l->at;
		for (const char *p = text; (p = memchr(p, '\n', (size_t)(text + len - p))); p++)
			l->line++;
		l->line++;
		l->at = WEIR_MIN(end + 1, l->len);
		if (len && text[len - 1] == '\r')
			len--;
		if (!len)
			continue; /* a blank line */
		*ret_odd = !l->raw && clean(text, len);
		text[len] = '\0';
		*ret = text;
		*ret_len = len;
		return 1;
	}
}

int bill_line_next(struct bill_lines *l, char **ret, size_t *ret_len, uint64_t *ret_line, bool *ret_odd)
{
	return record_next(l, false, ret, ret_len, ret_line, ret_odd);
}

/* Takes the quotes off the field at p; *ret_end is behind its closing quote. NULL reason: well. */
static const char *unquote(char *p, char *end, char **ret_end, size_t *ret_len)
{
	char *in = p + 1, *out = p;

	for (;;) {
		char *q = memchr(in, '"', (size_t)(end - in));
		size_t n = q ? (size_t)(q - in) : 0;

		if (!q)
			return "has a quote that is not closed";
		memmove(out, in, n);
		out += n;
		in = q + 1;
		if (in == end || *in != '"')
			break;
		*out++ = '"';
		in++;
	}
	*ret_end = in;
	*ret_len = (size_t)(out - p);
	return in == end || *in == ',' ? NULL : "has text behind its closing quote";
}

static int split(struct bill_record *rec, char *p, char *end)
{
	int r = 0;

	while (!r && !rec->bad) {
		char *stop, *text = p;
		bool quoted = p < end && *p == '"';
		size_t len;

		if (quoted) {
			rec->bad = unquote(p, end, &stop, &len);
			if (rec->bad)
				break;
		} else {
			stop = memchr(p, ',', (size_t)(end - p));
			stop = stop ? stop : end;
			len = (size_t)(stop - p);
		}
		if (len > WEIR_BILL_FIELD_MAX)
			rec->bad = "is longer than a field may be (64 KiB)";
		else if (rec->count == WEIR_BILL_COLUMNS_MAX)
			rec->bad = "is one column more than a bill may have";
		else
			r = value_add(rec, text, len, quoted);
		if (stop == end)
			break;
		p = stop + 1;
	}
	if (rec->bad)
		rec->bad_column = rec->count;
	for (size_t i = 0; !rec->bad && i < rec->count; i++)
		rec->values[i].text[rec->values[i].len] = '\0';
	return r;
}

int bill_csv_next(struct bill_lines *l, struct bill_record *rec)
{
	size_t len = 0;
	char *text;
	int r;

	rec->count = 0;
	rec->bad = NULL;
	rec->odd_text = false;
	rec->bad_column = WEIR_BILL_COLUMNS_MAX;
	r = record_next(l, true, &text, &len, &rec->line, &rec->odd_text);
	if (r <= 0)
		return r;
	if (!text) {
		rec->bad = "is longer than a row may be (1 MiB), or has a quote that is not closed";
		return 1;
	}
	r = split(rec, text, text + len);
	return r ? r : 1;
}
