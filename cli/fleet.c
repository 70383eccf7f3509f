/* SPDX-License-Identifier: Apache-2.0 */
/* Whether all is well, and what is known of each agent. */
#include "cli/args.h"
#include "cli/table.h"
#include "cli/view.h"

#include <inttypes.h>

#define AGENTS "/api/v1/agents"

static const struct view_column problem_columns[] = {
	{"what", "what"}, {"since_age_s", "since"}, {"where", "nodes"}, {"do", "do"}, {0},
};

/* "n1, n2 and 7 more", or "-" of what is the aggregator's own. */
static int name_nodes(json_t *problem)
{
	const json_t *nodes = json_object_get(problem, "nodes");
	json_int_t count = json_integer_value(json_object_get(problem, "node_count"));
	char text[512] = "";
	size_t i, used = 0;
	json_t *node;

	json_array_foreach (nodes, i, node) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : "",
					 json_string_value(node) ? json_string_value(node) : "?");
		used = WEIR_MIN(used, sizeof(text) - 1);
	}
	if (count > (json_int_t)json_array_size(nodes))
		snprintf(text + used, sizeof(text) - used, " and %" JSON_INTEGER_FORMAT " more",
			 count - (json_int_t)json_array_size(nodes));
	return json_object_set_new(problem, "where", json_string(text)) ? -ENOMEM : 0;
}

static int print_problems(const struct cli *c, const json_t *problems, struct weir_err *err)
{
	view_auto_json json_t *root = json_pack("{s:O}", "items", problems);
	json_t *problem;
	size_t i;
	int r = root ? 0 : -ENOMEM;

	json_array_foreach (problems, i, problem) {
		const json_t *since = json_object_get(problem, "since_s");

		if (!r)
			r = name_nodes(problem);
		if (!r && json_object_set(problem, "since_age_s", (json_t *)since))
			r = -ENOMEM;
	}
	return r ? r : view_items(c, root, problem_columns, NULL, err);
}

int cmd_status(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	static const struct view_column facts[] = {
		{"agents", "agents"},	{"agents_connected", "connected"}, {"serial", "serial"},
		{"policy_state", "policy"}, {"store_bytes", "store"},	   {"uptime_s", "up"},
		{"cert_expires_s", "certificate ends"},
		{"version", "version"},	{0},
	};
	view_auto_json json_t *root = NULL;
	const json_t *problems;
	size_t n;
	int r = args_parse(NULL, 0, argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = view_fetch_parsed(c, "/api/v1/status", &root, err);
	if (r)
		return r;
	problems = json_object_get(root, "problems");
	n = json_array_size(problems);
	if (!json_is_array(problems))
		return weir_err_set(err, -EBADMSG, "the aggregator's answer does not say whether all is well");
	if (c->json)
		return n ? CLI_NOT_WELL : 0;
	if (n)
		fprintf(c->out, "NOT WELL: %zu problem%s\n\n", n, n == 1 ? "" : "s");
	else
		fputs("all is well\n", c->out);
	if (n)
		r = print_problems(c, problems, err);
	if (!r) {
		fputc('\n', c->out);
		r = view_fields(c, root, facts, err);
	}
	return r ? r : n ? CLI_NOT_WELL : 0;
}

/* What matters, in 120 columns; all of it is in `weirctl agents NAME`. */
static const struct view_column agent_columns[] = {
	{"node", "node"},
	{"connected_since_s", "connected"},
	{"lag_s", "lag"},
	{"mode", "mode"},
	{"serial", "serial"},
	{"unexplained_bytes", "unexplained"},
	{"lost_bytes", "lost"},
	{"folded_bytes", "folded"},
	{"clock_skew_s", "clock"},
	{"spool_fill", "spool"},
	{"table_fill", "table"},
	{"ns_per_packet", "ns/packet"},
	{0},
};

static const struct view_column agent_fields[] = {
	{"node", "node"},
	{"class", "class"},
	{"version", "version"},
	{"kernel", "kernel"},
	{"hooks", "hooks"},
	{"mode", "mode"},
	{"connected_since_s", "connected"},
	{"last_seen_s", "last seen"},
	{"lag_s", "lag"},
	{"lag_windows", "lag in windows"},
	{"epoch", "epoch"},
	{"sequence", "sequence"},
	{"gaps", "gaps"},
	{"lost_bytes", "lost"},
	{"lost_packets", "lost packets"},
	{"folded_bytes", "folded"},
	{"folded_rows", "folded rows"},
	{"unexplained_bytes", "unexplained"},
	{"clock_skew_s", "clock off by"},
	{"clock_error_s", "within"},
	{"spool_bytes", "spool"},
	{"spool_max", "spool max"},
	{"spool_fill", "spool filled"},
	{"flow_rows_used", "flow rows used"},
	{"flow_rows", "flow rows"},
	{"table_fill", "table filled"},
	{"ns_per_packet", "ns per packet"},
	{"serial", "serial"},
	{"wanted_serial", "serial served"},
	{"applied_ns", "applied"},
	{"applied_digest", "digest in kernel"},
	{"drifts", "drifts mended"},
	{"approvers", "approvers"},
	{"threshold", "of them must sign"},
	{"refused_serial", "refused serial"},
	{"refused_reason", "refused because"},
	{"refused_text", "refused text"},
	{"alarm", "alarm"},
	{"key_epoch", "key epoch"},
	{"lease_until_s", "lease"},
	{"lapsed_s", "lapsed"},
	{"cert_expires_s", "certificate ends"},
	{"keys_broken", "keys unusable"},
	{"session_refused", "session refused"},
	{0},
};

static const struct view_column identity_columns[] = {
	{"node", "node"},
	{"interface", "interface"},
	{"dir", "dir"},
	{"term", "term"},
	{"bytes", "bytes"},
	{"packets", "packets"},
	{0},
};

static const struct view_column drop_columns[] = {
	{"node", "node"},
	{"reason", "reason"},
	{"bytes", "bytes"},
	{"packets", "packets"},
	{0},
};

/* {"items":[...]} of the list `what` of all agents, each with its node's name. Bytes become text:
 * these are exact, so no rounding to KiB. */
static int agents_items(const json_t *root, const char *what, json_t **ret)
{
	view_auto_json json_t *all = json_object(), *items = json_array();
	size_t i, k;
	json_t *agent, *term;

	if (!all || json_object_set(all, "items", items))
		return -ENOMEM;
	json_array_foreach (json_object_get(root, "items"), i, agent) {
		json_array_foreach (json_object_get(agent, what), k, term) {
			view_auto_json json_t *row = json_copy(term);
			char text[24];

			snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
				 json_integer_value(json_object_get(term, "bytes")));
			if (!row || json_object_set(row, "node", json_object_get(agent, "node")) ||
			    json_object_set_new(row, "bytes", json_string(text)) ||
			    json_array_append(items, row))
				return -ENOMEM;
		}
	}
	*ret = weir_take_ptr(all);
	return 0;
}

/* Node names need no escaping in a URL; what is none finds nothing. */
static bool name_ok(const char *s)
{
	return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")];
}

static int print_agent(const struct cli *c, const json_t *root, struct weir_err *err)
{
	view_auto_json json_t *drops = NULL;
	int r = view_fields(c, json_array_get(json_object_get(root, "items"), 0), agent_fields, err);

	if (!r)
		r = agents_items(root, "drops", &drops);
	if (r || !json_array_size(json_object_get(drops, "items")))
		return r;
	fputc('\n', c->out);
	return view_items(c, drops, drop_columns, NULL, err);
}

int cmd_agents(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL, *terms = NULL;
	bool identity = false, drops = false;
	const char *node = NULL;
	const struct args_opt opts[] = {{"--identity", ARGS_FLAG, &identity},
					{"--drops", ARGS_FLAG, &drops}};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "[NODE]", &node, 0, 1, err);

	if (!r && node && !name_ok(node))
		r = weir_err_set(err, -EINVAL, "'%s' is no name of a node", node);
	if (!r)
		r = view_fetch_made(c, weir_strf(AGENTS "%s%s", node ? "?node=" : "", node ? node : ""), &root, err);
	if (r || !root)
		return r;
	if (!identity && !drops)
		return node ? print_agent(c, root, err) : view_items(c, root, agent_columns, NULL, err);
	r = agents_items(root, identity ? "identity" : "drops", &terms);
	return r ? r : view_items(c, terms, identity ? identity_columns : drop_columns, NULL, err);
}
