/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/metrics.h"

#include "aggregator/alerts.h"
#include "aggregator/fleet.h"
#include "aggregator/metrics_live.h"
#include "aggregator/signals.h"
#include "aggregator/store_budget.h"
#include "lib/ds/metrics.h"

#include <math.h>

#define NS_S 1e9

static void write_ingest(struct weir_metrics *m, const struct stats *s)
{
	weir_family(m, WEIR_COUNTER, "weir_summaries", "", "Summaries that came, by what became of them.");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(s->summaries); i++)
		weir_sample_u64(m, WEIR_LABELS({"result", stats_result_name((enum ingest_result)i)}), s->summaries[i]);
	weir_family(m, WEIR_COUNTER, "weir_rows_stored", "", "Rows of summaries that were stored.");
	weir_sample_u64(m, NULL, s->rows);
	weir_family(m, WEIR_COUNTER, "weir_refusals", "", "Requests that were refused, by reason.");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(s->refusals); i++)
		weir_sample_u64(m, WEIR_LABELS({"reason", stats_refusal_name((enum weir_refusal_code)i)}),
				s->refusals[i]);
	weir_family(m, WEIR_HISTOGRAM, "weir_commit_seconds", "seconds", "Time of one transaction of summaries.");
	weir_sample_histogram(m, stats_commit_bounds, s->commits, STATS_COMMIT_BOUNDS, s->commit_s);
	weir_family(m, WEIR_GAUGE, "weir_commit_failed_timestamp_seconds", "seconds",
		    "When the store last failed to take summaries; 0 = it never did.");
	weir_sample(m, NULL, (double)s->failed_ns / NS_S);
}

static void write_peers(struct weir_metrics *m, const struct weir_wire_stats *telemetry,
			const struct weir_wire_stats *control)
{
	const struct {
		struct weir_metric_label socket[2];
		const struct weir_wire_stats *is;
	} of[] = {{{{"socket", "telemetry"}}, telemetry}, {{{"socket", "control"}}, control}};

	weir_family(m, WEIR_GAUGE, "weir_connections", "", "Connections of agents, those in their handshake too.");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(of); i++)
		weir_sample_u64(m, of[i].socket, of[i].is->peers);
	weir_family(m, WEIR_GAUGE, "weir_handshakes", "", "TLS handshakes under way.");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(of); i++)
		weir_sample_u64(m, of[i].socket, of[i].is->handshakes);
	weir_family(m, WEIR_COUNTER, "weir_connections_refused", "",
		    "Connections that were refused for want of descriptors or memory.");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(of); i++)
		weir_sample_u64(m, of[i].socket, of[i].is->refused);
	weir_family(m, WEIR_GAUGE, "weir_requests_bytes", "bytes", "Requests that are coming in or wait for their answer.");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(of); i++)
		weir_sample_u64(m, of[i].socket, of[i].is->bytes);
}

static void write_parts(struct weir_metrics *m, struct service *sv)
{
	struct weir_wire_stats telemetry, control;

	weir_wire_server_stats(sv->telemetry, &telemetry);
	weir_wire_server_stats(sv->control_wire, &control);
	weir_family(m, WEIR_GAUGE, "weir_sessions", "", "Sessions of agents, two for each agent.");
	weir_sample_u64(m, NULL, sessions_count(sv->sessions));
	weir_family(m, WEIR_GAUGE, "weir_polls_held", "", "Polls for policy that wait for news.");
	weir_sample_u64(m, NULL, control_held(sv->control));
	weir_family(m, WEIR_GAUGE, "weir_push_queue_bytes", "bytes", "Bundles on their way that agents have not taken.");
	weir_sample_u64(m, NULL, control.sending);
	write_peers(m, &telemetry, &control);
	weir_family(m, WEIR_GAUGE, "weir_store_bytes", "bytes", "Size of the store's files.");
	weir_sample_u64(m, NULL, service_store_bytes(sv));
	weir_family(m, WEIR_COUNTER, "weir_audit_entries", "", "Entries of the audit log.");
	weir_sample_u64(m, NULL, audit_count(sv->audit));
	weir_family(m, WEIR_GAUGE, "weir_start_timestamp_seconds", "seconds", "When this aggregator started.");
	weir_sample(m, NULL, (double)sv->started_ns / NS_S);
}

static void write_policy(struct weir_metrics *m, const struct gitops *g)
{
	const struct weir_approval *a = gitops_approval(g), *candidate = gitops_candidate(g);
	const struct weir_repo *repo = gitops_repo(g);

	weir_family(m, WEIR_GAUGE, "weir_policy_serial", "", "Serial that is served; 0 = nothing was ever approved.");
	weir_sample_u64(m, NULL, a ? a->manifest.serial : 0);
	weir_family(m, WEIR_GAUGE, "weir_policy_candidate_serial", "", "Serial of the candidate; 0 = there is none.");
	weir_sample_u64(m, NULL, candidate ? candidate->manifest.serial : 0);
	weir_family(m, WEIR_GAUGE, "weir_policy_state", "", "1 for the state that the policy directory is in.");
	for (enum gitops_state s = GITOPS_EMPTY; s <= GITOPS_APPROVED; s++)
		weir_sample_u64(m, WEIR_LABELS({"state", gitops_state_name(s)}), gitops_state(g) == s);
	weir_family(m, WEIR_GAUGE, "weir_policy_approvals", "", "Approvers who signed what is served, verified.");
	weir_sample_u64(m, NULL, a && repo ? gitops_signers(repo, a) : 0);
	weir_family(m, WEIR_GAUGE, "weir_policy_threshold", "", "Approvers that must sign.");
	weir_sample_u64(m, NULL, repo ? repo->threshold : 0);
	weir_family(m, WEIR_GAUGE, "weir_policy_verification", "",
		    "1: nothing is served, and nothing applied, without approvers' signatures; it cannot be turned off.");
	weir_sample_u64(m, NULL, 1);
}

/* Money is in units of the currency: these are for graphs and alarms, /api/v1/budgets is exact. */
static double amount(const struct budget_kept *k)
{
	return (double)k->budget->nanos / NS_S;
}

static double spent(const struct budget_kept *k)
{
	return (double)k->view.nanos / NS_S;
}

static double ratio(const struct budget_kept *k)
{
	return (double)k->view.ppm / WEIR_BUDGET_WHOLE;
}

static double projected(const struct budget_kept *k)
{
	return k->view.projected ? (double)k->view.end_nanos / NS_S : NAN;
}

static const struct {
	const char *name, *unit, *help;
	double (*of)(const struct budget_kept *k); /* NaN: there is none */
} budget_families[] = {
	{"weir_budget_amount", "", "What a budget allows in a period, in its currency.", amount},
	{"weir_budget_spent", "", "What is spent of a budget in this period, in its currency.", spent},
	{"weir_budget_spent_ratio", "ratio", "The part of a budget that is spent; 1 = all of it.", ratio},
	{"weir_budget_projected", "", "What the period costs if it goes on as it went, a straight line; missing on its first day.",
	 projected},
};

static double money(int64_t nanos)
{
	return (double)nanos / NS_S;
}

static void write_bounds(struct weir_metrics *m, const struct budget_kept *k, const char *const *bounds, const double *values)
{
	for (size_t i = 0; i < 3; i++)
		if (!isnan(values[i]))
			weir_sample(m, WEIR_LABELS({"budget", k->budget->name}, {"currency", k->budget->currency},
						   {"period", weir_budget_period_name(k->budget->period)}, {"bound", bounds[i]}), values[i]);
}

static void write_forecasts(struct weir_metrics *m, struct budgets *b)
{
	static const char *const bounds[] = {"mean", "lower", "upper"}, *const ends[] = {"mean", "early", "late"};

	weir_family(m, WEIR_GAUGE, "weir_budget_forecast", "", "What the period is forecast to cost, in its currency; lower and upper: 80 %.");
	for (size_t i = 0; i < budgets_count(b); i++) {
		const struct weir_budget_forecast *f = &budgets_at(b, i)->view.forecast;

		if (f->at_s)
			write_bounds(m, budgets_at(b, i), bounds, (double[]){money(f->nanos), money(f->lower_nanos), money(f->upper_nanos)});
	}
	weir_family(m, WEIR_GAUGE, "weir_budget_exceeds_timestamp_seconds", "seconds",
		    "When the budget's amount is forecast to be passed; early and late: 80 %; missing: not in this period.");
	for (size_t i = 0; i < budgets_count(b); i++) {
		const struct weir_budget_forecast *f = &budgets_at(b, i)->view.forecast;

		if (f->at_s)
			write_bounds(m, budgets_at(b, i), ends,
				     (double[]){f->passes_s ? (double)f->passes_s : NAN, f->early_s ? (double)f->early_s : NAN,
						f->late_s ? (double)f->late_s : NAN});
	}
}

static void write_alerts(struct weir_metrics *m, const struct alerts_stats *st, uint64_t waiting)
{
	weir_family(m, WEIR_COUNTER, "weir_budget_alerts", "", "Alerts of budgets since the start, by what was said.");
	for (enum weir_budget_news n = WEIR_BUDGET_CROSSED; n <= WEIR_BUDGET_WITHDRAWN; n++)
		weir_sample_u64(m, WEIR_LABELS({"event", weir_budget_news_name(n)}), st->said[n]);
	weir_family(m, WEIR_COUNTER, "weir_budget_notices", "", "Notices to webhooks since the start: taken, attempts that failed, given up.");
	weir_sample_u64(m, WEIR_LABELS({"result", "sent"}), st->sent);
	weir_sample_u64(m, WEIR_LABELS({"result", "failed"}), st->failed);
	weir_sample_u64(m, WEIR_LABELS({"result", "given-up"}), st->given_up);
	weir_family(m, WEIR_GAUGE, "weir_budget_notices_waiting", "", "Notices that no webhook has taken yet.");
	weir_sample_u64(m, NULL, waiting);
}

static int write_budgets(struct weir_metrics *m, struct service *sv, uint64_t now_ns)
{
	struct budgets *b;
	uint64_t waiting;
	int r = alerts_budgets(sv->alerts, now_ns, &b);

	if (!r)
		r = store_notices_waiting(sv->store, &waiting);
	if (r)
		return r;
	for (size_t f = 0; f < WEIR_ARRAY_SIZE(budget_families); f++) {
		weir_family(m, WEIR_GAUGE, budget_families[f].name, budget_families[f].unit, budget_families[f].help);
		for (size_t i = 0; i < budgets_count(b); i++) {
			const struct budget_kept *k = budgets_at(b, i);
			double v = budget_families[f].of(k);

			if (!isnan(v))
				weir_sample(m, WEIR_LABELS({"budget", k->budget->name}, {"currency", k->budget->currency},
							   {"period", weir_budget_period_name(k->budget->period)}), v);
		}
	}
	write_forecasts(m, b);
	write_alerts(m, alerts_stats(sv->alerts), waiting);
	return 0;
}

static void write_signals(struct weir_metrics *m, const struct signals *s)
{
	size_t n = s ? signals_sources(s) : 0;

	if (!n)
		return;
	weir_family(m, WEIR_GAUGE, "weir_signals_up", "", "1: the last attempt to read a source of signals succeeded.");
	for (size_t i = 0; i < n; i++)
		weir_sample_u64(m, WEIR_LABELS({"kind", signals_about(s, i)->kind}, {"source", signals_about(s, i)->name}),
				signals_about(s, i)->state == SIGNALS_WORKS);
	weir_family(m, WEIR_COUNTER, "weir_signals_read", "", "Points and lines that came from a source.");
	for (size_t i = 0; i < n; i++)
		weir_sample_u64(m, WEIR_LABELS({"kind", signals_about(s, i)->kind}, {"source", signals_about(s, i)->name}), signals_about(s, i)->read);
	weir_family(m, WEIR_COUNTER, "weir_signals_failures", "", "Attempts to read a source that failed.");
	for (size_t i = 0; i < n; i++)
		weir_sample_u64(m, WEIR_LABELS({"kind", signals_about(s, i)->kind}, {"source", signals_about(s, i)->name}),
				signals_about(s, i)->failures);
	weir_family(m, WEIR_COUNTER, "weir_signals_dropped", "", "What came from a source and is not kept, by reason.");
	for (size_t i = 0; i < n; i++)
		for (enum signals_drop d = 0; d < SIGNALS_DROPS; d++)
			if (signals_about(s, i)->dropped[d])
				weir_sample_u64(m, WEIR_LABELS({"kind", signals_about(s, i)->kind}, {"source", signals_about(s, i)->name},
							       {"reason", signals_drop_name(d)}), signals_about(s, i)->dropped[d]);
	weir_family(m, WEIR_GAUGE, "weir_signals_behind_bytes", "bytes", "Of a followed file, what is not read yet.");
	for (size_t i = 0; i < n; i++)
		weir_sample_u64(m, WEIR_LABELS({"kind", signals_about(s, i)->kind}, {"source", signals_about(s, i)->name}),
				signals_about(s, i)->behind_bytes);
	weir_family(m, WEIR_GAUGE, "weir_signals_series", "", "Series of others that are kept.");
	weir_sample_u64(m, NULL, signals_series(s));
	weir_family(m, WEIR_GAUGE, "weir_signals_events", "", "Events of others that are kept.");
	weir_sample_u64(m, NULL, signals_kept(s));
}

/* Of the price book that is in force; "" = there is none. */
static const char *currency_of(const struct service *sv)
{
	const struct weir_repo *r = gitops_repo(sv->gitops);

	return r && r->prices ? weir_pricebook_currency(r->prices) : "";
}

static int write_models(struct weir_metrics *m, struct service *sv, uint64_t now_ns)
{
	struct live_stats st;

	if (!sv->live)
		return 0;
	live_stats(sv->live, &st);
	return metrics_live_write(m, &st, live_view(sv->live), sv->store, currency_of(sv), now_ns);
}

static int write_agents(struct weir_metrics *m, const struct fleet *f)
{
	size_t n = WEIR_MIN(f->count, (size_t)METRICS_AGENTS);
	weir_auto_free struct weir_facts *facts = calloc(n + 1, sizeof(*facts));

	if (!facts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		facts[i] = f->agents[i].facts;
	weir_family(m, WEIR_GAUGE, "weir_agents", "", "Agents ever seen.");
	weir_sample_u64(m, NULL, f->count);
	weir_family(m, WEIR_GAUGE, "weir_agents_hidden", "", "Agents that are not exposed here, beyond 4096.");
	weir_sample_u64(m, NULL, f->count - n);
	weir_facts_write(m, facts, n, WEIR_FACTS_AGGREGATOR);
	return 0;
}

int metrics_write(struct service *sv, uint64_t now_ns, bool classic, struct weir_buf *ret)
{
	struct weir_metrics m;
	auto_fleet fleet = {0};
	int r = fleet_read(sv, now_ns, true, &fleet);

	if (r)
		return r;
	weir_metrics_begin(&m, ret, classic);
	weir_family(&m, WEIR_INFO, "weir_aggregator", "", "This aggregator.");
	weir_sample_u64(&m, WEIR_LABELS({"version", WEIR_VERSION}), 1);
	write_ingest(&m, &sv->stats);
	write_parts(&m, sv);
	write_policy(&m, sv->gitops);
	write_signals(&m, sv->signals);
	r = write_budgets(&m, sv, now_ns);
	if (!r)
		r = write_models(&m, sv, now_ns);
	if (!r)
		r = write_agents(&m, &fleet);
	return r ? r : weir_metrics_end(&m);
}
