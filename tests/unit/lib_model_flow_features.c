/* SPDX-License-Identifier: Apache-2.0 */
/* Flows as numbers: each by hand, bounded whatever comes, and strange where flows are strange. */
#include <math.h>

#include "lib/model/flow_features.h"
#include "lib/model/forest.h"
#include "lib/model/random.h"
#include "tests/lib/test.h"

static struct weir_pattern_row row(uint8_t peer, uint16_t port, uint8_t dir, uint64_t bytes, uint64_t packets)
{
	return (struct weir_pattern_row){.peer = {.b = {[15] = peer}}, .has_peer = true, .proto = 6, .port = port, .dir = dir,
					 .verdict = WEIR_V_ACCEPT, .bytes = bytes, .packets = packets};
}

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-12;
}

TEST(features_are_what_their_names_say)
{
	struct weir_pattern_row r[] = {row(1, 443, WEIR_EGRESS, 3000, 4), row(1, 443, WEIR_INGRESS, 999, 4), row(2, 53, WEIR_EGRESS, 1000, 4),
				       row(3, 53, WEIR_EGRESS, 5000, 4)};
	double v[WEIR_FLOW_FEATURES];

	r[0].opened = r[0].is_public = true;
	r[3].verdict = WEIR_V_DENY;
	CHECK(!weir_flow_features(r, 4, 1767225600 + 6 * 3600, v));
	CHECK(near(v[WEIR_FLOW_BYTES_OUT], log(4001)) && near(v[WEIR_FLOW_BYTES_IN], log(1000)), "%g %g", v[0], v[1]);
	CHECK(near(v[WEIR_FLOW_PACKETS], log(13)) && near(v[WEIR_FLOW_PACKET_SIZE], log(1 + 4999 / 12.0)));
	CHECK(near(v[WEIR_FLOW_OUT_IN], log(4.001)), "%g", v[WEIR_FLOW_OUT_IN]);
	CHECK(near(v[WEIR_FLOW_PEERS], log(4)) && near(v[WEIR_FLOW_PORTS], log(3)), "%g %g", v[WEIR_FLOW_PEERS], v[WEIR_FLOW_PORTS]);
	CHECK(near(v[WEIR_FLOW_PEER_ENTROPY], 1.5) && near(v[WEIR_FLOW_PORT_ENTROPY], 1), "%g %g", v[WEIR_FLOW_PEER_ENTROPY],
	      v[WEIR_FLOW_PORT_ENTROPY]);
	CHECK(near(v[WEIR_FLOW_INTERNET_SHARE], 0.75) && near(v[WEIR_FLOW_OPENED_SHARE], 0.25) && near(v[WEIR_FLOW_DROPPED_SHARE], 0.25));
	CHECK(near(v[WEIR_FLOW_HOUR_SIN], 1) && near(v[WEIR_FLOW_HOUR_COS], 0), "six o'clock: %g %g", v[WEIR_FLOW_HOUR_SIN], v[WEIR_FLOW_HOUR_COS]);
}

/* UDP and TCP on one port are two; a folded row has no peer and counts in the sums. */
TEST(ports_are_of_a_protocol_and_folded_rows_have_no_peer)
{
	struct weir_pattern_row r[] = {row(1, 53, WEIR_EGRESS, 100, 1), row(1, 53, WEIR_EGRESS, 100, 1), row(9, 9, WEIR_EGRESS, 800, 8)};
	double v[WEIR_FLOW_FEATURES];

	r[1].proto = 17;
	r[2].has_peer = false;
	CHECK(!weir_flow_features(r, 3, 0, v));
	CHECK(near(v[WEIR_FLOW_PORTS], log(3)) && near(v[WEIR_FLOW_PEERS], log(2)) && near(v[WEIR_FLOW_BYTES_OUT], log(1001)));
}

TEST(nothing_and_everything_are_bounded)
{
	enum { MANY = 3000 };
	weir_auto_free struct weir_pattern_row *r = calloc(MANY, sizeof(*r));
	double v[WEIR_FLOW_FEATURES], none[WEIR_FLOW_FEATURES] = {7};

	if (!r)
		abort();
	CHECK(!weir_flow_features(NULL, 0, -1, v));
	for (size_t i = 0; i < WEIR_FLOW_HOUR_SIN; i++)
		CHECK(v[i] == 0, "%s of nothing: %g", weir_flow_feature_names[i], v[i]);
	for (size_t i = 0; i < MANY; i++) {
		r[i] = row((uint8_t)i, (uint16_t)(i * 31), (uint8_t)(i % 256), UINT64_MAX, i % 3 ? UINT64_MAX : 0);
		r[i].peer.b[0] = (uint8_t)(i >> 8);
		r[i].verdict = (uint8_t)(i % 7);
		r[i].is_public = r[i].opened = i % 2;
	}
	CHECK(!weir_flow_features(r, MANY, INT64_MIN, v));
	for (size_t i = 0; i < WEIR_FLOW_FEATURES; i++)
		CHECK(isfinite(v[i]) && fabs(v[i]) <= 60 && strlen(weir_flow_feature_names[i]) < 32, "%s: %g", weir_flow_feature_names[i], v[i]);
	for (size_t i = WEIR_FLOW_INTERNET_SHARE; i <= WEIR_FLOW_DROPPED_SHARE; i++)
		CHECK(v[i] >= 0 && v[i] <= 1, "%s: %g", weir_flow_feature_names[i], v[i]);
	CHECK(v[WEIR_FLOW_PEER_ENTROPY] <= 12 && v[WEIR_FLOW_PORT_ENTROPY] <= 12);
	CHECK(weir_flow_features(r, WEIR_FLOW_FEATURES_ROWS_MAX + 1, 0, none) == -E2BIG && none[0] == 7);
}

/* A window of a calm workload: a service, a database, some clients. */
static void window(struct weir_random *random, int64_t time_s, bool scans, double *ret)
{
	struct weir_pattern_row r[80];
	size_t n = 0;

	for (uint8_t client = 0; client < 12; client++) {
		uint64_t packets = 50 + weir_random_below(random, 100);

		r[n++] = row(client, 8080, WEIR_INGRESS, packets * 200, packets);
		r[n++] = row(client, 8080, WEIR_EGRESS, packets * (800 + weir_random_below(random, 200)), packets);
	}
	r[n++] = row(100, 5432, WEIR_EGRESS, 40000 + weir_random_below(random, 9000), 300);
	for (uint8_t port = 0; scans && port < 50; port++)
		r[n++] = row(101, (uint16_t)(1000 + port), WEIR_EGRESS, 60, 1);
	if (weir_flow_features(r, n, time_s, ret))
		abort();
}

TEST(a_scan_is_strange_by_its_ports)
{
	enum { WINDOWS = 600 };
	weir_auto_free double *v = calloc(WINDOWS, WEIR_FLOW_FEATURES * sizeof(*v));
	struct weir_rows rows = {.v = v, .n = WINDOWS, .width = WEIR_FLOW_FEATURES}, one = {.n = 1, .width = WEIR_FLOW_FEATURES};
	double strange[WEIR_FLOW_FEATURES], calm[WEIR_FLOW_FEATURES], scores[2];
	struct weir_random random = weir_random_of(1);
	char said[WEIR_FOREST_SENTENCE_MAX];
	weir_auto_model m = {0};
	struct weir_explain e;
	struct weir_err err;

	if (!v)
		abort();
	for (int64_t i = 0; i < WINDOWS; i++)
		window(&random, i * 600, false, v + i * WEIR_FLOW_FEATURES);
	window(&random, WINDOWS * 600, false, calm);
	window(&random, WINDOWS * 600, true, strange);
	CHECK(!weir_model_fit("iforest", &(struct weir_model_data){.rows = rows}, &(struct weir_model_opts){.horizon = 1, .coverage = 0.95, .seed = 1}, &m, &err));
	one.v = calm;
	CHECK(!weir_model_score(&m, 0, &one, &scores[0]));
	one.v = strange;
	CHECK(!weir_model_score(&m, 0, &one, &scores[1]) && scores[1] > scores[0] + 0.05, "calm %g, a scan %g", scores[0], scores[1]);
	CHECK(!weir_model_explain(&m, 0, &one, &e));
	weir_forest_sentence(m.state, &one, &e, weir_flow_feature_names, said);
	CHECK(strstr(said, "ports is ") || strstr(said, "bits of ports is "), "%s", said);
}

TEST_MAIN(T(features_are_what_their_names_say), T(ports_are_of_a_protocol_and_folded_rows_have_no_peer), T(nothing_and_everything_are_bounded),
	  T(a_scan_is_strange_by_its_ports))
