/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end: a process outside the measured cgroup, on another CPU where there is one, that accepts TCP connections and holds
 * them, and has a UDP socket that nobody reads.
 */
#ifndef WEIR_BENCH_SERVER_H
#define WEIR_BENCH_SERVER_H

#include <sys/types.h>

#include "lib/base/base.h"

struct server {
	pid_t pid;
	int fd; /* closing it ends the process */
};

/* cgroup: directory the process enters. Returns when it listens on port of all addresses. */
int server_open(struct server *s, const char *cgroup, uint16_t port);
void server_close(struct server *s);

#endif
