/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shipped data plane as an agent has it: loaded by the agent's own loader on a private cgroup and
 * pin directory, in enforce mode, under a policy that went through compile, tables and switch. The
 * bench's process is the workload.
 */
#ifndef WEIR_BENCH_WORLD_H
#define WEIR_BENCH_WORLD_H

#include "agent/probe_priv.h"
#include "lib/money/topology.h"
#include "tests/bench/bench.h"

/* What a case needs; another one's world is kept where it is the same. */
struct world_want {
	uint32_t flow_rows; /* IPv4, power of two */
	uint32_t hooks;	    /* probe_hook; 0 = as shipped. PROBE_GATEWAY and PROBE_XDP come with a veth pair */
	bool big;	    /* 10,000 rules, and room for WORLD_PREFIXES */
};

struct world {
	struct probe *probe;
	char *cgroup, *pins;
	char *home; /* cgroup the bench came from */
	struct world_want want;
	uint32_t inside, outside; /* interfaces: a gateway's legs; 0 = none */
	bool uncounted; /* hooks were taken off on purpose */
	/* What was switched to; world_switch() takes changes. */
	struct weir_bundle *bundle; /* of the policy */
	struct weir_tables *tables;
	uint32_t *subject_of;
	size_t subjects;
	struct weir_topology *topology;
};

/* Datagrams to these ports: one is policed going out, one coming in, one not at all. */
#define WORLD_PORT_EGRESS 5001
#define WORLD_PORT_INGRESS 5002
#define WORLD_PORT_FREE 5003
#define WORLD_RATE 10000000 /* bit/s; the policy's text says the same */
#define WORLD_BURST 262144

#define WORLD_DENIED "192.88.99.0/24" /* to everybody, for everything; the policy's text says the same */

/* b->world as wanted, opened anew unless the present one is. */
int world_get_as(struct bench *b, const struct world_want *want);
int world_get(struct bench *b, uint32_t flow_rows);
/* The same under 10,000 rules, with room for WORLD_PREFIXES. */
#define WORLD_PREFIXES (1u << 20)
int world_get_big(struct bench *b, uint32_t flow_rows);
int world_switch(struct world *w, struct weir_err *err);
/* Tables of another bundle, and the switch to them. */
int world_load(struct world *w, const struct weir_bundle *b, struct weir_err *err);
void world_close(struct world **w);
/* Directory of the calling process's cgroup; caller frees. */
int world_own_cgroup(char **ret);
/* Moves the calling process. */
int world_enter(const char *cgroup);
/* Packets in all rows of a direction; proto 0 = of any protocol. */
uint64_t world_packets(struct world *w, enum weir_dir dir, uint8_t proto);
/* Packets that could not be counted in a row of their own. */
uint64_t world_degraded(struct world *w);
/* Packets of a term of an interface: WEIR_T_INTERFACE is what the observer saw. */
uint64_t world_term(struct world *w, uint32_t ifindex, enum weir_dir dir, enum weir_term term);

#endif
