/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl import topology: from the files of providers' tools to a topology document. Needs no aggregator. */
#include "cli/args.h"
#include "cli/view.h"
#include "lib/ds/buf.h"
#include "lib/money/import.h"
#include "lib/money/topology.h"
#include "lib/os/file.h"

#define FILES_MAX 256

static void import_freep(struct weir_import **m)
{
	weir_import_free(*m);
}

struct notes {
	bool json;
	json_t *list;
	size_t count;
};

static void on_note(const char *line, void *arg)
{
	struct notes *n = arg;

	n->count++;
	if (n->json)
		json_array_append_new(n->list, json_string(line));
	else
		fprintf(stderr, "%s\n", line);
}

static int parse_from(const char *s, enum weir_import_from *ret, struct weir_err *err)
{
	if (!s)
		return weir_err_set(err, -EINVAL, "--from terraform, aws or azure is needed");
	for (unsigned int i = 0; i < WEIR_IMPORT_FROMS; i++) {
		if (!strcmp(s, weir_import_from_name(i))) {
			*ret = i;
			return 0;
		}
	}
	return weir_err_set(err, -EINVAL, "--from: '%.60s' is none of terraform, aws, azure", s);
}

static int add_file(struct weir_import *m, const char *path, struct weir_err *err)
{
	weir_auto_free char *data = NULL;
	size_t len;
	int r = weir_file_read(path, WEIR_IMPORT_MAX, &data, &len);

	if (r < 0)
		return weir_err_set(err, r, "%s: cannot read: %s", path, strerror(-r));
	return weir_import_add(m, path, data, len, err);
}

/* A provider's file of public prefixes stays a file: a document names it, by the path from the repository. */
static int check_ranges(const char *path, struct weir_err *err)
{
	weir_auto_free char *data = NULL;
	struct weir_topology *t = NULL;
	size_t len;
	int r;

	if (*path == '/' || strstr(path, "..") || strpbrk(path, "\"\\\n"))
		return weir_err_set(err, -EINVAL, "--ranges: '%.100s' must be a path from the root of the repository", path);
	r = weir_file_read(path, WEIR_RANGES_MAX, &data, &len);
	if (r < 0)
		return weir_err_set(err, r, "%s: cannot read: %s; run it at the root of the repository", path, strerror(-r));
	r = weir_topology_new(&t);
	if (r == 0)
		r = weir_topology_add_ranges(t, path, data, len, err);
	weir_topology_free(t);
	return r;
}

static int add_ranges(const char *const *paths, char **text, struct weir_err *err)
{
	weir_auto_buf struct weir_buf b = {0};
	int r = weir_buf_addf(&b, "%s---\napiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: ranges}\nspec:\n"
				  "  range_files:\n", *text);

	for (size_t i = 0; r == 0 && paths[i]; i++) {
		r = check_ranges(paths[i], err);
		if (r == 0)
			r = weir_buf_addf(&b, "  - \"%s\"\n", paths[i]);
	}
	if (r < 0)
		return r;
	free(*text);
	*text = (char *)weir_take_ptr(b.data);
	return 0;
}

static int give(const struct cli *c, const char *text, const char *out, const struct notes *n, struct weir_err *err)
{
	int r = 0;

	if (out)
		r = weir_file_write(out, text, strlen(text), 0644);
	if (r < 0)
		return weir_err_set(err, r, "%s: cannot write: %s", out, strerror(-r));
	if (c->json) {
		view_auto_json json_t *o = json_pack("{s:s, s:O}", "topology", text, "notes", n->list);

		json_dumpf(o, c->out, JSON_COMPACT);
		fputc('\n', c->out);
	} else if (!out) {
		fputs(text, c->out);
	} else {
		fprintf(c->out, "%s: written, %zu thing%s not placed\n", out, n->count, n->count == 1 ? "" : "s");
	}
	return 0;
}

int cmd_import_topology(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(import_freep) struct weir_import *m = NULL;
	view_auto_json json_t *list = json_array();
	struct notes notes = {.json = c->json, .list = list};
	const char *from_text = NULL, *out = NULL, *files[FILES_MAX] = {NULL};
	const char *ranges[ARGS_LIST_MAX + 1] = {NULL};
	const struct args_opt opts[] = {
		{"--from", ARGS_STR, &from_text}, {"--out", ARGS_STR, &out}, {"--ranges", ARGS_LIST, ranges}};
	enum weir_import_from from = WEIR_IMPORT_TERRAFORM;
	weir_auto_free char *text = NULL;
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "FILE...", files, 1, FILES_MAX, err);

	if (!r)
		r = parse_from(from_text, &from, err);
	if (!r)
		r = weir_import_new(from, on_note, &notes, &m);
	for (size_t i = 0; !r && i < FILES_MAX && files[i]; i++)
		r = add_file(m, files[i], err);
	if (!r)
		r = weir_import_write(m, &text, err);
	if (!r && ranges[0])
		r = add_ranges(ranges, &text, err);
	return r ? r : give(c, text, out, &notes, err);
}
