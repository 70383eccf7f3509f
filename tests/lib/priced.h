/* SPDX-License-Identifier: Apache-2.0 */
/* A topology and a price book of a test's own text. With recorded.h, also compiled with the code of older commits. */
#ifndef WEIR_TEST_PRICED_H
#define WEIR_TEST_PRICED_H

#include "lib/money/price.h"

/* One VPC of us-east-1 with a subnet in each of two zones and a way to the internet. */
static const char priced_topology[] =
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: Topology\n"
	"metadata: {name: t}\n"
	"spec:\n"
	"  domain: aws/vpc\n"
	"  provider: aws\n"
	"  account: \"111111111111\"\n"
	"  zones: [{id: use1-az1, region: us-east-1}, {id: use1-az2, region: us-east-1}]\n"
	"  prefixes: [10.1.0.0/16]\n"
	"  subnets:\n"
	"  - {name: a, cidrs: [10.1.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
	"  - {name: b, cidrs: [10.1.2.0/24], zone: use1-az2, routes: [{to: 0.0.0.0/0, via: igw}]}\n";

struct priced {
	struct weir_topology *topology;
	struct weir_pricebook *prices;
};

/* prices: one PriceBook document. Free with priced_free(), after an error too. */
static inline int priced_load(struct priced *ret, const char *prices, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *t = NULL, *p = NULL;
	int r = weir_topology_new(&ret->topology);

	if (!r)
		r = weir_pricebook_new(&ret->prices);
	if (!r)
		r = weir_ydoc_parse(priced_topology, strlen(priced_topology), "topology", &t, err);
	if (!r)
		r = weir_topology_add(ret->topology, weir_ydoc_root(t, 0), err);
	if (!r)
		r = weir_topology_seal(ret->topology, err);
	if (!r)
		r = weir_ydoc_parse(prices, strlen(prices), "prices", &p, err);
	if (!r)
		r = weir_pricebook_add(ret->prices, weir_ydoc_root(p, 0), err);
	return r ? r : weir_pricebook_seal(ret->prices, err);
}

static inline void priced_free(struct priced *p)
{
	weir_topology_free(p->topology);
	weir_pricebook_free(p->prices);
}

#endif
