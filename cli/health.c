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

/* The columns that a grouping has; the keys come first. */
static const struct view_column *columns_by(const char *by, struct view_column kept[])
{
	size_t n = 0;

	for (const struct view_column *c = columns; c->field; c++) {
		bool who = c < &columns[3], peer = c == &columns[3];

		if ((who && !strcmp(by, "peer")) || (peer && !strcmp(by, "workload")))
			continue;
		kept[n++] = *c;
	}
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

	if (!r && strcmp(by, "workload") && strcmp(by, "peer") && strcmp(by, "workload,peer"))
		r = weir_err_set(err, -EINVAL, "--by: '%s' is none of workload, peer, workload,peer", by);
	if (!r)
		r = args_check_limit(limit, err);
	if (!r)
		r = view_fetch_made(c,
				    weir_strf("/api/v1/health?by=%s&since=%" PRIu64 "&limit=%" PRIu64, by, since,
					      limit), &root, err);
	return r || !root ? r : view_items(c, root, columns_by(by, kept), NULL, err);
}
