/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row tables as one list: rows of IPv4 (flows, totals, spill rows), then rows of IPv6. Memory is
 * the kernel's: use __atomic loads for counters and state.
 */
#ifndef WEIR_AGENT_ROWS_H
#define WEIR_AGENT_ROWS_H

#include "bpf/abi/weir_abi.h"
#include "lib/base/base.h"

struct rows {
	struct weir_row4 *v4;
	struct weir_row6 *v6;
	size_t count4, count; /* of IPv4; of both */
	size_t flows4;	      /* [0, flows4) and [count4, count) are flows, between them totals */
};

static inline struct weir_row *rows_at(const struct rows *r, size_t i)
{
	return i < r->count4 ? &r->v4[i].h : &r->v6[i - r->count4].h;
}

static inline bool rows_is_flow(const struct rows *r, size_t i)
{
	return i < r->flows4 || i >= r->count4;
}

static inline size_t rows_flows(const struct rows *r)
{
	return r->flows4 + r->count - r->count4;
}

/* Addresses of a flow, IPv4 as ::ffff:a.b.c.d; zeros of a total. */
static inline void rows_addresses(const struct weir_row *row, uint8_t local[16], uint8_t remote[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memset(local, 0, 16);
	memset(remote, 0, 16);
	if (row->flags & WEIR_ROW_F_V6) {
		memcpy(local, ((const struct weir_row6 *)row)->local, 16);
		memcpy(remote, ((const struct weir_row6 *)row)->remote, 16);
	} else if (!(row->flags & WEIR_ROW_F_TOTAL)) {
		memcpy(local, mapped, sizeof(mapped));
		memcpy(remote, mapped, sizeof(mapped));
		memcpy(local + 12, ((const struct weir_row4 *)row)->local, 4);
		memcpy(remote + 12, ((const struct weir_row4 *)row)->remote, 4);
	}
}

/* The interface of the agent's own network namespace, 0 = another's. */
static inline uint32_t rows_ifindex(const struct weir_row *row)
{
	return row->flags & WEIR_ROW_F_FOREIGN ? 0 : row->ifindex;
}

#endif
