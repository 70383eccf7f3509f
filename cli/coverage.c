/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl cost coverage */
#include "cli/alloc.h"
#include "cli/args.h"
#include "cli/table.h"

#include <ctype.h>
#include <inttypes.h>

static json_int_t number_of(const json_t *o, const char *field)
{
	return json_integer_value(json_object_get(o, field));
}

static int put_percent(json_t *o, const char *field, json_int_t part, json_int_t missing)
{
	char text[HUMAN_MAX] = "-";
	double all = (double)part + (double)missing;

	if (all > 0)
		snprintf(text, sizeof(text), "%.1f %%", (double)part / all * 100);
	return json_object_set_new(o, field, json_string(text)) ? -ENOMEM : 0;
}

/* How much has each label, then where those are that have it not. */
static int print(const struct cli *c, json_t *root, struct weir_err *err)
{
	static const struct view_column labels[] = {
		{"label", "label"}, {"cost", "of cost"}, {"of_bytes", "of bytes"}, {"missing_nanos", "cost without"}, {"bytes", "bytes without"}, {0},
	};
	static const struct view_column places[] = {
		{"label", "missing"}, {"node", "node"}, {"namespace", "namespace"}, {"workload", "workload"}, {"bytes", "bytes"},
		{"nanos", "cost"},    {0},
	};
	const char *where = json_string_value(json_object_get(root, "where"));
	json_t *list = json_object_get(root, "labels"), *v;
	view_auto_json json_t *head = json_pack("{s:O}", "items", list);
	const struct view_column node[] = {places[0], places[1], places[4], places[5], {0}};
	const struct view_column namespace[] = {places[0], places[2], places[4], places[5], {0}};
	char money[HUMAN_MAX];
	size_t i;
	int r = head ? 0 : -ENOMEM;

	json_array_foreach (list, i, v) {
		if (!r)
			r = put_percent(v, "cost", number_of(v, "covered_nanos"), number_of(v, "missing_nanos"));
		if (!r)
			r = put_percent(v, "of_bytes", number_of(v, "covered_bytes"), number_of(v, "missing_bytes"));
		if (!r)
			r = json_object_set(v, "bytes", json_object_get(v, "missing_bytes")) ? -ENOMEM : 0;
	}
	if (!r)
		r = view_items(c, head, labels, NULL, err);
	if (!r && number_of(json_object_get(root, "resources"), "nanos"))
		fprintf(c->out, "hours of gateways and load balancers, which have no labels: %s\n",
			human_money(number_of(json_object_get(root, "resources"), "nanos"), "", money));
	if (r || !json_array_size(json_object_get(root, "items")))
		return r;
	fputc('\n', c->out);
	r = view_items(c, root, !where || !strcmp(where, "workload") ? places : !strcmp(where, "node") ? node : namespace, NULL, err);
	if (!r && number_of(root, "hidden"))
		fprintf(c->out, "and %" JSON_INTEGER_FORMAT " more (--limit)\n", number_of(root, "hidden"));
	return r;
}

static int check(const char *labels, const char *where, struct weir_err *err)
{
	for (const char *p = labels ? labels : ""; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._/-,|", *p))
			return weir_err_set(err, -EINVAL, "--labels: '%.64s' is no list of labels, such as team|app,cost-centre", labels);
	if (strcmp(where, "namespace") && strcmp(where, "workload") && strcmp(where, "node"))
		return weir_err_set(err, -EINVAL, "--where: '%.64s' is none of namespace, workload, node", where);
	return 0;
}

int cmd_cost_coverage(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	weir_auto_free char *query = NULL, *bars = NULL;
	const char *labels = NULL, *where = "workload";
	uint64_t since = 0, from = 0, to = 0, limit = 50;
	const struct args_opt opts[] = {
		{"--labels", ARGS_STR, &labels}, {"--where", ARGS_STR, &where}, {"--since", ARGS_DURATION, &since},
		{"--from", ARGS_TIME, &from},	 {"--to", ARGS_TIME, &to},	{"--limit", ARGS_U64, &limit},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = args_check_limit(limit, err);
	if (!r)
		r = check(labels, where, err);
	if (!r)
		r = alloc_range(c, 86400, since, &from, to, err);
	if (r)
		return r;
	query = to ? weir_strf("&to=%" PRIu64, to) : strdup("");
	bars = alloc_escaped(labels ? labels : "");
	if (!query || !bars)
		return -ENOMEM;
	r = view_fetch_made(c,
			    weir_strf("/api/v1/coverage?where=%s&from=%" PRIu64 "%s&limit=%" PRIu64 "%s%s", where, from, query, limit,
				      labels ? "&labels=" : "", bars), &root, err);
	return r || !root ? r : print(c, root, err);
}
