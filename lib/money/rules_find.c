/* SPDX-License-Identifier: Apache-2.0 */
/* What rules look at: the traffic summed by day, each row with its way, and what is asked of both. */
#include <stdarg.h>
#include <time.h>

#include "lib/money/rules_impl.h"

static const char *keep(struct weir_savings *s, char *text)
{
	char **slot = text ? topo_grow(&s->strings, &s->string_count, sizeof(*slot)) : NULL;

	if (!slot) {
		free(text);
		s->r = -ENOMEM;
		return "";
	}
	*slot = text;
	return text;
}

const char *rules_text(struct weir_savings *s, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return keep(s, n < 0 ? NULL : text);
}

bool rules_is(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

struct seen { /* texts of a set are one pointer each */
	const char *domain;
	struct weir_addr local;
	uint64_t hour_s;
};

/* Which addresses agents have seen in which hour: what flow logs say of those is known already (replay.h). */
static int note_agents(const struct weir_traffic_set *set, struct weir_map *map)
{
	struct weir_traffic t;
	int r = 0;

	for (size_t i = 0; r == 0 && i < weir_traffic_count(set); i++) {
		weir_traffic_get(set, i, &t);
		if (t.source == WEIR_TRAFFIC_AGENT && !t.folded)
			r = weir_map_put(map, &(struct seen){t.domain, t.local, t.hour_s}, sizeof(struct seen), map, NULL);
	}
	return r;
}

static bool seen_twice(const struct weir_map *map, const struct weir_traffic *t)
{
	const struct seen key = {t->domain, t->local, t->hour_s};

	return t->source == WEIR_TRAFFIC_FLOW_LOG && !t->folded && weir_map_find(map, &key, sizeof(key));
}

/*
 * By day the months, and so the tiers, stay as they are; the first and the last hour keep the span. Flow logs are joined
 * with the agents' rows while hours are known.
 */
static int sum_by_day(struct weir_savings *s)
{
	struct weir_map *agents = NULL;
	struct weir_traffic t;
	int r = weir_traffic_new(&s->days);

	if (r == 0)
		r = weir_map_new(&agents);
	if (r == 0)
		r = note_agents(s->in.traffic, agents);
	for (size_t i = 0; r == 0 && i < weir_traffic_count(s->in.traffic); i++) {
		weir_traffic_get(s->in.traffic, i, &t);
		if (seen_twice(agents, &t))
			continue;
		t.source = WEIR_TRAFFIC_AGENT;
		if (t.hour_s != s->last_s)
			t.hour_s = WEIR_MAX(t.hour_s - t.hour_s % RULES_DAY_S, s->first_s);
		t.packets = 0;
		r = weir_traffic_add(s->days, &t);
	}
	weir_map_free(agents, NULL);
	return r;
}

/* Hours of the span of which anything was recorded: what a gap hides is no evidence. */
static int count_hours(struct weir_savings *s)
{
	weir_auto_free bool *seen = calloc(s->hours, sizeof(*seen));
	struct weir_traffic t;

	for (size_t i = 0; seen && i < weir_traffic_count(s->in.traffic); i++) {
		bool *hour;

		weir_traffic_get(s->in.traffic, i, &t);
		hour = &seen[(t.hour_s - s->first_s) / 3600];
		s->seen_hours += !*hour;
		*hour = true;
	}
	return seen ? 0 : -ENOMEM;
}

static int sum_by_month(struct weir_savings *s)
{
	uint64_t start = 0, day = 0;
	struct weir_traffic t;
	int r = weir_traffic_new(&s->months);

	for (size_t i = 0; r == 0 && i < weir_traffic_count(s->days); i++) {
		weir_traffic_get(s->days, i, &t);
		if (t.hour_s / RULES_DAY_S != day) {
			time_t now = (time_t)t.hour_s;
			struct tm tm;

			day = t.hour_s / RULES_DAY_S;
			gmtime_r(&now, &tm);
			start = (day - (uint64_t)(tm.tm_mday - 1)) * RULES_DAY_S;
		}
		if (t.hour_s != s->last_s)
			t.hour_s = WEIR_MAX(start, s->first_s);
		r = weir_traffic_add(s->months, &t);
	}
	return r;
}

int rules_versions_at(const struct weir_topology *t, uint64_t time_s, struct weir_topology **ret, struct weir_err *err)
{
	int r = weir_change_topology(t, NULL, 0, ret, err);

	for (size_t i = 0; r == 0 && i < (*ret)->domain_count; i++) {
		struct topo_domain *d = &(*ret)->domains[i];
		const struct topo_domain *then = topo_domain_at(t, d->name, time_s);
		bool holds = then ? then == &t->domains[i] : d->latest;

		d->valid_from = 0;
		d->valid_to = holds ? UINT64_MAX : 0;
		d->latest = holds;
	}
	return r;
}

int rules_last_versions(const struct weir_topology *t, struct weir_topology **ret, struct weir_err *err)
{
	return rules_versions_at(t, WEIR_TOPOLOGY_LATEST, ret, err);
}

static uint32_t hop_named(const struct weir_topology *t, const struct topo_domain *d, const char *name)
{
	for (uint32_t i = 0; *name && i < t->hop_count; i++)
		if (&t->domains[t->hops[i].domain] == d && t->hops[i].balancer == TOPO_NONE && !strcmp(t->hops[i].name, name))
			return i;
	return TOPO_NONE;
}

static void place(struct weir_savings *s, struct rules_row *row)
{
	const struct weir_topology *t = s->now;
	struct weir_route_reason why;
	struct weir_route r;

	row->hop = TOPO_NONE;
	row->domain = topo_domain_at(t, row->t.domain, WEIR_TOPOLOGY_LATEST);
	if (row->t.folded || !row->domain)
		return;
	weir_topology_route(t, row->t.domain, &row->t.local, &row->t.peer, &r);
	if (row->t.opened)
		row->route = r;
	else
		weir_route_answered(&r, &row->route);
	if (!r.local)
		return;
	row->subnet = (const struct topo_subnet *)((const char *)r.local - offsetof(struct topo_subnet, pub));
	if (row->route.path != WEIR_PATH_NAT && row->route.path != WEIR_PATH_ENDPOINT)
		return;
	weir_topology_reason(t, row->t.domain, &row->t.local, &row->t.peer, WEIR_TOPOLOGY_LATEST, &why);
	row->hop = hop_named(t, row->domain, why.gateway);
}

static int place_all(struct weir_savings *s)
{
	size_t n = weir_traffic_count(s->days);

	s->rows = calloc(n + 1, sizeof(*s->rows));
	if (!s->rows)
		return -ENOMEM;
	for (; s->row_count < n; s->row_count++) {
		struct rules_row *row = &s->rows[s->row_count];

		weir_traffic_get(s->days, s->row_count, &row->t);
		place(s, row);
	}
	return 0;
}

static void find_all(struct weir_savings *s)
{
	static void (*const finders[])(struct weir_savings *) = {
		rules_find_gateways, rules_find_endpoints, rules_find_nat,   rules_find_ipv6, rules_find_idle,
		rules_find_balancers, rules_find_peerings, rules_find_local, rules_find_moves,
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(finders) && s->r == 0; i++)
		finders[i](s);
	for (size_t i = 0; i < s->draft_count; i++) {
		struct rules_draft *d = s->drafts[i];

		d->pub.edits = d->edits;
		d->pub.edit_count = d->edit_count;
		d->pub.files = d->files;
		d->pub.file_count = d->file_count;
	}
}

int weir_savings_new(const struct weir_savings_in *in, struct weir_savings **ret, struct weir_err *err)
{
	struct weir_savings *s;

	if (!weir_traffic_count(in->traffic))
		return weir_err_set(err, -EINVAL, "no traffic is recorded: nothing can be said of it");
	s = calloc(1, sizeof(*s));
	if (!s)
		return weir_err_set(err, -ENOMEM, "savings: out of memory");
	s->in = *in;
	s->in.floor_nanos = WEIR_MAX(in->floor_nanos, 1);
	weir_traffic_span(in->traffic, &s->first_s, &s->last_s);
	s->hours = (s->last_s - s->first_s) / 3600 + 1;
	s->r = count_hours(s);
	if (s->r == 0)
		s->r = rules_last_versions(in->topology, &s->now, err);
	if (s->r == 0)
		s->r = sum_by_day(s);
	if (s->r == 0)
		s->r = sum_by_month(s);
	if (s->r == 0)
		s->r = place_all(s);
	if (s->r == 0)
		find_all(s);
	if (s->r < 0) {
		int r = s->r;

		weir_savings_free(s);
		return weir_err_set(err, r, "savings: %s", strerror(-r));
	}
	*ret = s;
	return 0;
}

void weir_savings_free(struct weir_savings *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->draft_count; i++) {
		free(s->drafts[i]->edits);
		free(s->drafts[i]->files);
		free(s->drafts[i]);
	}
	for (size_t i = 0; i < s->string_count; i++)
		free(s->strings[i]);
	weir_traffic_free(s->days);
	weir_traffic_free(s->months);
	weir_topology_free(s->now);
	free(s->drafts);
	free(s->strings);
	free(s->chosen);
	free(s->rows);
	free(s);
}

uint64_t weir_savings_hours(const struct weir_savings *s)
{
	return s->hours;
}

uint64_t weir_savings_seen(const struct weir_savings *s)
{
	return s->seen_hours;
}

size_t weir_savings_dropped(const struct weir_savings *s)
{
	return s->dropped;
}

size_t weir_savings_candidates(const struct weir_savings *s)
{
	return s->draft_count;
}

const struct weir_candidate *weir_savings_candidate(const struct weir_savings *s, size_t i)
{
	return &s->drafts[i]->pub;
}

int64_t rules_leg(const struct weir_savings *s, const struct weir_route *r, unsigned int dir, enum weir_leg leg,
		  uint64_t bytes)
{
	struct weir_route_leg legs[WEIR_MAX_LEGS];
	int n = weir_pricebook_legs(s->in.book, r, dir, s->last_s, legs);

	for (int i = 0; i < n; i++)
		if (legs[i].leg == leg && legs[i].meter)
			return weir_meter_between(legs[i].meter, 0, bytes);
	return 0;
}

int64_t rules_legs(const struct weir_savings *s, const struct weir_route *r, const uint64_t bytes[2], enum weir_leg leg)
{
	return rules_leg(s, r, 0, leg, bytes[0]) + rules_leg(s, r, 1, leg, bytes[1]);
}

int64_t rules_hours(const struct weir_savings *s, const struct topo_domain *d, const char *region, const char *meter,
		    uint64_t count)
{
	const struct weir_meter *m = weir_pricebook_find(s->in.book, d->provider, region, meter, s->last_s);

	m = m && m->by_hour ? weir_meter_effective(m, d->account, s->last_s) : NULL;
	return m ? weir_meter_between(m, 0, s->hours * 3600 * count) : 0;
}

const struct topo_route *rules_route(const struct weir_savings *s, const struct topo_subnet *subnet,
				     const struct weir_addr *peer)
{
	const struct weir_prefix p = {.addr = *peer, .len = 128};
	uint32_t i = weir_lpm_find_prefix(subnet->routes, &p);

	return i == WEIR_LPM_NONE || i == 0 ? NULL : &s->now->routes[i];
}

bool rules_measured(const struct weir_savings *s, const struct topo_subnet *subnet)
{
	for (size_t i = 0; i < s->row_count; i++)
		if (s->rows[i].subnet == subnet)
			return true;
	return false;
}

const struct topo_subnet *rules_public_subnet(const struct weir_savings *s, const struct topo_domain *d, const char *zone)
{
	const struct weir_topology *t = s->now;

	for (size_t i = 1; i < t->route_count; i++) {
		const struct topo_route *rt = &t->routes[i];
		const struct topo_subnet *subnet = &t->subnets[rt->subnet];

		if (rt->via == TOPO_VIA_IGW && !rt->to_service && rt->to.len == 96 && topo_is_all(&rt->to) &&
		    &t->domains[subnet->domain] == d && (!zone || !strcmp(subnet->pub.zone, zone)))
			return subnet;
	}
	return NULL;
}

void rules_edit_ranges(struct weir_savings *s, struct rules_draft *d, const struct rules_tally *y, const char *via,
		       const char *gateway)
{
	for (size_t i = 0; i < y->member_count; i++) {
		const struct rules_row *row = &s->rows[y->members[i]];
		struct weir_route_reason why;
		struct weir_edit *e;
		size_t k = 0;

		weir_topology_reason(s->now, row->domain->name, &row->t.local, &row->t.peer, WEIR_TOPOLOGY_LATEST, &why);
		while (k < d->edit_count && (strcmp(d->edits[k].subnet, row->subnet->pub.name) != 0 ||
					     weir_prefix_cmp(&d->edits[k].to, &why.range) != 0))
			k++;
		if (k < d->edit_count)
			continue;
		e = rules_edit(s, d, WEIR_EDIT_ROUTE);
		e->domain = row->domain->name;
		e->subnet = row->subnet->pub.name;
		e->to = why.range;
		e->via = via;
		e->gateway = gateway;
	}
}
