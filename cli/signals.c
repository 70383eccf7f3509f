/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl signals */
#include "cli/args.h"
#include "cli/view.h"

#define LIMIT_DEFAULT 20

int cmd_signals(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	static const struct view_column sources[] = {{"name", "source"}, {"kind", "kind"}, {"state", "state"}, {"ok_s", "last ok"},
						     {"read", "read"}, {"taken", "taken"}, {"dropped", "left out"}, {"series", "series"},
						     {"behind_bytes", "behind"}, {"error", "last error"}, {0}};
	static const struct view_column series[] = {{"query", "query"}, {"name", "series"}, {"labels", "labels"}, {"points", "points"},
						    {"missing", "missing"}, {"last_s", "last at"}, {"last", "last"}, {0}};
	static const struct view_column events[] = {{"time_s", "time"}, {"source", "source"}, {"severity", "severity"}, {"src", "from"},
						    {"dst", "to"}, {"workload", "workload"}, {"text", "what"}, {0}};
	view_auto_json json_t *root = NULL;
	uint64_t limit = LIMIT_DEFAULT;
	const struct args_opt opts[] = {{"--limit", ARGS_U64, &limit}};
	int r = args_parse(opts, 1, argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = args_check_limit(limit, err);
	if (!r)
		r = view_fetch_made(c, weir_strf("/api/v1/signals?limit=%llu", (unsigned long long)limit), &root, err);
	if (r || !root)
		return r;
	if (!json_array_size(json_object_get(root, "items"))) {
		fputs("no signals of others are read; see signals.* in the aggregator's settings\n", c->out);
		return 0;
	}
	r = view_items(c, root, sources, NULL, err);
	if (!r)
		r = view_list(c, root, "series", series, err);
	return r ? r : view_list(c, root, "events", events, err);
}
