/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's passages, laid down for its program: each pair of legs is one entry that says what the two
 * interfaces say. An entry never changes while a packet may read it.
 */
#include "agent/probe_priv.h"

static bool is_leg(const struct weir_if *f)
{
	return f->ifindex && (f->flags & WEIR_IF_LEG);
}

/* What a gateway's program finds by itself too, see weir_way_of(). */
static struct weir_way way_of(const struct probe *p, const struct weir_if *from, const struct weir_if *to)
{
	bool ingress = to->flags & ~from->flags & WEIR_IF_INSIDE;

	return (struct weir_way){
		.from = from->ifindex,
		.to = to->ifindex,
		.in = (uint32_t)(from - p->ifs),
		.out = (uint32_t)(to - p->ifs),
		.ifindex = ingress ? from->ifindex : to->ifindex,
		.workload = p->gateway,
		.dir = ingress ? WEIR_INGRESS : WEIR_EGRESS,
		.observed = (from->flags & WEIR_IF_OBSERVED ? WEIR_WAY_IN : 0) |
			    (to->flags & WEIR_IF_OBSERVED ? WEIR_WAY_OUT : 0),
	};
}

/* Still what the two interfaces in its slots say. */
static bool holds(const struct probe *p, const struct weir_way *w)
{
	const struct weir_if *from = &p->ifs[w->in], *to = &p->ifs[w->out];
	struct weir_way now;

	if (!is_leg(from) || !is_leg(to))
		return false;
	now = way_of(p, from, to);
	return !memcmp(&now, w, sizeof(now));
}

/* True: one was taken up. */
static bool take_up(struct probe *p)
{
	bool any = false;

	for (size_t i = 0; i < WEIR_WAYS; i++) {
		if (!p->ways[i].from || holds(p, &p->ways[i]))
			continue;
		__atomic_store_n(&p->ways[i].from, 0, __ATOMIC_RELEASE);
		any = true;
	}
	return any;
}

static void lay(struct probe *p, const struct weir_way *w)
{
	struct weir_way *free_at = NULL;

	for (uint32_t i = WEIR_WAY_PROBES; i-- > 0;) {
		struct weir_way *at = &p->ways[(WEIR_WAY_AT(w->from, w->to) + i) % WEIR_WAYS];

		if (at->from == w->from && at->to == w->to)
			return;
		if (!at->from)
			free_at = at;
	}
	if (!free_at)
		return;
	free_at->to = w->to;
	free_at->in = w->in;
	free_at->out = w->out;
	free_at->ifindex = w->ifindex;
	free_at->workload = w->workload;
	free_at->dir = w->dir;
	free_at->observed = w->observed;
	__atomic_store_n(&free_at->from, w->from, __ATOMIC_RELEASE);
}

void probe_lay_ways(struct probe *p)
{
	if (take_up(p) && probe_grace(p))
		return; /* the long way is as good */
	for (size_t a = 0; a < WEIR_IF_SLOTS; a++) {
		for (size_t b = 0; is_leg(&p->ifs[a]) && b < WEIR_IF_SLOTS; b++) {
			struct weir_way w;

			if (!is_leg(&p->ifs[b]))
				continue;
			w = way_of(p, &p->ifs[a], &p->ifs[b]);
			lay(p, &w);
		}
	}
}
