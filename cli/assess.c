/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl assess: what a network costs and why, from files alone: a bill, a topology as a provider's tool prints it, and
 * flow logs. No agent, no daemon, nothing that needs a privilege.
 *
 * Flow logs become recorded traffic, a replay meters it, and the month's bill is settled with what that says.
 */
#include "cli/assess.h"

#include <inttypes.h>

#include "cli/prices.h"
#include "cli/topology_source.h"
#include "lib/base/clock.h"
#include "lib/money/charge.h"

static void on_note(const char *line, void *arg)
{
	++*(uint64_t *)arg;
	fprintf(stderr, "%s\n", line);
}

static void bad_flow(const struct weir_flowlog_bad *bad, void *arg)
{
	(void)arg;
	if (bad->line)
		fprintf(stderr, "%s:%" PRIu64 " %s%s%s\n", bad->file, bad->line, bad->field, *bad->field ? ": " : "the row ", bad->reason);
	else
		fprintf(stderr, "%s; passed over\n", bad->reason);
}

/* A line that is written over, for who sits before a terminal. */
static void show_progress(const struct weir_flowlog_stats *sum, size_t files, void *arg)
{
	uint64_t *shown_ns = arg, now_ns = weir_monotonic_ns(), rows = 0;
	bool last = sum->files == files;

	if (!isatty(STDERR_FILENO) || (now_ns - *shown_ns < WEIR_NS_PER_S / 5 && !last))
		return;
	*shown_ns = now_ns;
	for (int i = 0; i < WEIR_FLOWLOG_FORMATS; i++)
		rows += sum->rows[i];
	if (last)
		fputs("\r\033[K", stderr);
	else
		fprintf(stderr, "\rflow logs: %" PRIu64 " of %zu files, %" PRIu64 " rows\033[K", sum->files, files, rows);
}

static void bad_bill(const struct weir_bill_bad *bad, void *arg)
{
	(void)arg;
	fprintf(stderr, "%s:%" PRIu64 " %s: %s\n", bad->file, bad->line, *bad->column ? bad->column : "row", bad->reason);
}

/* A store of bills for as long as this takes. */
static int open_bills(struct assess *a)
{
	const char *tmp = getenv("TMPDIR");
	weir_auto_free char *path = NULL;

	a->room = weir_strf("%s/weir-assess-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!a->room)
		return -ENOMEM;
	if (!mkdtemp(a->room)) {
		int r = weir_err_set(a->err, -errno, "%s: cannot make a directory: %s; set TMPDIR", a->room, strerror(errno));

		free(weir_take_ptr(a->room));
		return r;
	}
	path = weir_strf("%s/" BILLS_DEFAULT, a->room);
	return path ? weir_bills_open(path, true, &a->settle.bills, a->err) : -ENOMEM;
}

static void remove_room(char *room)
{
	static const char *const names[] = {"", "-journal", "-wal", "-shm"};

	for (size_t i = 0; room && i < WEIR_ARRAY_SIZE(names); i++) {
		weir_auto_free char *path = weir_strf("%s/" BILLS_DEFAULT "%s", room, names[i]);

		if (path)
			unlink(path);
	}
	if (room)
		rmdir(room);
	free(room);
}

static void assess_freep(struct assess **pa)
{
	struct assess *a = *pa;

	if (!a)
		return;
	weir_savings_free(a->savings);
	assess_before_fini(a);
	weir_replay_free(a->replay);
	weir_traffic_free(a->traffic);
	weir_flow_hours_free(a->hours);
	weir_topology_free(a->topology);
	settle_close(&a->settle);
	remove_room(a->room);
	assess_sums_fini(&a->paths);
	assess_sums_fini(&a->owners);
	assess_sums_fini(&a->resources);
	free(a);
}

static int read_bill(struct assess *a)
{
	struct weir_bill_import how = {.strict = a->q.strict, .now_s = a->c->now_s, .bad = bad_bill};
	weir_auto_free struct weir_bill_imported *done = calloc(1, sizeof(*done));
	size_t n = 0;
	int r = done ? open_bills(a) : -ENOMEM;

	while (a->q.bills[n])
		n++;
	if (!r)
		r = weir_bills_import(a->settle.bills, a->q.bills, n, &how, done, a->err);
	if (!r)
		a->bill = done->stats;
	return r;
}

static int read_agents(struct assess *a)
{
	int r = weir_traffic_read(a->traffic, a->q.traffic, a->err);

	for (size_t i = 0; !r && i < weir_traffic_count(a->traffic); i++) {
		struct weir_traffic t;

		weir_traffic_get(a->traffic, i, &t);
		if (t.source != WEIR_TRAFFIC_AGENT || t.folded)
			continue;
		a->agent_rows++;
		r = weir_flow_hours_agent(a->hours, t.domain, &t.local, t.hour_s);
	}
	return r;
}

static int add_row(const struct weir_traffic *row, void *arg)
{
	return weir_traffic_add(arg, row);
}

static int read_traffic(struct assess *a)
{
	uint64_t shown_ns = weir_monotonic_ns();
	struct weir_flowlog_how how = {.strict = a->q.strict, .bad = bad_flow, .progress = show_progress, .arg = &shown_ns};
	int r = weir_flow_hours_new(a->topology, &a->hours);

	if (!r)
		r = weir_traffic_new(&a->traffic);
	if (!r && a->q.traffic)
		r = read_agents(a);
	if (!r)
		r = weir_flowlog_read(a->q.flowlogs, &how, a->hours, &a->logs, a->err);
	if (!r)
		r = weir_flow_hours_end(a->hours, add_row, a->traffic);
	if (r == -E2BIG)
		return weir_err_set(a->err, r, "%s: more rows than %u: take fewer hours", a->q.flowlogs, WEIR_TRAFFIC_MAX);
	if (!r && !weir_traffic_count(a->traffic))
		return weir_err_set(a->err, -ENODATA, "%s: no flow in it that passed", a->q.flowlogs);
	return r;
}

/* Of the bill's months that which the flow logs are of, or most. */
struct month {
	int64_t first_s, last_s, best_s; /* of the logs, and what is of them in the best month yet */
	int64_t from_s, to_s;
};

static int look_at(const struct weir_bill_version *v, void *arg)
{
	struct month *m = arg;
	int64_t common = WEIR_MIN(v->period_end_s, m->last_s) - WEIR_MAX(v->period_start_s, m->first_s);

	if (common <= m->best_s)
		return 0;
	*m = (struct month){m->first_s, m->last_s, common, v->period_start_s, v->period_end_s};
	return 0;
}

static int choose_month(struct assess *a)
{
	struct month m = {0};
	uint64_t first_s, last_s;
	char logs[PRICES_TEXT];
	int r = 0;

	if (a->q.period)
		return bill_period(a->q.period, &a->settle.from_s, &a->settle.to_s, a->err);
	weir_traffic_span(a->traffic, &first_s, &last_s);
	m.first_s = (int64_t)first_s;
	m.last_s = (int64_t)last_s + 3600;
	r = weir_bills_list(a->settle.bills, look_at, &m, a->err);
	if (!r && !m.to_s)
		return weir_err_set(a->err, -EINVAL, "the flow logs begin on %s, and the bill is of another time: give the bill of that month",
				    prices_day(first_s, logs));
	a->settle.from_s = m.from_s;
	a->settle.to_s = m.to_s;
	return r;
}

static void count_hours(struct assess *a)
{
	bool seen[ASSESS_HOURS_MAX] = {false};

	for (size_t i = 0; i < weir_traffic_count(a->traffic); i++) {
		struct weir_traffic t;
		int64_t hour;

		weir_traffic_get(a->traffic, i, &t);
		hour = ((int64_t)t.hour_s - a->settle.from_s) / 3600;
		if ((int64_t)t.hour_s < a->settle.from_s || (int64_t)t.hour_s >= a->settle.to_s || hour >= ASSESS_HOURS_MAX || seen[hour])
			continue;
		seen[hour] = true;
		a->hours_with_rows++;
	}
}

static int check_currency(struct assess *a)
{
	const char *book = weir_pricebook_currency(a->settle.book), *bill = a->settle.currency;

	if (strcmp(book, bill) != 0 && !a->q.rate)
		return weir_err_set(a->err, -EINVAL, "prices are in %s, the bill in %s; say with --rate what one %s is in %s", book, bill, book,
				    bill);
	if (!strcmp(book, bill) && a->q.rate)
		return weir_err_set(a->err, -EINVAL, "--rate: prices and bill are both in %s", bill);
	return 0;
}

static int settle_month(struct assess *a)
{
	struct weir_bill_query q = {.account = a->q.account, .period_start_s = a->settle.from_s};
	struct weir_groups months = {0};
	int r = weir_charges_new(a->settle.book, &a->settle.charges);

	a->month = weir_groups_month(&months, (uint64_t)a->settle.from_s);
	weir_groups_fini(&months);
	if (!r)
		r = weir_settlement_new(assess_hear, a, &a->settle.settlement);
	if (!r)
		r = weir_bills_lines(a->settle.bills, &q, assess_line, a, a->err);
	if (!r)
		r = check_currency(a);
	if (!r)
		r = assess_before(a);
	if (!r)
		r = weir_replay_run(a->topology, a->settle.book, a->traffic, a->before, a->before_count, &a->replay);
	if (!r)
		r = assess_claim(a);
	if (!r)
		r = weir_settlement_run(a->settle.settlement, a->err);
	if (!r)
		r = assess_share(a);
	return r ? r : assess_save(a);
}

static int assess(struct assess *a)
{
	int r = topology_source_load(a->q.topology, a->q.ranges, on_note, &a->notes, &a->topology, a->err);

	a->settle.c = a->c;
	a->settle.err = a->err;
	a->settle.rate = 1000000000;
	if (!r && a->q.rate)
		r = settle_rate(a->q.rate, &a->settle.rate, a->err);
	if (!r)
		r = prices_load(a->q.prices, &a->settle.book, prices_complain, NULL);
	if (!r)
		r = read_bill(a);
	if (!r)
		r = read_traffic(a);
	if (!r)
		r = choose_month(a);
	if (r)
		return r;
	count_hours(a);
	return settle_month(a);
}

static int new_assess(const struct cli *c, struct weir_err *err, struct assess **ret)
{
	struct assess *a = calloc(1, sizeof(*a));
	int r = a ? assess_sums_init(&a->paths) : -ENOMEM;

	if (!r)
		r = assess_sums_init(&a->owners);
	if (!r)
		r = assess_sums_init(&a->resources);
	if (r) {
		assess_freep(&a);
		return r;
	}
	a->c = c;
	a->err = err;
	a->q.limit = 20;
	*ret = a;
	return 0;
}

int cmd_assess(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(assess_freep) struct assess *a = NULL;
	view_auto_json json_t *root = NULL;
	int r = new_assess(c, err, &a);

	if (r)
		return r;
	const struct args_opt opts[] = {
		{"--bill", ARGS_LIST, a->q.bills}, {"--topology", ARGS_STR, &a->q.topology}, {"--flowlogs", ARGS_STR, &a->q.flowlogs},
		{"--prices", ARGS_STR, &a->q.prices}, {"--ranges", ARGS_LIST, a->q.ranges}, {"--traffic", ARGS_STR, &a->q.traffic},
		{"--period", ARGS_STR, &a->q.period}, {"--account", ARGS_STR, &a->q.account}, {"--rate", ARGS_STR, &a->q.rate},
		{"--strict", ARGS_FLAG, &a->q.strict}, {"--limit", ARGS_U64, &a->q.limit}, {"--show", ARGS_STR, &a->q.show},
	};

	r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);
	if (!r)
		r = args_check_limit(a->q.limit, err);
	if (!r && (!a->q.bills[0] || !a->q.topology || !a->q.flowlogs))
		r = weir_err_set(err, -EINVAL, "--bill FILE, --topology FILE or DIR, and --flowlogs DIR are needed");
	if (!r)
		r = assess(a);
	if (!r && a->q.show)
		return assess_show(a);
	if (!r)
		r = assess_json(a, &root);
	if (r)
		return r;
	if (!c->json)
		return assess_print(a, root);
	prices_print_json(c, root);
	return 0;
}
