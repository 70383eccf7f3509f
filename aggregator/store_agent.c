/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of nodes and their agents: identity of the sender, position, state, identity terms. */
#include "aggregator/store_impl.h"

int store_node(struct store *s, const char *name, int64_t *ret)
{
	int r = store_id(s, ST_NODE_GET, ret, "t", name);

	if (r != -ENOENT)
		return r;
	r = store_run(s, ST_NODE_ADD, "t", name);
	if (!r)
		*ret = sqlite3_last_insert_rowid(s->db);
	return r;
}

int store_agent_get(struct store *s, const char *node, struct store_agent *ret)
{
	sqlite3_stmt *st;
	int r = store_row(s, ST_AGENT_GET, &st, "t", node);

	if (r)
		return r;
	ret->node = sqlite3_column_int64(st, 0);
	ret->epoch = (uint64_t)sqlite3_column_int64(st, 1);
	ret->last_sequence = (uint64_t)sqlite3_column_int64(st, 2);
	store_done(st);
	return 0;
}

int store_agents_since(struct store *s, uint64_t since_ns, uint64_t *ret)
{
	int64_t n;
	int r = store_id(s, ST_AGENTS_SINCE, &n, "u", since_ns);

	if (!r)
		*ret = (uint64_t)n;
	return r;
}

int store_agent_hello(struct store *s, const struct weir_hello *h)
{
	int64_t node;
	int r = store_node(s, h->node, &node);

	if (!r)
		r = store_run(s, ST_NODE_FACTS, "itt", node, h->domain, h->node_class);
	if (!r)
		r = store_run(s, ST_AGENT_HELLO, "ittt", node, h->version, h->kernel, h->hooks);
	return r;
}

int store_agent_summary(struct store *s, int64_t node, const struct weir_summary *sum, uint64_t gaps,
			uint64_t now_ns)
{
	uint64_t folded_bytes = 0, folded_rows = 0;

	for (size_t i = 0; i < sum->row_count; i++) {
		folded_bytes += sum->rows[i].folded ? sum->rows[i].bytes : 0;
		folded_rows += sum->rows[i].folded;
	}
	return store_run(s, ST_AGENT_SUMMARY, "ixuuuuiuuuuiiuuuuuuuiuuu", node, sum->boot_id, 16, sum->epoch,
			 sum->sequence, now_ns, sum->start_ns + sum->length_ns, (int64_t)sum->mode,
			 sum->total_bytes[WEIR_INGRESS], sum->total_bytes[WEIR_EGRESS],
			 sum->total_packets[WEIR_INGRESS], sum->total_packets[WEIR_EGRESS],
			 (int64_t)sum->flow_rows_used, (int64_t)sum->flow_rows, sum->spool_bytes,
			 sum->spool_max, sum->lease_until_ns, sum->lapsed_s, gaps, folded_bytes, folded_rows,
			 sum->clock_skew_ns, sum->clock_error_ns, sum->window_ns, sum->packet_ps);
}

int store_agent_policy(struct store *s, const char *node, const struct weir_policy_sync *p,
		       uint64_t now_ns)
{
	int64_t id;
	int r = store_node(s, node, &id);

	if (r)
		return r;
	return store_run(s, ST_AGENT_POLICY, "iuiuxuuttuuuuuiuii", id, now_ns, (int64_t)p->mode,
			 p->applied_serial, p->applied_digest, p->has_digest ? 32 : 0, p->applied_ns,
			 p->refused_serial, p->refused_reason, p->refused_text, p->candidate_serial,
			 p->key_epoch, p->undone_from, p->undone_to, p->undone_ns,
			 (int64_t)p->undone_why, p->drifts, (int64_t)p->threshold, (int64_t)p->approvers);
}

static int next_lease(struct store *s, sqlite3_stmt *st, enum store_stmt noted, char ret_node[WEIR_NODE_MAX],
		      uint64_t *ret_value)
{
	int64_t node = sqlite3_column_int64(st, 0);
	uint64_t value = (uint64_t)sqlite3_column_int64(st, 2);

	(void)weir_strcpy(ret_node, WEIR_NODE_MAX, (const char *)sqlite3_column_text(st, 1));
	store_done(st);
	*ret_value = value;
	return store_run(s, noted, "iu", node, value);
}

int store_lease_ended(struct store *s, uint64_t now_ns, char ret_node[WEIR_NODE_MAX], uint64_t *ret_until_ns)
{
	sqlite3_stmt *st;
	int r = store_row(s, ST_LEASE_ENDED, &st, "u", now_ns);

	return r ? r : next_lease(s, st, ST_LEASE_NOTED, ret_node, ret_until_ns);
}

int store_lapse_ended(struct store *s, char ret_node[WEIR_NODE_MAX], uint64_t *ret_lapsed_s)
{
	sqlite3_stmt *st;
	uint64_t before, now = 0;
	int r;

	do { /* fewer than before: the node booted */
		r = store_row(s, ST_LAPSE, &st, "");
		if (r)
			return r;
		before = (uint64_t)sqlite3_column_int64(st, 3);
		r = next_lease(s, st, ST_LAPSE_NOTED, ret_node, &now);
	} while (!r && !now);
	*ret_lapsed_s = now > before ? now - before : now;
	return r;
}

static bool same_text(sqlite3_stmt *st, int column, const char *text)
{
	const char *had = (const char *)sqlite3_column_text(st, column);

	return had && !strcmp(had, text);
}

int store_agent_reported(struct store *s, const char *node, const struct weir_policy_sync *p,
			 struct store_reported *ret)
{
	sqlite3_stmt *st;
	int len, r = store_row(s, ST_AGENT_REPORTED, &st, "t", node);

	if (r == -ENOENT) {
		*ret = (struct store_reported){0};
		return 0;
	}
	if (r)
		return r;
	ret->serial = (uint64_t)sqlite3_column_int64(st, 0);
	ret->refused = (uint64_t)sqlite3_column_int64(st, 1);
	ret->candidate = (uint64_t)sqlite3_column_int64(st, 6);
	ret->undone_ns = (uint64_t)sqlite3_column_int64(st, 8);
	ret->undone_from = (uint64_t)sqlite3_column_int64(st, 9);
	ret->drifts = (uint64_t)sqlite3_column_int64(st, 10);
	len = sqlite3_column_bytes(st, 3);
	ret->same = ret->serial == p->applied_serial && ret->refused == p->refused_serial &&
		    ret->candidate == p->candidate_serial &&
		    (uint64_t)sqlite3_column_int64(st, 7) == p->key_epoch && ret->undone_ns == p->undone_ns &&
		    ret->undone_from == p->undone_from && ret->drifts == p->drifts &&
		    sqlite3_column_int64(st, 11) == p->threshold && sqlite3_column_int64(st, 12) == p->approvers &&
		    sqlite3_column_int64(st, 2) == p->mode &&
		    len == (p->has_digest ? 32 : 0) &&
		    (!len || !memcmp(sqlite3_column_blob(st, 3), p->applied_digest, 32)) &&
		    same_text(st, 4, p->refused_reason) && same_text(st, 5, p->refused_text);
	store_done(st);
	return 0;
}

int store_order_add(struct store *s, uint64_t number, const void *text, size_t len, const struct weir_push_sig *sig)
{
	return store_run(s, ST_ORDER_ADD, "uxxx", number, text, (int)len, sig->key, (int)sizeof(sig->key), sig->sig,
			 (int)sizeof(sig->sig));
}

int store_order_last(struct store *s, void *text, size_t max, size_t *ret_len, struct weir_push_sig *ret_sig)
{
	sqlite3_stmt *st;
	int len, r = store_row(s, ST_ORDER_LAST, &st, "");

	if (r)
		return r;
	len = sqlite3_column_bytes(st, 0);
	if ((size_t)len > max || sqlite3_column_bytes(st, 1) != (int)sizeof(ret_sig->key) ||
	    sqlite3_column_bytes(st, 2) != (int)sizeof(ret_sig->sig)) {
		store_done(st);
		return -EBADMSG;
	}
	memcpy(text, sqlite3_column_blob(st, 0), (size_t)len);
	memcpy(ret_sig->key, sqlite3_column_blob(st, 1), sizeof(ret_sig->key));
	memcpy(ret_sig->sig, sqlite3_column_blob(st, 2), sizeof(ret_sig->sig));
	*ret_len = (size_t)len;
	store_done(st);
	return 0;
}

int store_identity_begin(struct store *s, int64_t node)
{
	return store_run(s, ST_IDENTITY_END, "i", node);
}

int store_identity(struct store *s, int64_t node, const struct weir_sum_identity *i)
{
	int64_t bytes = i->term == WEIR_TERM_UNEXPLAINED ? i->signed_bytes : (int64_t)i->bytes;

	return store_run(s, ST_IDENTITY, "itiiiu", node, i->interface, (int64_t)i->dir,
			 (int64_t)i->term, bytes, i->packets);
}

int store_drop(struct store *s, int64_t node, const struct weir_sum_drop *d)
{
	return store_run(s, ST_DROP, "iiuu", node, (int64_t)d->reason, d->bytes, d->packets);
}
