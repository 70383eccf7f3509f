/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/metrics.h"

#include "aggregator/fleet.h"
#include "lib/ds/metrics.h"

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
	r = write_agents(&m, &fleet);
	return r ? r : weir_metrics_end(&m);
}
