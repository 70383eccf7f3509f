/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ds/csv.h"

#include <fcntl.h>
#include <inttypes.h>
#include <zlib.h>

#define CHUNK 65536
#define AT_END (-1)
#define BROKEN (-2) /* the file could not be read on; err says why */

struct weir_csv {
	char *name;
	gzFile file;
	unsigned char in[CHUNK];
	size_t pos, have;
	uint64_t line, record_line;
	char *text; /* of the record: field, NUL, field, NUL */
	size_t len, cap;
	struct weir_csv_field *fields; /* text is set when the record is whole: until then the buffer moves */
	size_t *starts;
	size_t count, field_cap;
	struct weir_err *err; /* of the call under way */
};

void weir_csv_free(struct weir_csv *c)
{
	if (!c)
		return;
	if (c->file)
		gzclose_r(c->file);
	free(c->name);
	free(c->text);
	free(c->fields);
	free(c->starts);
	free(c);
}

static int refill(struct weir_csv *c)
{
	int n = gzread(c->file, c->in, sizeof(c->in)), code = 0;
	const char *why;

	if (n > 0) {
		c->pos = 0;
		c->have = (size_t)n;
		return 0;
	}
	why = gzerror(c->file, &code);
	if (!n && code == Z_OK)
		return AT_END;
	/* zlib says Z_BUF_ERROR, and no more, of a stream that was cut off. */
	weir_err_set(c->err, -EIO, "%s:%" PRIu64 ": %s", c->name, c->line,
		     code == Z_BUF_ERROR ? "the gzip stream ends too early"
		     : code == Z_ERRNO	 ? strerror(errno)
					 : why);
	return BROKEN;
}

static int next_byte(struct weir_csv *c)
{
	int r = c->pos < c->have ? 0 : refill(c);

	return r ? r : c->in[c->pos++];
}

static int peek_byte(struct weir_csv *c)
{
	int r = c->pos < c->have ? 0 : refill(c);

	return r ? r : c->in[c->pos];
}

static int skip_mark(struct weir_csv *c)
{
	int r = refill(c);

	if (r == BROKEN)
		return -EIO;
	if (!r && c->have >= 3 && !memcmp(c->in, "\xef\xbb\xbf", 3))
		c->pos = 3;
	return 0;
}

int weir_csv_open(const char *path, struct weir_csv **ret, struct weir_err *err)
{
	weir_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	weir_auto_csv struct weir_csv *c = NULL;
	int r;

	if (fd < 0)
		return weir_err_set(err, -errno, "%s: %s", path, strerror(errno));
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->name = strdup(path);
	c->file = gzdopen(fd, "rb");
	if (!c->name || !c->file)
		return -ENOMEM;
	(void)weir_take_fd(&fd);
	c->line = 1;
	c->err = err;
	r = skip_mark(c);
	if (r)
		return r;
	*ret = weir_take_ptr(c);
	return 0;
}

static int put_byte(struct weir_csv *c, int byte)
{
	if (c->len == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 4096;
		char *text;

		if (c->len >= WEIR_CSV_RECORD_MAX)
			return weir_err_set(c->err, -E2BIG, "%s:%" PRIu64 ": a record of more than %zu bytes",
					    c->name, c->record_line, WEIR_CSV_RECORD_MAX);
		text = realloc(c->text, cap);
		if (!text)
			return -ENOMEM;
		c->text = text;
		c->cap = cap;
	}
	c->text[c->len++] = (char)byte;
	return 0;
}

static int begin_field(struct weir_csv *c)
{
	if (c->count == c->field_cap) {
		size_t cap = c->field_cap ? c->field_cap * 2 : 64;
		struct weir_csv_field *fields;
		size_t *starts;

		if (c->count >= WEIR_CSV_FIELDS_MAX)
			return weir_err_set(c->err, -E2BIG, "%s:%" PRIu64 ": a record of more than %d fields",
					    c->name, c->record_line, WEIR_CSV_FIELDS_MAX);
		fields = realloc(c->fields, cap * sizeof(*fields));
		if (!fields)
			return -ENOMEM;
		c->fields = fields;
		starts = realloc(c->starts, cap * sizeof(*starts));
		if (!starts)
			return -ENOMEM;
		c->starts = starts;
		c->field_cap = cap;
	}
	c->fields[c->count].quoted = false;
	c->starts[c->count] = c->len;
	return 0;
}

static int end_field(struct weir_csv *c)
{
	size_t len = c->len - c->starts[c->count];

	if (len > WEIR_CSV_FIELD_MAX)
		return weir_err_set(c->err, -E2BIG, "%s:%" PRIu64 ": field %zu has more than %zu bytes", c->name,
				    c->record_line, c->count + 1, WEIR_CSV_FIELD_MAX);
	c->fields[c->count++].len = len;
	return put_byte(c, '\0');
}

/* CR before LF is part of the line's end; alone it is a character. */
static bool ends_line(struct weir_csv *c, int byte)
{
	if (byte == '\r' && peek_byte(c) == '\n')
		byte = next_byte(c);
	if (byte == '\n')
		c->line++;
	return byte == '\n' || byte == AT_END;
}

/* Behind the opening quote, up to and with the closing one. */
static int read_quoted(struct weir_csv *c)
{
	int r = 0;

	c->fields[c->count].quoted = true;
	while (!r) {
		int byte = next_byte(c);

		if (byte == BROKEN)
			return -EIO;
		if (byte == AT_END)
			return weir_err_set(c->err, -EINVAL, "%s:%" PRIu64 ": a quote that is not closed", c->name,
					    c->record_line);
		if (byte == '"') {
			if (peek_byte(c) != '"')
				return 0;
			next_byte(c);
		}
		c->line += byte == '\n';
		r = put_byte(c, byte);
	}
	return r;
}

/* One field and what ends it; *ret_more: a comma, so that another follows. */
static int read_field(struct weir_csv *c, bool *ret_more)
{
	int r = begin_field(c), byte = 0;
	bool quoted = !r && peek_byte(c) == '"';

	if (quoted) {
		next_byte(c);
		r = read_quoted(c);
	}
	while (!r) {
		byte = next_byte(c);
		if (byte == BROKEN)
			return -EIO;
		if (byte == ',' || ends_line(c, byte))
			break;
		if (quoted)
			return weir_err_set(c->err, -EINVAL,
					    "%s:%" PRIu64 ": field %zu goes on behind its closing quote", c->name,
					    c->line, c->count + 1);
		r = put_byte(c, byte);
	}
	*ret_more = byte == ',';
	return r ? r : end_field(c);
}

static int read_record(struct weir_csv *c)
{
	bool more = true;
	int r = 0;

	c->len = c->count = 0;
	c->record_line = c->line;
	while (!r && more)
		r = read_field(c, &more);
	for (size_t i = 0; !r && i < c->count; i++)
		c->fields[i].text = c->text + c->starts[i];
	return r;
}

int weir_csv_next(struct weir_csv *c, const struct weir_csv_field **ret, size_t *ret_count, struct weir_err *err)
{
	int r;

	c->err = err;
	for (;;) {
		int byte = peek_byte(c);

		if (byte == BROKEN)
			return -EIO;
		if (byte == AT_END)
			return 0;
		r = read_record(c);
		if (r)
			return r;
		if (c->count > 1 || c->fields[0].len || c->fields[0].quoted)
			break;
	}
	*ret = c->fields;
	*ret_count = c->count;
	return 1;
}

uint64_t weir_csv_line(const struct weir_csv *c)
{
	return c->record_line;
}

const char *weir_csv_name(const struct weir_csv *c)
{
	return c->name;
}
