/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl plan-cost: what a plan changes of a month's network cost, by recorded traffic. Needs no aggregator with --traffic. */
#include "cli/plan_cost.h"

#include "cli/args.h"
#include "cli/prices.h"
#include "cli/recorded.h"

#define SINCE_S (30ull * 86400)
#define HOUR_S 3600u
#define NANOS 1000000000ll

struct question {
	const char *plan, *traffic, *prices, *topology, *budget_text;
	const char *states[ARGS_LIST_MAX + 1];
	uint64_t since_s;
	bool markdown;
};

static void cost_freep(struct weir_plan_cost **c)
{
	weir_plan_cost_free(*c);
}

/* "50", "49.99": nanos. */
static int read_amount(const char *s, int64_t *ret)
{
	int64_t whole = 0, part = 0, unit = NANOS;
	const char *p = s;

	for (; *p >= '0' && *p <= '9' && whole < INT64_MAX / NANOS / 10; p++)
		whole = whole * 10 + (*p - '0');
	if (p == s)
		return -EINVAL;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9' && unit > 1; p++)
			part += (unit /= 10) * (*p - '0');
	*ret = whole * NANOS + part;
	return *p ? -EINVAL : 0;
}

static int add_row(const struct weir_traffic *t, void *arg)
{
	return weir_traffic_add(arg, t);
}

static int read_traffic(const struct cli *c, const struct question *q, struct weir_traffic_set *s, struct weir_err *err)
{
	uint64_t to_s = c->now_s - c->now_s % HOUR_S, from_s = c->now_s - WEIR_MIN(q->since_s, c->now_s), rows;
	int r;

	if (q->traffic)
		r = weir_traffic_read(s, q->traffic, err);
	else
		r = recorded_fetch(c, from_s - from_s % HOUR_S, to_s, add_row, s, &rows, err);
	if (r == -E2BIG)
		return weir_err_set(err, r, "more rows than can be replayed: take fewer days");
	if (!r && !weir_traffic_count(s))
		return weir_err_set(err, -ENODATA, "%s: no traffic is recorded there", q->traffic ? q->traffic : c->socket);
	return r;
}

static void on_note(const char *line, void *arg)
{
	const struct plan_report *p = arg;

	if (p->notes)
		json_array_append_new(p->notes, json_string(line) ?: json_string("(not UTF-8)"));
	if (!p->c->json && !p->markdown)
		fprintf(stderr, "%s\n", line);
}

static void note_traffic(struct plan_report *p)
{
	char line[160];

	if (p->cost->rows_here)
		return;
	snprintf(line, sizeof(line), "none of the %llu rows of traffic is of a subnet of these networks: do domains and addresses agree?",
		 (unsigned long long)p->cost->rows);
	on_note(line, p);
}

static int compute(const struct cli *c, const struct question *q, struct plan_report *p, struct weir_err *err)
{
	weir_auto_traffic struct weir_traffic_set *s = NULL;
	prices_auto_book struct weir_pricebook *b = NULL;
	struct weir_topology *before = NULL, *after = NULL;
	int r = prices_load(q->prices, &b, prices_complain, NULL);

	if (!r)
		r = weir_plan_networks(q->plan, q->states, q->topology, on_note, p, &before, &after, err);
	if (r && r != CLI_INVALID && r != -ENOMEM)
		r = -EINVAL;
	if (!r)
		r = weir_traffic_new(&s);
	if (!r)
		r = read_traffic(c, q, s, err);
	if (!r) {
		r = weir_plan_cost(before, after, b, s, &p->cost);
		if (r == -ERANGE)
			weir_err_set(err, r, "the traffic spans more than %u days, or more bytes than a month can have",
				     WEIR_PLAN_DAYS_MAX);
		snprintf(p->currency, sizeof(p->currency), "%s", weir_pricebook_currency(b));
	}
	weir_topology_free(before);
	weir_topology_free(after);
	return r;
}

static int check(const struct cli *c, const struct question *q, struct plan_report *p, struct weir_err *err)
{
	if (!q->plan)
		return weir_err_set(err, -EINVAL, "--plan FILE, what terraform show -json prints of a plan, is needed");
	if (q->traffic && q->since_s)
		return weir_err_set(err, -EINVAL, "--traffic or --since, not both");
	if (q->markdown && c->json)
		return weir_err_set(err, -EINVAL, "--markdown or --json, not both");
	p->has_budget = q->budget_text != NULL;
	if (q->budget_text && read_amount(q->budget_text, &p->budget))
		return weir_err_set(err, -EINVAL, "--budget: '%.40s' is no amount such as 50 or 49.99", q->budget_text);
	return 0;
}

int cmd_plan_cost(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(cost_freep) struct weir_plan_cost *cost = NULL;
	view_auto_json json_t *notes = json_array();
	struct question q = {0};
	struct plan_report p = {.c = c, .notes = notes};
	const struct args_opt opts[] = {
		{"--plan", ARGS_STR, &q.plan},	       {"--traffic", ARGS_STR, &q.traffic},
		{"--since", ARGS_DURATION, &q.since_s}, {"--prices", ARGS_STR, &q.prices},
		{"--topology", ARGS_STR, &q.topology}, {"--budget", ARGS_STR, &q.budget_text},
		{"--markdown", ARGS_FLAG, &q.markdown}, {"--state", ARGS_LIST, q.states},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = check(c, &q, &p, err);
	if (r)
		return r;
	q.since_s = q.since_s ? q.since_s : SINCE_S;
	p.markdown = q.markdown;
	r = compute(c, &q, &p, err);
	cost = p.cost;
	if (r)
		return r;
	note_traffic(&p);
	p.over = p.has_budget && cost->total.after - cost->total.before > p.budget;
	r = c->json ? plan_report_json(&p) : q.markdown ? plan_report_markdown(&p) : plan_report_table(&p);
	return r ? r : p.over ? CLI_NOT_WELL : 0;
}
