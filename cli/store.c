/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl store: works on the file itself, so that the aggregator is not held up by it, and need not be there. */
#include "cli/args.h"
#include "cli/http.h"
#include "cli/table.h"
#include "cli/view.h"
#include "lib/os/store_file.h"

#include <inttypes.h>

/* store.path of the aggregator, when nobody says otherwise. */
#define STORE_DEFAULT "/var/lib/weir-aggregator/weir.db"

/* What the running aggregator says about its store; NULL: it does not run, or is older. */
static json_t *ask(const struct cli *c)
{
	weir_auto_buf struct weir_buf body = {0};

	if (http_get(c->socket, "/api/v1/store", &body, NULL))
		return NULL;
	return json_loadb((const char *)body.data, body.len, 0, NULL);
}

static const char *store_of(const char *given, const json_t *said)
{
	const char *path = json_string_value(json_object_get(said, "path"));

	return given ? given : path ? path : STORE_DEFAULT;
}

static const struct view_column columns[] = {
	{"kind", "kind"},     {"rollup", "rollup"},   {"rows", "rows"},	    {"bytes", "bytes"},
	{"oldest_s", "oldest"}, {"newest_s", "newest"}, {"retain_s", "kept for"}, {0},
};

static json_t *table_of(const struct weir_store_table *t, const json_t *retain)
{
	json_t *kept = json_object_get(retain, t->rollup);

	return json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:O?}", "kind", *t->kind ? t->kind : "names and state", "rollup", t->rollup,
			 "rows", (json_int_t)t->rows, "bytes", (json_int_t)t->bytes, "oldest_s", (json_int_t)t->oldest_s,
			 "newest_s", (json_int_t)t->newest_s, "retain_s", kept);
}

static int show_info(const struct cli *c, const char *path, const struct weir_store_info *info, const json_t *said,
		     struct weir_err *err)
{
	view_auto_json json_t *o = json_pack("{s:s,s:i,s:I,s:I}", "path", path, "schema", info->schema, "store_bytes",
					     (json_int_t)info->bytes, "free_bytes", (json_int_t)info->free_bytes);
	view_auto_json json_t *items = json_array(), *all = json_object();
	int r;

	for (size_t i = 0; i < WEIR_STORE_TABLES; i++)
		if (json_array_append_new(items, table_of(&info->tables[i], json_object_get(said, "retain_s"))))
			return -ENOMEM;
	if (!o || !all || json_object_set(all, "items", items))
		return -ENOMEM;
	if (c->json) {
		if (json_object_update(all, o) || json_dumpf(all, c->out, JSON_COMPACT))
			return -EIO;
		return fputc('\n', c->out) == EOF ? -EIO : 0;
	}
	r = view_object(c, o, err);
	fputc('\n', c->out);
	return r ? r : view_items(c, all, columns, NULL, err);
}

int cmd_store_info(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *said = NULL;
	struct weir_store_info info;
	const char *store = NULL;
	const struct args_opt opts[] = {{"--store", ARGS_STR, &store}};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (r)
		return r;
	said = ask(c);
	r = weir_store_info(store_of(store, said), &info, err);
	return r ? r : show_info(c, store_of(store, said), &info, said, err);
}

struct progress {
	const struct cli *c;
	const char *what;
	int percent;
};

/* One line that is written over, on a terminal only. */
static void show_progress(uint64_t done, uint64_t total, void *arg)
{
	struct progress *p = arg;
	int percent = total ? (int)(100.0 * (double)done / (double)total) : 100;

	if (percent == p->percent || p->c->json || !isatty(STDERR_FILENO))
		return;
	p->percent = percent;
	fprintf(stderr, "\r%s: %d %%%s", p->what, percent, percent == 100 ? "\r\033[K" : "");
}

static int say(const struct cli *c, const char *from, const char *to, const struct weir_store_copy *done)
{
	view_auto_json json_t *o = json_pack("{s:s,s:s,s:i,s:I,s:s}", "from", from, "to", to, "schema", done->schema, "bytes",
					     (json_int_t)done->bytes, "replaced", done->aside);
	char human[HUMAN_MAX];

	if (!o)
		return -ENOMEM;
	if (c->json)
		return json_dumpf(o, c->out, JSON_COMPACT) || fputc('\n', c->out) == EOF ? -EIO : 0;
	fprintf(c->out, "%s: %s (schema %d) from %s\n", to, human_bytes(done->bytes, human), done->schema, from);
	if (*done->aside)
		fprintf(c->out, "%s: the store that was there; remove it when it is not needed\n", done->aside);
	return 0;
}

int cmd_store_backup(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	struct progress progress = {.c = c, .what = "backup", .percent = -1};
	view_auto_json json_t *said = NULL;
	struct weir_store_copy done;
	const char *store = NULL, *file = NULL;
	bool force = false;
	const struct args_opt opts[] = {{"--store", ARGS_STR, &store}, {"--force", ARGS_FLAG, &force}};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "FILE", &file, 1, 1, err);

	if (r)
		return r;
	said = ask(c);
	r = weir_store_backup(store_of(store, said), file, force, show_progress, &progress, &done, err);
	return r ? r : say(c, store_of(store, said), file, &done);
}

int cmd_store_restore(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	struct progress progress = {.c = c, .what = "restore", .percent = -1};
	view_auto_json json_t *said = NULL;
	struct weir_store_copy done;
	const char *store = NULL, *file = NULL;
	const struct args_opt opts[] = {{"--store", ARGS_STR, &store}};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "FILE", &file, 1, 1, err);

	if (r)
		return r;
	said = ask(c);
	r = weir_store_restore(file, store_of(store, said), c->now_s, show_progress, &progress, &done, err);
	return r ? r : say(c, file, store_of(store, said), &done);
}
