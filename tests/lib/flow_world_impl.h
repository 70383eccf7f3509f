/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the generator: the world, and how its parts put rows into a bucket. */
#ifndef TESTS_FLOW_WORLD_IMPL_H
#define TESTS_FLOW_WORLD_IMPL_H

#include <math.h>
#include <netinet/in.h>

#include "lib/model/random.h"
#include "tests/lib/flow_world.h"

#define ZONES 3
#define REPLICAS 8
#define EVENTS_MAX 32

enum {
	WEB, API, DB, REDIS, PAY, PARTNER_API, BACKUP, KAFKA, ETL, PRIMARY, STANDBY, CRAWLER, RESOLVER, MONITOR, CHECKER, STATSD,
	CHRONY, POLLER_A, POLLER_B, POLLER_C, POLLER_D, PROXY, REPORTS, CHAT, FEED, CART, STOCK, SERVICES
};

struct member {
	struct weir_pattern_who who;
	struct weir_addr addr;
	char name[32], node[16], labels[64];
	unsigned int zone;
};

struct service {
	const char *name, *namespace, *team;
	unsigned int replicas, release;
	struct member at[REPLICAS];
};

/* What an event does. */
struct plan {
	unsigned int service, member, other; /* other: the service it is done to */
	unsigned int how;	   /* variant */
	double rate;		   /* per bucket: targets, packets, attempts, bytes; of a beacon its period, s */
	double spread;		   /* of a beacon's interval */
	uint64_t done, next_s;	   /* targets tried, time of the next call */
};

struct flow_world {
	struct weir_random r;
	uint64_t time_s, end_s;
	int64_t next_id;
	struct service s[SERVICES];
	double load, noise; /* of the day; of this bucket, log */
	double phase;	    /* of the day, radians */
	uint64_t crowd_s, outage_s, release_s[2];
	unsigned int released[2];
	struct weir_pattern_row *rows;
	uint16_t *event;
	size_t n, cap;
	struct weir_pattern_health health[1024];
	size_t hn;
	uint16_t now; /* event whose rows are being put, + 1 */
	struct flow_event events[EVENTS_MAX];
	struct plan plans[EVENTS_MAX];
	size_t event_count;
	double sent[SERVICES], top[SERVICES]; /* to the internet by one member: in this bucket (the sum), and at most so far */
};

/* A flow in this bucket, seen from the workload: bytes and packets out and in, L3. */
struct put {
	const struct member *m, *peer_m; /* peer_m NULL: the address alone */
	struct weir_addr peer;
	bool in; /* the peer opened */
	uint8_t proto;
	uint16_t port;
	double bytes_out, bytes_in, packets_out, packets_in; /* packets 0: by size of a full segment */
};
void world_put(struct flow_world *w, const struct put *p);
/* Seen from both ends. */
void world_put_both(struct flow_world *w, const struct put *p);
void world_health(struct flow_world *w, const struct member *m, double connections, double refused, double timeouts, double resets);
void world_usual(struct flow_world *w);
void world_plan(struct flow_world *w);
void world_events(struct flow_world *w);
void world_release(struct flow_world *w, struct service *s);
void world_member(struct flow_world *w, struct service *s, unsigned int i);

struct weir_addr world_v4(unsigned int a, unsigned int b, unsigned int c, unsigned int d);
struct weir_addr world_public(uint64_t number); /* the same for the same number */
double world_between(struct flow_world *w, double lo, double hi);
double world_log_between(struct flow_world *w, double lo, double hi);
/* Lognormal: median, sigma of the logarithm. */
double world_size(struct flow_world *w, double median, double sigma);
double world_poisson(struct flow_world *w, double mean);

#endif
