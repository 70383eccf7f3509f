/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/metrics_live.h"

#include "aggregator/live_sums.h"
#include "aggregator/store_finding.h"

#define NS_S 1e9

static void write_work(struct weir_metrics *m, const struct live_stats *st, uint64_t now_ns)
{
	uint64_t now_s = now_ns / 1000000000u;

	weir_family(m, WEIR_GAUGE, "weir_series", "", "Series that models watch: workload, path and measure.");
	weir_sample_u64(m, NULL, st->series);
	weir_family(m, WEIR_COUNTER, "weir_series_left_out", "", "Values of series that found no room (models.series).");
	weir_sample_u64(m, NULL, st->left_out);
	weir_family(m, WEIR_COUNTER, "weir_series_points", "", "Values of minutes that were scored.");
	weir_sample_u64(m, NULL, st->points);
	weir_family(m, WEIR_COUNTER, "weir_models_cpu_seconds", "seconds", "Processor time of the models' worker.");
	weir_sample(m, NULL, (double)st->cpu_ns / NS_S);
	weir_family(m, WEIR_COUNTER, "weir_models_failures", "", "Looks at what came that failed; the log says why.");
	weir_sample_u64(m, NULL, st->failed);
	weir_family(m, WEIR_GAUGE, "weir_models_behind_seconds", "seconds",
		    "Age of the end of the last minute that was scored; missing: none yet.");
	if (st->minute_s)
		weir_sample_u64(m, NULL, now_s - WEIR_MIN(now_s, st->minute_s));
	weir_family(m, WEIR_GAUGE, "weir_pattern_workloads", "", "Workloads whose flows are looked at for patterns.");
	weir_sample_u64(m, NULL, st->patterns.workloads);
	weir_family(m, WEIR_GAUGE, "weir_pattern_bytes", "bytes", "Memory of the patterns' tables.");
	weir_sample_u64(m, NULL, st->patterns.bytes);
	weir_family(m, WEIR_COUNTER, "weir_pattern_evicted", "", "Workloads, groups and peers that made room for others.");
	weir_sample_u64(m, NULL, st->patterns.evicted);
	weir_family(m, WEIR_COUNTER, "weir_pattern_left_out", "",
		    "What patterns could not look at, for want of room: rows beyond those of a bucket that are joined, findings, and buckets whose smallest rows were not read.");
	weir_sample_u64(m, WEIR_LABELS({"what", "rows"}), st->patterns.unjoined);
	weir_sample_u64(m, WEIR_LABELS({"what", "findings"}), st->patterns.untold);
	weir_sample_u64(m, WEIR_LABELS({"what", "buckets"}), st->flows_left_out);
	weir_family(m, WEIR_COUNTER, "weir_findings_untold", "", "Findings of one look beyond the 4096 that are kept of it.");
	weir_sample_u64(m, NULL, st->untold);
	weir_family(m, WEIR_COUNTER, "weir_finding_notices_held", "", "New findings that webhooks were not told of: too many in that hour.");
	weir_sample_u64(m, NULL, st->held);
}

/* Misses since the start; what had no value to miss says nothing. */
static void write_misses(struct weir_metrics *m, const struct live_stats *st)
{
	weir_family(m, WEIR_GAUGE, "weir_forecast_error_ratio", "ratio",
		    "By how much hours missed their forecast, as part of what came, over all series since the start.");
	for (int i = 0; i < LIVE_MEASURES; i++)
		if (st->missed[i].of > 0)
			weir_sample(m, WEIR_LABELS({"measure", live_measure_name((enum live_measure)i)}), st->missed[i].miss / st->missed[i].of);
	weir_family(m, WEIR_GAUGE, "weir_forecast_covered_ratio", "ratio", "Hours that came within their 95 % interval, since the start.");
	for (int i = 0; i < LIVE_MEASURES; i++)
		if (st->missed[i].all)
			weir_sample(m, WEIR_LABELS({"measure", live_measure_name((enum live_measure)i)}),
				    (double)st->missed[i].inside / (double)st->missed[i].all);
}

struct open_of {
	uint64_t count[WEIR_FINDING_KINDS];
	int64_t nanos[WEIR_FINDING_KINDS];
};

static int take_open(const char *kind, uint64_t count, int64_t nanos_per_hour, void *arg)
{
	struct open_of *o = arg;
	enum weir_finding_kind k;

	/* A kind that this program does not know was found by another version. */
	if (weir_finding_kind_parse(kind, &k))
		return 0;
	o->count[k] = count;
	o->nanos[k] = nanos_per_hour;
	return 0;
}

static int write_findings(struct weir_metrics *m, struct store *store, const char *currency)
{
	struct open_of o = {{0}, {0}};
	int r = store_findings_open(store, take_open, &o);

	if (r)
		return r;
	weir_family(m, WEIR_GAUGE, "weir_findings_open", "", "Findings that go on, by kind.");
	for (int k = 0; k < WEIR_FINDING_KINDS; k++)
		weir_sample_u64(m, WEIR_LABELS({"kind", weir_finding_kind_name((enum weir_finding_kind)k)}), o.count[k]);
	weir_family(m, WEIR_GAUGE, "weir_findings_cost_per_hour", "", "What findings that go on cost an hour above what is usual, by kind.");
	for (int k = 0; k < WEIR_FINDING_KINDS; k++)
		weir_sample(m, WEIR_LABELS({"currency", currency}, {"kind", weir_finding_kind_name((enum weir_finding_kind)k)}),
			    (double)o.nanos[k] / NS_S);
	return 0;
}

static int write_teams(struct weir_metrics *m, const struct live_view *view, const char *currency)
{
	const struct live_ask ask = {.measure = LIVE_COST, .by = LIVE_BY_TEAM, .limit = METRICS_TEAMS};
	weir_auto_free struct live_line *lines = NULL;
	struct live_line total;
	size_t n = 0, hidden = 0;
	int r = view ? live_sums(view, &ask, &lines, &n, &hidden, &total) : 0;

	if (r)
		return r;
	weir_family(m, WEIR_GAUGE, "weir_forecast_day_cost", "", "What a team's traffic is forecast to cost in the 24 hours after the last whole one.");
	for (size_t i = 0; i < n; i++)
		if (lines[i].series > lines[i].learning)
			weir_sample(m, WEIR_LABELS({"currency", currency}, {"team", lines[i].first->owner->text[LIVE_TEAM]}), lines[i].day / NS_S);
	weir_family(m, WEIR_GAUGE, "weir_forecast_teams_hidden", "", "Teams whose forecast is not exposed here, beyond 256.");
	weir_sample_u64(m, NULL, hidden);
	return 0;
}

int metrics_live_write(struct weir_metrics *m, const struct live_stats *st, const struct live_view *view, struct store *store,
		       const char *currency, uint64_t now_ns)
{
	int r;

	write_work(m, st, now_ns);
	write_misses(m, st);
	r = write_findings(m, store, currency);
	return r ? r : write_teams(m, view, currency);
}
