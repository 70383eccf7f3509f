/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl export traffic: recorded hours as a file that a plan is priced with (lib/money/traffic_file.c). */
#include "cli/args.h"
#include "cli/recorded.h"
#include "lib/ds/buf.h"
#include "lib/money/privacy.h"

#include <fcntl.h>
#include <inttypes.h>
#include <zlib.h>

#define HOUR_S 3600u
#define DAYS_30_S (30ull * 86400)

/* What may be said of addresses. */
struct privacy {
	const char *key, *truncate, *domains[ARGS_LIST_MAX + 1];
	uint64_t least;
};

/* To a file, plain or gzip by its name, or to what commands print to. */
struct output {
	const char *path;
	FILE *plain;
	gzFile packed;
	struct weir_buf line;
	const struct privacy *privacy;
	struct weir_err *err;
};

static int put(struct output *o, const void *data, size_t len)
{
	bool done = o->packed ? gzwrite(o->packed, data, (unsigned int)len) == (int)len : fwrite(data, 1, len, o->plain) == len;

	return done ? 0 : weir_err_set(o->err, -EIO, "%s: cannot be written: %s", o->path, strerror(errno));
}

static int put_row(const struct weir_traffic *t, void *arg)
{
	struct output *o = arg;
	int r;

	o->line.len = 0;
	r = weir_traffic_line(t, &o->line);
	return r ? r : put(o, o->line.data, o->line.len);
}

static bool is_packed(const char *path)
{
	size_t len = strlen(path);

	return len > 3 && !strcmp(path + len - 3, ".gz");
}

static int output_open(struct output *o, struct weir_err *err)
{
	o->err = err;
	errno = 0;
	if (is_packed(o->path))
		o->packed = gzopen(o->path, "wbe6");
	else
		o->plain = fopen(o->path, "we");
	if (o->packed || o->plain)
		return 0;
	return weir_err_set(err, errno ? -errno : -ENOMEM, "--output: %s: %s", o->path, strerror(errno ? errno : ENOMEM));
}

static int output_close(struct output *o, int r)
{
	int failed = o->packed ? gzclose(o->packed) != Z_OK : fclose(o->plain) != 0;

	return r ? r : failed ? weir_err_set(o->err, -EIO, "%s: cannot be written: %s", o->path, strerror(errno)) : 0;
}

static int keep_row(const struct weir_traffic *t, void *arg)
{
	return weir_traffic_add(arg, t);
}

static void traffic_freep(struct weir_traffic_set **s)
{
	weir_traffic_free(*s);
}

/* All rows are needed before the first can be written: who speaks with a peer shows at the end. */
static int export_private(const struct cli *c, struct output *o, uint64_t from_s, uint64_t to_s, uint64_t *ret_rows,
			  struct weir_err *err)
{
	const struct privacy *q = o->privacy;
	weir_cleanup(weir_pseudonym_freep) struct weir_pseudonym *pseudonyms = NULL;
	weir_cleanup(traffic_freep) struct weir_traffic_set *all = NULL, *out = NULL;
	struct weir_privacy p = {.domains = q->domains, .keep4 = 32, .keep6 = 128, .least = (uint32_t)q->least};
	struct weir_traffic t;
	int r = q->truncate ? weir_privacy_truncation(q->truncate, &p, err) : 0;

	if (!r && q->key)
		r = weir_pseudonym_load(q->key, &pseudonyms, err);
	p.pseudonyms = pseudonyms;
	if (!r)
		r = weir_traffic_new(&all);
	if (!r)
		r = recorded_fetch(c, from_s, to_s, keep_row, all, ret_rows, err);
	if (!r)
		r = weir_privacy_apply(&p, all, &out);
	if (!r)
		r = put(o, weir_traffic_header(), strlen(weir_traffic_header()));
	for (size_t i = 0; !r && i < weir_traffic_count(out); i++) {
		weir_traffic_get(out, i, &t);
		r = put_row(&t, o);
	}
	if (!r)
		*ret_rows = weir_traffic_count(out);
	return r;
}

static int export(const struct cli *c, struct output *o, uint64_t from_s, uint64_t to_s, uint64_t *ret_rows,
		  struct weir_err *err)
{
	int r;

	if (o->privacy)
		return export_private(c, o, from_s, to_s, ret_rows, err);
	r = put(o, weir_traffic_header(), strlen(weir_traffic_header()));
	return r ? r : recorded_fetch(c, from_s, to_s, put_row, o, ret_rows, err);
}

/* What is exported is a file of its own; with --json what was done is said. */
static int to_file(const struct cli *c, struct output *o, uint64_t from_s, uint64_t to_s, struct weir_err *err)
{
	uint64_t rows = 0;
	int r = output_open(o, err);

	if (r)
		return r;
	r = output_close(o, export(c, o, from_s, to_s, &rows, err));
	if (r) {
		unlink(o->path);
		return r;
	}
	if (c->json)
		fprintf(c->out, "{\"rows\":%" PRIu64 ",\"from_s\":%" PRIu64 ",\"to_s\":%" PRIu64 "}\n", rows, from_s, to_s);
	else
		fprintf(c->out, "%" PRIu64 " rows of %" PRIu64 " hours in %s\n", rows, (to_s - from_s) / HOUR_S, o->path);
	return 0;
}

int cmd_export_traffic(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	uint64_t since = 0, from_s = 0, to_s = c->now_s - c->now_s % HOUR_S, rows;
	struct output o = {0};
	struct privacy privacy = {0};
	const struct args_opt opts[] = {
		{"--since", ARGS_DURATION, &since},
		{"--from", ARGS_TIME, &from_s},
		{"--to", ARGS_TIME, &to_s},
		{"--output", ARGS_STR, &o.path},
		{"--pseudonyms", ARGS_STR, &privacy.key},
		{"--domain", ARGS_LIST, privacy.domains},
		{"--truncate", ARGS_STR, &privacy.truncate},
		{"--least", ARGS_U64, &privacy.least},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (r)
		return r;
	if (since && from_s)
		return weir_err_set(err, -EINVAL, "--since or --from, not both");
	if (privacy.key || privacy.truncate || privacy.least)
		o.privacy = &privacy;
	else if (privacy.domains[0])
		return weir_err_set(err, -EINVAL, "--domain goes with --pseudonyms, --truncate or --least");
	if (privacy.least > UINT32_MAX)
		return weir_err_set(err, -ERANGE, "--least: more than there can be");
	since = WEIR_MIN(since ? since : DAYS_30_S, c->now_s);
	from_s = from_s ? from_s : c->now_s - since;
	from_s -= from_s % HOUR_S;
	to_s = (to_s + HOUR_S - 1) / HOUR_S * HOUR_S;
	if (to_s <= from_s)
		return weir_err_set(err, -EINVAL, "--to must lie at least an hour behind --from");
	if (o.path) {
		r = to_file(c, &o, from_s, to_s, err);
	} else {
		o.path = "standard output";
		o.plain = c->out;
		o.err = err;
		r = export(c, &o, from_s, to_s, &rows, err);
	}
	weir_buf_fini(&o.line);
	return r;
}
