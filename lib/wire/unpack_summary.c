/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Summary from its protobuf form: every index inside its table, every enum inside its range, every
 * count such that sums fit a database integer. Consumers may index arrays with what passed here.
 */
#include "lib/wire/codec.h"

static int check_le(uint64_t v, uint64_t max, const char *field, struct weir_err *err)
{
	if (v <= max)
		return 0;
	return weir_bad(err, "summary.%s: %llu is more than %llu", field, (unsigned long long)v,
			(unsigned long long)max);
}

static int item_bad(const char *list, size_t i, const char *field, struct weir_err *err)
{
	return weir_bad(err, "summary.%s[%zu].%s: out of range", list, i, field);
}

static int check_strings(const Weir__V1__Summary *pb, struct weir_err *err)
{
	if (pb->n_strings && pb->strings[0][0])
		return weir_bad(err, "summary.strings[0]: must be empty");
	for (size_t i = 0; i < pb->n_strings; i++)
		if (!weir_text_ok(pb->strings[i], WEIR_TEXT_MAX))
			return weir_bad(err, "summary.strings[%zu]: not plain UTF-8 of at most %d bytes", i,
					WEIR_TEXT_MAX);
	return 0;
}

/* NULL = no such string. Index 0 is "" even in an empty table. */
static const char *string_at(const Weir__V1__Summary *pb, uint32_t i)
{
	if (!i)
		return "";
	return i < pb->n_strings ? pb->strings[i] : NULL;
}

static int check_labels(const Weir__V1__Summary *pb, size_t i, struct weir_arena *a,
			struct weir_sum_workload *ret, struct weir_err *err)
{
	const Weir__V1__Workload *w = pb->workloads[i];

	if (w->n_labels > WEIR_WORKLOAD_LABELS_MAX)
		return weir_bad(err, "summary.workloads[%zu].labels: %zu, at most %d", i, w->n_labels,
				WEIR_WORKLOAD_LABELS_MAX);
	ret->labels = weir_arena_array(a, w->n_labels, sizeof(*ret->labels));
	if (!ret->labels)
		return -ENOMEM;
	ret->label_count = w->n_labels;
	for (size_t k = 0; k < w->n_labels; k++) {
		ret->labels[k].key = string_at(pb, w->labels[k]->key);
		ret->labels[k].value = string_at(pb, w->labels[k]->value);
		if (!ret->labels[k].key || !ret->labels[k].value)
			return item_bad("workloads", i, "labels", err);
	}
	return 0;
}

static int check_workloads(const Weir__V1__Summary *pb, struct weir_arena *a, struct weir_summary *ret,
			   struct weir_err *err)
{
	ret->workloads = weir_arena_array(a, pb->n_workloads, sizeof(*ret->workloads));
	if (!ret->workloads)
		return -ENOMEM;
	ret->workload_count = pb->n_workloads;
	for (size_t i = 0; i < pb->n_workloads; i++) {
		const Weir__V1__Workload *w = pb->workloads[i];
		struct weir_sum_workload *o = &ret->workloads[i];
		int r;

		o->cgroup_id = w->cgroup_id;
		o->name = string_at(pb, w->name);
		o->namespace = string_at(pb, w->namespace_);
		o->kind = string_at(pb, w->kind);
		o->cgroup = string_at(pb, w->cgroup);
		if (!o->name)
			return item_bad("workloads", i, "name", err);
		if (!o->namespace)
			return item_bad("workloads", i, "namespace", err);
		if (!o->kind)
			return item_bad("workloads", i, "kind", err);
		if (!o->cgroup)
			return item_bad("workloads", i, "cgroup", err);
		r = check_labels(pb, i, a, o, err);
		if (r)
			return r;
	}
	return 0;
}

static bool get_addr(const ProtobufCBinaryData *b, struct weir_addr *ret)
{
	if (b->len == 16) {
		memcpy(ret->b, b->data, 16);
		return true;
	}
	if (b->len != 4)
		return false;
	memset(ret->b, 0, 10);
	memset(ret->b + 10, 0xff, 2);
	memcpy(ret->b + 12, b->data, 4);
	return true;
}

static const char *row_wrong(const Weir__V1__Summary *pb, size_t workloads, const Weir__V1__Row *r)
{
	bool folded = !r->local.len && !r->peer.len;
	struct weir_addr scratch;

	if (r->workload >= workloads)
		return "workload";
	if (!folded && !get_addr(&r->local, &scratch))
		return "local";
	if (!folded && !get_addr(&r->peer, &scratch))
		return "peer";
	if (r->proto > UINT8_MAX)
		return "proto";
	if (r->local_port > UINT16_MAX || (folded && r->local_port))
		return "local_port";
	if (r->peer_port > UINT16_MAX || (folded && r->peer_port))
		return "peer_port";
	if (r->dir >= WEIR_DIRS)
		return "dir";
	if (r->verdict >= WEIR_VERDICTS)
		return "verdict";
	if (r->bytes > WEIR_COUNT_MAX)
		return "bytes";
	if (r->packets > WEIR_COUNT_MAX)
		return "packets";
	if (!string_at(pb, r->interface))
		return "interface";
	if (r->rtt_us > WEIR_COUNT_MAX)
		return "rtt_us";
	if (r->rtt_samples > WEIR_COUNT_MAX)
		return "rtt_samples";
	if (r->retrans > WEIR_COUNT_MAX)
		return "retrans";
	return NULL;
}

static void row_fill(const Weir__V1__Summary *pb, const Weir__V1__Row *r, struct weir_sum_row *o)
{
	o->workload = r->workload;
	o->folded = !r->local.len;
	get_addr(&r->local, &o->local);
	get_addr(&r->peer, &o->peer);
	o->peer_class = r->peer_class;
	o->proto = (uint8_t)r->proto;
	o->dir = (uint8_t)r->dir;
	o->verdict = (uint8_t)r->verdict;
	o->init_local = r->init_local;
	o->local_port = (uint16_t)r->local_port;
	o->peer_port = (uint16_t)r->peer_port;
	o->bytes = r->bytes;
	o->packets = r->packets;
	o->tcp = (struct weir_sum_tcp){r->rtt_us, r->rtt_samples, r->retrans};
	o->rule = r->rule - 1; /* 0 becomes WEIR_NO_RULE */
	o->interface = string_at(pb, r->interface);
}

static int check_rows(const Weir__V1__Summary *pb, size_t workloads, struct weir_arena *a,
		      struct weir_summary *ret, struct weir_err *err)
{
	ret->rows = weir_arena_array(a, pb->n_rows, sizeof(*ret->rows));
	if (!ret->rows)
		return -ENOMEM;
	ret->row_count = pb->n_rows;
	for (size_t i = 0; i < pb->n_rows; i++) {
		const char *wrong = row_wrong(pb, workloads, pb->rows[i]);

		if (wrong)
			return item_bad("rows", i, wrong, err);
		row_fill(pb, pb->rows[i], &ret->rows[i]);
	}
	return 0;
}

static const char *identity_wrong(const Weir__V1__Summary *pb, const Weir__V1__Identity *p)
{
	if (!string_at(pb, p->interface))
		return "interface";
	if (p->dir >= WEIR_DIRS)
		return "dir";
	if (p->term >= WEIR_TERMS && p->term != WEIR_TERM_SOCKETS && p->term != WEIR_TERM_UNEXPLAINED)
		return "term";
	if (p->bytes > WEIR_COUNT_MAX)
		return "bytes";
	if (p->packets > WEIR_COUNT_MAX)
		return "packets";
	return NULL;
}

static int check_identity(const Weir__V1__Summary *pb, struct weir_arena *a, struct weir_summary *ret,
			  struct weir_err *err)
{
	ret->identity = weir_arena_array(a, pb->n_identity, sizeof(*ret->identity));
	if (!ret->identity)
		return -ENOMEM;
	ret->identity_count = pb->n_identity;
	for (size_t i = 0; i < pb->n_identity; i++) {
		const Weir__V1__Identity *p = pb->identity[i];
		const char *wrong = identity_wrong(pb, p);

		if (wrong)
			return item_bad("identity", i, wrong, err);
		ret->identity[i] = (struct weir_sum_identity){
			.interface = string_at(pb, p->interface), .dir = (uint8_t)p->dir, .term = p->term,
			.bytes = p->bytes, .packets = p->packets, .signed_bytes = p->signed_bytes,
		};
	}
	return 0;
}

static int check_drops(const Weir__V1__Summary *pb, struct weir_arena *a, struct weir_summary *ret,
		       struct weir_err *err)
{
	ret->drops = weir_arena_array(a, pb->n_drops, sizeof(*ret->drops));
	if (!ret->drops)
		return -ENOMEM;
	ret->drop_count = pb->n_drops;
	for (size_t i = 0; i < pb->n_drops; i++) {
		const Weir__V1__Drop *d = pb->drops[i];

		if (d->reason >= WEIR_DROPS)
			return item_bad("drops", i, "reason", err);
		if (d->bytes > WEIR_COUNT_MAX)
			return item_bad("drops", i, "bytes", err);
		if (d->packets > WEIR_COUNT_MAX)
			return item_bad("drops", i, "packets", err);
		ret->drops[i] = (struct weir_sum_drop){d->reason, d->bytes, d->packets};
	}
	return 0;
}

static int check_disagreements(const Weir__V1__Summary *pb, struct weir_arena *a, struct weir_summary *ret,
			       struct weir_err *err)
{
	ret->disagreements = weir_arena_array(a, pb->n_disagreements, sizeof(*ret->disagreements));
	if (!ret->disagreements)
		return -ENOMEM;
	ret->disagreement_count = pb->n_disagreements;
	for (size_t i = 0; i < pb->n_disagreements; i++) {
		const Weir__V1__Disagreement *d = pb->disagreements[i];

		const char *rule = string_at(pb, d->rule);

		if (!rule)
			return item_bad("disagreements", i, "rule", err);
		if (d->denied > WEIR_COUNT_MAX || d->accepted > WEIR_COUNT_MAX || d->limited > WEIR_COUNT_MAX)
			return item_bad("disagreements", i, "flows", err);
		ret->disagreements[i] = (struct weir_sum_disagreement){rule, d->denied, d->accepted, d->limited};
	}
	return 0;
}

/* Scalars and the lengths of all lists, before any list is looked into. */
static int check_head(const Weir__V1__Summary *pb, struct weir_err *err)
{
	const struct {
		const char *field;
		uint64_t value, max;
	} bounds[] = {
		{"strings", pb->n_strings, WEIR_SUMMARY_STRINGS_MAX},
		{"workloads", pb->n_workloads, WEIR_SUMMARY_WORKLOADS_MAX},
		{"rows", pb->n_rows, WEIR_SUMMARY_ROWS_MAX},
		{"identity", pb->n_identity, WEIR_SUMMARY_IDENTITY_MAX},
		{"drops", pb->n_drops, WEIR_SUMMARY_DROPS_MAX},
		{"disagreements", pb->n_disagreements, WEIR_SUMMARY_DISAGREEMENTS_MAX},
		{"candidate_serial", pb->candidate_serial, WEIR_COUNT_MAX},
		{"health", pb->n_health, WEIR_SUMMARY_HEALTH_MAX},
		{"epoch", pb->epoch, WEIR_COUNT_MAX},
		{"sequence", pb->sequence, WEIR_COUNT_MAX},
		{"first_kept", pb->first_kept, pb->sequence},
		{"start_ns", pb->start_ns, WEIR_COUNT_MAX},
		{"length_ns", pb->length_ns, WEIR_COUNT_MAX},
		{"total_bytes_in", pb->total_bytes_in, WEIR_COUNT_MAX},
		{"total_bytes_out", pb->total_bytes_out, WEIR_COUNT_MAX},
		{"total_packets_in", pb->total_packets_in, WEIR_COUNT_MAX},
		{"total_packets_out", pb->total_packets_out, WEIR_COUNT_MAX},
		{"mode", pb->mode, WEIR_MODES - 1},
		{"serial", pb->serial, WEIR_COUNT_MAX},
		{"spool_bytes", pb->spool_bytes, WEIR_COUNT_MAX},
		{"spool_max", pb->spool_max, WEIR_COUNT_MAX},
		{"lease_until_ns", pb->lease_until_ns, WEIR_COUNT_MAX},
		{"lapsed_s", pb->lapsed_s, WEIR_COUNT_MAX},
		{"cert_expires_s", pb->cert_expires_s, WEIR_COUNT_MAX},
		{"clock_skew_ns", pb->clock_skew_ns < 0 ? -(uint64_t)pb->clock_skew_ns : (uint64_t)pb->clock_skew_ns,
		 WEIR_COUNT_MAX},
		{"clock_error_ns", pb->clock_error_ns, WEIR_COUNT_MAX},
		{"packet_ps", pb->packet_ps, WEIR_COUNT_MAX},
		{"window_ns", pb->window_ns, WEIR_COUNT_MAX},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bounds); i++) {
		int r = check_le(bounds[i].value, bounds[i].max, bounds[i].field, err);

		if (r)
			return r;
	}
	if (pb->boot_id.len != 16)
		return weir_bad(err, "summary.boot_id: %zu bytes, must be 16", pb->boot_id.len);
	if (!pb->sequence)
		return weir_bad(err, "summary.sequence: begins at 1");
	if (!pb->length_ns)
		return weir_bad(err, "summary.length_ns: must not be 0");
	if (!weir_text_ok(pb->domain, WEIR_NAME_MAX))
		return weir_bad(err, "summary.domain: not plain UTF-8 of at most %d bytes", WEIR_NAME_MAX);
	return 0;
}

static void fill_head(const Weir__V1__Summary *pb, struct weir_summary *ret)
{
	memcpy(ret->boot_id, pb->boot_id.data, sizeof(ret->boot_id));
	ret->epoch = pb->epoch;
	ret->sequence = pb->sequence;
	ret->first_kept = pb->first_kept;
	ret->cert_expires_s = pb->cert_expires_s;
	ret->keys_broken = pb->keys_broken;
	ret->start_ns = pb->start_ns;
	ret->length_ns = pb->length_ns;
	ret->windows = pb->windows;
	ret->domain = pb->domain;
	ret->total_bytes[WEIR_INGRESS] = pb->total_bytes_in;
	ret->total_bytes[WEIR_EGRESS] = pb->total_bytes_out;
	ret->total_packets[WEIR_INGRESS] = pb->total_packets_in;
	ret->total_packets[WEIR_EGRESS] = pb->total_packets_out;
	ret->mode = pb->mode;
	ret->serial = pb->serial;
	ret->flow_rows_used = pb->flow_rows_used;
	ret->flow_rows = pb->flow_rows;
	ret->spool_bytes = pb->spool_bytes;
	ret->spool_max = pb->spool_max;
	ret->lease_until_ns = pb->lease_until_ns;
	ret->lapsed_s = pb->lapsed_s;
	ret->clock_skew_ns = pb->clock_skew_ns;
	ret->clock_error_ns = pb->clock_error_ns;
	ret->packet_ps = pb->packet_ps;
	ret->window_ns = pb->window_ns;
	ret->candidate_serial = pb->candidate_serial;
}

int weir_summary_check(const Weir__V1__Summary *pb, size_t kept, struct weir_arena *a,
		       struct weir_summary *ret, struct weir_err *err)
{
	int r = check_head(pb, err);

	if (!r)
		r = check_strings(pb, err);
	if (!r)
		r = check_workloads(pb, a, ret, err);
	if (!r)
		r = check_rows(pb, kept + pb->n_workloads, a, ret, err);
	if (!r)
		r = check_identity(pb, a, ret, err);
	if (!r)
		r = check_drops(pb, a, ret, err);
	if (!r)
		r = check_disagreements(pb, a, ret, err);
	if (!r)
		r = weir_health_check(pb, kept + pb->n_workloads, a, ret, err);
	if (!r)
		fill_head(pb, ret);
	return r;
}
