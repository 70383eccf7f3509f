/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>

#include "agent/balance.h"
#include "agent/window.h"
#include "tests/lib/test.h"

static const struct weir_sum_workload whos[] = {
	{.name = "unidentified", .namespace = "", .kind = "unidentified", .cgroup = ""},
	{.name = "web.service",
	 .namespace = "shop",
	 .kind = "unit",
	 .cgroup = "/system.slice/web.service"},
	{.name = "db.service",
	 .namespace = "shop",
	 .kind = "unit",
	 .cgroup = "/system.slice/db.service"},
};

static const struct weir_sum_workload *who(uint32_t workload, void *arg)
{
	(void)arg;
	return &whos[workload % 3];
}

static const char *ifname(uint32_t ifindex, void *arg)
{
	(void)arg;
	return ifindex ? "eth0" : "";
}

/* 10.9.9.9 is a virtual address of 10.0.0.2:8443. */
static void peer(const struct weir_row *row, struct weir_addr *to, uint16_t *port, void *arg)
{
	(void)row;
	(void)arg;
	if (memcmp(to->b + 12, "\x0a\x09\x09\x09", 4))
		return;
	memcpy(to->b + 12, "\x0a\0\0\x02", 4);
	*port = 8443;
}

static const struct window_names names = {.who = who, .ifname = ifname, .peer = peer};

static struct weir_row4 row(uint32_t workload, uint16_t lport, uint16_t rport, uint8_t flags)
{
	struct weir_row4 r = {.h = {.state = WEIR_ROW_LIVE,
			     .workload = workload,
			     .lport_be = htons(lport),
			     .rport_be = htons(rport),
			     .proto = IPPROTO_TCP,
			     .dir = WEIR_EGRESS,
			     .flags = flags,
			     .ifindex = 2,
			     .rule = WEIR_NO_RULE}};

	r.local[3] = 1;
	r.remote[3] = 2;
	return r;
}

static int build(const struct window_conf *conf, struct weir_row4 *rows, size_t n, const struct drain_delta *d,
		 size_t deltas, struct window *ret)
{
	const struct rows all = {.v4 = rows, .count4 = n, .count = n, .flows4 = n};

	return window_build(conf, &all, d, deltas, &names, ret);
}

static uint64_t sum(const struct window *w, uint64_t *packets)
{
	uint64_t bytes = 0;

	*packets = 0;
	for (size_t i = 0; i < w->row_count; i++) {
		bytes += w->rows[i].bytes;
		*packets += w->rows[i].packets;
	}
	return bytes;
}

TEST(service_detail_cuts_the_opener)
{
	struct weir_row4 rows[] = {row(1, 40001, 443, WEIR_ROW_F_INIT_LOCAL),
					row(1, 40002, 443, WEIR_ROW_F_INIT_LOCAL),
					row(1, 80, 50001, 0), row(1, 80, 50002, 0)};
	const struct drain_delta d[] = {{0, 100, 1, {900, 2, 1}}, {1, 50, 1, {100, 1, 4}}, {2, 10, 1, {0}}, {3, 5, 1, {0}}};
	const struct window_conf conf = {.detail = CONFIG_SERVICE, .max_rows = 100};
	struct window w = {0};

	CHECK(build(&conf, rows, 4, d, 4, &w) == 0, "build");
	CHECK(w.row_count == 2, "%zu rows", w.row_count);
	CHECK(w.rows[0].bytes == 150 && w.rows[0].packets == 2, "%d", (int)w.rows[0].bytes);
	CHECK(w.rows[0].local_port == 0 && w.rows[0].peer_port == 443, "client side");
	CHECK(w.rows[0].tcp.rtt_us == 1000 && w.rows[0].tcp.samples == 3 && w.rows[0].tcp.retrans == 5, "health is summed");
	CHECK(!weir_sum_tcp_any(&w.rows[1].tcp), "and of its own row");
	CHECK(w.rows[1].local_port == 80 && w.rows[1].peer_port == 0, "server side");
	CHECK(!strcmp(w.rows[0].interface, "eth0"), "%s", w.rows[0].interface);
	CHECK(!strcmp(w.workloads[w.rows[0].workload].name, "web.service"), "workload");
	window_fini(&w);
}

TEST(connection_detail_keeps_ports)
{
	struct weir_row4 rows[] = {row(1, 40001, 443, WEIR_ROW_F_INIT_LOCAL),
					row(1, 40002, 443, WEIR_ROW_F_INIT_LOCAL)};
	const struct drain_delta d[] = {{0, 100, 1, {0}}, {1, 50, 1, {0}}};
	const struct window_conf conf = {.detail = CONFIG_CONNECTION, .max_rows = 100};
	struct window w = {0};

	CHECK(build(&conf, rows, 2, d, 2, &w) == 0, "build");
	CHECK(w.row_count == 2 && w.rows[0].local_port == 40001, "%zu rows", w.row_count);
	window_fini(&w);
}

TEST(verdicts_and_directions_stay_apart)
{
	struct weir_row4 rows[] = {row(1, 1, 443, 1), row(1, 1, 443, 1), row(1, 1, 443, 1)};
	const struct drain_delta d[] = {{0, 3, 1, {0}}, {1, 2, 1, {0}}, {2, 1, 1, {0}}};
	struct window_conf conf = {.detail = CONFIG_SERVICE, .max_rows = 100};
	struct window w = {0};

	rows[1].h.verdict = WEIR_V_DENY;
	rows[2].h.dir = WEIR_INGRESS;
	for (conf.detail = 0; conf.detail <= CONFIG_TOTAL; conf.detail++) {
		CHECK(build(&conf, rows, 3, d, 3, &w) == 0, "build");
		CHECK(w.row_count == 3, "detail %u: %zu rows", conf.detail, w.row_count);
		window_fini(&w);
	}
}

TEST(kernel_totals_stay_folded)
{
	struct weir_row4 rows[] = {row(2, 0, 0, WEIR_ROW_F_TOTAL)};
	const struct drain_delta d[] = {{0, 7, 1, {0}}};
	const struct window_conf conf = {.detail = CONFIG_CONNECTION, .max_rows = 100};
	struct window w = {0};

	rows[0].h.peer_class = 9;
	CHECK(build(&conf, rows, 1, d, 1, &w) == 0, "build");
	CHECK(w.row_count == 1 && w.rows[0].folded && w.rows[0].peer_class == 9, "not folded");
	window_fini(&w);
}

TEST(folding_keeps_the_largest_and_the_sums)
{
	enum { N = 3000 };
	struct weir_row4 *rows = calloc(N, sizeof(*rows));
	struct drain_delta *d = calloc(N, sizeof(*d));
	uint64_t bytes = 0, packets = 0, got_packets, least = UINT64_MAX;
	struct weir_sum_row *folded;
	size_t folded_count, detailed = 0;
	unsigned int seed = 42;
	struct window w = {0};
	const struct window_conf conf = {.detail = CONFIG_CONNECTION, .max_rows = 100};

	for (uint32_t i = 0; i < N; i++) {
		rows[i] = row(i % 3, (uint16_t)(1000 + i), 443, WEIR_ROW_F_INIT_LOCAL);
		rows[i].h.peer_class = i % 5;
		d[i] = (struct drain_delta){i, rand_r(&seed) % 100000, 1 + i % 7, {0}};
		bytes += d[i].bytes;
		packets += d[i].packets;
	}
	CHECK(build(&conf, rows, N, d, N, &w) == 0, "build");
	CHECK(sum(&w, &got_packets) == bytes && got_packets == packets, "totals changed");
	/* 3 workloads x 5 peer classes, one direction, one verdict */
	CHECK(w.row_count == 115, "%zu rows", w.row_count);
	for (size_t i = 0; i < w.row_count; i++) {
		detailed += !w.rows[i].folded;
		if (!w.rows[i].folded)
			least = WEIR_MIN(least, w.rows[i].bytes);
	}
	CHECK(detailed == 100, "%zu detailed", detailed);
	for (uint32_t i = 0, larger = 0; i < N; i++) {
		larger += d[i].bytes > least;
		CHECK(larger < 100, "a smaller row was kept");
	}
	CHECK(window_fold(w.rows, w.row_count, &folded, &folded_count) == 0, "fold");
	CHECK(folded_count == 15, "%zu", folded_count);
	free(folded);
	window_fini(&w);
	free(rows);
	free(d);
}

TEST(workloads_beyond_the_bound_are_unidentified)
{
	enum { N = WEIR_SUMMARY_WORKLOADS_MAX + 10 };
	struct weir_row4 *rows = calloc(N, sizeof(*rows));
	struct drain_delta *d = calloc(N, sizeof(*d));
	const struct window_conf conf = {.detail = CONFIG_TOTAL, .max_rows = 100};
	struct window w = {0};
	uint64_t packets;

	for (uint32_t i = 0; i < N; i++) {
		rows[i] = row(i + 1, 1, 443, 1);
		d[i] = (struct drain_delta){i, 10, 1, {0}};
	}
	CHECK(build(&conf, rows, N, d, N, &w) == 0, "build");
	CHECK(w.workload_count == WEIR_SUMMARY_WORKLOADS_MAX, "%zu", w.workload_count);
	CHECK(sum(&w, &packets) == 10ull * N, "bytes lost");
	window_fini(&w);
	free(rows);
	free(d);
}

static int64_t term_of(const struct balance *b, const char *interface, uint8_t dir, uint32_t term)
{
	struct weir_sum_identity *id;
	int64_t v = INT64_MIN;
	size_t n;

	if (balance_lines(b, &id, &n) < 0)
		return v;
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(id[i].interface, interface) && id[i].dir == dir && id[i].term == term)
			v = term == WEIR_TERM_UNEXPLAINED ? id[i].signed_bytes
							  : (int64_t)id[i].bytes;
	}
	free(id);
	return v;
}

static void observe(struct balance *b, uint8_t dir, uint8_t term, uint64_t bytes)
{
	const struct weir_term_key k = {.ifindex = 2, .dir = dir, .term = term};
	const struct weir_count c = {.bytes = bytes, .packets = 1};

	balance_term(b, "eth0", &k, &c);
}

TEST(balance_is_zero_when_all_is_explained)
{
	struct balance *b = calloc(1, sizeof(*b));
	struct weir_row r = row(1, 1, 443, 1).h;

	balance_begin(b);
	/* 1000 on the wire = 700 sockets + 200 time-wait + 150 fragments - 50 dropped after
	 * counting */
	observe(b, WEIR_EGRESS, WEIR_T_INTERFACE, 1000);
	observe(b, WEIR_EGRESS, WEIR_T_TIME_WAIT, 200);
	observe(b, WEIR_EGRESS, WEIR_T_FRAGMENTATION, 150);
	observe(b, WEIR_EGRESS, WEIR_T_DROPPED_OUT, 50);
	observe(b, WEIR_EGRESS, WEIR_T_NON_IP, 28);
	balance_row(b, "eth0", &r, 700, 1);
	CHECK(term_of(b, "eth0", WEIR_EGRESS, WEIR_TERM_UNEXPLAINED) == 0, "%d",
	      (int)term_of(b, "eth0", WEIR_EGRESS, WEIR_TERM_UNEXPLAINED));
	r.verdict = WEIR_V_DENY;
	balance_row(b, "eth0", &r, 60, 1);
	CHECK(term_of(b, "eth0", WEIR_EGRESS, WEIR_TERM_UNEXPLAINED) == 0,
	      "denied egress never left");
	r.dir = WEIR_INGRESS;
	observe(b, WEIR_INGRESS, WEIR_T_INTERFACE, 0);
	balance_row(b, "eth0", &r, 60, 1);
	CHECK(term_of(b, "eth0", WEIR_INGRESS, WEIR_TERM_UNEXPLAINED) == -60,
	      "denied ingress arrived");
	free(b);
}

TEST(sums_survive_a_failed_window_and_a_restart)
{
	struct balance *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	struct weir_row one = row(1, 1, 443, 1).h, two = row(2, 1, 443, 1).h;
	struct weir_line half[WEIR_LINES] = {0};
	uint64_t count;

	balance_begin(a);
	balance_row(a, "eth0", &one, 500, 5);
	balance_commit(a);
	balance_begin(a);
	balance_row(a, "eth0", &two, 100, 1);
	balance_begin(a); /* that window was not spooled: it is read again, with more */
	balance_row(a, "eth0", &two, 300, 3);
	CHECK(term_of(a, "eth0", WEIR_EGRESS, WEIR_TERM_SOCKETS) == 800, "%d",
	      (int)term_of(a, "eth0", WEIR_EGRESS, WEIR_TERM_SOCKETS));
	count = balance_save(a, half);
	CHECK(count == 1 && !strcmp(half[0].interface, "eth0"), "%d lines", (int)count);
	balance_load(b, half, count);
	balance_begin(b);
	balance_row(b, "eth0", &two, 50, 1);
	CHECK(term_of(b, "eth0", WEIR_EGRESS, WEIR_TERM_SOCKETS) == 850, "%d",
	      (int)term_of(b, "eth0", WEIR_EGRESS, WEIR_TERM_SOCKETS));
	free(a);
	free(b);
}

TEST_MAIN(T(service_detail_cuts_the_opener), T(connection_detail_keeps_ports),
	  T(verdicts_and_directions_stay_apart), T(kernel_totals_stay_folded),
	  T(folding_keeps_the_largest_and_the_sums), T(workloads_beyond_the_bound_are_unidentified),
	  T(balance_is_zero_when_all_is_explained), T(sums_survive_a_failed_window_and_a_restart))
