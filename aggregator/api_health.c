/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about TCP health. */
#include "aggregator/api.h"
#include "aggregator/query_health.h"
#include "lib/ds/rtt.h"

struct health_list {
	uint32_t by;
	uint64_t limit;
	json_t *items;
};

/* "private", "public:3" (class 3 of the bundle), "overflow". */
static const char *peer_name(const struct query_health *q, char buf[32])
{
	static const char *const scopes[WEIR_SCOPES] = {"loopback", "link", "private", "public"};
	const char *scope = q->scope < WEIR_SCOPES ? scopes[q->scope] : "unknown";

	if (q->peer_class == WEIR_HEALTH_OVERFLOW)
		return "overflow";
	if (!q->peer_class)
		return scope;
	snprintf(buf, 32, "%s:%u", scope, q->peer_class);
	return buf;
}

static double rtt_ms(const struct query_health *q, uint32_t permille)
{
	return (double)weir_rtt_quantile_us(q->h.rtt, permille) / 1e3;
}

static json_t *counts_of(const struct query_health *q)
{
	const uint64_t *n = q->h.n;

	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "connections",
			 (json_int_t)n[WEIR_H_CONNECTIONS], "open", (json_int_t)q->open, "closed",
			 (json_int_t)n[WEIR_H_CLOSED], "failed",
			 (json_int_t)(n[WEIR_H_REFUSED] + n[WEIR_H_TIMEOUTS] + n[WEIR_H_FAILED]), "refused",
			 (json_int_t)n[WEIR_H_REFUSED], "timeouts", (json_int_t)n[WEIR_H_TIMEOUTS], "resets",
			 (json_int_t)(n[WEIR_H_RESETS_IN] + n[WEIR_H_RESETS_OUT]), "resets_in",
			 (json_int_t)n[WEIR_H_RESETS_IN], "resets_out", (json_int_t)n[WEIR_H_RESETS_OUT],
			 "retransmits", (json_int_t)n[WEIR_H_RETRANS], "segments_out",
			 (json_int_t)n[WEIR_H_SEGS_OUT], "bytes_out", (json_int_t)n[WEIR_H_BYTES_OUT],
			 "bytes_in", (json_int_t)n[WEIR_H_BYTES_IN], "duration_ms",
			 (json_int_t)n[WEIR_H_DURATION_MS]);
}

/* Means over what was there in the range: round-trip samples, and connections that were open in it. */
static json_t *derived_of(const struct query_health *q)
{
	const uint64_t *n = q->h.n;
	uint64_t samples = 0, alive = n[WEIR_H_CLOSED] + q->open;

	for (size_t i = 0; i < WEIR_RTT_BUCKETS; i++)
		samples += q->h.rtt[i];
	return json_pack("{s:f,s:f,s:f,s:f,s:I,s:f,s:f}", "rtt_p50_ms", rtt_ms(q, 500), "rtt_p90_ms",
			 rtt_ms(q, 900), "rtt_p99_ms", rtt_ms(q, 990), "rtt_mean_ms",
			 samples ? (double)n[WEIR_H_RTT_US] / (double)samples / 1e3 : 0.0, "rtt_samples",
			 (json_int_t)samples, "retransmit_percent",
			 n[WEIR_H_SEGS_OUT] ? 100.0 * (double)n[WEIR_H_RETRANS] / (double)n[WEIR_H_SEGS_OUT] :
					      0.0,
			 "mean_duration_s", alive ? (double)n[WEIR_H_DURATION_MS] / (double)alive / 1e3 : 0.0);
}

static int add_health(const struct query_health *q, void *arg)
{
	struct health_list *l = arg;
	api_auto_json json_t *counts = counts_of(q), *derived = derived_of(q);
	char peer[32];
	json_t *o = json_object();
	int r = o && counts && derived ? 0 : -1;

	if (json_array_size(l->items) >= l->limit) {
		json_decref(o);
		return 0;
	}
	if (!r && (l->by & QUERY_HEALTH_WORKLOAD))
		r = json_object_update_new(o, json_pack("{s:s,s:s,s:s,s:s}", "node", q->node, "namespace",
							q->namespace, "workload", q->workload, "team",
							q->team));
	if (!r && (l->by & QUERY_HEALTH_PEER))
		r = json_object_set_new(o, "peer_class", json_string(peer_name(q, peer)));
	if (!r)
		r = json_object_update(o, counts);
	if (!r)
		r = json_object_update(o, derived);
	if (r) {
		json_decref(o);
		return -ENOMEM;
	}
	return json_array_append_new(l->items, o) ? -ENOMEM : 0;
}

static int add_path(const struct query_path_health *q, void *arg)
{
	struct health_list *l = arg;
	json_t *o;

	if (json_array_size(l->items) >= l->limit)
		return 0;
	o = json_pack("{s:s,s:I,s:f,s:I}", "path", weir_path_name((enum weir_path)q->path), "retransmits", (json_int_t)q->retrans,
		      "rtt_mean_ms", q->samples ? (double)q->rtt_us / (double)q->samples / 1e3 : 0.0, "rtt_samples",
		      (json_int_t)q->samples);
	if (o && (l->by & QUERY_HEALTH_WORKLOAD) &&
	    json_object_update_new(o, json_pack("{s:s,s:s,s:s,s:s}", "node", q->node, "namespace", q->namespace, "workload",
						q->workload, "team", q->team))) {
		json_decref(o);
		return -ENOMEM;
	}
	return !o || json_array_append_new(l->items, o) ? -ENOMEM : 0;
}

int api_health(struct api_call *c, json_t **ret)
{
	static const struct {
		const char *name;
		uint32_t by;
	} names[] = {
		{"workload,peer", QUERY_HEALTH_WORKLOAD | QUERY_HEALTH_PEER},
		{"workload", QUERY_HEALTH_WORKLOAD},
		{"peer", QUERY_HEALTH_PEER},
		{"workload,path", QUERY_HEALTH_WORKLOAD | QUERY_HEALTH_PATH},
		{"path", QUERY_HEALTH_PATH},
	};
	const char *by = c->param(c, "by");
	struct health_list l = {.by = 0};
	struct query_range range;
	int r;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++)
		if (!strcmp(by ? by : names[0].name, names[i].name))
			l.by = names[i].by;
	if (!l.by)
		return weir_err_set(&c->err, -EINVAL, "by: must be workload, peer, path, workload,peer or workload,path");
	r = api_since_limit(c, 1000, &range, &l.limit);
	if (r)
		return r;
	l.items = json_array();
	if (l.by & QUERY_HEALTH_PATH)
		r = query_path_health(c->sv->store, l.by & QUERY_HEALTH_WORKLOAD, &range, add_path, &l);
	else
		r = query_health(c->sv->store, l.by, &range, add_health, &l);
	if (r) {
		json_decref(l.items);
		return api_store_failed(c, r);
	}
	return api_items(l.items, ret);
}
