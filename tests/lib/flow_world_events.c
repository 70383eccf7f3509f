/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not usual: events of each pattern, two of most in a world, of varying strength. Those that are told by what is
 * usual for their workload are that far above it: five times and more for rates whose bar is four.
 */
#include "tests/lib/flow_world_impl.h"

static const unsigned int victims[] = {API, CART, STOCK, PAY, PARTNER_API, REDIS, FEED, CHAT, KAFKA, ETL, DB};

/* What one of a group did is usual for the next one: there is one event of a group that is told by the same usual. */
static bool same_usual(enum weir_finding_kind a, enum weir_finding_kind b)
{
	bool out_a = a == WEIR_FINDING_EXFILTRATION || a == WEIR_FINDING_RUNAWAY_EGRESS || a == WEIR_FINDING_FLOOD;
	bool out_b = b == WEIR_FINDING_EXFILTRATION || b == WEIR_FINDING_RUNAWAY_EGRESS || b == WEIR_FINDING_FLOOD;

	return (out_a && out_b) || (a == b && a == WEIR_FINDING_RETRY_STORM);
}

/* A member that no event has yet. */
static struct member *choose(struct flow_world *w, struct plan *p, enum weir_finding_kind kind, const unsigned int *among, size_t n)
{
	for (unsigned int tries = 0; tries < 100; tries++) {
		bool taken = false;

		p->service = among[weir_random_below(&w->r, n)];
		p->member = (unsigned int)weir_random_below(&w->r, w->s[p->service].replicas);
		for (size_t i = 0; i < w->event_count; i++)
			taken |= w->plans[i].service == p->service &&
				 (w->plans[i].member == p->member || same_usual(kind, w->events[i].kind));
		if (!taken)
			break;
	}
	return &w->s[p->service].at[p->member];
}

static struct flow_event *add(struct flow_world *w, enum weir_finding_kind kind, const unsigned int *among, size_t n, double length_s,
			      struct plan **ret_plan)
{
	struct plan p = {0};
	struct member *m = choose(w, &p, kind, among, n);
	struct flow_event *e = &w->events[w->event_count];

	e->kind = kind;
	e->who = m->who;
	e->from_s = FLOW_WORLD_START + (uint64_t)world_between(w, FLOW_WORLD_WARM_S, FLOW_WORLD_LENGTH_S - length_s - 100);
	e->to_s = e->from_s + (uint64_t)length_s;
	w->plans[w->event_count] = p;
	*ret_plan = &w->plans[w->event_count++];
	return e;
}

static void plan_scans(struct flow_world *w)
{
	static const uint16_t ports[] = {22, 445, 3389, 6379, 5432, 23, 8080};
	struct plan *p;
	struct flow_event *e = add(w, WEIR_FINDING_PORT_SCAN, victims, WEIR_ARRAY_SIZE(victims), world_between(w, 300, 1800), &p);

	e->strength = p->rate = world_log_between(w, 1.5, 300);
	p->how = (unsigned int)weir_random_below(&w->r, 2);
	p->other = DB;
	e->has_peer = true;
	e->peer = p->how ? world_public(500 + weir_random_below(&w->r, 100)) : w->s[DB].at[0].addr;
	e = add(w, WEIR_FINDING_HORIZONTAL_SCAN, victims, WEIR_ARRAY_SIZE(victims), world_between(w, 300, 1800), &p);
	e->strength = p->rate = world_log_between(w, 1.5, 300);
	p->how = (unsigned int)weir_random_below(&w->r, 2);
	e->port = ports[weir_random_below(&w->r, WEIR_ARRAY_SIZE(ports))];
}

static void plan_flood(struct flow_world *w)
{
	static const unsigned int flooded[] = {WEB, API, REDIS, DB, PAY, CART};
	struct plan *p;
	struct flow_event *e = add(w, WEIR_FINDING_FLOOD, flooded, WEIR_ARRAY_SIZE(flooded), world_between(w, 60, 600), &p);

	p->how = (unsigned int)weir_random_below(&w->r, 4);
	e->strength = world_log_between(w, 1500, 60000);
	p->rate = e->strength * WEIR_PATTERN_BUCKET_S;
	e->in = p->how != 3;
	e->port = p->how == 1 ? 1900 : p->how == 3 ? 80 : 443;
	e->has_peer = p->how != 0;
	e->peer = world_public(600 + weir_random_below(&w->r, 100));
}

static void plan_internet(struct flow_world *w)
{
	static const unsigned int quiet[] = {API, CART, STOCK, PAY, PARTNER_API, REDIS, FEED, KAFKA, ETL, DB, STANDBY, POLLER_A, POLLER_B};
	struct plan *p;
	struct flow_event *e = add(w, WEIR_FINDING_EXFILTRATION, quiet, WEIR_ARRAY_SIZE(quiet), world_between(w, 600, 2400), &p);

	e->strength = world_log_between(w, 4, 30); /* times the largest so far, in 10 minutes */
	e->has_peer = true;
	e->peer = world_public(700 + weir_random_below(&w->r, 100));
	e->port = weir_random_below(&w->r, 2) ? 443 : 22;
	e = add(w, WEIR_FINDING_BEACON, quiet, WEIR_ARRAY_SIZE(quiet), 10000, &p);
	e->strength = p->rate = world_log_between(w, 30, 600);
	p->spread = world_between(w, 0, 0.35);
	e->has_peer = true;
	e->peer = world_public(800 + weir_random_below(&w->r, 100));
	e->port = weir_random_below(&w->r, 2) ? 443 : 8080;
	p->next_s = e->from_s;
	e = add(w, WEIR_FINDING_RUNAWAY_EGRESS, quiet, WEIR_ARRAY_SIZE(quiet), world_between(w, 120, 1200), &p);
	e->strength = world_log_between(w, 5, 40); /* times the largest so far */
	p->how = (unsigned int)weir_random_below(&w->r, 3);
	e->has_peer = p->how != 0;
	e->peer = world_public(p->how == 1 ? 310 : 900 + weir_random_below(&w->r, 100));
	e->port = 443;
}

static void plan_inside(struct flow_world *w)
{
	static const unsigned int callers[] = {API, ETL}, chat[] = {CHAT};
	struct plan *p;
	struct flow_event *e = add(w, WEIR_FINDING_RETRY_STORM, callers, 2, world_between(w, 60, 600), &p);

	e->strength = world_log_between(w, 6, 60); /* times the usual tries */
	p->other = p->service == API ? PAY : KAFKA;
	p->rate = e->strength * (p->service == API ? 30 : 140);
	p->spread = weir_random_below(&w->r, 2) ? 1 : world_between(w, 0.5, 0.95);
	e->has_peer = true;
	e->peer = w->s[p->other].at[0].addr;
	e->port = p->service == API ? 9000 : 9092;
	if (w->event_count > 8)
		return; /* one is all that these two services can have */
	e = add(w, WEIR_FINDING_CROSS_ZONE, chat, 1, FLOW_WORLD_LENGTH_S - FLOW_WORLD_WARM_S - 200, &p);
	e->from_s = FLOW_WORLD_START + FLOW_WORLD_WARM_S / 2 + (uint64_t)world_between(w, 0, 3600);
	e->to_s = FLOW_WORLD_START + FLOW_WORLD_LENGTH_S;
	e->strength = world_log_between(w, 20, 300); /* units a month */
	p->rate = e->strength * 1e9 / 0.02 / 2592000 * WEIR_PATTERN_BUCKET_S;
	e->port = 7000;
}

void world_plan(struct flow_world *w)
{
	for (int i = 0; i < 2; i++) {
		plan_scans(w);
		plan_flood(w);
		plan_internet(w);
		plan_inside(w);
	}
}

static void scan(struct flow_world *w, const struct flow_event *e, struct plan *p, const struct member *m)
{
	bool hosts = e->kind == WEIR_FINDING_HORIZONTAL_SCAN;

	for (double k = world_poisson(w, p->rate); k > 0; k--, p->done++) {
		struct put t = {.m = m, .proto = IPPROTO_TCP, .port = hosts ? e->port : (uint16_t)(1 + p->done * 7919 % 20000), .packets_out = 1,
				.peer = e->peer, .bytes_out = 60};
		double fate = weir_random_unit(&w->r);

		if (hosts)
			t.peer = p->how ? world_public(5000000 + p->done) : world_v4(10, 2, (unsigned int)(p->done >> 8) & 255, (unsigned int)p->done & 255);
		if (fate < 0.03)
			t.bytes_out = 100, t.packets_out = 2, t.bytes_in = 60, t.packets_in = 1; /* open */
		else if (fate < (hosts ? 0.15 : 0.7))
			t.bytes_in = 40, t.packets_in = 1; /* refused */
		world_put(w, &t);
	}
}

static void flood(struct flow_world *w, const struct flow_event *e, const struct plan *p, const struct member *m, double share)
{
	double n = p->rate * share;

	if (p->how == 0)
		for (unsigned int k = 0; k < 300; k++)
			world_put(w, &(struct put){.m = m, .peer = world_public(6000000 + weir_random_below(&w->r, 1u << 24)), .in = true,
						   .proto = IPPROTO_TCP, .port = e->port, .bytes_in = n / 300 * 60, .packets_in = n / 300,
						   .bytes_out = n / 300 * 60, .packets_out = n / 300});
	else
		world_put(w, &(struct put){.m = m, .peer = e->peer, .in = p->how != 3, .proto = p->how == 2 ? IPPROTO_TCP : IPPROTO_UDP, .port = e->port,
					   .bytes_in = p->how == 3 ? 0 : n * 60, .packets_in = n, .bytes_out = p->how == 3 ? n * 60 : p->how == 2 ? n * 44 : 0,
					   .packets_out = n});
}

static void send_out(struct flow_world *w, const struct flow_event *e, const struct plan *p, const struct member *m, double bytes)
{
	unsigned int peers = e->has_peer ? 1 : 25;

	(void)p;
	for (unsigned int k = 0; k < peers; k++) {
		struct weir_addr peer = e->has_peer ? e->peer : world_public(7000000 + weir_random_below(&w->r, 5000));

		world_put(w, &(struct put){.m = m, .peer = peer, .proto = IPPROTO_TCP, .port = e->port, .bytes_out = world_size(w, bytes / peers, 0.15),
					   .bytes_in = bytes / peers / 40, .packets_in = bytes / peers / 3000});
	}
}

static void call_home(struct flow_world *w, const struct flow_event *e, struct plan *p, const struct member *m)
{
	if (w->time_s + WEIR_PATTERN_BUCKET_S <= p->next_s)
		return;
	world_put(w, &(struct put){.m = m, .peer = e->peer, .proto = IPPROTO_TCP, .port = e->port, .bytes_out = world_size(w, 900, 0.2), .packets_out = 7,
				   .bytes_in = world_size(w, 600, 0.3), .packets_in = 6});
	p->next_s += (uint64_t)fmax(11, p->rate * (1 + world_between(w, -p->spread, p->spread)));
}

static void storm(struct flow_world *w, const struct flow_event *e, const struct plan *p, const struct member *m, double share)
{
	double tries = world_poisson(w, p->rate * share), failed = tries * p->spread;

	world_put(w, &(struct put){.m = m, .peer_m = &w->s[p->other].at[0], .proto = IPPROTO_TCP, .port = e->port, .bytes_out = 60 * tries,
				   .packets_out = tries, .bytes_in = 40 * failed, .packets_in = failed});
	world_health(w, m, tries - failed, failed, 0, 0);
}

static void chatter(struct flow_world *w, const struct flow_event *e, const struct plan *p)
{
	for (unsigned int i = 0; i < w->s[CHAT].replicas; i++)
		for (unsigned int k = 0; k < w->s[FEED].replicas; k++)
			world_put_both(w, &(struct put){.m = &w->s[CHAT].at[i], .peer_m = &w->s[FEED].at[k], .proto = IPPROTO_TCP, .port = e->port,
							.bytes_out = world_size(w, p->rate / 24 * 0.2, 0.4), .bytes_in = world_size(w, p->rate / 24 * 0.8, 0.4)});
}

static void put_event(struct flow_world *w, const struct flow_event *e, struct plan *p)
{
	const struct member *m = &w->s[p->service].at[p->member];
	uint64_t end_s = w->time_s + WEIR_PATTERN_BUCKET_S;
	double share = (double)(WEIR_MIN(end_s, e->to_s) - WEIR_MAX(w->time_s, e->from_s)) / WEIR_PATTERN_BUCKET_S;

	switch (e->kind) {
	case WEIR_FINDING_PORT_SCAN:
	case WEIR_FINDING_HORIZONTAL_SCAN: scan(w, e, p, m); break;
	case WEIR_FINDING_FLOOD: flood(w, e, p, m, share); break;
	case WEIR_FINDING_EXFILTRATION: send_out(w, e, p, m, p->rate * share); break;
	case WEIR_FINDING_BEACON: call_home(w, e, p, m); break;
	case WEIR_FINDING_RUNAWAY_EGRESS: send_out(w, e, p, m, p->rate * share); break;
	case WEIR_FINDING_RETRY_STORM: storm(w, e, p, m, share); break;
	default: chatter(w, e, p);
	}
}

void world_events(struct flow_world *w)
{
	for (size_t i = 0; i < w->event_count; i++) {
		const struct flow_event *e = &w->events[i];
		struct plan *p = &w->plans[i];

		if (w->time_s + WEIR_PATTERN_BUCKET_S <= e->from_s || w->time_s >= e->to_s)
			continue;
		if (!(p->rate > 0)) /* by what was largest until it begins */
			p->rate = e->kind == WEIR_FINDING_RUNAWAY_EGRESS ? fmax(3e7, e->strength * w->top[p->service]) :
									   e->strength * fmax(16e6, 3 * w->top[p->service]) / 60;
		w->now = (uint16_t)(i + 1);
		put_event(w, e, p);
	}
	w->now = 0;
}
