/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows to hours of recorded traffic. What is held is a row for each hour, end, peer, service and observer; of a flow's two
 * ends each gets one, since either may pay. Whose address it is says the topology.
 */
#include "lib/money/flowlog_hours.h"

#include "lib/money/model.h"


static void owners_fini(struct weir_flow_hours *h)
{
	for (size_t i = 0; i < h->owner_count; i++) {
		free((char *)h->owners[i].node);
		free((char *)h->owners[i].namespace);
		free((char *)h->owners[i].workload);
		free((char *)h->owners[i].kind);
	}
	free(h->owners);
}

void weir_flow_hours_free(struct weir_flow_hours *h)
{
	if (!h)
		return;
	weir_map_free(h->index, NULL);
	weir_map_free(h->observer_index, NULL);
	weir_map_free(h->hints, NULL);
	weir_map_free(h->homes, NULL);
	weir_map_free(h->places, NULL);
	weir_map_free(h->gateways, NULL);
	weir_map_free(h->owner_index, NULL);
	weir_map_free(h->owner_of, NULL);
	owners_fini(h);
	free(h->observers);
	free(h->domains);
	free(h->rows);
	free(h);
}

static int list_domains(struct weir_flow_hours *h)
{
	const char *name;

	for (size_t i = 0; (name = weir_topology_domain(h->topology, i)); i++) {
		bool known = false;
		const char **row;

		for (size_t k = 0; k < h->domain_count && !known; k++)
			known = !strcmp(h->domains[k], name); /* another version of it */
		if (known)
			continue;
		row = topo_add_row(&h->domains, &h->domain_count);
		if (!row)
			return -ENOMEM;
		*row = name;
	}
	return 0;
}

/* Where the topology says which address a NAT gateway has, no packet's address need show it. */
static int list_gateways(struct weir_flow_hours *h)
{
	int r = 0;

	for (size_t i = 0; !r && i < h->topology->hop_count; i++) {
		const struct topo_hop *hop = &h->topology->hops[i];
		struct flow_at key = {.addr = hop->at.addr};

		if (*hop->service || hop->balancer != TOPO_NONE || !memcmp(&key.addr, &(struct weir_addr){0}, sizeof(key.addr)))
			continue;
		key.domain = flow_domain_named(h, h->topology->domains[hop->domain].name);
		r = weir_map_put(h->gateways, &key, sizeof(key), h, NULL);
	}
	return r;
}

int weir_flow_hours_new(const struct weir_topology *t, struct weir_flow_hours **ret)
{
	struct weir_flow_hours *h = calloc(1, sizeof(*h));
	struct weir_map **maps[] = {&h->index, &h->observer_index, &h->hints, &h->homes, &h->places, &h->gateways, &h->owner_index,
				    &h->owner_of};
	int r = h ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(maps); i++)
		r = weir_map_new(maps[i]);
	if (!r) {
		h->topology = t;
		r = list_domains(h);
	}
	if (!r)
		r = list_gateways(h);
	if (!r && !topo_add_row(&h->owners, &h->owner_count)) /* 0: nobody said */
		r = -ENOMEM;
	if (!r)
		r = flow_owner_fill(&h->owners[0], &(struct weir_flow_owner){"", "", "", ""});
	if (r) {
		weir_flow_hours_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

int flow_owner_fill(struct weir_flow_owner *o, const struct weir_flow_owner *from)
{
	*o = (struct weir_flow_owner){.node = strdup(from->node), .namespace = strdup(from->namespace),
				      .workload = strdup(from->workload), .kind = strdup(from->kind)};
	return o->node && o->namespace && o->workload && o->kind ? 0 : -ENOMEM;
}

static int owner_number(struct weir_flow_hours *h, const struct weir_flow_owner *o, uint32_t *ret)
{
	char key[1100];
	size_t before = weir_map_count(h->owner_index);
	struct weir_flow_owner *row;
	int len, r;

	*ret = 0;
	if (!*o->workload && !*o->node)
		return 0;
	len = snprintf(key, sizeof(key), "%.255s\n%.255s\n%.255s\n%.255s", o->node, o->namespace, o->workload, o->kind);
	r = flow_number_of(h->owner_index, key, (size_t)len, ret);
	if (r || weir_map_count(h->owner_index) == before)
		return r;
	row = topo_add_row(&h->owners, &h->owner_count);
	return row ? flow_owner_fill(row, o) : -ENOMEM;
}

/* Makes or grows the row; what is summed is no part of its key. */
int flow_row_add(struct weir_flow_hours *h, const struct weir_seen *s)
{
	struct weir_seen key;
	uintptr_t at;
	int r;

	memset(&key, 0, sizeof(key)); /* padding is hashed too */
	key.local = s->local;
	key.peer = s->peer;
	key.hour = s->hour;
	key.domain = s->domain;
	key.observer = s->observer;
	key.dir = s->dir;
	key.sight = s->sight;
	key.proto = s->proto;
	key.port = s->port;
	key.opened = s->opened;
	at = (uintptr_t)weir_map_find(h->index, &key, sizeof(key));
	if (!at) {
		struct weir_seen *row;

		if (h->row_count == WEIR_FLOW_HOURS_MAX)
			return -E2BIG;
		row = topo_add_row(&h->rows, &h->row_count);
		if (!row)
			return -ENOMEM;
		*row = key;
		at = h->row_count;
		r = weir_map_put(h->index, &key, sizeof(key), (void *)at, NULL);
		if (r)
			return r;
	}
	h->rows[at - 1].bytes += s->bytes;
	h->rows[at - 1].packets += s->packets;
	if (s->owner)
		h->rows[at - 1].owner = s->owner;
	return 0;
}

int weir_flow_hours_agent(struct weir_flow_hours *h, const char *domain, const struct weir_addr *local, uint64_t hour_s)
{
	struct weir_seen s = {.hour = (uint32_t)(hour_s / 3600), .local = *local, .sight = WEIR_SIGHT_AGENT};

	s.domain = flow_domain_named(h, domain);
	return s.domain == FLOW_NOWHERE ? 0 : flow_row_add(h, &s);
}

/* Service port and who opened, where flags do not say: the lower port is the service's, and two ephemeral ones are none. */
static void set_service(const struct weir_flow *f, struct weir_seen *s)
{
	bool by_src = f->opener == WEIR_FLOW_BY_SRC || (f->opener == WEIR_FLOW_BY_NOBODY && f->dst_port <= f->src_port);
	uint16_t port = by_src ? f->dst_port : f->src_port;

	s->port = f->opener == WEIR_FLOW_BY_NOBODY && port >= 32768 ? 0 : port;
	s->opened = by_src == (s->dir == WEIR_FLOW_EGRESS);
}

/* A row of the end that sent, or of the one that received; where that is not known yet, from src to dst. */
static int add_end(struct flow_adding *a, enum weir_flow_side end, enum weir_sight sight, uint32_t domain, uint32_t owner)
{
	const struct weir_flow *f = a->f;
	struct weir_seen s = {
		.local = end == WEIR_FLOW_INGRESS ? f->dst : f->src, .peer = end == WEIR_FLOW_INGRESS ? f->src : f->dst,
		.hour = (uint32_t)(f->start_s / 3600), .domain = domain, .observer = a->observer, .dir = (uint8_t)end,
		.sight = (uint8_t)sight, .proto = f->proto, .owner = owner, .bytes = f->bytes, .packets = f->packets,
	};

	set_service(f, &s);
	return flow_row_add(a->h, &s);
}

static enum weir_flow_side other_side(enum weir_flow_side side)
{
	return side == WEIR_FLOW_EGRESS ? WEIR_FLOW_INGRESS : WEIR_FLOW_EGRESS;
}

static int learn_owner(struct weir_flow_hours *h, uint32_t domain, const struct weir_addr *addr, uint32_t owner)
{
	struct flow_at key = {.domain = domain, .addr = *addr};

	if (!owner || domain == FLOW_NOWHERE || weir_map_count(h->owner_of) >= FLOW_NAMES_MAX)
		return 0;
	return weir_map_put(h->owner_of, &key, sizeof(key), (void *)(uintptr_t)owner, NULL);
}

static void check_path(struct flow_adding *a, const struct weir_route *r, enum weir_flow_side side)
{
	struct weir_flow_hours_stats *st = &a->h->stats;
	const char *service = side == WEIR_FLOW_EGRESS ? a->f->dst_service : a->f->src_service;
	char src[46], dst[46];

	if (*service && strcmp(service, "AMAZON") && strcmp(service, "EC2") && !*r->service && r->path != WEIR_PATH_ENDPOINT)
		st->unranged_bytes += a->f->bytes;
	if (!a->f->traffic_path || side != WEIR_FLOW_EGRESS)
		return;
	if (weir_flowlog_path_agrees(a->f->traffic_path, r)) {
		st->agreed_bytes += a->f->bytes;
		return;
	}
	st->differing_bytes += a->f->bytes;
	if (!*st->differing)
		snprintf(st->differing, sizeof(st->differing), "%s to %s: path %s, traffic-path %u",
			 weir_addr_text(&a->f->src, src), weir_addr_text(&a->f->dst, dst), weir_path_name(r->path),
			 a->f->traffic_path);
}

/* The interface is of one end, and speaks for the other one too, where that is ours. */
static int add_own(struct flow_adding *a, enum weir_flow_side side, uint32_t domain)
{
	const struct weir_flow *f = a->f;
	const struct weir_addr *own = side == WEIR_FLOW_EGRESS ? &f->src : &f->dst, *far = side == WEIR_FLOW_EGRESS ? &f->dst : &f->src;
	uint32_t owner, other, peer_domain;
	struct weir_route route;
	int r = owner_number(a->h, &f->self, &owner);

	if (!r)
		r = owner_number(a->h, &f->other, &other);
	if (!r)
		r = add_end(a, side, WEIR_SIGHT_OWN, domain, owner);
	if (!r)
		r = learn_owner(a->h, domain, own, owner);
	if (r || domain == FLOW_NOWHERE)
		return r;
	weir_topology_route_at(a->h->topology, a->h->domains[domain], own, far, f->start_s, &route);
	if (!weir_map_find(a->h->gateways, &(struct flow_at){.addr = *own, .domain = domain}, sizeof(struct flow_at)))
		check_path(a, &route, side);
	peer_domain = flow_domain_named(a->h, route.peer_domain);
	if (peer_domain == FLOW_NOWHERE)
		return 0;
	r = add_end(a, other_side(side), WEIR_SIGHT_OTHER_END, peer_domain, other);
	return r ? r : learn_owner(a->h, peer_domain, far, other);
}

/* The interface is of neither end: each that is ours has been seen on its way. */
static int add_passing(struct flow_adding *a, uint32_t src, uint32_t dst)
{
	int r = 0;

	if (src != FLOW_NOWHERE)
		r = add_end(a, WEIR_FLOW_EGRESS, WEIR_SIGHT_GATEWAY, src, 0);
	if (!r && dst != FLOW_NOWHERE)
		r = add_end(a, WEIR_FLOW_INGRESS, WEIR_SIGHT_GATEWAY, dst, 0);
	return r;
}

/* Another of the interface's own addresses is of its subnet; what it forwards is of elsewhere. */
static bool is_forwarded(const struct weir_flow_hours *h, uint32_t domain, const struct weir_addr *at, const struct weir_addr *packet)
{
	return memcmp(at, packet, sizeof(*at)) != 0 &&
	       (domain == FLOW_NOWHERE || weir_topology_subnet(h->topology, h->domains[domain], at) !=
						  weir_topology_subnet(h->topology, h->domains[domain], packet));
}

static int add_sided(struct flow_adding *a, enum weir_flow_side side, uint32_t src, uint32_t dst)
{
	const struct weir_flow *f = a->f;
	const struct weir_addr *at = side == WEIR_FLOW_EGRESS ? &f->at_src : &f->at_dst;
	const struct weir_addr *packet = side == WEIR_FLOW_EGRESS ? &f->src : &f->dst;
	uint32_t own = side == WEIR_FLOW_EGRESS ? src : dst, far = side == WEIR_FLOW_EGRESS ? dst : src, at_domain, home;
	int r = flow_place(a->h, f, at, &at_domain);

	if (!r)
		r = flow_home(a->h, f, &home);
	if (r)
		return r;
	if (is_forwarded(a->h, at_domain, at, packet)) {
		struct flow_at key = {.domain = at_domain, .addr = *at};

		r = weir_map_put(a->h->gateways, &key, sizeof(key), a->h, NULL);
		if (r)
			return r;
		/* What it took in of one end it sends out to the other: of one of the two is this the whole truth. */
		return add_passing(a, side == WEIR_FLOW_EGRESS ? FLOW_NOWHERE : src, side == WEIR_FLOW_EGRESS ? dst : FLOW_NOWHERE);
	}
	/* What a transit gateway's interface hands over came from another network. */
	if ((own == FLOW_NOWHERE && far != FLOW_NOWHERE) || (home != FLOW_NOWHERE && own != FLOW_NOWHERE && own != home))
		return add_passing(a, src, dst);
	return add_own(a, side, own);
}

/* Which address is the interface's: the one that each of its rows has. */
static void narrow(struct flow_observer *o, const struct weir_flow *f)
{
	struct flow_candidates *c = &o->own[weir_addr_is_v4(&f->at_src)];
	const struct weir_addr *ends[] = {&f->at_src, &f->at_dst};

	if (!c->begun) {
		*c = (struct flow_candidates){.begun = true, .addr = {*ends[0], *ends[1]}, .may = {true, true}};
		return;
	}
	for (int i = 0; i < 2; i++)
		if (memcmp(&c->addr[i], ends[0], sizeof(c->addr[i])) && memcmp(&c->addr[i], ends[1], sizeof(c->addr[i])))
			c->may[i] = false;
}

static int observe(struct weir_flow_hours *h, const struct weir_flow *f, uint32_t *ret)
{
	size_t before = weir_map_count(h->observer_index);
	int r = flow_number_of(h->observer_index, f->observer, strlen(f->observer), ret);

	if (r)
		return r;
	if (weir_map_count(h->observer_index) != before && !topo_add_row(&h->observers, &h->observer_count))
		return -ENOMEM;
	narrow(&h->observers[*ret - 1], f);
	return 0;
}

/* The log does not say whose interface it is: where both ends are ours, it is decided when all of its rows are known. */
static int add_sideless(struct flow_adding *a, uint32_t src, uint32_t dst)
{
	uint32_t owner;
	int r;

	if ((src == FLOW_NOWHERE) != (dst == FLOW_NOWHERE))
		return add_sided(a, dst == FLOW_NOWHERE ? WEIR_FLOW_EGRESS : WEIR_FLOW_INGRESS, src, dst);
	r = owner_number(a->h, &a->f->self, &owner);
	return r ? r : add_end(a, WEIR_FLOW_SIDELESS, WEIR_SIGHT_OWN, src, owner);
}

int weir_flow_hours_add(struct weir_flow_hours *h, const struct weir_flow *f)
{
	struct flow_adding a = {.h = h, .f = f};
	uint32_t src, dst;
	int r = observe(h, f, &a.observer);

	if (!r)
		r = flow_place(h, f, &f->src, &src);
	if (!r)
		r = flow_place(h, f, &f->dst, &dst);
	if (r)
		return r;
	if (f->passing)
		return add_passing(&a, src, dst);
	return f->side == WEIR_FLOW_SIDELESS ? add_sideless(&a, src, dst) : add_sided(&a, f->side, src, dst);
}

const struct weir_flow_hours_stats *weir_flow_hours_stats(const struct weir_flow_hours *h)
{
	return &h->stats;
}
