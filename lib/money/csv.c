/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a bill's reader for those to whom a bad one is the end. */
#include "lib/money/csv.h"

#include <fcntl.h>
#include <inttypes.h>

#include "lib/money/bill_impl.h"

struct weir_csv {
	char *name;
	struct bill_source *source;
	struct bill_lines lines;
	struct bill_record rec;
};

void weir_csv_free(struct weir_csv *c)
{
	if (!c)
		return;
	bill_source_close(c->source);
	bill_lines_fini(&c->lines);
	free(c->rec.values);
	free(c->name);
	free(c);
}

static int broken(const struct weir_csv *c, int r, struct weir_err *err)
{
	return weir_err_set(err, r, "%s: %s", c->name, r == -EBADMSG ? "the gzip stream is torn or damaged" : strerror(-r));
}

int weir_csv_open(const char *path, struct weir_csv **ret, struct weir_err *err)
{
	weir_auto_csv struct weir_csv *c = calloc(1, sizeof(*c));
	int fd, r;

	if (!c || !(c->name = strdup(path)))
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return broken(c, -errno, err);
	r = bill_source_open(fd, &c->source);
	if (!r)
		r = bill_lines_init(&c->lines, c->source);
	if (!r)
		r = bill_lines_skip_mark(&c->lines);
	if (r)
		return broken(c, r, err);
	c->lines.raw = true;
	*ret = weir_take_ptr(c);
	return 0;
}

int weir_csv_next(struct weir_csv *c, const struct weir_csv_field **ret, size_t *ret_count, struct weir_err *err)
{
	int r = bill_csv_next(&c->lines, &c->rec);

	if (r <= 0)
		return r ? broken(c, r, err) : 0;
	if (c->rec.bad && c->rec.bad_column == WEIR_BILL_COLUMNS_MAX)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": the record %s", c->name, c->rec.line, c->rec.bad);
	if (c->rec.bad)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": field %zu %s", c->name, c->rec.line, c->rec.bad_column + 1,
				    c->rec.bad);
	*ret = c->rec.values;
	*ret_count = c->rec.count;
	return 1;
}

uint64_t weir_csv_line(const struct weir_csv *c)
{
	return c->rec.line;
}

const char *weir_csv_name(const struct weir_csv *c)
{
	return c->name;
}
