/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random policies over a small world, and the addresses and ports at which they change their mind: the
 * edges of each prefix, exception and port range.
 */
#ifndef WEIR_TEST_RANDOM_POLICY_H
#define WEIR_TEST_RANDOM_POLICY_H

#include "lib/policy/bundle.h"

#define RANDOM_POLICIES 6
#define RANDOM_EDGES 160
#define RANDOM_PORTS 64
#define RANDOM_FAILSAFE 4
#define RANDOM_DOMAIN "aws/1/vpc"
#define RANDOM_CLASS RANDOM_DOMAIN "/a"

struct random_policy {
	struct weir_policy_set *set;
	enum weir_tier tiers[RANDOM_POLICIES]; /* of policy pSERIAL-I */
	struct weir_failsafe failsafe[RANDOM_FAILSAFE];
	size_t failsafe_count;
	struct weir_addr edges[2][RANDOM_EDGES]; /* IPv6, IPv4 */
	size_t edge_count[2];
	uint16_t ports[RANDOM_PORTS];
	size_t port_count;
};

/* A number below n. */
unsigned int random_below(unsigned int *seed, unsigned int n);
/* serial: makes names, and with them rates, differ between policies. */
int random_policy_new(unsigned int *seed, unsigned int serial, struct random_policy *ret, struct weir_err *err);
void random_policy_fini(struct random_policy *p);
/* A peer where the policy may change its mind, or just one of the world. */
struct weir_addr random_peer(unsigned int *seed, const struct random_policy *p, bool v4);
uint16_t random_port(unsigned int *seed, const struct random_policy *p);
/* Two subnets in two zones, a NAT gateway, an internet gateway for IPv6. */
int random_topology(struct weir_topology **ret, struct weir_err *err);

#endif
