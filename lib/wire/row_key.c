/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/wire/row_key.h"

bool weir_row_key(const struct weir_sum_row *r, uint32_t workload, struct weir_row_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->local = r->local;
	ret->peer = r->peer;
	ret->workload = workload;
	ret->peer_class = r->peer_class;
	ret->rule = r->rule;
	ret->local_port = r->local_port;
	ret->peer_port = r->peer_port;
	ret->proto = r->proto;
	ret->dir = r->dir;
	ret->verdict = r->verdict;
	ret->init_local = r->init_local;
	ret->folded = r->folded;
	return !weir_strcpy(ret->interface, sizeof(ret->interface), r->interface);
}
