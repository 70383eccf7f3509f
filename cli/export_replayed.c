/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded traffic as charges: a replay says which bytes pass which meters, the export prices them in the order of time. */
#include "cli/export.h"
#include "lib/base/clock.h"
#include "lib/money/alloc.h"
#include "lib/money/replay.h"
#include "lib/money/resource.h"
#include "lib/policy/repo.h"

struct playing {
	struct export_source *s;
	struct weir_traffic_set *set;
	struct weir_replay *replay;
	struct in_time *order; /* charges of bytes, by the hour */
	size_t count;
	uint64_t hour_s; /* of the resources */
	struct export_shares shares; /* of the period, when resources are shared */
};
struct in_time {
	uint64_t hour_s;
	size_t charge;
};

static int by_hour(const void *a, const void *b)
{
	const struct in_time *x = a, *y = b;

	return x->hour_s != y->hour_s ? (x->hour_s > y->hour_s) - (x->hour_s < y->hour_s)
				      : (x->charge > y->charge) - (x->charge < y->charge);
}

static int sort_charges(struct playing *p)
{
	size_t n = weir_replay_count(p->replay);
	struct weir_traffic t;

	p->order = calloc(n + 1, sizeof(*p->order));
	if (!p->order)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct weir_replay_charge *c = weir_replay_at(p->replay, i);

		/* Resources come hour by hour, from the topology itself. */
		if (c->row == WEIR_REPLAY_RESOURCE)
			continue;
		weir_traffic_get(p->set, c->row, &t);
		p->order[p->count++] = (struct in_time){t.hour_s, i};
	}
	qsort(p->order, p->count, sizeof(*p->order), by_hour);
	return 0;
}

static struct weir_focus_charge period_of(const struct playing *p, uint64_t hour_s)
{
	const struct export_source *s = p->s;
	uint64_t from_s = hour_s - hour_s % s->step_s;

	return (struct weir_focus_charge){.from_s = from_s, .to_s = from_s + s->step_s, .month = weir_time_month(hour_s)};
}

/* Before the range only what belongs to its first month has used anything. */
static int give(const struct playing *p, const struct weir_focus_charge *c, uint64_t hour_s)
{
	struct export_source *s = p->s;

	if (hour_s >= s->from_s)
		return weir_focus_export_add(s->x, c, s->err);
	return c->month == weir_time_month(s->from_s) ? weir_focus_export_before(s->x, c, s->err) : 0;
}

static int add_charge(const struct playing *p, const struct in_time *at)
{
	const struct weir_replay_charge *r = weir_replay_at(p->replay, at->charge);
	struct weir_focus_charge c = period_of(p, at->hour_s);
	const struct weir_subnet *subnet;
	struct weir_traffic t;

	weir_traffic_get(p->set, r->row, &t);
	subnet = weir_topology_subnet(p->s->repo->topology, t.domain, &t.local);
	c.provider = r->meter ? r->meter->provider : "";
	c.region = r->meter ? r->meter->region : "";
	c.account = subnet && subnet->account ? subnet->account : "";
	c.meter = r->meter ? r->meter->name : r->free ? "none" : "unpriced";
	c.domain = t.domain;
	c.namespace = t.namespace;
	c.workload = t.workload;
	c.kind = t.kind;
	c.team = t.team;
	c.labels = t.labels;
	c.path = r->path;
	c.flow_log = t.source == WEIR_TRAFFIC_FLOW_LOG;
	c.bytes = r->bytes;
	return give(p, &c, at->hour_s);
}

/* What the hour of a resource costs: of its price, and 0 without one. */
static int64_t hour_nanos(const struct weir_resource *r)
{
	return r->meter ? weir_meter_between(r->meter, 0, (uint64_t)WEIR_RESOURCE_HOUR_S * r->count) : 0;
}

static int add_resource(const struct weir_resource *r, void *arg)
{
	const struct playing *p = arg;
	struct weir_focus_charge c = period_of(p, p->hour_s);
	char name[512];

	snprintf(name, sizeof(name), "%s/%s", r->domain, r->name);
	c.provider = r->provider;
	c.region = r->region;
	c.account = r->account;
	c.meter = r->meter ? r->meter->name : "unpriced";
	c.domain = r->domain;
	c.resource = name;
	c.team = r->owner;
	c.path = r->path;
	c.charged = true;
	c.nanos = hour_nanos(r);
	return p->hour_s < p->s->from_s ? give(p, &c, p->hour_s) : export_shares_give(p->s, &p->shares, &c);
}

struct allocating {
	const struct playing *p;
	struct weir_alloc *alloc;
	uint64_t hour_s;
};

static int allocate_hour(const struct weir_resource *r, void *arg)
{
	const struct allocating *a = arg;

	return weir_alloc_hour(a->alloc, a->hour_s, r->domain, r->name, r->owner, hour_nanos(r));
}

/* Each row once, by its first meter; then the hours. */
static int allocate(struct allocating *a, size_t i, uint64_t from_s, uint64_t to_s)
{
	const struct playing *p = a->p;
	const struct weir_repo *repo = p->s->repo;
	struct weir_traffic t;
	int r = 0;

	for (; !r && i < p->count && p->order[i].hour_s < to_s; i++) {
		const struct weir_replay_charge *c = weir_replay_at(p->replay, p->order[i].charge);

		weir_traffic_get(p->set, c->row, &t);
		if (c->once)
			r = weir_alloc_row(a->alloc, &t, weir_alloc_resource(repo->topology, &t));
	}
	for (a->hour_s = from_s; !r && a->hour_s < to_s; a->hour_s += WEIR_RESOURCE_HOUR_S)
		r = weir_resource_each(repo->topology, repo->prices, a->hour_s, allocate_hour, a);
	return r ? r : weir_alloc_settle(a->alloc);
}

/* Of the period that begins with an hour and, in the order, with i. */
static int find_shares(struct playing *p, size_t i, uint64_t hour_s, uint64_t last_s)
{
	uint64_t to_s = WEIR_MIN(hour_s - hour_s % p->s->step_s + p->s->step_s, last_s + WEIR_RESOURCE_HOUR_S);
	weir_auto_alloc struct weir_alloc *alloc = NULL;
	struct allocating a = {.p = p};
	enum weir_payer payer;
	int r = weir_payer_parse(p->s->payer, &payer);

	export_shares_fini(&p->shares);
	if (!r)
		r = weir_alloc_new(p->s->repo->allocation, payer, &alloc);
	a.alloc = alloc;
	if (!r)
		r = allocate(&a, i, hour_s, to_s);
	for (size_t k = 0; !r && k < weir_alloc_count(alloc); k++) {
		const struct weir_alloc_share *share = weir_alloc_at(alloc, k);
		bool idle = share->how == WEIR_ALLOC_IDLE;
		char buf[WEIR_ALLOC_KEY_MAX];

		if (share->how > WEIR_ALLOC_ALONE)
			r = export_shares_add(&p->shares, share->via, idle ? "" : weir_alloc_key(share, WEIR_ALLOC_TEAM, "", buf),
					      weir_alloc_how_name(share->how), share->nanos);
	}
	return r;
}

/* Hour by hour from the first of the recording, the charges of bytes before those of resources. */
static int play(struct playing *p)
{
	uint64_t first, last;
	size_t i = 0;
	int r = sort_charges(p);

	weir_traffic_span(p->set, &first, &last);
	for (uint64_t hour = first; !r && hour <= last && hour < p->s->to_s && weir_traffic_count(p->set); hour += WEIR_RESOURCE_HOUR_S) {
		if (p->s->payer && (hour == first || hour % p->s->step_s == 0))
			r = find_shares(p, i, hour, last);
		for (; !r && i < p->count && p->order[i].hour_s <= hour; i++)
			r = add_charge(p, &p->order[i]);
		p->hour_s = hour;
		if (!r)
			r = weir_resource_each(p->s->repo->topology, p->s->repo->prices, hour, add_resource, p);
	}
	export_shares_fini(&p->shares);
	return r;
}

int export_from_traffic(struct export_source *s, const char *const *files)
{
	weir_auto_traffic struct weir_traffic_set *set = NULL;
	weir_auto_replay struct weir_replay *replay = NULL;
	struct playing p = {.s = s};
	int r = weir_traffic_new(&set);

	for (; !r && *files; files++)
		r = weir_traffic_read(set, *files, s->err);
	if (!r)
		r = weir_replay_run(s->repo->topology, s->repo->prices, set, NULL, 0, &replay);
	p.set = set;
	p.replay = replay;
	if (!r)
		r = play(&p);
	free(p.order);
	return r == -ENOENT ? -EINVAL : r;
}
