/* SPDX-License-Identifier: Apache-2.0 */
/* The world: who there is, and how a flow becomes rows. */
#include "tests/lib/flow_world_impl.h"

static const struct service services[SERVICES] = {
	[WEB] = {"web", "shop", "front", 6},	     [API] = {"api", "shop", "front", 6},
	[DB] = {"db", "shop", "front", 2},	     [REDIS] = {"redis", "shop", "front", 3},
	[PAY] = {"payments", "pay", "pay", 3},	     [PARTNER_API] = {"partners", "pay", "pay", 2},
	[BACKUP] = {"backup", "data", "data", 1},    [KAFKA] = {"kafka", "data", "data", 3},
	[ETL] = {"etl", "data", "data", 4},	     [PRIMARY] = {"primary", "data", "data", 1},
	[STANDBY] = {"standby", "data", "data", 1},  [CRAWLER] = {"crawler", "search", "search", 2},
	[RESOLVER] = {"resolver", "kube-system", "platform", 2}, [MONITOR] = {"monitor", "obs", "platform", 1},
	[CHECKER] = {"checker", "obs", "platform", 1}, [STATSD] = {"statsd", "obs", "platform", 1},
	[CHRONY] = {"chrony.service", "", "", 6},    [POLLER_A] = {"poller-a", "jobs", "jobs", 1},
	[POLLER_B] = {"poller-b", "jobs", "jobs", 1}, [POLLER_C] = {"poller-c", "jobs", "jobs", 1},
	[POLLER_D] = {"poller-d", "jobs", "jobs", 1}, [PROXY] = {"proxy", "corp", "it", 1},
	[REPORTS] = {"reports", "data", "data", 1},  [CHAT] = {"chat", "talk", "talk", 6},
	[FEED] = {"feed", "talk", "talk", 6},	     [CART] = {"cart", "shop", "front", 6},
	[STOCK] = {"stock", "shop", "front", 6},
};

struct weir_addr world_v4(unsigned int a, unsigned int b, unsigned int c, unsigned int d)
{
	struct weir_addr r = {{[10] = 0xff, [11] = 0xff, [12] = (uint8_t)a, [13] = (uint8_t)b, [14] = (uint8_t)c, [15] = (uint8_t)d}};

	return r;
}

struct weir_addr world_public(uint64_t number)
{
	uint64_t h = (number + 1) * 0x9e3779b97f4a7c15ull;

	h ^= h >> 31;
	return world_v4(20 + (unsigned int)(h >> 56) % 150, (unsigned int)(h >> 48) & 255, (unsigned int)(h >> 40) & 255,
			1 + (unsigned int)((h >> 32) & 255) % 254);
}

double world_between(struct flow_world *w, double lo, double hi)
{
	return lo + (hi - lo) * weir_random_unit(&w->r);
}

double world_log_between(struct flow_world *w, double lo, double hi)
{
	return lo * pow(hi / lo, weir_random_unit(&w->r));
}

double world_size(struct flow_world *w, double median, double sigma)
{
	return median * exp(sigma * weir_random_normal(&w->r));
}

double world_poisson(struct flow_world *w, double mean)
{
	double limit = exp(-mean), product = weir_random_unit(&w->r);
	int n = 0;

	if (mean > 30)
		return fmax(0, round(mean + sqrt(mean) * weir_random_normal(&w->r)));
	for (; product > limit; n++)
		product *= weir_random_unit(&w->r);
	return n;
}

void world_member(struct flow_world *w, struct service *s, unsigned int i)
{
	struct member *m = &s->at[i];
	unsigned int number = (unsigned int)(s - w->s), node = (number + i) % 6;

	m->zone = node % ZONES;
	snprintf(m->node, sizeof(m->node), "node-%u", node);
	if (s->release)
		snprintf(m->name, sizeof(m->name), "%s-%u-%u", s->name, s->release, i);
	else
		snprintf(m->name, sizeof(m->name), *s->namespace ? "%s-%u" : "%s", s->name, i);
	if (*s->namespace)
		snprintf(m->labels, sizeof(m->labels), "{\"app\":\"%s\",\"pod-template-hash\":\"%u\"}", s->name, s->release);
	m->addr = world_v4(10, node, number, 10 + i + 10 * (s->release % 20));
	m->who = (struct weir_pattern_who){.id = ++w->next_id, .node = m->node, .domain = FLOW_WORLD_DOMAIN, .namespace = s->namespace,
					   .name = m->name, .team = s->team, .labels = m->labels};
}

void world_release(struct flow_world *w, struct service *s)
{
	s->release++;
	for (unsigned int i = 0; i < s->replicas; i++)
		world_member(w, s, i);
}

static uint8_t path_of(const struct member *m, const struct put *p)
{
	if (!p->peer_m)
		return p->peer.b[12] == 10 ? WORLD_SAME_ZONE : WORLD_INTERNET;
	if (p->peer_m->zone != m->zone)
		return WORLD_CROSS_ZONE;
	return strcmp(p->peer_m->node, m->node) ? WORLD_SAME_ZONE : WORLD_SAME_HOST;
}

static void put_row(struct flow_world *w, const struct put *p, uint8_t dir, double bytes, double packets)
{
	uint8_t path = path_of(p->m, p);
	double price = path == WORLD_INTERNET && dir == WEIR_EGRESS ? 0.09 : path == WORLD_CROSS_ZONE ? 0.01 : 0;

	if (bytes < 1)
		return;
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 4096;
		w->rows = realloc(w->rows, w->cap * sizeof(*w->rows));
		w->event = realloc(w->event, w->cap * sizeof(*w->event));
		if (!w->rows || !w->event)
			abort();
	}
	if (path == WORLD_INTERNET && dir == WEIR_EGRESS && !w->now)
		w->sent[((const char *)p->m - (const char *)w->s) / (ptrdiff_t)sizeof(struct service)] += bytes;
	packets = fmax(1, round(packets > 0 ? packets : bytes / 1400));
	w->event[w->n] = w->now;
	w->rows[w->n++] = (struct weir_pattern_row){.who = &p->m->who, .peer_who = p->peer_m ? &p->peer_m->who : NULL,
						    .peer = p->peer_m ? p->peer_m->addr : p->peer, .has_peer = true,
						    .is_public = path == WORLD_INTERNET, .opened = !p->in, .path = path, .proto = p->proto,
						    .dir = dir, .verdict = WEIR_V_NONE, .port = p->port, .bytes = (uint64_t)bytes,
						    .packets = (uint64_t)packets, .nanos = (int64_t)(bytes * price)};
}

void world_put(struct flow_world *w, const struct put *p)
{
	put_row(w, p, WEIR_EGRESS, p->bytes_out, p->packets_out);
	put_row(w, p, WEIR_INGRESS, p->bytes_in, p->packets_in);
}

void world_put_both(struct flow_world *w, const struct put *p)
{
	struct put back = *p;

	world_put(w, p);
	back.m = p->peer_m;
	back.peer_m = p->m;
	back.in = !p->in;
	back.bytes_out = p->bytes_in;
	back.bytes_in = p->bytes_out;
	back.packets_out = p->packets_in;
	back.packets_in = p->packets_out;
	world_put(w, &back);
}

void world_health(struct flow_world *w, const struct member *m, double connections, double refused, double timeouts, double resets)
{
	struct weir_pattern_health *h = &w->health[w->hn];

	if (w->hn == WEIR_ARRAY_SIZE(w->health))
		return;
	w->hn++;
	*h = (struct weir_pattern_health){.who = &m->who, .scope = WEIR_SCOPE_PRIVATE};
	h->n[WEIR_H_CONNECTIONS] = (uint64_t)connections;
	h->n[WEIR_H_REFUSED] = (uint64_t)refused;
	h->n[WEIR_H_TIMEOUTS] = (uint64_t)timeouts;
	h->n[WEIR_H_RESETS_IN] = (uint64_t)resets;
}

int flow_world_new(uint64_t seed, struct flow_world **ret)
{
	struct flow_world *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->r = weir_random_of(seed);
	w->time_s = FLOW_WORLD_START;
	w->end_s = FLOW_WORLD_START + FLOW_WORLD_LENGTH_S;
	memcpy(w->s, services, sizeof(services));
	for (unsigned int i = 0; i < SERVICES; i++)
		for (unsigned int k = 0; k < w->s[i].replicas; k++)
			world_member(w, &w->s[i], k);
	w->phase = world_between(w, 0, 2 * M_PI);
	w->crowd_s = FLOW_WORLD_START + (uint64_t)world_between(w, 4000, 14000);
	w->outage_s = FLOW_WORLD_START + (uint64_t)world_between(w, 3000, 15000);
	for (int i = 0; i < 2; i++) {
		w->release_s[i] = FLOW_WORLD_START + (uint64_t)world_between(w, 1000, 15000);
		w->released[i] = i ? API : CART;
	}
	world_plan(w);
	*ret = w;
	return 0;
}

void flow_world_free(struct flow_world *w)
{
	if (!w)
		return;
	free(w->rows);
	free(w->event);
	free(w);
}

bool flow_world_next(struct flow_world *w, struct flow_bucket *ret)
{
	if (w->time_s >= w->end_s)
		return false;
	w->n = w->hn = 0;
	w->now = 0;
	memset(w->sent, 0, sizeof(w->sent));
	world_usual(w);
	for (unsigned int i = 0; i < SERVICES; i++)
		w->top[i] = fmax(w->top[i], w->sent[i]);
	world_events(w);
	*ret = (struct flow_bucket){w->time_s, w->rows, w->event, w->n, w->health, w->hn};
	w->time_s += WEIR_PATTERN_BUCKET_S;
	return true;
}

const struct flow_event *flow_world_events(const struct flow_world *w, size_t *ret_count)
{
	*ret_count = w->event_count;
	return w->events;
}

void flow_world_paths(const char *ret[WEIR_PATTERN_PATHS])
{
	static const char *const names[] = {"unknown", "same-host", "same-zone", "cross-zone", "cross-region", "internet", "nat"};

	memset(ret, 0, WEIR_PATTERN_PATHS * sizeof(*ret));
	memcpy(ret, names, sizeof(names));
}
