/* SPDX-License-Identifier: Apache-2.0 */
/* From what was seen in hours to rows of recorded traffic: whose interface the undecided were of, what counts, and who it is. */
#include "lib/money/flowlog_hours.h"
#include "lib/money/model.h"

/* The interface's own address among a row's two: 0 local, 1 peer, -1 not to be known. */
static int own_end(const struct weir_flow_hours *h, const struct weir_seen *s)
{
	const struct flow_candidates *c = &h->observers[s->observer - 1].own[weir_addr_is_v4(&s->local)];
	const struct weir_addr *own;

	if (!c->begun || c->may[0] == c->may[1])
		return -1;
	own = &c->addr[c->may[0] ? 0 : 1];
	if (!memcmp(own, &s->local, sizeof(*own)))
		return 0;
	return memcmp(own, &s->peer, sizeof(*own)) ? -1 : 1;
}

static struct weir_seen turned(const struct weir_seen *s, uint32_t domain)
{
	struct weir_seen t = *s;

	t.local = s->peer;
	t.peer = s->local;
	t.dir = WEIR_FLOW_INGRESS;
	t.domain = domain;
	t.opened = !s->opened;
	t.owner = 0;
	return t;
}

/* One row that goes from local to peer becomes one of each end. */
static int decide(struct weir_flow_hours *h, const struct weir_seen *undecided)
{
	struct weir_seen src = *undecided, dst;
	int own = own_end(h, &src), r;
	uint32_t peer = FLOW_NOWHERE;
	struct weir_route route;

	src.dir = WEIR_FLOW_EGRESS;
	src.opened = !src.opened; /* it was made as of a receiver */
	if (src.domain != FLOW_NOWHERE) {
		weir_topology_route_at(h->topology, h->domains[src.domain], &src.local, &src.peer, src.hour * 3600ull, &route);
		peer = flow_domain_named(h, route.peer_domain);
	}
	dst = turned(&src, peer);
	if (own == 1) {
		dst.owner = src.owner;
		src.owner = 0;
	}
	src.sight = own == 0 || src.domain == FLOW_NOWHERE ? WEIR_SIGHT_OWN : WEIR_SIGHT_OTHER_END;
	dst.sight = own == 1 ? WEIR_SIGHT_OWN : WEIR_SIGHT_OTHER_END;
	if (own < 0)
		src.owner = 0;
	r = flow_row_add(h, &src);
	return r || peer == FLOW_NOWHERE ? r : flow_row_add(h, &dst);
}

static int decide_all(struct weir_flow_hours *h)
{
	size_t n = h->row_count, kept = 0;
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		struct weir_seen s = h->rows[i];

		if (s.dir == WEIR_FLOW_SIDELESS)
			r = decide(h, &s);
	}
	for (size_t i = 0; i < h->row_count; i++)
		if (h->rows[i].dir != WEIR_FLOW_SIDELESS)
			h->rows[kept++] = h->rows[i];
	h->row_count = kept; /* the index is of no use from here on */
	return r;
}

/* An interface that forwards, a load balancer's node, an endpoint's: its bytes are those of whoever it works for. */
static bool is_gateway(const struct weir_flow_hours *h, const struct weir_seen *s)
{
	struct flow_at key = {.domain = s->domain, .addr = s->local};
	const struct topo_domain *d;
	uint32_t hop;

	if (weir_map_find(h->gateways, &key, sizeof(key)))
		return true;
	d = s->domain == FLOW_NOWHERE ? NULL : topo_domain_at(h->topology, h->domains[s->domain], s->hour * 3600ull);
	hop = d ? weir_lpm_find(d->endpoints, &s->local) : WEIR_LPM_NONE;
	return hop != WEIR_LPM_NONE && !h->topology->hops[hop].anywhere;
}

static const struct weir_flow_owner *owner_at(const struct weir_flow_hours *h, uint32_t domain, const struct weir_addr *a)
{
	struct flow_at key = {.domain = domain, .addr = *a};

	return &h->owners[domain == FLOW_NOWHERE ? 0 : (uintptr_t)weir_map_find(h->owner_of, &key, sizeof(key))];
}

static void to_traffic(const struct weir_flow_hours *h, const struct weir_seen *s, struct weir_traffic *ret)
{
	const char *domain = s->domain == FLOW_NOWHERE ? "" : h->domains[s->domain];
	const struct weir_flow_owner *self = s->owner ? &h->owners[s->owner] : owner_at(h, s->domain, &s->local), *other;
	struct weir_route route, answered;

	weir_topology_route_at(h->topology, domain, &s->local, &s->peer, s->hour * 3600ull, &route);
	weir_route_answered(&route, &answered);
	other = owner_at(h, flow_domain_named(h, route.peer_domain), &s->peer);
	*ret = (struct weir_traffic){
		.hour_s = s->hour * 3600ull, .domain = domain, .local = s->local, .peer = s->peer,
		.path = s->opened ? route.path : answered.path, .dir = s->dir, .proto = s->proto, .opened = s->opened,
		.port = s->port, .bytes = s->bytes, .packets = s->packets, .source = WEIR_TRAFFIC_FLOW_LOG,
		.node = self->node, .namespace = self->namespace, .workload = self->workload, .kind = self->kind, .team = "",
		.labels = "", .peer_namespace = other->namespace, .peer_workload = other->workload, .peer_team = "",
	};
}

/* Counts what becomes of a row; true: it is given on. */
static bool sort_out(struct weir_flow_hours *h, const struct weir_seen *s)
{
	struct weir_flow_hours_stats *st = &h->stats;

	if (s->sight == WEIR_SIGHT_AGENT)
		return false;
	if (is_gateway(h, s)) {
		st->gateway_bytes += s->sight == WEIR_SIGHT_OWN ? s->bytes : 0;
		return false;
	}
	if (!s->counted) {
		st->seen_twice_bytes += s->bytes;
		return false;
	}
	st->rows++;
	st->bytes += s->bytes;
	st->other_end_bytes += s->sight == WEIR_SIGHT_OTHER_END ? s->bytes : 0;
	st->passing_bytes += s->sight == WEIR_SIGHT_GATEWAY ? s->bytes : 0;
	st->unplaced_bytes += s->domain == FLOW_NOWHERE ? s->bytes : 0;
	return true;
}

int weir_flow_hours_end(struct weir_flow_hours *h, int (*fn)(const struct weir_traffic *row, void *arg), void *arg)
{
	int r = decide_all(h);

	if (r)
		return r;
	weir_flowlog_once(h->rows, h->row_count);
	for (size_t i = 0; !r && i < h->row_count; i++) {
		struct weir_traffic row;

		if (!sort_out(h, &h->rows[i]))
			continue;
		to_traffic(h, &h->rows[i], &row);
		r = fn(&row, arg);
	}
	return r;
}
