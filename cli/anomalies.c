/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl anomalies */
#include "cli/alloc.h"
#include "cli/args.h"
#include "cli/live.h"

#include <inttypes.h>
#include <math.h>

/* "shop/web", "node n1" of what no workload is known of. */
static char *who_text(const json_t *item)
{
	const char *namespace = live_text(item, "namespace"), *name = live_text(item, "workload"), *node = live_text(item, "node");

	if (!*name && !*namespace)
		return *node ? weir_strf("node %s", node) : strdup("-");
	return weir_strf("%s%s%s", namespace, *namespace ? "/" : "", name);
}

/* "203.0.113.9/32 port 443", "s3.amazonaws.com", "internet" of a series. */
static char *whom_text(const json_t *item)
{
	const char *name = live_text(item, "peer_name"), *peer = live_text(item, "peer"), *path = live_text(item, "path");
	json_int_t port = json_integer_value(json_object_get(item, "port"));
	const char *shown = *name ? name : *peer ? peer : *path ? path : "-";

	return port ? weir_strf("%s port %" JSON_INTEGER_FORMAT, shown, port) : strdup(shown);
}

/* "1.20 GiB (usual 30.0 MiB)" */
static char *amount_text(const json_t *item)
{
	const json_t *observed = json_object_get(item, "observed"), *expected = json_object_get(item, "expected");
	const char *unit = live_text(item, "unit");
	char is[HUMAN_MAX], was[HUMAN_MAX];

	if (!json_is_number(observed))
		return strdup("-");
	live_value(json_number_value(observed), unit, is);
	if (!json_is_number(expected))
		return strdup(is);
	return weir_strf("%s (usual %s)", is, live_value(json_number_value(expected), unit, was));
}

/* Texts that are made of more than one field. */
static int put_texts(const struct cli *c, json_t *item)
{
	uint64_t since_s = (uint64_t)json_integer_value(json_object_get(item, "since_s"));
	weir_auto_free char *who = who_text(item), *whom = whom_text(item), *much = amount_text(item), *money = NULL;
	const char *currency = live_text(item, "currency");
	char age[HUMAN_MAX], cost[HUMAN_MAX];

	human_seconds(c->now_s > since_s ? c->now_s - since_s : 0, age);
	human_money(json_integer_value(json_object_get(item, "nanos_per_hour")), currency, cost);
	money = strdup(json_integer_value(json_object_get(item, "nanos_per_hour")) ? cost : "-");
	if (!who || !whom || !much || !money || json_object_set_new(item, "age", json_string(age)) ||
	    json_object_set_new(item, "who", json_string(who)) || json_object_set_new(item, "with", json_string(whom)) ||
	    json_object_set_new(item, "much", json_string(much)) || json_object_set_new(item, "an_hour", json_string(money)))
		return -ENOMEM;
	return 0;
}

static int print_table(const struct cli *c, const json_t *items, bool all)
{
	static const struct {
		const char *field, *title;
	} columns[] = {{"id", "id"}, {"age", "since"}, {"kind", "what"}, {"who", "who"}, {"with", "with"}, {"much", "how much"},
		       {"an_hour", "an hour"}, {"action", "action"}, {"state", "state"}, {"sentence", "why"}};
	table_auto struct table *t = NULL;
	char id[32];
	int r = table_new(&t);

	for (size_t k = 0; k < WEIR_ARRAY_SIZE(columns) && !r; k++)
		if (all || strcmp(columns[k].field, "state"))
			r = table_column(t, columns[k].title, k < 2 || !strcmp(columns[k].field, "an_hour"));
	for (size_t i = 0; i < json_array_size(items) && !r; i++) {
		const json_t *item = json_array_get(items, i);

		snprintf(id, sizeof(id), "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(item, "id")));
		for (size_t k = 0; k < WEIR_ARRAY_SIZE(columns) && !r; k++)
			if (all || strcmp(columns[k].field, "state"))
				r = table_cell(t, k ? live_text(item, columns[k].field) : id);
	}
	if (!r && c->width)
		table_fit(t, c->width);
	return r ? r : table_print(t, c->out, c->colour);
}

static int print_list(const struct cli *c, json_t *root, bool all, struct weir_err *err)
{
	json_t *items = json_object_get(root, "items");
	json_int_t open = json_integer_value(json_object_get(root, "open"));
	char cost[HUMAN_MAX];
	int r = 0;

	if (!json_is_array(items))
		return weir_err_set(err, -EBADMSG, "the aggregator's answer has no list of items");
	if (!json_array_size(items)) {
		fputs(all ? "nothing was found\n" : "nothing goes on; --all shows what ended\n", c->out);
		return 0;
	}
	fprintf(c->out, "%" JSON_INTEGER_FORMAT " go on, at %s an hour above what is usual\n\n", open,
		human_money(json_integer_value(json_object_get(root, "open_nanos_per_hour")), live_text(root, "currency"), cost));
	for (size_t i = 0; i < json_array_size(items) && !r; i++)
		r = put_texts(c, json_array_get(items, i));
	r = r ? r : print_table(c, items, all);
	if (!r && json_is_true(json_object_get(root, "more")))
		fputs("\nthere are more: --limit\n", c->out);
	return r ? weir_err_set(err, r, "cannot show the list") : 0;
}

static void print_proposal(const struct cli *c, const char *text)
{
	fputs("\nproposed (not in force: weirctl anomalies ID --proposal prints it alone)\n", c->out);
	while (*text) {
		size_t n = strcspn(text, "\n");

		fprintf(c->out, "  %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static int print_one(const struct cli *c, json_t *item, struct weir_err *err)
{
	static const struct view_column fields[] = {
		{"id", "finding"}, {"kind", "what"}, {"state", "state"}, {"since_s", "since"}, {"age", "age"}, {"last_s", "last seen"},
		{"who", "who"}, {"team", "team"}, {"node", "node"}, {"domain", "domain"}, {"with", "with"}, {"path", "path"},
		{"series", "series"}, {"much", "how much"}, {"score", "score"}, {"an_hour", "costs an hour"}, {"nanos", "at most so far"},
		{"sentence", "why"}, {"action", "action"}, {0},
	};
	static const struct view_column related[] = {
		{"time", "related at"}, {"source", "source"}, {"severity", "severity"}, {"text", "what"}, {"relation", "how"}, {0}};
	struct view_column kept[WEIR_ARRAY_SIZE(fields)] = {0};
	const char *proposal = live_text(item, "proposal");
	size_t n = 0;
	int r = put_texts(c, item);

	for (const struct view_column *f = fields; f->field; f++) {
		const json_t *v = json_object_get(item, f->field);

		if (v && !json_is_null(v) && (!json_is_string(v) || *json_string_value(v)))
			kept[n++] = *f;
	}
	r = r ? r : view_fields(c, item, kept, err);
	if (!r && json_array_size(json_object_get(item, "related")))
		r = view_list(c, item, "related", related, err);
	if (!r && *proposal)
		print_proposal(c, proposal);
	return r;
}

static int show_one(const struct cli *c, const char *id, bool proposal, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	uint64_t number = 0;
	json_t *item;
	int r = args_u64(id, &number) || !number ? weir_err_set(err, -EINVAL, "'%.40s' is no number of a finding", id) : 0;

	r = r ? r : view_fetch_made(c, weir_strf("/api/v1/anomalies?id=%" PRIu64, number), &root, err);
	if (r || !root)
		return r;
	item = json_array_get(json_object_get(root, "items"), 0);
	if (!item)
		return weir_err_set(err, -EBADMSG, "the aggregator's answer has no list of items");
	if (!proposal)
		return print_one(c, item, err);
	if (!*live_text(item, "proposal"))
		return weir_err_set(err, -EINVAL, "finding %" PRIu64 ": nothing is proposed", number);
	fputs(live_text(item, "proposal"), c->out);
	return 0;
}

int cmd_anomalies(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_auto_free char *filters = NULL, *range = NULL, *of_kind = NULL;
	view_auto_json json_t *root = NULL;
	struct live_filter f = {0};
	const char *id = NULL, *kind = NULL;
	uint64_t limit = LIVE_LIMIT, since = 0;
	bool all = false, proposal = false;
	const struct args_opt opts[] = {
		{"--all", ARGS_FLAG, &all}, {"--since", ARGS_DURATION, &since}, {"--kind", ARGS_STR, &kind},
		{"--namespace", ARGS_STR, &f.namespace}, {"--workload", ARGS_STR, &f.workload}, {"--team", ARGS_STR, &f.team},
		{"--limit", ARGS_U64, &limit}, {"--proposal", ARGS_FLAG, &proposal},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "[ID]", &id, 0, 1, err);

	r = r ? r : live_check_limit(limit, err);
	if (!r && since && !all)
		r = weir_err_set(err, -EINVAL, "--since goes with --all: what goes on is shown since whenever");
	if (!r && proposal && (!id || c->json))
		r = weir_err_set(err, -EINVAL, "--proposal prints the YAML of one finding: it needs its ID, and no --json");
	if (!r && id)
		return show_one(c, id, proposal, err);
	r = r ? r : live_filters(&f, &filters);
	of_kind = alloc_escaped(kind ? kind : "");
	range = !all ? strdup("&open=1") : since ? weir_strf("&since=%" PRIu64, since) : strdup("");
	if (r || !range || !of_kind)
		return r ? r : -ENOMEM;
	r = view_fetch_made(c, weir_strf("/api/v1/anomalies?limit=%" PRIu64 "%s%s%s%s", limit, range, kind ? "&kind=" : "", of_kind, filters),
			    &root, err);
	return r || !root ? r : print_list(c, root, all, err);
}
