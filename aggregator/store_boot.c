/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is stored of each boot of a node, beside what the node says that it counted since that boot. Both are
 * sums of rows over whole summaries, in the same transaction as the rows, so the difference is, to the byte,
 * what this store does not have: records that were lost with a node's state directory, or that an older copy
 * of this store never saw. It is 0 for everything that only came late.
 */
#include "aggregator/store_impl.h"

int store_boot(struct store *s, int64_t node, const struct weir_summary *sum, uint64_t time_s)
{
	uint64_t bytes[WEIR_DIRS] = {0}, packets[WEIR_DIRS] = {0};

	for (size_t i = 0; i < sum->row_count; i++) {
		bytes[sum->rows[i].dir] += sum->rows[i].bytes;
		packets[sum->rows[i].dir] += sum->rows[i].packets;
	}
	return store_run(s, ST_BOOT, "ixuuuuuuuuu", node, sum->boot_id, 16, time_s, bytes[WEIR_INGRESS],
			 bytes[WEIR_EGRESS], packets[WEIR_INGRESS], packets[WEIR_EGRESS],
			 sum->total_bytes[WEIR_INGRESS], sum->total_bytes[WEIR_EGRESS],
			 sum->total_packets[WEIR_INGRESS], sum->total_packets[WEIR_EGRESS]);
}
