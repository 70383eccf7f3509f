/* SPDX-License-Identifier: Apache-2.0 */
/* Flows of a workload as one row of numbers. */
#include "lib/model/flow_features.h"

#include <math.h>

#define DAY_S 86400

const char *const weir_flow_feature_names[WEIR_FLOW_FEATURES] = {
	[WEIR_FLOW_BYTES_OUT] = "ln(1 + bytes out)",
	[WEIR_FLOW_BYTES_IN] = "ln(1 + bytes in)",
	[WEIR_FLOW_PACKETS] = "ln(1 + packets)",
	[WEIR_FLOW_PACKET_SIZE] = "ln(1 + bytes per packet)",
	[WEIR_FLOW_OUT_IN] = "ln(bytes out / bytes in)",
	[WEIR_FLOW_PEERS] = "ln(1 + peers)",
	[WEIR_FLOW_PORTS] = "ln(1 + ports)",
	[WEIR_FLOW_PEER_ENTROPY] = "bits of peers",
	[WEIR_FLOW_PORT_ENTROPY] = "bits of ports",
	[WEIR_FLOW_INTERNET_SHARE] = "share to the internet",
	[WEIR_FLOW_OPENED_SHARE] = "share opened",
	[WEIR_FLOW_DROPPED_SHARE] = "share dropped",
	[WEIR_FLOW_HOUR_SIN] = "time of day (sine)",
	[WEIR_FLOW_HOUR_COS] = "time of day (cosine)",
};

/* Packets of a peer or a port. */
struct part {
	uint8_t key[sizeof(struct weir_addr)];
	double packets;
};

/* Doubles: no sum of counters from outside overflows. */
struct sums {
	double bytes[WEIR_DIRS], packets; /* that passed */
	double all, opened, dropped;	  /* packets */
	double internet;		  /* bytes */
};

static bool is_dropped(const struct weir_pattern_row *row)
{
	return row->verdict == WEIR_V_DENY || row->verdict == WEIR_V_LIMITED;
}

static struct sums sum(const struct weir_pattern_row *rows, size_t n)
{
	struct sums s = {.packets = 0};

	for (size_t i = 0; i < n; i++) {
		const struct weir_pattern_row *row = &rows[i];
		double bytes = (double)row->bytes, packets = (double)row->packets;
		bool out = row->dir == WEIR_EGRESS;

		s.all += packets;
		s.opened += row->opened ? packets : 0;
		if (is_dropped(row)) {
			s.dropped += packets;
			continue;
		}
		s.bytes[out ? WEIR_EGRESS : WEIR_INGRESS] += bytes;
		s.packets += packets;
		s.internet += out && row->is_public ? bytes : 0;
	}
	return s;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(((const struct part *)a)->key, ((const struct part *)b)->key,
		      sizeof(((struct part *)0)->key));
}

/* How many keys differ, and the entropy of packets over them in bits: log2 of all less the mean of p log2 p. */
static size_t spread(struct part *p, size_t n, double *ret_bits)
{
	double all = 0, weighed = 0;
	size_t unlike = 0;

	qsort(p, n, sizeof(*p), by_key);
	for (size_t i = 0, end; i < n; i = end) {
		double packets = 0;

		for (end = i; end < n && !by_key(&p[i], &p[end]); end++)
			packets += p[end].packets;
		unlike++;
		all += packets;
		weighed += packets > 0 ? packets * log2(packets) : 0;
	}
	*ret_bits = all > 0 ? fmax(0, log2(all) - weighed / all) : 0;
	return unlike;
}

static int add_spreads(const struct weir_pattern_row *rows, size_t n,
		       double ret[WEIR_FLOW_FEATURES])
{
	weir_auto_free struct part *peers = calloc(n + 1, sizeof(*peers)),
				   *ports = calloc(n + 1, sizeof(*ports));
	size_t known = 0;

	if (!peers || !ports)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].has_peer)
			continue;
		memcpy(peers[known].key, &rows[i].peer, sizeof(rows[i].peer));
		memcpy(ports[known].key, &rows[i].port, sizeof(rows[i].port));
		ports[known].key[sizeof(rows[i].port)] = rows[i].proto;
		peers[known].packets = ports[known].packets = (double)rows[i].packets;
		known++;
	}
	ret[WEIR_FLOW_PEERS] = log1p((double)spread(peers, known, &ret[WEIR_FLOW_PEER_ENTROPY]));
	ret[WEIR_FLOW_PORTS] = log1p((double)spread(ports, known, &ret[WEIR_FLOW_PORT_ENTROPY]));
	return 0;
}

static double share(double part, double of)
{
	return of > 0 ? part / of : 0;
}

int weir_flow_features(const struct weir_pattern_row *rows, size_t n, int64_t time_s,
		       double ret[WEIR_FLOW_FEATURES])
{
	double day = 2 * M_PI * (double)((time_s % DAY_S + DAY_S) % DAY_S) / DAY_S,
	       v[WEIR_FLOW_FEATURES] = {0}, out, in;
	struct sums s;
	int r;

	if (n > WEIR_FLOW_FEATURES_ROWS_MAX)
		return -E2BIG;
	r = add_spreads(rows, n, v);
	if (r)
		return r;
	s = sum(rows, n);
	out = s.bytes[WEIR_EGRESS];
	in = s.bytes[WEIR_INGRESS];
	v[WEIR_FLOW_BYTES_OUT] = log1p(out);
	v[WEIR_FLOW_BYTES_IN] = log1p(in);
	v[WEIR_FLOW_PACKETS] = log1p(s.packets);
	v[WEIR_FLOW_PACKET_SIZE] = log1p(share(out + in, s.packets));
	v[WEIR_FLOW_OUT_IN] = log1p(out) - log1p(in);
	v[WEIR_FLOW_INTERNET_SHARE] = share(s.internet, out);
	v[WEIR_FLOW_OPENED_SHARE] = share(s.opened, s.all);
	v[WEIR_FLOW_DROPPED_SHARE] = share(s.dropped, s.all);
	v[WEIR_FLOW_HOUR_SIN] = sin(day);
	v[WEIR_FLOW_HOUR_COS] = cos(day);
	memcpy(ret, v, sizeof(v));
	return 0;
}
