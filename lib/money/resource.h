/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a topology has that costs while it exists: NAT gateways, interface endpoints, load balancers, attachments to a
 * transit gateway, VPN connections. No clock, no I/O.
 */
#ifndef WEIR_MONEY_RESOURCE_H
#define WEIR_MONEY_RESOURCE_H

#include "lib/money/price.h"

#define WEIR_RESOURCE_HOUR_S 3600u

/* Strings live as long as the topology. Domain, meter_name and name together name it. */
struct weir_resource {
	const char *domain, *name; /* as in the Topology document; an attachment is "tgw", a VPN connection "vpn" */
	const char *provider, *account, *region; /* region "" = not known, then it has no price */
	const char *owner;			 /* team that a load balancer's document names; "" */
	const char *meter_name;			 /* "nat-gateway-hour" */
	const struct weir_meter *meter;		 /* what its account pays by the hour; NULL: no price is known */
	enum weir_path path;			 /* that bytes through it take */
	uint32_t count;				 /* units of the price an hour: an endpoint costs in each zone */
};

/*
 * Those of the version of each domain that holds at time_s (WEIR_TOPOLOGY_LATEST: the last), with the prices of that time,
 * in the order of the documents. A non-zero return of fn ends it and is returned. Ports of direct connections are not among them: no
 * document says how fast they are.
 */
int weir_resource_each(const struct weir_topology *t, const struct weir_pricebook *b, uint64_t time_s,
		       int (*fn)(const struct weir_resource *r, void *arg), void *arg);
/* The first time behind time_s at which they may be others: a version or a price begins or ends. UINT64_MAX = never. */
uint64_t weir_resource_until(const struct weir_topology *t, const struct weir_pricebook *b, uint64_t time_s);

#endif
