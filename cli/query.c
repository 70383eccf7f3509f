/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that ask the aggregator. */
#include "cli/args.h"
#include "cli/view.h"

#include <inttypes.h>

static int no_operands(int argc, char **argv, struct weir_err *err)
{
	return args_parse(NULL, 0, argc, argv, "", NULL, 0, 0, err);
}

int cmd_top(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	const char *by = "workload";
	uint64_t since = 300, limit = 20;
	const struct args_opt opts[] = {
		{"--by", ARGS_STR, &by},
		{"--since", ARGS_DURATION, &since},
		{"--limit", ARGS_U64, &limit},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r && strcmp(by, "workload") && strcmp(by, "peer") && strcmp(by, "path"))
		r = weir_err_set(err, -EINVAL, "--by: '%s' is none of workload, peer, path", by);
	if (!r)
		r = args_check_limit(limit, err);
	if (!r)
		r = view_fetch_made(c,
				    weir_strf("/api/v1/top?by=%s&since=%" PRIu64 "&limit=%" PRIu64, by, since,
					      limit), &root, err);
	return r || !root ? r : view_items(c, root, NULL, NULL, err);
}

static const struct view_column flow_columns[] = {
	{"time_s", "time"},	  {"node", "node"},	  {"namespace", "namespace"},
	{"workload", "workload"}, {"team", "team"},	  {"local", "local"},
	{"peer", "peer"},	  {"peer_port", "port"},  {"proto", "proto"},
	{"dir", "dir"},		  {"verdict", "verdict"}, {"path", "path"},
	{"bytes", "bytes"},	  {"packets", "packets"}, {0},
};

int cmd_flows(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	uint64_t since = 300, limit = 50;
	const struct args_opt opts[] = {
		{"--since", ARGS_DURATION, &since},
		{"--limit", ARGS_U64, &limit},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = args_check_limit(limit, err);
	if (!r)
		r = view_fetch_made(c,
				    weir_strf("/api/v1/flows?since=%" PRIu64 "&limit=%" PRIu64, since, limit),
				    &root, err);
	return r || !root ? r : view_items(c, root, flow_columns, NULL, err);
}

int query_dimensions(const char *by, struct weir_err *err)
{
	static const char *const known[] = {"workload", "namespace", "team",
					    "path",	"meter",     "node", "class"};
	bool seen[WEIR_ARRAY_SIZE(known)] = {0};

	for (const char *p = by;; p++) {
		size_t len = strcspn(p, ","), i = 0;

		while (i < WEIR_ARRAY_SIZE(known) &&
		       (strlen(known[i]) != len || strncmp(known[i], p, len)))
			i++;
		if (i == WEIR_ARRAY_SIZE(known))
			return weir_err_set(
				err, -EINVAL,
				"--by: '%.*s' is none of workload, namespace, team, path, "
				"meter, node, class",
				(int)WEIR_MIN(len, 64u), p);
		if (seen[i])
			return weir_err_set(err, -EINVAL, "--by: %s is given twice", known[i]);
		seen[i] = true;
		p += len;
		if (!*p)
			return 0;
	}
}

static const struct view_column rollout_columns[] = {
	{"node", "node"},
	{"class", "class"},
	{"connected", "connected"},
	{"mode", "mode"},
	{"wanted_serial", "wanted"},
	{"serial", "applied"},
	{"applied_ns", "since"},
	{"refused_serial", "refused"},
	{"refused_reason", "reason"},
	{"refused_text", "text"},
	{0},
};

int cmd_policy_status(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	int r = no_operands(argc, argv, err);

	if (!r)
		r = view_fetch(c, "/api/v1/policy", &root, err);
	if (r || !root)
		return r;
	r = view_object(c, root, err);
	if (r || !json_is_array(json_object_get(root, "items")))
		return r;
	fputc('\n', c->out);
	return view_items(c, root, rollout_columns, NULL, err);
}

static const struct view_column audit_columns[] = {
	{"seq", "seq"}, {"time_ns", "time"}, {"event", "event"}, {"fields", "fields"}, {0},
};

int cmd_audit(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	uint64_t limit = 50;
	const struct args_opt opts[] = {{"--limit", ARGS_U64, &limit}};
	int r = args_parse(opts, 1, argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = args_check_limit(limit, err);
	if (!r)
		r = view_fetch_made(c, weir_strf("/api/v1/audit?limit=%" PRIu64, limit), &root, err);
	return r || !root ? r : view_items(c, root, audit_columns, NULL, err);
}
