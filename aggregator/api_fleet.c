/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about the fleet and what it runs: status, agents, policy, audit. */
#include "aggregator/api.h"
#include "aggregator/store_keys.h"
#include "aggregator/text.h"
#include "aggregator/witness.h"

#include <inttypes.h>

#define NS_S 1000000000ull
/* A control poll is held 15 s, telemetry comes each window: silence beyond this is no connection. */
#define CONNECTED_NS (20 * NS_S)

/* Of a name in the answer: one for each weir_term and the two sums. */
static const char *term_name(uint32_t term)
{
	static const char *const names[WEIR_TERMS] = {
		[WEIR_T_INTERFACE] = "interface",
		[WEIR_T_NON_IP] = "non_ip",
		[WEIR_T_TIME_WAIT] = "time_wait",
		[WEIR_T_NO_SOCKET] = "no_socket",
		[WEIR_T_ICMP] = "icmp",
		[WEIR_T_OTHER_PROTO] = "other_proto",
		[WEIR_T_KERNEL] = "kernel",
		[WEIR_T_FORWARDED] = "forwarded",
		[WEIR_T_FRAGMENTATION] = "fragmentation",
		[WEIR_T_ENCAPSULATION] = "encapsulation",
		[WEIR_T_DROPPED_IN] = "dropped_in",
		[WEIR_T_DROPPED_OUT] = "dropped_out",
		[WEIR_T_DENIED_EARLY] = "denied_early",
	};

	if (term == WEIR_TERM_SOCKETS)
		return "sockets";
	if (term == WEIR_TERM_UNEXPLAINED)
		return "unexplained";
	return term < WEIR_TERMS ? names[term] : "unknown";
}

/* Of what was not fully accounted: one for each weir_drop. */
static const char *drop_name(uint32_t reason)
{
	static const char *const names[WEIR_DROPS] = {
		[WEIR_D_NOT_IP] = "not_ip",
		[WEIR_D_FOLDED] = "folded",
		[WEIR_D_SPILLED] = "spilled",
		[WEIR_D_NO_WORKLOAD] = "no_workload",
		[WEIR_D_NO_BUCKET] = "no_bucket",
		[WEIR_D_NO_TERM] = "no_term",
		[WEIR_D_NO_DECISION] = "no_decision",
		[WEIR_D_TRUNCATED] = "truncated",
		[WEIR_D_BAD_HEADER] = "bad_header",
		[WEIR_D_EXTENSIONS] = "extensions",
		[WEIR_D_TRANSPORT] = "transport",
		[WEIR_D_FRAGMENT] = "fragment",
		[WEIR_D_NO_HEALTH] = "no_health",
		[WEIR_D_NO_NAT] = "no_nat",
	};

	return reason < WEIR_DROPS && names[reason] ? names[reason] : "unknown";
}

static uint64_t last_seen(const struct api_call *c, const struct query_agent *a)
{
	uint64_t used = sessions_last_used(c->sv->sessions, a->node);

	return WEIR_MAX(used, a->last_seen_ns);
}

static bool is_connected(const struct api_call *c, const struct query_agent *a)
{
	uint64_t used = sessions_last_used(c->sv->sessions, a->node);

	return used && used + CONNECTED_NS > c->now_ns;
}

struct collect {
	struct api_call *call;
	json_t *items;
	size_t connected, alarms;
};

static int add_identity(const struct query_identity *i, void *arg)
{
	json_t *o = json_pack("{s:s,s:s,s:s,s:I,s:I}", "interface", i->interface, "dir", api_dir(i->dir),
			      "term", term_name(i->term), "bytes", (json_int_t)i->bytes, "packets",
			      (json_int_t)i->packets);

	return json_array_append_new(arg, o) ? -ENOMEM : 0;
}

static int add_drop(uint32_t reason, uint64_t bytes, uint64_t packets, void *arg)
{
	json_t *o = json_pack("{s:s,s:I,s:I}", "reason", drop_name(reason), "bytes", (json_int_t)bytes,
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

/* A bundle was taken back, and none above it is in force. */
static bool has_alarm(const struct query_agent *a)
{
	return a->undone_from > a->serial;
}

/* Whose signatures a node trusts, and what it took back. */
static int add_trust(json_t *agent, const struct query_agent *a)
{
	char alarm[96] = "";
	api_auto_json json_t *o = NULL;

	if (has_alarm(a))
		snprintf(alarm, sizeof(alarm), "%s %" PRIu64 " -> %" PRIu64, text_undo(a->undone_why), a->undone_from,
			 a->undone_to);
	o = json_pack("{s:I,s:I,s:I,s:s,s:I,s:s}", "key_epoch", (json_int_t)a->key_epoch, "undone_from",
		      (json_int_t)a->undone_from, "undone_to", (json_int_t)a->undone_to, "undone_why",
		      a->undone_from ? text_undo(a->undone_why) : "", "undone_ns", (json_int_t)a->undone_ns, "alarm",
		      alarm);
	return o && !json_object_update(agent, o) ? 0 : -ENOMEM;
}

static int add_agent(const struct query_agent *a, void *arg)
{
	struct collect *col = arg;
	const struct api_call *c = col->call;
	api_auto_json json_t *identity = json_array(), *drops = json_array();
	const char *version = sessions_refused(c->sv->sessions, a->node);
	char digest[65] = "";
	uint64_t lag = a->window_end_ns && c->now_ns > a->window_end_ns ? c->now_ns - a->window_end_ns : 0;
	int r = query_identity(c->sv->store, a->id, add_identity, identity);
	json_t *o;

	if (!r)
		r = query_drops(c->sv->store, a->id, add_drop, drops);
	if (r)
		return r;
	if (a->digest)
		weir_hex(a->digest, 32, digest);
	col->connected += is_connected(c, a);
	o = json_pack("{s:s,s:s,s:s,s:b,s:I,s:f,s:I,s:I,s:s,s:I,s:s,s:I,s:I,s:s,s:s,s:I,s:s,s:s,s:s,"
		      "s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:O,s:O}",
		      "node", a->node, "domain", a->domain, "class", a->class, "connected",
		      is_connected(c, a), "last_seen_s", (json_int_t)(last_seen(c, a) / NS_S), "lag_s",
		      (double)(lag / 1000000) / 1e3, "epoch", (json_int_t)a->epoch, "sequence",
		      (json_int_t)a->sequence, "mode", api_mode(a->mode), "serial",
		      (json_int_t)a->serial, "applied_digest", digest, "applied_ns",
		      (json_int_t)a->applied_ns, "refused_serial", (json_int_t)a->refused_serial,
		      "refused_reason", version ? "version" : a->refused_reason, "refused_text",
		      version ? version : a->refused_text,
		      "unexplained_bytes", (json_int_t)a->unexplained_bytes, "hooks", a->hooks, "version",
		      a->version, "kernel", a->kernel, "flow_rows_used", (json_int_t)a->flow_rows_used,
		      "flow_rows", (json_int_t)a->flow_rows, "spool_bytes", (json_int_t)a->spool_bytes,
		      "spool_max", (json_int_t)a->spool_max, "bytes_in", (json_int_t)a->bytes_in,
		      "bytes_out", (json_int_t)a->bytes_out, "lease_until_s",
		      (json_int_t)(a->lease_until_ns / NS_S), "lapsed_s", (json_int_t)a->lapsed_s,
		      "lost_bytes", (json_int_t)a->lost_bytes, "lost_packets",
		      (json_int_t)a->lost_packets, "window_end_s",
		      (json_int_t)(a->window_end_ns / NS_S),
		      "identity", identity, "drops", drops);
	if (add_trust(o, a) || json_array_append_new(col->items, o))
		return -ENOMEM;
	return add_keys(c->sv->store, a->node, o);
}

int api_agents(struct api_call *c, json_t **ret)
{
	struct collect col = {.call = c, .items = json_array()};
	int r = query_agents(c->sv->store, add_agent, &col);

	if (r) {
		json_decref(col.items);
		return api_store_failed(c, r);
	}
	return api_items(col.items, ret);
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

static int count_agent(const struct query_agent *a, void *arg)
{
	struct collect *col = arg;

	col->connected += is_connected(col->call, a);
	col->alarms += has_alarm(a);
	return json_array_append_new(col->items, json_null());
}

int api_status(struct api_call *c, json_t **ret)
{
	api_auto_json json_t *agents = json_array();
	struct collect col = {.call = c, .items = agents};
	const struct service *sv = c->sv;
	const struct weir_approval *a = gitops_approval(sv->gitops);
	int r = query_agents(sv->store, count_agent, &col);

	if (r)
		return api_store_failed(c, r);
	*ret = json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:s,s:I,s:s,s:I,s:b,s:s}", "version", WEIR_VERSION, "started_s",
			 (json_int_t)(sv->started_ns / NS_S), "uptime_s",
			 (json_int_t)((c->now_ns - sv->started_ns) / NS_S), "agents",
			 (json_int_t)json_array_size(agents), "agents_connected",
			 (json_int_t)col.connected, "alarms", (json_int_t)col.alarms, "serial",
			 (json_int_t)(a ? a->manifest.serial : 0), "policy_state",
			 gitops_state_name(gitops_state(sv->gitops)), "policy_error",
			 gitops_error(sv->gitops), "audit_entries", (json_int_t)audit_count(sv->audit),
			 "currency", api_currency(sv), "cert_expires_s", (json_int_t)sv->cert_expires_s,
			 "keys_broken", sv->keys_broken, "audit_alarm", witness_alarm(sv->witness));
	return *ret ? 0 : -ENOMEM;
}

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
				 "class", a->class, "connected", is_connected(col->call, a), "mode",
				 api_mode(a->mode), "wanted_serial", (json_int_t)wanted, "serial",
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
