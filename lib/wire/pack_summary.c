/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Summary into its protobuf form. Strings are interned (a hundred rows name the same interface), IPv4
 * addresses shrink to 4 bytes, and text is cleaned, so that a receiver never refuses what a kernel let
 * somebody name a cgroup.
 */
#include "lib/ds/map.h"
#include "lib/wire/codec.h"

struct strings {
	struct weir_arena *arena;
	struct weir_map *map; /* text -> index */
	char **v;
	size_t n;
};

static void strings_fini(struct strings *t)
{
	weir_map_free(t->map, NULL);
}

static int strings_init(struct strings *t, struct weir_arena *a)
{
	t->arena = a;
	t->v = weir_arena_array(a, WEIR_SUMMARY_STRINGS_MAX, sizeof(*t->v));
	if (!t->v)
		return -ENOMEM;
	t->v[t->n++] = (char *)"";
	return weir_map_new(&t->map);
}

static int intern(struct strings *t, const char *text, uint32_t *ret)
{
	char *s = weir_text_clean(t->arena, text, WEIR_TEXT_MAX);
	uintptr_t at;
	size_t len;
	int r;

	if (!s)
		return -ENOMEM;
	len = strlen(s);
	if (!len) {
		*ret = 0;
		return 0;
	}
	at = (uintptr_t)weir_map_find(t->map, s, len);
	if (!at) {
		if (t->n == WEIR_SUMMARY_STRINGS_MAX)
			return -E2BIG;
		at = t->n;
		r = weir_map_put(t->map, s, len, (void *)at, NULL);
		if (r)
			return r;
		t->v[t->n++] = s;
	}
	*ret = (uint32_t)at;
	return 0;
}

/* An array of n pointers to n zeroed structs of size bytes behind it. */
static void **list_new(struct weir_arena *a, size_t n, size_t size)
{
	void **list = weir_arena_array(a, n, sizeof(*list));
	uint8_t *items = weir_arena_array(a, n, size);

	if (!list || !items)
		return NULL;
	for (size_t i = 0; i < n; i++)
		list[i] = items + i * size;
	return list;
}

static int build_labels(const struct weir_sum_workload *w, struct strings *t, Weir__V1__Workload *pb)
{
	int r = 0;

	if (w->label_count > WEIR_WORKLOAD_LABELS_MAX)
		return -E2BIG;
	pb->n_labels = w->label_count;
	pb->labels = (Weir__V1__Label **)list_new(t->arena, pb->n_labels, sizeof(Weir__V1__Label));
	if (!pb->labels)
		return -ENOMEM;
	for (size_t i = 0; !r && i < pb->n_labels; i++) {
		weir__v1__label__init(pb->labels[i]);
		r = intern(t, w->labels[i].key, &pb->labels[i]->key);
		if (!r)
			r = intern(t, w->labels[i].value, &pb->labels[i]->value);
	}
	return r;
}

static int build_workloads(const struct weir_summary *s, struct strings *t, Weir__V1__Summary *pb)
{
	if (s->workload_count > WEIR_SUMMARY_WORKLOADS_MAX)
		return -E2BIG;
	pb->n_workloads = s->workload_count;
	pb->workloads = (Weir__V1__Workload **)list_new(t->arena, pb->n_workloads,
							sizeof(Weir__V1__Workload));
	if (!pb->workloads)
		return -ENOMEM;
	for (size_t i = 0; i < pb->n_workloads; i++) {
		const struct weir_sum_workload *w = &s->workloads[i];
		Weir__V1__Workload *o = pb->workloads[i];
		int r;

		weir__v1__workload__init(o);
		o->cgroup_id = w->cgroup_id;
		r = intern(t, w->name, &o->name);
		if (!r)
			r = intern(t, w->namespace, &o->namespace_);
		if (!r)
			r = intern(t, w->kind, &o->kind);
		if (!r)
			r = intern(t, w->cgroup, &o->cgroup);
		if (!r)
			r = build_labels(w, t, o);
		if (r)
			return r;
	}
	return 0;
}

static void set_addr(const struct weir_addr *a, ProtobufCBinaryData *b)
{
	size_t skip = weir_addr_is_v4(a) ? 12 : 0;

	b->len = sizeof(a->b) - skip;
	b->data = (uint8_t *)a->b + skip;
}

static int build_row(const struct weir_sum_row *w, struct strings *t, Weir__V1__Row *o)
{
	weir__v1__row__init(o);
	o->workload = w->workload;
	if (!w->folded) {
		set_addr(&w->local, &o->local);
		set_addr(&w->peer, &o->peer);
		o->local_port = w->local_port;
		o->peer_port = w->peer_port;
	}
	o->peer_class = w->peer_class;
	o->proto = w->proto;
	o->dir = w->dir;
	o->verdict = w->verdict;
	o->bytes = w->bytes;
	o->packets = w->packets;
	o->rtt_us = w->tcp.rtt_us;
	o->rtt_samples = w->tcp.samples;
	o->retrans = w->tcp.retrans;
	o->rule = w->rule + 1; /* WEIR_NO_RULE becomes 0 */
	o->init_local = w->init_local;
	return intern(t, w->interface, &o->interface);
}

static int build_rows(const struct weir_summary *s, struct strings *t, Weir__V1__Summary *pb)
{
	int r = 0;

	if (s->row_count > WEIR_SUMMARY_ROWS_MAX)
		return -E2BIG;
	pb->n_rows = s->row_count;
	pb->rows = (Weir__V1__Row **)list_new(t->arena, pb->n_rows, sizeof(Weir__V1__Row));
	if (!pb->rows)
		return -ENOMEM;
	for (size_t i = 0; !r && i < pb->n_rows; i++)
		r = build_row(&s->rows[i], t, pb->rows[i]);
	return r;
}

static int build_identity(const struct weir_summary *s, struct strings *t, Weir__V1__Summary *pb)
{
	int r = 0;

	if (s->identity_count > WEIR_SUMMARY_IDENTITY_MAX)
		return -E2BIG;
	pb->n_identity = s->identity_count;
	pb->identity = (Weir__V1__Identity **)list_new(t->arena, pb->n_identity,
						       sizeof(Weir__V1__Identity));
	if (!pb->identity)
		return -ENOMEM;
	for (size_t i = 0; !r && i < pb->n_identity; i++) {
		const struct weir_sum_identity *w = &s->identity[i];
		Weir__V1__Identity *o = pb->identity[i];

		weir__v1__identity__init(o);
		o->dir = w->dir;
		o->term = w->term;
		o->bytes = w->bytes;
		o->packets = w->packets;
		o->signed_bytes = w->signed_bytes;
		r = intern(t, w->interface, &o->interface);
	}
	return r;
}

static int build_drops(const struct weir_summary *s, struct strings *t, Weir__V1__Summary *pb)
{
	if (s->drop_count > WEIR_SUMMARY_DROPS_MAX)
		return -E2BIG;
	pb->n_drops = s->drop_count;
	pb->drops = (Weir__V1__Drop **)list_new(t->arena, pb->n_drops, sizeof(Weir__V1__Drop));
	if (!pb->drops)
		return -ENOMEM;
	for (size_t i = 0; i < pb->n_drops; i++) {
		weir__v1__drop__init(pb->drops[i]);
		pb->drops[i]->reason = s->drops[i].reason;
		pb->drops[i]->bytes = s->drops[i].bytes;
		pb->drops[i]->packets = s->drops[i].packets;
	}
	return 0;
}

static int build_disagreements(const struct weir_summary *s, struct strings *t, Weir__V1__Summary *pb)
{
	int r = 0;

	if (s->disagreement_count > WEIR_SUMMARY_DISAGREEMENTS_MAX)
		return -E2BIG;
	pb->candidate_serial = s->candidate_serial;
	pb->n_disagreements = s->disagreement_count;
	pb->disagreements = (Weir__V1__Disagreement **)list_new(t->arena, pb->n_disagreements,
								 sizeof(Weir__V1__Disagreement));
	if (!pb->disagreements)
		return -ENOMEM;
	for (size_t i = 0; !r && i < pb->n_disagreements; i++) {
		const struct weir_sum_disagreement *d = &s->disagreements[i];
		Weir__V1__Disagreement *o = pb->disagreements[i];

		weir__v1__disagreement__init(o);
		o->denied = d->denied;
		o->accepted = d->accepted;
		o->limited = d->limited;
		r = intern(t, d->rule, &o->rule);
	}
	return r;
}

int weir_summary_build_head(const struct weir_summary *s, struct weir_arena *a, Weir__V1__Summary *pb)
{
	pb->boot_id = (ProtobufCBinaryData){sizeof(s->boot_id), (uint8_t *)s->boot_id};
	pb->epoch = s->epoch;
	pb->sequence = s->sequence;
	pb->first_kept = s->first_kept;
	pb->cert_expires_s = s->cert_expires_s;
	pb->keys_broken = s->keys_broken;
	pb->start_ns = s->start_ns;
	pb->length_ns = s->length_ns;
	pb->windows = s->windows;
	pb->total_bytes_in = s->total_bytes[WEIR_INGRESS];
	pb->total_bytes_out = s->total_bytes[WEIR_EGRESS];
	pb->total_packets_in = s->total_packets[WEIR_INGRESS];
	pb->total_packets_out = s->total_packets[WEIR_EGRESS];
	pb->mode = s->mode;
	pb->serial = s->serial;
	pb->flow_rows_used = s->flow_rows_used;
	pb->flow_rows = s->flow_rows;
	pb->spool_bytes = s->spool_bytes;
	pb->spool_max = s->spool_max;
	pb->lease_until_ns = s->lease_until_ns;
	pb->lapsed_s = s->lapsed_s;
	pb->clock_skew_ns = s->clock_skew_ns;
	pb->clock_error_ns = s->clock_error_ns;
	pb->packet_ps = s->packet_ps;
	pb->window_ns = s->window_ns;
	pb->domain = weir_text_clean(a, s->domain, WEIR_NAME_MAX);
	return pb->domain ? 0 : -ENOMEM;
}

int weir_summary_build(const struct weir_summary *s, struct weir_arena *a, Weir__V1__Summary **ret)
{
	weir_cleanup(strings_fini) struct strings t = {0};
	Weir__V1__Summary *pb = weir_arena_alloc(a, sizeof(*pb));
	int r;

	if (!pb)
		return -ENOMEM;
	weir__v1__summary__init(pb);
	r = strings_init(&t, a);
	if (!r)
		r = weir_summary_build_head(s, a, pb);
	if (!r)
		r = build_workloads(s, &t, pb);
	if (!r)
		r = build_rows(s, &t, pb);
	if (!r)
		r = build_identity(s, &t, pb);
	if (!r)
		r = build_drops(s, &t, pb);
	if (!r)
		r = build_disagreements(s, &t, pb);
	if (!r)
		r = weir_health_build(s, a, pb);
	if (r)
		return r;
	pb->strings = t.v;
	pb->n_strings = t.n;
	*ret = pb;
	return 0;
}
