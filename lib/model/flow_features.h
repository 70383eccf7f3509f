/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a workload's flows of a window (some ten minutes) are in numbers, as an isolation forest takes them: one row, whose
 * columns have names. Pure; all values are finite and bounded, whatever the flows are.
 */
#ifndef WEIR_MODEL_FLOW_FEATURES_H
#define WEIR_MODEL_FLOW_FEATURES_H

#include "lib/model/pattern.h"

#define WEIR_FLOW_FEATURES_ROWS_MAX ((size_t)1 << 22)

enum weir_flow_feature {
	WEIR_FLOW_BYTES_OUT, /* ln(1 + bytes) that passed; at most 60, as all logarithms */
	WEIR_FLOW_BYTES_IN,
	WEIR_FLOW_PACKETS,     /* ln(1 + packets) that passed, both ways */
	WEIR_FLOW_PACKET_SIZE, /* ln(1 + mean bytes) */
	WEIR_FLOW_OUT_IN,      /* ln((1 + bytes out) / (1 + bytes in)) */
	WEIR_FLOW_PEERS,       /* ln(1 + distinct addresses), dropped or not, as all below */
	WEIR_FLOW_PORTS,       /* ln(1 + distinct pairs of protocol and service port) */
	WEIR_FLOW_PEER_ENTROPY, /* bits, of packets over peers: 0 for one peer, 10 for 1,024 alike; at most 22 */
	WEIR_FLOW_PORT_ENTROPY, /* the same over ports; at most 22 */
	WEIR_FLOW_INTERNET_SHARE, /* of the bytes out, to addresses that no domain holds; 0 to 1, as all shares */
	WEIR_FLOW_OPENED_SHARE,	 /* of the packets, of connections that the workload opened */
	WEIR_FLOW_DROPPED_SHARE, /* of the packets, by a rule or its rate */
	WEIR_FLOW_HOUR_SIN,	 /* of the window's time of day in UTC; -1 to 1 */
	WEIR_FLOW_HOUR_COS,
	WEIR_FLOW_FEATURES,
};

/* "ln(1 + bytes out)", in the order above: for weir_forest_sentence(). */
extern const char *const weir_flow_feature_names[WEIR_FLOW_FEATURES];

/*
 * Of n rows of one workload, in any order; who and peer_who are not looked at. Rows without a peer (folded) count in sums, not
 * in peers and ports. time_s: any second of the window, as the Unix epoch counts. O(n log n), 48 bytes a row meanwhile.
 * -E2BIG for more rows than WEIR_FLOW_FEATURES_ROWS_MAX, -ENOMEM.
 */
int weir_flow_features(const struct weir_pattern_row *rows, size_t n, int64_t time_s,
		       double ret[WEIR_FLOW_FEATURES]);

#endif
