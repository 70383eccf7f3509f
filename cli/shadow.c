/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl policy shadow. */
#include "cli/args.h"
#include "cli/view.h"

#include <inttypes.h>

static const struct view_column nodes[] = {
	{"node", "node"},
	{"class", "class"},
	{"mode", "mode"},
	{"candidate", "candidate"},
	{"evaluates", "evaluates"},
	{"since_s", "since"},
	{"denied", "denied"},
	{"accepted", "accepted"},
	{"limited", "limited"},
	{"refused_reason", "refused"},
	{0},
};

static const struct view_column rules[] = {
	{"node", "node"},	  {"rule", "rule"},	  {"denied", "would deny"},
	{"accepted", "would accept"}, {"limited", "other limit"}, {0},
};

/* The list `what` of the answer, below what stands already. */
static int show_list(const struct cli *c, const json_t *root, const char *what, const struct view_column *columns,
		     struct weir_err *err)
{
	view_auto_json json_t *list = json_pack("{s:O?}", "items", json_object_get(root, what));

	fputc('\n', c->out);
	return list ? view_items(c, list, columns, NULL, err) : -ENOMEM;
}

int cmd_policy_shadow(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	uint64_t serial = 0, limit = 1000;
	char *path;
	const struct args_opt opts[] = {
		{"--serial", ARGS_U64, &serial},
		{"--limit", ARGS_U64, &limit},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = args_check_limit(limit, err);
	if (r)
		return r;
	path = serial ? weir_strf("/api/v1/shadow?limit=%" PRIu64 "&serial=%" PRIu64, limit, serial) :
			weir_strf("/api/v1/shadow?limit=%" PRIu64, limit);
	r = view_fetch_made(c, path, &root, err);
	if (r || !root)
		return r;
	r = view_object(c, root, err);
	if (!r)
		r = show_list(c, root, "nodes", nodes, err);
	return r ? r : show_list(c, root, "items", rules, err);
}
