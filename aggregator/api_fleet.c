/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about the fleet and what it runs: status, agents, policy, audit. */
#include "aggregator/api.h"
#include "aggregator/store_keys.h"
#include "aggregator/text.h"
#include "aggregator/watch.h"
#include "aggregator/witness.h"

#include <inttypes.h>

#define NS_S 1000000000ull

static int add_identity(const struct query_identity *i, void *arg)
{
	json_t *o = json_pack("{s:s,s:s,s:s,s:I,s:I}", "interface", i->interface, "dir", weir_dir_name(i->dir),
			      "term", weir_term_name(i->term), "bytes", (json_int_t)i->bytes, "packets",
			      (json_int_t)i->packets);

	return json_array_append_new(arg, o) ? -ENOMEM : 0;
}

static int add_drop(uint32_t reason, uint64_t bytes, uint64_t packets, void *arg)
{
	json_t *o = json_pack("{s:s,s:I,s:I}", "reason", weir_drop_name(reason), "bytes", (json_int_t)bytes,
			      "packets", (json_int_t)packets);

	return json_array_append_new(arg, o) ? -ENOMEM : 0;
}

/* Of each node: when its certificate ends, whether it can use its files of keys, and why it was last refused if it
 * was not let in since. */
static int add_keys(struct store *s, const char *node, json_t *o)
{
	struct store_keys k;
	int r = store_keys_get(s, node, &k);

	if (r)
		return r;
	return json_object_set_new(o, "cert_expires_s", json_integer((json_int_t)k.cert_expires_s)) ||
			       json_object_set_new(o, "keys_broken", json_boolean(k.broken)) ||
			       json_object_set_new(o, "session_refused", json_string(k.refused)) ||
			       json_object_set_new(o, "session_refused_s", json_integer((json_int_t)k.refused_s)) ?
		       -ENOMEM :
		       0;
}

/* Whose signatures a node trusts, and what it took back. */
static int add_trust(json_t *agent, const struct fleet_agent *a)
{
	char alarm[96] = "";
	api_auto_json json_t *o = NULL;

	if (fleet_took_back(a))
		snprintf(alarm, sizeof(alarm), "%s %" PRIu64 " -> %" PRIu64, text_undo(a->undone_why), a->undone_from,
			 a->undone_to);
	o = json_pack("{s:I,s:I,s:I,s:s,s:I,s:s}", "key_epoch", (json_int_t)a->key_epoch, "undone_from",
		      (json_int_t)a->undone_from, "undone_to", (json_int_t)a->undone_to, "undone_why",
		      a->undone_from ? text_undo(a->undone_why) : "", "undone_ns", (json_int_t)a->undone_ns, "alarm",
		      alarm);
	return o && !json_object_update(agent, o) ? 0 : -ENOMEM;
}

/* null when it is not known */
static json_t *known(bool is, double v)
{
	return is ? json_real(v) : json_null();
}

static json_t *agent_facts(const struct fleet_agent *a)
{
	const struct weir_facts *f = &a->facts;
	char digest[65] = "";

	if (f->has_digest)
		weir_hex(f->digest, sizeof(f->digest), digest);
	return json_pack(
		"{s:s,s:s,s:s,s:b,s:I,s:I,s:f,s:o,s:I,s:I,s:s,s:I,s:I,s:s,s:I,s:I,s:s,s:s,s:I,s:s,s:s,s:s,"
		"s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:I,s:I,s:I,s:I,s:o,s:o}",
		"node", f->node, "domain", f->domain, "class", f->class, "connected", f->connected,
		"connected_since_s", (json_int_t)(f->connected_since_ns / NS_S), "last_seen_s",
		(json_int_t)(f->last_seen_ns / NS_S), "lag_s", (double)(f->lag_ns / 1000000) / 1e3, "lag_windows",
		known(f->window_ns, (double)f->lag_ns / (double)WEIR_MAX(f->window_ns, 1u)), "epoch",
		(json_int_t)f->epoch, "sequence", (json_int_t)f->sequence, "mode", weir_mode_name(f->mode), "serial",
		(json_int_t)f->serial, "wanted_serial", (json_int_t)f->wanted_serial, "applied_digest", digest,
		"applied_ns", (json_int_t)f->applied_ns, "refused_serial", (json_int_t)f->refused_serial,
		"refused_reason", a->refused_reason, "refused_text", a->refused_text, "unexplained_bytes",
		(json_int_t)a->unexplained_bytes, "hooks", f->hooks, "version", f->version, "kernel", f->kernel,
		"flow_rows_used", (json_int_t)f->flow_rows_used, "flow_rows", (json_int_t)f->flow_rows, "spool_bytes",
		(json_int_t)f->spool_bytes, "spool_max", (json_int_t)f->spool_max, "ns_per_packet",
		known(f->packet_ps, (double)f->packet_ps / 1e3), "bytes_in", (json_int_t)f->bytes[WEIR_INGRESS],
		"bytes_out", (json_int_t)f->bytes[WEIR_EGRESS], "lease_until_s", (json_int_t)(f->lease_until_ns / NS_S),
		"lapsed_s", (json_int_t)f->lapsed_s, "gaps", (json_int_t)f->gaps, "lost_bytes",
		(json_int_t)f->lost_bytes, "lost_packets", (json_int_t)f->lost_packets, "folded_bytes",
		(json_int_t)f->folded_bytes, "folded_rows", (json_int_t)f->folded_rows, "clock_skew_s",
		known(f->skew_error_ns, (double)f->skew_ns / 1e9), "clock_error_s",
		known(f->skew_error_ns, (double)f->skew_error_ns / 1e9), "window_end_s",
		(json_int_t)(a->window_end_ns / NS_S), "drifts", (json_int_t)f->drifts, "threshold",
		(json_int_t)f->threshold, "approvers", (json_int_t)f->approvers, "spool_fill",
		known(f->spool_max, (double)f->spool_bytes / (double)WEIR_MAX(f->spool_max, 1u)), "table_fill",
		known(f->flow_rows, (double)f->flow_rows_used / (double)WEIR_MAX(f->flow_rows, 1u)));
}

static int add_agent(struct api_call *c, const struct fleet_agent *a, json_t *items)
{
	api_auto_json json_t *o = agent_facts(a), *identity = json_array(), *drops = json_array();
	int r = query_identity(c->sv->store, a->id, add_identity, identity);

	if (!r)
		r = query_drops(c->sv->store, a->id, add_drop, drops);
	if (r)
		return r;
	if (json_object_set(o, "identity", identity) || json_object_set(o, "drops", drops) || add_trust(o, a))
		return -ENOMEM;
	r = add_keys(c->sv->store, a->facts.node, o);
	return r ? r : json_array_append(items, o) ? -ENOMEM : 0;
}

int api_agents(struct api_call *c, json_t **ret)
{
	const char *only = c->param(c, "node");
	api_auto_json json_t *items = json_array();
	auto_fleet fleet = {0};
	int r = fleet_read(c->sv, c->now_ns, false, &fleet);

	for (size_t i = 0; !r && i < fleet.count; i++)
		if (!only || !strcmp(only, fleet.agents[i].facts.node))
			r = add_agent(c, &fleet.agents[i], items);
	if (r)
		return api_store_failed(c, r);
	if (only && !json_array_size(items))
		return weir_err_set(&c->err, -EINVAL, "node: no agent of this name was ever seen");
	return api_items(weir_take_ptr(items), ret);
}

int api_order(struct api_call *c, json_t **ret)
{
	const struct emergency *e = &c->sv->emergency;
	int r = order_take(c->sv, c->body, c->body_len, c->now_ns, &c->err);

	if (r)
		return r;
	*ret = json_pack("{s:I,s:I,s:I}", "serial", (json_int_t)e->order.serial, "number", (json_int_t)e->order.number,
			 "not_after_s", (json_int_t)e->order.not_after_s);
	return *ret ? 0 : -ENOMEM;
}

static json_t *problem_value(const struct problem *p)
{
	json_t *nodes = json_array();

	for (size_t i = 0; i < WEIR_MIN(p->count, (size_t)CHECKS_NODES); i++)
		json_array_append_new(nodes, json_string(p->nodes[i]));
	return json_pack("{s:s,s:s,s:I,s:o,s:I,s:s}", "check", p->check, "what", p->what, "since_s",
			 (json_int_t)(p->since_ns / NS_S), "nodes", nodes, "node_count", (json_int_t)p->count, "do",
			 p->remedy);
}

int api_status(struct api_call *c, json_t **ret)
{
	const struct service *sv = c->sv;
	const struct weir_approval *a = gitops_approval(sv->gitops);
	struct problem problems[CHECKS_PROBLEMS];
	api_auto_json json_t *list = json_array();
	auto_fleet fleet = {0};
	size_t n = 0, connected = 0, alarms = 0;
	int r = fleet_read(sv, c->now_ns, false, &fleet);

	if (!r)
		r = watch_run(sv->watch, sv, &fleet, problems, &n);
	if (r)
		return api_store_failed(c, r);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, problem_value(&problems[i]));
	for (size_t i = 0; i < fleet.count; i++) {
		connected += fleet.agents[i].facts.connected;
		alarms += fleet_took_back(&fleet.agents[i]);
	}
	*ret = json_pack("{s:b,s:O,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:s,s:I,s:I,s:s,s:I,s:b,s:s}", "well", !n, "problems",
			 list, "version", WEIR_VERSION, "started_s", (json_int_t)(sv->started_ns / NS_S), "uptime_s",
			 (json_int_t)((c->now_ns - sv->started_ns) / NS_S), "agents", (json_int_t)fleet.count,
			 "agents_connected", (json_int_t)connected, "alarms", (json_int_t)alarms, "serial",
			 (json_int_t)(a ? a->manifest.serial : 0), "policy_state",
			 gitops_state_name(gitops_state(sv->gitops)), "policy_error", gitops_error(sv->gitops),
			 "audit_entries", (json_int_t)audit_count(sv->audit), "store_bytes",
			 (json_int_t)service_store_bytes(sv), "currency", api_currency(sv), "cert_expires_s",
			 (json_int_t)sv->cert_expires_s, "keys_broken", sv->keys_broken, "audit_alarm",
			 witness_alarm(sv->witness));
	return *ret ? 0 : -ENOMEM;
}

struct collect {
	struct api_call *call;
	json_t *items;
};

static int add_applied(const struct query_agent *a, void *arg)
{
	struct collect *col = arg;
	uint64_t wanted = gitops_serial(col->call->sv->gitops, a->class);
	char digest[65] = "";

	if (a->digest)
		weir_hex(a->digest, 32, digest);
	return json_array_append_new(
		       col->items,
		       json_pack("{s:s,s:s,s:b,s:s,s:I,s:I,s:b,s:s,s:I,s:I,s:s,s:s}", "node", a->node,
				 "class", a->class, "connected", sessions_since(col->call->sv->sessions, a->node, col->call->now_ns) != 0, "mode",
				 weir_mode_name(a->mode), "wanted_serial", (json_int_t)wanted, "serial",
				 (json_int_t)a->serial, "applied", a->serial == wanted, "applied_digest",
				 digest, "applied_ns", (json_int_t)a->applied_ns, "refused_serial",
				 (json_int_t)a->refused_serial, "refused_reason", a->refused_reason,
				 "refused_text", a->refused_text)) ?
		       -ENOMEM :
		       0;
}

/* The release's facts; serial 0 when nothing was ever approved. */
static json_t *release_facts(const struct gitops *g)
{
	const struct weir_approval *a = gitops_approval(g), *candidate = gitops_candidate(g);
	const struct weir_repo *repo = gitops_repo(g);
	uint8_t sum[WEIR_SHA256_LEN];
	char digest[2 * WEIR_SHA256_LEN + 1] = "", source[2 * WEIR_SHA256_LEN + 1] = "";

	if (a && !weir_sha256(a->manifest_text, a->manifest_len, sum))
		weir_hex(sum, sizeof(sum), digest);
	if (a)
		weir_hex(a->manifest.source, sizeof(a->manifest.source), source);
	return json_pack("{s:I,s:I,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I}", "serial",
			 (json_int_t)(a ? a->manifest.serial : 0), "candidate_serial",
			 (json_int_t)(candidate ? candidate->manifest.serial : 0), "digest", digest, "source", source,
			 "state", gitops_state_name(gitops_state(g)), "error", gitops_error(g),
			 "not_after_s", (json_int_t)(a ? a->manifest.not_after_s : 0), "approvals",
			 (json_int_t)(a && repo ? gitops_signers(repo, a) : 0), "threshold",
			 (json_int_t)(repo ? repo->threshold : 0), "rules",
			 (json_int_t)(repo && repo->policies ? weir_policy_set_rules(repo->policies) : 0));
}

int api_policy(struct api_call *c, json_t **ret)
{
	struct collect col = {.call = c};
	api_auto_json json_t *o = release_facts(c->sv->gitops), *items = json_array();
	int r;

	if (!o || !items)
		return -ENOMEM;
	col.items = items;
	r = query_agents(c->sv->store, add_applied, &col);
	if (r)
		return api_store_failed(c, r);
	if (json_object_set(o, "items", items))
		return -ENOMEM;
	*ret = weir_take_ptr(o);
	return 0;
}

static int add_line(const char *line, void *arg)
{
	json_t *o = json_loads(line, 0, NULL);

	/* A line that is no JSON was not written by this program: shown as it is. */
	return json_array_append_new(arg, o ? o : json_pack("{s:s}", "broken", line)) ? -ENOMEM : 0;
}

int api_audit(struct api_call *c, json_t **ret)
{
	uint64_t limit;
	json_t *items;
	int r = api_u64(c, "limit", 50, 1, API_ITEMS_MAX, &limit);

	if (r)
		return r;
	items = json_array();
	r = audit_tail(c->sv->audit, limit, add_line, items);
	if (r) {
		json_decref(items);
		return weir_err_set(&c->err, r, "cannot read the audit log: %s", strerror(-r));
	}
	return api_items(items, ret);
}

static int add_witness(const char *node, const struct weir_chain_head *h, void *arg)
{
	char text[WEIR_CHAIN_HEAD_TEXT], hash[2 * WEIR_SHA256_LEN + 1];
	json_t *o;

	weir_chain_head_text(h, text);
	text[strcspn(text, "\n")] = '\0';
	o = json_pack("{s:s,s:I,s:s,s:s}", "node", node, "sequence", (json_int_t)h->seq, "hash",
		      weir_hex(h->hash, sizeof(h->hash), hash), "head", text);
	return json_array_append_new(arg, o) ? -ENOMEM : 0;
}

/* Heads of the audit log that nodes have sent back, and stand in the database: the last of each that was news. */
int api_witnesses(struct api_call *c, json_t **ret)
{
	json_t *items = json_array();
	int r = query_witnesses(c->sv->store, add_witness, items);

	if (r) {
		json_decref(items);
		return api_store_failed(c, r);
	}
	return api_items(items, ret);
}
