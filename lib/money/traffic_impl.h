/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of a row of recorded traffic by number, for its set and its file. */
#ifndef WEIR_MONEY_TRAFFIC_IMPL_H
#define WEIR_MONEY_TRAFFIC_IMPL_H

#include "lib/money/traffic.h"

enum {
	TRAFFIC_DOMAIN, TRAFFIC_NODE, TRAFFIC_NAMESPACE, TRAFFIC_WORKLOAD, TRAFFIC_KIND, TRAFFIC_TEAM, TRAFFIC_LABELS,
	TRAFFIC_PEER_NAMESPACE, TRAFFIC_PEER_WORKLOAD, TRAFFIC_PEER_TEAM, TRAFFIC_TEXTS,
};

static inline const char **traffic_text(struct weir_traffic *t, size_t i)
{
	const char **const texts[TRAFFIC_TEXTS] = {
		&t->domain, &t->node, &t->namespace, &t->workload, &t->kind, &t->team, &t->labels,
		&t->peer_namespace, &t->peer_workload, &t->peer_team,
	};

	return texts[i];
}

#endif
