/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl export allocation: what weirctl cost --payer shows as CSV, one row for each owner and way in which it came to it. The rows sum to
 * the ledger of those hours, in nanos as in amount.
 */
#include "cli/alloc.h"
#include "cli/args.h"
#include "lib/base/clock.h"

#include <inttypes.h>

struct output {
	FILE *f;
	const json_t *root;
	const char *by;
	size_t rows;
};

static const char *text_of(const json_t *o, const char *field)
{
	const char *s = json_string_value(json_object_get(o, field));

	return s ? s : "";
}

static json_int_t number_of(const json_t *o, const char *field)
{
	return json_integer_value(json_object_get(o, field));
}

static void put_text(FILE *f, const char *s)
{
	if (!strpbrk(s, ",\"\r\n")) {
		fputs(s, f);
		return;
	}
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"')
			fputc('"', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

static void put_row(struct output *o, const json_t *line, const char *how, const char *via, json_int_t bytes, json_int_t nanos)
{
	char from[21], to[21];
	uint64_t size = nanos < 0 ? 0 - (uint64_t)nanos : (uint64_t)nanos;

	if (!bytes && !nanos)
		return;
	fprintf(o->f, "%s,%s,", weir_time_text((uint64_t)number_of(o->root, "from") * WEIR_NS_PER_S, from),
		weir_time_text((uint64_t)number_of(o->root, "to") * WEIR_NS_PER_S, to));
	put_text(o->f, o->by);
	fputc(',', o->f);
	put_text(o->f, text_of(line, "owner"));
	fprintf(o->f, ",%s,%s,%s,", text_of(line, "kind"), text_of(o->root, "payer"), how);
	put_text(o->f, via);
	fprintf(o->f, ",%" JSON_INTEGER_FORMAT ",%" JSON_INTEGER_FORMAT ",%s%" PRIu64 ".%09" PRIu64 ",%s\n", bytes, nanos, nanos < 0 ? "-" : "",
		size / 1000000000u, size % 1000000000u, text_of(o->root, "currency"));
	o->rows++;
}

/* A line's direct part is what its other shares leave of it. */
static void put_line(struct output *o, const json_t *line)
{
	json_int_t bytes = number_of(line, "bytes");
	const json_t *share;
	size_t i;

	json_array_foreach (json_object_get(o->root, "shares"), i, share) {
		if (strcmp(text_of(share, "owner"), text_of(line, "owner")) || strcmp(text_of(share, "kind"), text_of(line, "kind")))
			continue;
		bytes -= number_of(share, "bytes");
		put_row(o, line, text_of(share, "how"), text_of(share, "via"), number_of(share, "bytes"), number_of(share, "nanos"));
	}
	put_row(o, line, "direct", "", bytes, number_of(line, "direct_nanos"));
}

static int write_all(struct output *o, struct weir_err *err, const char *path)
{
	const json_t *line;
	size_t i;

	fputs("from,to,by,owner,kind,payer,how,through,bytes,nanos,amount,currency\n", o->f);
	json_array_foreach (json_object_get(o->root, "items"), i, line)
		put_line(o, line);
	return ferror(o->f) ? weir_err_set(err, -EIO, "%s: cannot be written", path) : 0;
}

static int to_file(struct output *o, const char *path, struct weir_err *err)
{
	int r;

	o->f = fopen(path, "we");
	if (!o->f)
		return weir_err_set(err, -errno, "--output: %s: %s", path, strerror(errno));
	r = write_all(o, err, path);
	if (fclose(o->f) && !r)
		r = weir_err_set(err, -EIO, "%s: cannot be written: %s", path, strerror(errno));
	return r;
}

int cmd_export_allocation(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	const char *by = "team", *payer = NULL, *path = NULL;
	uint64_t since = 0, from = 0, to = 0;
	struct output o = {.f = c->out};
	const struct args_opt opts[] = {
		{"--by", ARGS_STR, &by},	       {"--payer", ARGS_STR, &payer}, {"--since", ARGS_DURATION, &since},
		{"--from", ARGS_TIME, &from},	       {"--to", ARGS_TIME, &to},      {"--output", ARGS_STR, &path},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = alloc_range(c, 30 * 86400, since, &from, to, err);
	if (!r)
		r = alloc_fetch(c, by, payer, from, to, &root, err);
	if (r)
		return r;
	o.root = root;
	o.by = by;
	if (!path)
		return write_all(&o, err, "standard output");
	r = to_file(&o, path, err);
	if (!r && !c->json)
		fprintf(c->out, "%zu rows in %s\n", o.rows, path);
	return r;
}
