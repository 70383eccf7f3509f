/* SPDX-License-Identifier: Apache-2.0 */
/* What is usual: no finding of it is right. Rates are per bucket of 10 s. */
#include "tests/lib/flow_world_impl.h"

/* Requests and answers between two workloads. */
static void talk(struct flow_world *w, const struct member *a, const struct member *b, uint16_t port, double out, double in)
{
	world_put_both(w, &(struct put){.m = a, .peer_m = b, .proto = IPPROTO_TCP, .port = port, .bytes_out = out, .bytes_in = in,
					.packets_out = 4 + out / 700, .packets_in = 4 + in / 900});
}

static void call_out(struct flow_world *w, const struct member *m, struct weir_addr peer, uint16_t port, double out, double in)
{
	world_put(w, &(struct put){.m = m, .peer = peer, .proto = IPPROTO_TCP, .port = port, .bytes_out = out, .bytes_in = in,
				   .packets_out = 5 + out / 1400 + in / 2900, .packets_in = 5 + in / 1400 + out / 2900});
}

static struct member *any(struct flow_world *w, unsigned int service)
{
	return &w->s[service].at[weir_random_below(&w->r, w->s[service].replicas)];
}

/* Each caller spreads over all members, as a Service does. */
static void mesh(struct flow_world *w, unsigned int from, unsigned int to, uint16_t port, double out, double in)
{
	for (unsigned int i = 0; i < w->s[from].replicas; i++)
		for (unsigned int k = 0; k < 2; k++)
			talk(w, &w->s[from].at[i], any(w, to), port, world_size(w, out, 0.5) * w->load, world_size(w, in, 0.7) * w->load);
}

static void clients(struct flow_world *w)
{
	bool crowd = w->time_s >= w->crowd_s && w->time_s < w->crowd_s + 600;
	double into = crowd ? fmin(3, 1 + (double)(w->time_s - w->crowd_s) / 60) : 1;

	for (unsigned int i = 0; i < w->s[WEB].replicas; i++)
		for (double k = world_poisson(w, 8 * w->load * into); k > 0; k--) {
			double down = world_size(w, 30000, 1.6), up = world_size(w, 2500, 0.8);

			world_put(w, &(struct put){.m = &w->s[WEB].at[i], .peer = world_public(1000000 + weir_random_below(&w->r, 200000)),
						   .in = true, .proto = IPPROTO_TCP, .port = 443, .bytes_out = down, .bytes_in = up,
						   .packets_out = 4 + down / 1300, .packets_in = 5 + down / 2600});
		}
}

static void shop(struct flow_world *w)
{
	bool outage = w->time_s >= w->outage_s && w->time_s < w->outage_s + 180;

	clients(w);
	mesh(w, WEB, API, 8080, 9000, 30000);
	for (unsigned int i = 0; i < w->s[WEB].replicas; i++)
		world_health(w, &w->s[WEB].at[i], world_poisson(w, 40 * w->load), world_poisson(w, 0.2), 0, world_poisson(w, 0.5));
	mesh(w, API, REDIS, 6379, 4000, 9000);
	mesh(w, API, DB, 5432, 5000, 15000);
	mesh(w, CART, STOCK, 8081, 3000, 6000);
	mesh(w, CHAT, FEED, 7000, 3000, 6000);
	for (unsigned int i = 0; i < w->s[API].replicas; i++) {
		const struct member *m = &w->s[API].at[i];
		double tries = world_poisson(w, 12 * w->load);

		if (outage) /* clients back off: they try no more often, and fail */
			world_put(w, &(struct put){.m = m, .peer_m = any(w, PAY), .proto = IPPROTO_TCP, .port = 9000, .bytes_out = 60 * tries,
						   .packets_out = tries, .bytes_in = 40 * tries, .packets_in = tries});
		else
			talk(w, m, any(w, PAY), 9000, world_size(w, 3000, 0.5), world_size(w, 4000, 0.5));
		world_health(w, m, tries, outage ? tries * 0.8 : world_poisson(w, 0.1), 0, world_poisson(w, 0.2));
	}
	for (unsigned int i = 0; i < w->s[PAY].replicas; i++)
		call_out(w, &w->s[PAY].at[i], world_public(1), 443, world_size(w, 8000, 0.6), world_size(w, 12000, 0.6));
}

static bool runs(const struct flow_world *w, uint64_t every_s, uint64_t first_s, uint64_t length_s)
{
	uint64_t t = w->time_s - FLOW_WORLD_START;

	return t >= first_s && (t - first_s) % every_s < length_s;
}

static void data(struct flow_world *w)
{
	const struct member *backup = &w->s[BACKUP].at[0];

	/* Addresses of the store of objects rotate: a new one each run, out of many. */
	if (runs(w, 4200, 1500, 600))
		call_out(w, backup, world_public(100 + (w->time_s - FLOW_WORLD_START) / 4200 * 7 % 40), 443, world_size(w, 6e7, 0.2),
			 world_size(w, 4e5, 0.2));
	if (runs(w, 3600, 900, 120))
		call_out(w, &w->s[REPORTS].at[0], world_public(200), 22, world_size(w, 8e6, 0.3), world_size(w, 1e5, 0.3));
	for (unsigned int i = 0; i < 3; i++)
		for (unsigned int k = 0; k < 3; k++)
			if (i != k)
				talk(w, &w->s[KAFKA].at[i], &w->s[KAFKA].at[k], 9092, world_size(w, 3e6, 0.3) * w->load, 4e4);
	talk(w, &w->s[PRIMARY].at[0], &w->s[STANDBY].at[0], 5432, world_size(w, 2e7, 0.4) * w->load, 2e5);
	for (unsigned int i = 0; i < w->s[ETL].replicas; i++) {
		bool batch = runs(w, 1800, 300, 200);
		double n = batch ? 60 : 5;

		talk(w, &w->s[ETL].at[i], any(w, KAFKA), 9092, 2000 * n, batch ? world_size(w, 2e6, 0.5) : 5e4);
		world_health(w, &w->s[ETL].at[i], world_poisson(w, n * 2), 0, 0, 0);
	}
}

static void search(struct flow_world *w)
{
	for (unsigned int i = 0; i < w->s[CRAWLER].replicas; i++)
		for (unsigned int k = 0; k < 15; k++) {
			struct weir_addr peer = world_public(2000000 + weir_random_below(&w->r, 100000));
			const struct member *m = &w->s[CRAWLER].at[i];

			if (weir_random_unit(&w->r) < 0.08)
				world_put(w, &(struct put){.m = m, .peer = peer, .proto = IPPROTO_TCP, .port = 443, .bytes_out = 180, .packets_out = 3});
			else
				call_out(w, m, peer, 443, world_size(w, 3000, 0.5), world_size(w, 60000, 1.5));
		}
	for (unsigned int i = 0; i < w->s[RESOLVER].replicas; i++)
		for (unsigned int k = 0; k < 12; k++) {
			bool dead = weir_random_unit(&w->r) < 0.06;

			world_put(w, &(struct put){.m = &w->s[RESOLVER].at[i], .peer = world_public(3000000 + weir_random_below(&w->r, 20000)),
						   .proto = IPPROTO_UDP, .port = 53, .bytes_out = 75, .packets_out = 1,
						   .bytes_in = dead ? 0 : 180, .packets_in = 1});
		}
}

/* Scrapes, probes without data, and a receiver whom nobody answers. */
static void watch(struct flow_world *w)
{
	const struct member *mon = &w->s[MONITOR].at[0], *check = &w->s[CHECKER].at[0], *statsd = &w->s[STATSD].at[0];
	double burst = weir_random_unit(&w->r) < 0.01 ? 3 : 1;

	for (unsigned int s = 0; s < SERVICES; s++)
		for (unsigned int i = 0; i < w->s[s].replicas; i++) {
			const struct member *m = &w->s[s].at[i];

			if (m == mon || m == check || m == statsd || s == CHRONY)
				continue;
			if ((w->time_s / 10 + s) % 3 == 0)
				talk(w, mon, m, (uint16_t)(9100 + s % 9), 1500, 20000);
			if (s == WEB || s == API || s == CART)
				world_put_both(w, &(struct put){.m = check, .peer_m = m, .proto = IPPROTO_TCP, .port = 8443, .bytes_out = 216,
								.packets_out = 4, .bytes_in = 164, .packets_in = 3});
			if ((w->time_s / 10 + i) % 3 == 0)
				world_put_both(w, &(struct put){.m = m, .peer_m = statsd, .proto = IPPROTO_UDP, .port = 8125,
							.bytes_out = 12000 * burst * w->load, .packets_out = 100 * burst * w->load});
		}
}

/* What calls the internet at intervals, and may. */
static void clockwork(struct flow_world *w)
{
	static const unsigned int period[] = {60, 300, 120, 600};
	uint64_t t = w->time_s;

	for (unsigned int i = 0; i < w->s[CHRONY].replicas; i++)
		for (unsigned int k = 0; k < 4; k++)
			if ((t + 17 * i + 10 * k) % 64 < 10)
				world_put(w, &(struct put){.m = &w->s[CHRONY].at[i], .peer = world_public(300 + k), .proto = IPPROTO_UDP, .port = 123,
							   .bytes_out = 76, .packets_out = 1, .bytes_in = 76, .packets_in = 1});
	for (unsigned int s = WEB; s <= PARTNER_API; s++)
		for (unsigned int i = 0; i < w->s[s].replicas; i++)
			if ((t / 10 + s + i) % 6 == 0)
				call_out(w, &w->s[s].at[i], world_public(310), 443, world_size(w, 1500, 0.1), 700);
	for (unsigned int i = 0; i < 4; i++)
		if (t % period[i] < 10)
			call_out(w, &w->s[POLLER_A + i].at[0], world_public(320 + i), 443, world_size(w, 900, 0.1), world_size(w, 5000, 0.3));
	/* A vendor's agent that comes with a release, on many at once. */
	if (t >= w->release_s[0])
		for (unsigned int s = WEB; s <= REDIS; s++)
			if ((t / 10 + s) % 9 == 0)
				call_out(w, &w->s[s].at[0], world_public(330), 443, world_size(w, 800, 0.1), 500);
}

/* People behind a proxy: anybody, at any time, of any size. */
static void people(struct flow_world *w)
{
	const struct member *m = &w->s[PROXY].at[0];

	for (double k = world_poisson(w, 4 * w->load); k > 0; k--) {
		bool upload = weir_random_unit(&w->r) < 0.1;

		call_out(w, m, world_public(4000000 + weir_random_below(&w->r, 30000)), 443, upload ? world_size(w, 2e5, 1.5) : world_size(w, 3000, 1),
			 world_size(w, 40000, 1.8));
	}
	/* A burst of one bucket, of anybody. */
	if (weir_random_unit(&w->r) < 0.003)
		call_out(w, any(w, (unsigned int)weir_random_below(&w->r, BACKUP)), world_public(310), 443, world_size(w, 2e7, 0.7), 2e4);
}

/* An event's workload stays who it is. */
static bool is_in_event(const struct flow_world *w, unsigned int service)
{
	for (size_t k = 0; k < w->event_count; k++)
		if (w->plans[k].service == service)
			return true;
	return false;
}

/* Callers meet a port that is not open yet. */
static void refuse(struct flow_world *w, const struct member *m)
{
	for (unsigned int c = 0; c < w->s[WEB].replicas; c++) {
		double tries = world_poisson(w, 4);

		world_put(w, &(struct put){.m = &w->s[WEB].at[c], .peer_m = m, .proto = IPPROTO_TCP, .port = 8080, .bytes_out = 60 * tries,
					   .packets_out = tries, .bytes_in = 40 * tries, .packets_in = tries});
		world_health(w, &w->s[WEB].at[c], 0, tries, 0, 0);
	}
}

static void releases(struct flow_world *w)
{
	for (int i = 0; i < 2; i++) {
		struct service *s = &w->s[w->released[i]];

		if (w->time_s / 10 == w->release_s[i] / 10 && !is_in_event(w, w->released[i]))
			world_release(w, s);
		if (w->time_s >= w->release_s[i] && w->time_s < w->release_s[i] + 30)
			for (unsigned int k = 0; k < s->replicas; k++) {
				call_out(w, &s->at[k], world_public(400), 443, 2e5, 2e7);
				refuse(w, &s->at[k]);
			}
	}
}

void world_usual(struct flow_world *w)
{
	w->noise = 0.9 * w->noise + 0.06 * weir_random_normal(&w->r);
	w->load = (1 + 0.6 * sin(w->phase + 2 * M_PI * (double)(w->time_s % 86400) / 86400)) * exp(w->noise);
	releases(w);
	shop(w);
	data(w);
	search(w);
	watch(w);
	clockwork(w);
	people(w);
}
