/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about bytes and money: top, flows, cost. */
#include "aggregator/api.h"

#define NS_S 1000000000ull

void api_range(const struct api_call *c, uint64_t from_s, uint64_t to_s, struct query_range *ret)
{
	uint64_t retain_s[STORE_RESOLUTIONS];

	for (int i = 0; i < STORE_RESOLUTIONS; i++)
		retain_s[i] = c->sv->config.retain_ns[i] / NS_S;
	*ret = (struct query_range){from_s, to_s,
				    query_resolution(from_s, c->now_ns / NS_S, retain_s)};
}

int api_since_limit(struct api_call *c, uint64_t def_limit, struct query_range *ret_range,
		    uint64_t *ret_limit)
{
	uint64_t since, limit, now_s = c->now_ns / NS_S;
	int r = api_u64(c, "since", 300, 1, now_s, &since);

	if (!r)
		r = api_u64(c, "limit", def_limit, 1, API_ITEMS_MAX, &limit);
	if (r)
		return r;
	api_range(c, now_s - since, INT64_MAX, ret_range);
	*ret_limit = limit;
	return 0;
}

static const char *address_text(bool folded, const struct weir_addr *a, char buf[46])
{
	return folded ? "" : weir_addr_text(a, buf);
}

static json_t *proto_value(uint32_t proto)
{
	static const struct {
		uint32_t number;
		const char *name;
	} known[] = {{1, "icmp"}, {6, "tcp"}, {17, "udp"}, {58, "icmpv6"}, {132, "sctp"}};
	char text[12];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(known); i++)
		if (known[i].number == proto)
			return json_string(known[i].name);
	snprintf(text, sizeof(text), "%u", proto);
	return json_string(text);
}

static int add_flow(const struct query_flow *f, void *arg)
{
	char local[46], peer[46];
	json_t *o = json_pack(
		"{s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:o,s:s,s:s,s:s,s:I,s:I}", "time_s",
		(json_int_t)f->time_s, "node", f->node, "workload", f->workload, "namespace",
		f->namespace, "team", f->team, "local", address_text(f->folded, &f->local, local), "peer",
		address_text(f->folded, &f->peer, peer), "peer_workload", f->peer_workload, "peer_port",
		f->opened ? (int)f->port : 0, "service_port", (int)f->port, "proto",
		proto_value(f->proto), "dir", weir_dir_name(f->dir), "verdict", api_verdict(f->verdict), "path",
		weir_path_name((enum weir_path)f->path), "bytes", (json_int_t)f->bytes, "packets",
		(json_int_t)f->packets);

	return json_array_append_new(arg, o) ? -ENOMEM : 0;
}

int api_flows(struct api_call *c, json_t **ret)
{
	struct query_range range;
	uint64_t limit;
	json_t *items;
	int r = api_since_limit(c, 50, &range, &limit);

	if (r)
		return r;
	items = json_array();
	r = query_flows(c->sv->store, &range, (uint32_t)limit, add_flow, items);
	if (r) {
		json_decref(items);
		return api_store_failed(c, r);
	}
	return api_items(items, ret);
}

struct top_list {
	enum query_by by;
	json_t *items;
};

static int add_top(const struct query_top *t, void *arg)
{
	const struct top_list *l = arg;
	char peer[46];
	json_t *o, *counts = json_pack("{s:I,s:I,s:I,s:I,s:I}", "bytes",
				       (json_int_t)(t->bytes_in + t->bytes_out), "bytes_in",
				       (json_int_t)t->bytes_in, "bytes_out", (json_int_t)t->bytes_out,
				       "packets", (json_int_t)t->packets, "dropped_bytes",
				       (json_int_t)t->dropped_bytes);
	int r;

	if (l->by == QUERY_BY_WORKLOAD)
		o = json_pack("{s:s,s:s,s:s,s:s}", "node", t->node, "namespace", t->namespace,
			      "workload", t->workload, "team", t->team);
	else if (l->by == QUERY_BY_PEER)
		o = json_pack("{s:s,s:s,s:s}", "peer", address_text(t->folded, &t->peer, peer),
			      "peer_domain", t->peer_domain, "peer_workload", t->peer_workload);
	else
		o = json_pack("{s:s}", "path", weir_path_name((enum weir_path)t->path));
	r = o && counts ? json_object_update(o, counts) : -1;
	json_decref(counts);
	if (r) {
		json_decref(o);
		return -ENOMEM;
	}
	return json_array_append_new(l->items, o) ? -ENOMEM : 0;
}

int api_top(struct api_call *c, json_t **ret)
{
	static const char *const names[] = {"workload", "peer", "path"};
	const char *by = c->param(c, "by");
	struct top_list l = {.by = QUERY_BY_WORKLOAD};
	struct query_range range;
	uint64_t limit;
	int r;

	if (by) {
		size_t i = 0;

		while (i < WEIR_ARRAY_SIZE(names) && strcmp(names[i], by))
			i++;
		if (i == WEIR_ARRAY_SIZE(names))
			return weir_err_set(&c->err, -EINVAL, "by: must be workload, peer or path");
		l.by = (enum query_by)i;
	}
	r = api_since_limit(c, 20, &range, &limit);
	if (r)
		return r;
	l.items = json_array();
	r = query_top(c->sv->store, l.by, &range, (uint32_t)limit, add_top, &l);
	if (r) {
		json_decref(l.items);
		return api_store_failed(c, r);
	}
	return api_items(l.items, ret);
}

struct cost_list {
	enum query_dim dims[QUERY_DIMS];
	size_t n;
	bool by_meter;
	json_t *items;
	uint64_t bytes;
	int64_t nanos;
};

int api_dims(struct api_call *c, const char *by, enum query_dim dims[QUERY_DIMS], size_t *ret_n)
{
	size_t n = 0;

	for (const char *p = by;;) {
		size_t len = strcspn(p, ","), d = 0;

		while (query_dim_names[d] &&
		       (strlen(query_dim_names[d]) != len || strncmp(query_dim_names[d], p, len)))
			d++;
		for (size_t i = 0; i < n; i++)
			if (dims[i] == d)
				d = QUERY_DIMS;
		if (d >= QUERY_DIMS)
			return weir_err_set(&c->err, -EINVAL,
					    "by: must list workload, namespace, team, path, meter, "
					    "node, each at most once");
		dims[n++] = (enum query_dim)d;
		if (!p[len])
			break;
		p += len + 1;
	}
	*ret_n = n;
	return 0;
}

static int add_cost(const struct query_cost *q, void *arg)
{
	struct cost_list *l = arg;
	json_t *o = json_object();
	int r = o ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < l->n; i++)
		r = json_object_set_new(o, query_dim_names[l->dims[i]], json_string(q->keys[i]));
	if (!r)
		r = json_object_set_new(
			o, "bytes", json_integer((json_int_t)(l->by_meter ? q->metered_bytes : q->bytes)));
	if (!r)
		r = api_money(o, q->nanos);
	if (r) {
		json_decref(o);
		return -ENOMEM;
	}
	l->bytes += q->bytes;
	l->nanos += q->nanos;
	return json_array_append_new(l->items, o) ? -ENOMEM : 0;
}

static int cost_answer(const struct api_call *c, struct cost_list *l, const struct query_range *range,
		       json_t **ret)
{
	api_auto_json json_t *o = json_pack("{s:s,s:I,s:I,s:i,s:{s:I}}", "currency",
					    api_currency(c->sv), "from", (json_int_t)range->from_s, "to",
					    (json_int_t)range->to_s, "bucket_s",
					    (int)store_bucket_s(range->res), "total", "bytes",
					    (json_int_t)l->bytes);

	if (!o || api_money(json_object_get(o, "total"), l->nanos) ||
	    json_object_set(o, "items", l->items))
		return -ENOMEM;
	*ret = weir_take_ptr(o);
	return 0;
}

int api_cost(struct api_call *c, json_t **ret)
{
	api_auto_json json_t *items = json_array();
	struct cost_list l = {.items = items};
	const char *by = c->param(c, "by");
	uint64_t from, to, now_s = c->now_ns / NS_S;
	struct query_range range;
	/* "to now" includes the bucket that is being filled, and clocks a little ahead of this one. */
	int r = api_u64(c, "to", now_s + 60, 1, 1ull << 40, &to);

	if (!r)
		r = api_u64(c, "from", 0, 0, to, &from);
	if (!r)
		r = api_dims(c, by ? by : "team,path", l.dims, &l.n);
	if (r)
		return r;
	for (size_t i = 0; i < l.n; i++)
		l.by_meter |= l.dims[i] == QUERY_METER;
	api_range(c, from, to, &range);
	r = query_cost(c->sv->store, l.dims, l.n, &range, add_cost, &l);
	if (r)
		return api_store_failed(c, r);
	return cost_answer(c, &l, &range, ret);
}
