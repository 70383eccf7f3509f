/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about bytes: top, flows, recorded hours. */
#include "aggregator/api.h"

#include "aggregator/query_traffic.h"

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

static int add_recorded(const struct weir_traffic *t, void *arg)
{
	char local[46], peer[46];
	json_t *o = json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:i,s:s,s:i,s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "hour_s",
			      (json_int_t)t->hour_s, "domain", t->domain, "local", address_text(t->folded, &t->local, local),
			      "peer", address_text(t->folded, &t->peer, peer), "path", weir_path_name(t->path), "direction",
			      weir_dir_name(t->dir), "protocol", (int)t->proto, "opened", t->opened ? "local" : "peer",
			      "port", (int)t->port, "bytes", (json_int_t)t->bytes, "packets", (json_int_t)t->packets,
			      "node", t->node, "namespace", t->namespace, "workload", t->workload, "kind", t->kind, "team",
			      t->team, "labels", t->labels, "peer_namespace", t->peer_namespace, "peer_workload",
			      t->peer_workload, "peer_team", t->peer_team);

	return json_array_append_new(arg, o) ? -ENOMEM : 0;
}

int api_traffic(struct api_call *c, json_t **ret)
{
	uint64_t now_s = c->now_ns / NS_S, from_s, to_s, limit;
	const char *after = c->param(c, "after");
	struct query_traffic_key key, last;
	api_auto_json json_t *items = NULL;
	char text[QUERY_TRAFFIC_KEY_TEXT];
	uint32_t n = 0;
	int r = api_u64(c, "from", now_s - 86400, 0, INT64_MAX, &from_s);

	if (!r)
		r = api_u64(c, "to", now_s - now_s % 3600, 0, INT64_MAX, &to_s);
	if (!r)
		r = api_u64(c, "limit", 2000, 1, API_ITEMS_MAX, &limit);
	if (r)
		return r;
	if (after && query_traffic_key_parse(after, &key))
		return weir_err_set(&c->err, -EINVAL, "after: is not what `next` of an answer said");
	items = json_array();
	r = query_traffic(c->sv->store, from_s, to_s, after ? &key : NULL, (uint32_t)limit, add_recorded, items, &last, &n);
	if (r)
		return api_store_failed(c, r);
	*ret = json_pack("{s:O}", "items", items);
	if (*ret && n == limit)
		r = json_object_set_new(*ret, "next", json_string(query_traffic_key_text(&last, text)));
	return *ret && !r ? 0 : -ENOMEM;
}
