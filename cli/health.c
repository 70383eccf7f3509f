/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl health. */
#include "cli/args.h"
#include "cli/view.h"

#include <inttypes.h>

static const struct view_column columns[] = {
	{"node", "node"},
	{"namespace", "namespace"},
	{"workload", "workload"},
	{"peer_class", "peer class"},
	{"connections", "connections"},
	{"open", "open"},
	{"failed", "failed"},
	{"resets", "resets"},
	{"retransmits", "retransmits"},
	{"rtt_p50_ms", "rtt p50 ms"},
	{"rtt_p90_ms", "p90 ms"},
	{"rtt_p99_ms", "p99 ms"},
	{"mean_duration_s", "duration s"},
	{0},
};

static const struct view_column path_columns[] = {
	{"node", "node"},
	{"namespace", "namespace"},
	{"workload", "workload"},
	{"path", "path"},
	{"retransmits", "retransmits"},
	{"rtt_mean_ms", "rtt mean ms"},
	{"rtt_samples", "samples"},
	{0},
};
static const char *const groupings[] = {"workload", "peer", "path", "workload,peer", "workload,path"};

static bool is_grouping(const char *by)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(groupings); i++)
		if (!strcmp(by, groupings[i]))
			return true;
	return false;
}

/* The columns that a grouping has; the keys come first. */
static const struct view_column *columns_by(const char *by, struct view_column kept[])
{
	bool workload = strstr(by, "workload"), peer = strstr(by, "peer");
	size_t n = 0;

	if (strstr(by, "path"))
		return workload ? path_columns : &path_columns[3];
	for (const struct view_column *c = columns; c->field; c++)
		if ((c >= &columns[3] || workload) && (c != &columns[3] || peer))
			kept[n++] = *c;
	return kept;
}

int cmd_health(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	struct view_column kept[WEIR_ARRAY_SIZE(columns)] = {0};
	view_auto_json json_t *root = NULL;
	const char *by = "workload,peer";
	uint64_t since = 300, limit = 1000;
	const struct args_opt opts[] = {
		{"--by", ARGS_STR, &by},
		{"--since", ARGS_DURATION, &since},
		{"--limit", ARGS_U64, &limit},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r && !is_grouping(by))
		r = weir_err_set(err, -EINVAL, "--by: '%s' is none of workload, peer, path, workload,peer, workload,path", by);
	if (!r)
		r = args_check_limit(limit, err);
	if (!r)
		r = view_fetch_made(c,
				    weir_strf("/api/v1/health?by=%s&since=%" PRIu64 "&limit=%" PRIu64, by, since,
					      limit), &root, err);
	return r || !root ? r : view_items(c, root, columns_by(by, kept), NULL, err);
}
