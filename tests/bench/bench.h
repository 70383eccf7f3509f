/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `make bench`: each case is a row of a table (cases.c) and gives one value, in the units of issue
 * and docs/benchmarks.md. A case that cannot run here says why and is absent from the result.
 */
#ifndef WEIR_BENCH_H
#define WEIR_BENCH_H

#include <math.h>

#include "lib/base/base.h"

#define BENCH_SKIP 1

struct bench {
	struct weir_err err; /* why a case failed or was skipped */
	uint64_t sent; /* datagrams over the veth pair */
	struct world *world; /* the loaded data plane, see world.h; NULL = none yet */
};

struct bench_result {
	double value;
	double baseline; /* the same measured of what stands beside it; NAN = nothing does */
};

struct bench_case {
	const char *name, *unit;
	double at_most; /* the figure to reach; NAN = a study, which runs only by its name */
	const char *beside; /* what the baseline is; NULL = none */
	/* 0, -errno (the measurement is void) or BENCH_SKIP; both with a reason in b->err. */
	int (*run)(struct bench *b, const struct bench_case *c, struct bench_result *ret);
	uint32_t flows;
	double zipf; /* exponent; 0 = uniform */
};

extern const struct bench_case bench_cases[];
extern const size_t bench_case_count;

/* packet.c: BPF_PROG_RUN */
int bench_cgroup_tcp(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_cgroup_udp(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_shadow(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_tc_observer(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_tc_gateway(struct bench *b, const struct bench_case *c, struct bench_result *ret);

/* early.c */
int bench_xdp_deny(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_xdp_pass(struct bench *b, const struct bench_case *c, struct bench_result *ret);

/* live.c: sockets */
int bench_live_tcp(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_live_udp(struct bench *b, const struct bench_case *c, struct bench_result *ret);

/* rate.c */
int bench_rate_error(struct bench *b, const struct bench_case *c, struct bench_result *ret);

/* agent.c */
/* CPU time of all threads of a process. */
uint64_t bench_process_ns(int pid);
int bench_agent_cpu(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_agent_rss(struct bench *b, const struct bench_case *c, struct bench_result *ret);

/* through.c */
int bench_tcp_loss(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_udp_loss(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_through_steps(struct bench *b, const struct bench_case *c, struct bench_result *ret);

/* prefixes.c */
int bench_load_prefixes(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_update_prefix(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_first_packet(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_first_steps(struct bench *b, const struct bench_case *c, struct bench_result *ret);

/* drain.c */
int bench_drain(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_bytes_per_flow(struct bench *b, const struct bench_case *c, struct bench_result *ret);

/* steps.c */
int bench_steps(struct bench *b, const struct bench_case *c, struct bench_result *ret);
int bench_memory(struct bench *b, const struct bench_case *c, struct bench_result *ret);

/* Sorts v. */
double bench_median(double *v, size_t n);

#endif
