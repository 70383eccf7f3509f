/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl budget */
#include "cli/args.h"
#include "cli/table.h"
#include "cli/view.h"
#include "lib/os/file.h"
#include "lib/policy/repo.h"

#include <fcntl.h>
#include <sys/stat.h>

#define FILE_MAX (1u << 20)
#define FILES_MAX 1000

/* "80.1%", as a text of its own. */
static int put_percent(json_t *o)
{
	char text[HUMAN_MAX];

	snprintf(text, sizeof(text), "%.1f%%", json_number_value(json_object_get(o, "percent")));
	return json_object_set_new(o, "used", json_string(text)) ? -ENOMEM : 0;
}

int cmd_budget(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	static const struct view_column columns[] = {
		{"name", "budget"},	{"scope", "scope"},   {"period", "period"}, {"amount_nanos", "amount"}, {"currency", "in"},
		{"spent_nanos", "spent"}, {"used", "%"}, {"projected_nanos", "projected"}, {"forecast_nanos", "forecast"},
		{"state", "state"}, {"outlook", "outlook"}, {0},
	};
	view_auto_json json_t *root = NULL;
	const json_t *items;
	int r = args_parse(NULL, 0, argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = view_fetch(c, "/api/v1/budgets", &root, err);
	if (r || !root)
		return r;
	items = json_object_get(root, "items");
	for (size_t i = 0; !r && i < json_array_size(items); i++)
		r = put_percent(json_array_get(items, i));
	return r ? r : view_items(c, root, columns, NULL, err);
}

static int print_one(const struct cli *c, json_t *root, struct weir_err *err)
{
	static const struct view_column fields[] = {
		{"name", "budget"},	   {"scope", "scope"},		{"period", "period"},	      {"from_s", "from"},
		{"to_s", "to"},		   {"currency", "currency"},	{"amount_nanos", "amount"},   {"spent_nanos", "spent"},
		{"used", "used"},	   {"day_nanos", "a day so far"}, {"projected_nanos", "projected (line)"},
		{"forecast_nanos", "forecast"}, {"forecast_lower_nanos", "80%: from"}, {"forecast_upper_nanos", "80%: to"},
		{"forecast_lower95_nanos", "95%: from"}, {"forecast_upper95_nanos", "95%: to"}, {"outlook", "outlook"},
		{"exceeds_s", "exceeds"},  {"exceeds_early_s", "80%: at the earliest"}, {"exceeds_late_s", "80%: at the latest"},
		{"forecast_at_s", "forecast of"}, {"forecast_days", "days of history"}, {"forecast_by", "forecast by"},
		{"state", "state"},	   {"at_limit", "at 100%"},	{0},
	};
	static const struct view_column thresholds[] = {{"name", "threshold"}, {"percent", "at %"}, {"on", "on"}, {"reached", "reached"}, {0}};
	static const struct view_column alerts[] = {
		{"threshold", "alert"}, {"event", "event"}, {"time_s", "time"}, {"spent_nanos", "spent then"}, {0}};
	static const struct view_column notices[] = {
		{"webhook", "webhook"}, {"threshold", "threshold"}, {"state", "state"}, {"sent_s", "sent"}, {"attempts_failed", "failed"},
		{"next_s", "next try"}, {"error", "last error"}, {0}};
	int r = put_percent(root);

	if (!r)
		r = view_fields(c, root, fields, err);
	if (!r)
		r = view_list(c, root, "thresholds", thresholds, err);
	if (!r)
		r = view_list(c, root, "alerts", alerts, err);
	return r ? r : view_list(c, root, "notices", notices, err);
}

int cmd_budget_show(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	const char *name = NULL, *text;
	bool proposal = false;
	const struct args_opt opts[] = {{"--proposal", ARGS_FLAG, &proposal}};
	int r = args_parse(opts, 1, argc, argv, "NAME", &name, 1, 1, err);

	if (!r && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name))
		r = weir_err_set(err, -EINVAL, "'%.64s' is no name of a budget: a-z, 0-9 and -", name);
	if (!r)
		r = view_fetch_made(c, weir_strf("/api/v1/budgets?name=%s%s", name, proposal ? "&proposal=1" : ""), &root, err);
	if (r || !root)
		return r;
	if (!proposal)
		return print_one(c, root, err);
	text = json_string_value(json_object_get(root, "proposal"));
	if (!text)
		return weir_err_set(err, -EBADMSG, "the aggregator's answer has no proposal");
	fputs(text, c->out);
	return 0;
}

struct check {
	const struct cli *c;
	json_t *errors;
};

static void on_error(const char *line, void *arg)
{
	const struct check *k = arg;

	if (k->c->json)
		json_array_append_new(k->errors, json_string(line));
	else
		fprintf(stderr, "%s\n", line);
}

static int check_file(const char *dir, int fd, const char *name, struct weir_budget_set *set, struct check *k)
{
	weir_auto_free char *shown = weir_strf("%s/%s", dir, name), *text = NULL;
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_err e = {{0}};
	size_t len, bad = 0;
	int r = shown ? weir_file_read_at(fd, name, FILE_MAX, &text, &len) : -ENOMEM;

	if (r)
		weir_err_set(&e, r, "%s: cannot read: %s", shown ? shown : name, strerror(-r));
	else
		r = weir_ydoc_parse(text, len, shown, &doc, &e);
	if (r)
		on_error(e.text, k);
	for (size_t i = 0; !r && i < weir_ydoc_count(doc); i++) {
		struct weir_err one = {{0}};

		if (weir_budget_set_add(set, weir_ydoc_root(doc, i), &one)) {
			on_error(one.text, k);
			bad++;
		}
	}
	return r || bad ? -EINVAL : 0;
}

/* A directory of budgets alone; the currency of the price books is then not known. */
static int check_dir(const char *dir, struct weir_budget_set *set, struct check *k, struct weir_err *err)
{
	weir_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weir_auto_strv char **names = NULL;
	int r = fd < 0 ? -errno : weir_dir_list(fd, ".yaml", FILES_MAX, &names), bad = 0;

	if (r)
		return weir_err_set(err, r == -ENOENT || r == -ENOTDIR ? -EINVAL : r, "%s: cannot read: %s", dir, strerror(-r));
	for (size_t i = 0; names[i]; i++)
		bad |= check_file(dir, fd, names[i], set, k);
	return bad ? CLI_INVALID : 0;
}

static int check_result(const struct cli *c, const char *dir, const struct weir_budget_set *set, const json_t *errors, bool ok)
{
	size_t n = ok ? weir_budget_count(set) : 0;

	if (c->json) {
		view_auto_json json_t *o = json_pack("{s:b,s:O,s:I}", "ok", ok, "errors", errors, "budgets", (json_int_t)n);

		json_dumpf(o, c->out, JSON_COMPACT);
		fputc('\n', c->out);
	} else if (ok) {
		fprintf(c->out, "%s: ok, %zu budget%s\n", dir, n, n == 1 ? "" : "s");
	}
	return ok ? 0 : CLI_INVALID;
}

static void repo_freep(struct weir_repo **r)
{
	weir_repo_free(*r);
}

static void set_freep(struct weir_budget_set **s)
{
	weir_budget_set_free(*s);
}

int cmd_budget_check(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(set_freep) struct weir_budget_set *set = NULL;
	weir_cleanup(repo_freep) struct weir_repo *repo = NULL;
	view_auto_json json_t *errors = json_array();
	weir_auto_free char *settings = NULL;
	struct check k = {c, errors};
	struct weir_err first = {{0}};
	const char *dir = ".";
	int r = args_parse(NULL, 0, argc, argv, "DIR", &dir, 0, 1, err);

	if (r)
		return r;
	settings = weir_strf("%s/weir.yaml", dir);
	if (!settings)
		return -ENOMEM;
	if (access(settings, F_OK) == 0) {
		r = weir_repo_load(dir, &repo, &first, on_error, &k);
		return r && r != -EINVAL ? weir_err_set(err, r, "%s", first.text) :
					   check_result(c, dir, repo ? repo->budgets : NULL, errors, !r);
	}
	r = weir_budget_set_new(&set);
	if (!r)
		r = check_dir(dir, set, &k, err);
	return r < 0 ? r : check_result(c, dir, set, errors, !r);
}
