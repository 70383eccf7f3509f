/* SPDX-License-Identifier: Apache-2.0 */
/* Deflated summaries: what is told as a difference arrives whole, whatever changed; hostile bytes are refused. */
#include <zlib.h>

#include "tests/lib/summary_fixture.h"

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}
#define auto_msg weir_cleanup(msg_freep) struct weir_msg

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines that say all of a summary, in an order of their own. */
struct lines {
	char *v[4000];
	size_t n;
};

static void line(struct lines *l, char *text)
{
	l->v[l->n++] = text;
}

static char *workload_text(const struct weir_sum_workload *w)
{
	weir_auto_buf struct weir_buf b = {0};

	weir_buf_addf(&b, "%llu|%s|%s|%s|%s", (unsigned long long)w->cgroup_id, w->name, w->namespace, w->kind, w->cgroup);
	for (size_t i = 0; i < w->label_count; i++)
		weir_buf_addf(&b, "|%s=%s", w->labels[i].key, w->labels[i].value);
	return strdup((char *)b.data);
}

static void list_lines(const struct weir_summary *s, struct lines *l)
{
	for (size_t i = 0; i < s->workload_count; i++)
		line(l, workload_text(&s->workloads[i]));
	for (size_t i = 0; i < s->row_count; i++) {
		const struct weir_sum_row *r = &s->rows[i];
		weir_auto_free char *w = workload_text(&s->workloads[r->workload]);
		char local[46], peer[46];

		line(l, weir_strf("row %s %d %s %s %u %u %u %u %u %u %u %llu %llu %llu %llu %llu %u %s", w, r->folded,
				  weir_addr_text(&r->local, local), weir_addr_text(&r->peer, peer), r->peer_class,
				  r->proto, r->dir, r->verdict, r->init_local, r->local_port, r->peer_port,
				  (unsigned long long)r->bytes, (unsigned long long)r->packets, (unsigned long long)r->tcp.rtt_us,
				  (unsigned long long)r->tcp.samples, (unsigned long long)r->tcp.retrans, r->rule, r->interface));
	}
	for (size_t i = 0; i < s->health_count; i++) {
		const struct weir_sum_health *h = &s->health[i];
		weir_auto_free char *w = workload_text(&s->workloads[h->workload]);
		weir_auto_buf struct weir_buf b = {0};

		weir_buf_addf(&b, "health %s %u %u %u %llu %u", w, h->index, h->peer_class, h->scope,
			      (unsigned long long)h->since_ns, h->rtt_first);
		for (size_t k = 0; k < WEIR_H_COUNTS; k++)
			weir_buf_addf(&b, " %llu", (unsigned long long)h->n[k]);
		for (size_t k = 0; k < h->rtt_count; k++)
			weir_buf_addf(&b, " %llu", (unsigned long long)h->rtt[k]);
		line(l, strdup((char *)b.data));
	}
}

/* Equal but for the order of rows and workloads, which means nothing. */
static void check_equal(struct test_state *test_st, const struct weir_summary *a, const struct weir_summary *b)
{
	struct weir_summary x = *a, y = *b;
	struct lines *la = calloc(1, sizeof(*la)), *lb = calloc(1, sizeof(*lb));

	list_lines(a, la);
	list_lines(b, lb);
	qsort(la->v, la->n, sizeof(*la->v), by_text);
	qsort(lb->v, lb->n, sizeof(*lb->v), by_text);
	CHECK(la->n == lb->n, "%zu, %zu", la->n, lb->n);
	for (size_t i = 0; i < WEIR_MIN(la->n, lb->n); i++)
		CHECK(!strcmp(la->v[i], lb->v[i]), "%s, %s", la->v[i], lb->v[i]);
	x.workload_count = y.workload_count = x.row_count = y.row_count = x.health_count = y.health_count = 0;
	check_same(test_st, &x, &y);
	for (size_t i = 0; i < la->n; i++)
		free(la->v[i]);
	for (size_t i = 0; i < lb->n; i++)
		free(lb->v[i]);
	free(la);
	free(lb);
}

static void shuffle_workloads(struct weir_arena *a, struct weir_summary *s)
{
	size_t n = s->workload_count;
	struct weir_sum_workload *v = weir_arena_array(a, n, sizeof(*v));
	size_t first = rnd() % n;

	for (size_t i = 0; i < n; i++)
		v[i] = s->workloads[(i + first) % n];
	s->workloads = v;
	for (size_t i = 0; i < s->row_count; i++)
		s->rows[i].workload = (uint32_t)((s->rows[i].workload + n - first) % n);
	for (size_t i = 0; i < s->health_count; i++)
		s->health[i].workload = (uint32_t)((s->health[i].workload + n - first) % n);
}

/* The window after s: some rows go, some come, counts change; now and then something that is never expected. */
static void next_window(struct weir_arena *a, struct weir_summary *s)
{
	struct weir_summary fresh = {0};
	struct weir_sum_row *rows;
	size_t n = 0;

	fill_summary(a, &fresh);
	if (rnd() % 10 == 0) {
		fresh.epoch = s->epoch;
		*s = fresh;
		return;
	}
	rows = weir_arena_array(a, s->row_count + 20, sizeof(*rows));
	for (size_t i = 0; i < s->row_count; i++)
		if (rnd() % 8)
			rows[n++] = s->rows[i];
	for (size_t i = 0; i < n; i++)
		if (rnd() % 4) {
			rows[i].bytes = rnd_count();
			rows[i].packets = rnd_count();
			rows[i].tcp = rnd() % 3 ? (struct weir_sum_tcp){0} : (struct weir_sum_tcp){rnd_count(), rnd_count(), rnd_count()};
		}
	for (size_t i = 0; i < WEIR_MIN(fresh.row_count, (size_t)20); i++) {
		rows[n] = fresh.rows[i];
		rows[n++].workload %= s->workload_count;
	}
	s->rows = rows;
	s->row_count = n;
	if (rnd() % 4 == 0) /* another name */
		s->workloads[rnd() % s->workload_count] = fresh.workloads[0];
	s->health = fresh.health;
	s->health_count = fresh.health_count;
	for (size_t i = 0; i < s->health_count; i++)
		s->health[i].workload %= s->workload_count;
	if (rnd() % 4 == 0)
		shuffle_workloads(a, s);
	for (size_t i = 0; i < s->identity_count; i++)
		s->identity[i].bytes = rnd_count();
	for (size_t i = 0; i < n; i++)
		s->total_bytes[rows[i].dir] = (s->total_bytes[rows[i].dir] + rows[i].bytes) & INT64_MAX;
	s->sequence = WEIR_MIN(s->sequence + 1, WEIR_COUNT_MAX);
	s->start_ns = rnd() % 4 ? (s->start_ns + s->length_ns) & INT64_MAX : rnd_count();
	s->drops = fresh.drops;
	s->drop_count = fresh.drop_count;
	s->disagreements = fresh.disagreements;
	s->disagreement_count = fresh.disagreement_count;
	s->spool_bytes = fresh.spool_bytes;
	s->flow_rows_used = fresh.flow_rows_used;
}

TEST(what_changes_arrives_whole)
{
	size_t differences = 0;

	for (int i = 0; i < 20; i++) {
		weir_auto_arena struct weir_arena *a = NULL;
		struct weir_summary s = {0};
		auto_msg *ref = NULL;

		weir_arena_new(256 << 20, &a);
		fill_summary(a, &s);
		for (int k = 0; k < 8; k++, next_window(a, &s)) {
			weir_auto_buf struct weir_buf z = {0};
			struct weir_msg *got = NULL;
			auto_msg *other = NULL;
			struct weir_err err = {{0}};
			int r = weir_summary_deflate(&s, ref, &z);

			CHECK(r == 0, "deflate %d", r);
			r = weir_summary_inflate(z.data, z.len, ref, &got, &err);
			CHECK(r == 0, "inflate %d: %s", r, err.text);
			if (r)
				return;
			check_equal(test_st, &s, &got->summary);
			CHECK(got->deflated);
			/* What needs the reference is of use to nobody who has another one. */
			if (weir_summary_inflate(z.data, z.len, NULL, &other, NULL) == -ESTALE)
				differences++;
			weir_msg_free(ref);
			ref = weir_summary_refer(got);
			weir_msg_free(got);
			CHECK(ref, "all of these are small");
		}
	}
	CHECK(differences > 80, "%zu of 140", differences);
}

/* A window, and the one after it as a difference. */
struct pair {
	struct weir_arena *arena;
	struct weir_summary first, second;
	struct weir_msg *ref;
	struct weir_buf z;
};

static int pair_open(struct pair *p)
{
	weir_auto_buf struct weir_buf z = {0};
	auto_msg *m = NULL;
	int r;

	*p = (struct pair){0};
	r = weir_arena_new(64 << 20, &p->arena);
	if (r)
		return r;
	do
		fill_summary(p->arena, &p->first);
	while (p->first.row_count < 10 || p->first.sequence == WEIR_COUNT_MAX);
	p->second = p->first;
	p->second.sequence++;
	p->second.first_kept = p->first.sequence;
	for (size_t i = 0; i < 2; i++)
		p->second.rows[i].tcp = (struct weir_sum_tcp){5000, 3, 1};
	r = weir_summary_deflate(&p->first, NULL, &z);
	if (!r)
		r = weir_summary_inflate(z.data, z.len, NULL, &m, NULL);
	if (!r)
		p->ref = weir_summary_refer(m);
	return r ? r : weir_summary_deflate(&p->second, p->ref, &p->z);
}

static void pair_close(struct pair *p)
{
	weir_msg_free(p->ref);
	weir_arena_free(p->arena);
	weir_buf_fini(&p->z);
}

/* The n-th field of what names a row becomes another; false: there are no more. */
static bool vary(struct weir_sum_row *r, int n)
{
	switch (n) {
	case 0: r->local.b[15] ^= 1; break;
	case 1: r->peer.b[15] ^= 1; break;
	case 2: r->peer_class ^= 1; break;
	case 3: r->rule ^= 1; break;
	case 4: r->local_port ^= 1; break;
	case 5: r->peer_port ^= 1; break;
	case 6: r->proto ^= 6 ^ 17; break; /* TCP, UDP */
	case 7: r->dir = !r->dir; break;
	case 8: r->verdict = r->verdict == WEIR_V_ACCEPT ? WEIR_V_DENY : WEIR_V_ACCEPT; break;
	case 9: r->init_local = !r->init_local; break;
	case 10: r->interface = "other0"; break;
	default: return false;
	}
	return true;
}

/* The one of the window before is not to be taken for it. */
TEST(a_row_that_differs_in_one_field_is_another)
{
	struct weir_sum_workload w = {.name = "a", .namespace = "b", .kind = "pod", .cgroup = "/a"};
	struct weir_sum_row row = {.proto = 6, .dir = WEIR_EGRESS, .verdict = WEIR_V_ACCEPT, .init_local = true,
				   .peer_port = 443, .bytes = 1000, .packets = 3, .rule = 7, .interface = "eth0"};
	struct weir_summary s = {.epoch = 1, .sequence = 1, .start_ns = 5, .length_ns = 2, .windows = 1, .domain = "d",
				 .workloads = &w, .workload_count = 1, .rows = &row, .row_count = 1};
	const struct weir_sum_row was = row;
	weir_auto_buf struct weir_buf first = {0};
	auto_msg *m = NULL, *ref = NULL;

	weir_addr_parse("10.0.0.1", &row.local);
	weir_addr_parse("10.0.0.2", &row.peer);
	CHECK(!weir_summary_deflate(&s, NULL, &first) && !weir_summary_inflate(first.data, first.len, NULL, &m, NULL));
	ref = weir_summary_refer(m);
	s.sequence++;
	for (int i = 0; ref && vary(&row, i); i++) {
		weir_auto_buf struct weir_buf z = {0};
		auto_msg *got = NULL;

		CHECK(!weir_summary_deflate(&s, ref, &z) && !weir_summary_inflate(z.data, z.len, ref, &got, NULL), "%d", i);
		if (got)
			check_equal(test_st, &s, &got->summary);
		row = was;
		weir_addr_parse("10.0.0.1", &row.local);
		weir_addr_parse("10.0.0.2", &row.peer);
	}
}

TEST(a_difference_is_to_one_reference)
{
	auto_msg *got = NULL, *other = NULL, *none = NULL;
	weir_auto_buf struct weir_buf z = {0};
	struct weir_err err = {{0}};
	struct pair p;

	CHECK(pair_open(&p) == 0);
	CHECK(weir_summary_inflate(p.z.data, p.z.len, p.ref, &got, &err) == 0, "%s", err.text);
	if (got)
		check_equal(test_st, &p.second, &got->summary);
	/* The same window again, after another one: it is known by all that came since one that stood alone. */
	CHECK(weir_summary_deflate(&p.first, got, &z) == 0);
	CHECK(weir_summary_inflate(z.data, z.len, got, &other, NULL) == 0);
	CHECK(weir_summary_inflate(p.z.data, p.z.len, other, &none, &err) == -ESTALE);
	CHECK(strstr(err.text, "reference"), "%s", err.text);
	pair_close(&p);
}

static bool refers(const struct weir_msg *m)
{
	auto_msg *kept = weir_summary_refer(m);

	return kept;
}

TEST(only_what_fits_is_a_reference)
{
	static struct weir_sum_row rows[1025];
	static char text[60000];
	struct weir_msg m = {.kind = WEIR_MSG_SUMMARY, .deflated = true};
	struct pair p;

	CHECK(pair_open(&p) == 0);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++)
		rows[i].interface = "eth0";
	m.summary = p.first;
	m.summary.rows = rows;
	m.summary.row_count = 1024;
	CHECK(refers(&m));
	m.deflated = false;
	CHECK(!refers(&m), "one that came plain");
	m.deflated = true;
	m.summary.row_count = 1025;
	CHECK(!refers(&m));
	m.summary.row_count = 1;
	memset(text, 'x', sizeof(text) - 1);
	m.summary.workloads[0].name = rows[0].interface = text;
	CHECK(!refers(&m));
	pair_close(&p);
}

/* The protobuf form of a difference, changed, deflated and taken in: what does it say? */
static int with_change(const struct pair *p, void (*change)(Weir__V1__Summary *), struct weir_err *err)
{
	weir_auto_arena struct weir_arena *a = NULL;
	weir_auto_free uint8_t *plain = NULL, *z = NULL;
	Weir__V1__Summary *pb = NULL;
	auto_msg *got = NULL;
	uLongf z_len;
	size_t len;
	int r = weir_arena_new(64 << 20, &a);

	if (!r)
		r = weir_difference_build(&p->second, p->ref, a, &pb);
	if (r)
		return r;
	change(pb);
	len = protobuf_c_message_get_packed_size(&pb->base);
	z_len = compressBound(len);
	plain = malloc(len + 1);
	z = malloc(z_len);
	protobuf_c_message_pack(&pb->base, plain);
	compress(z, &z_len, plain, len);
	return weir_summary_inflate(z, z_len, p->ref, &got, err);
}

static uint32_t many[3000];
#define CHANGE(name, ...)                                 \
	static void change_##name(Weir__V1__Summary *s)   \
	{                                                 \
		Weir__V1__Difference *d = s->difference;  \
		__VA_ARGS__;                              \
	}
CHANGE(nothing, (void)d)
CHANGE(gap, d->rows[d->n_rows - 1] = 20000)
CHANGE(gap_wraps, d->rows[1] = UINT32_MAX)
CHANGE(too_many, d->rows = many; d->n_rows = 3000)
CHANGE(no_packets, d->n_packets--)
CHANGE(no_bytes, d->n_bytes--)
CHANGE(packets, d->packets[0] = 1ull << 63)
CHANGE(bytes, d->bytes[0] = INT64_MIN)
CHANGE(workloads, d->n_workloads = 0)
CHANGE(workload_gap, d->workloads[0] = UINT32_MAX)
CHANGE(tcp_odd, d->n_tcp--)
CHANGE(tcp_gap, d->tcp[0] = d->n_rows)
CHANGE(tcp_gap_wraps, d->tcp[4] = UINT64_MAX)
CHANGE(tcp_rtt, d->tcp[1] = UINT64_MAX)
CHANGE(tcp_samples, d->tcp[2] = UINT64_MAX)
CHANGE(tcp_retrans, d->tcp[3] = UINT64_MAX)
CHANGE(identity, d->n_identity++; d->identity = (int64_t *)(void *)many)
CHANGE(head, d->head[0] = INT64_MIN; d->n_head = d->n_head ? d->n_head : 1)

TEST(every_list_of_a_difference_is_checked)
{
	static const struct {
		void (*change)(Weir__V1__Summary *);
		const char *says; /* NULL = it is taken */
	} cases[] = {
		{change_nothing, NULL},
		{change_gap, "difference.rows["},
		{change_gap_wraps, "difference.rows[1]"},
		{change_too_many, "difference.rows: 3000"},
		{change_no_packets, "packets of"},
		{change_no_bytes, "bytes of"},
		{change_packets, "difference.rows[0]: bytes or packets"},
		{change_bytes, "difference.rows[0]: bytes or packets"},
		{change_workloads, "of a workload that is not kept"},
		{change_workload_gap, "difference.workloads[0]"},
		{change_tcp_odd, "difference.tcp: not four"},
		{change_tcp_gap, "difference.tcp[0]: behind"},
		{change_tcp_gap_wraps, "difference.tcp[4]: behind"},
		{change_tcp_rtt, "difference.tcp[0]: out of"},
		{change_tcp_samples, "difference.tcp[0]: out of"},
		{change_tcp_retrans, "difference.tcp[0]: out of"},
		{change_identity, "difference.identity"},
		{change_head, "summary."},
	};
	struct pair p;

	CHECK(pair_open(&p) == 0);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_err err = {{0}};
		int r = with_change(&p, cases[i].change, &err);

		CHECK(r == (cases[i].says ? -EBADMSG : 0), "%zu: %d %s", i, r, err.text);
		CHECK(!cases[i].says || strstr(err.text, cases[i].says), "%zu: %s", i, err.text);
	}
	pair_close(&p);
}

TEST(a_bomb_is_refused)
{
	const size_t size = 64 << 20;
	weir_auto_free uint8_t *zeros = calloc(1, size), *z = malloc(compressBound(size));
	struct weir_err err = {{0}}, torn = {{0}}, behind = {{0}};
	uLongf len = compressBound(size);
	struct weir_msg *got = NULL;
	struct pair p;

	CHECK(compress2(z, &len, zeros, size, 9) == Z_OK && len < WEIR_TELEMETRY_MAX);
	CHECK(weir_summary_inflate(z, len, NULL, &got, &err) == -EBADMSG && !got);
	CHECK(strstr(err.text, "inflates to more than 1048576 bytes"), "%s", err.text);
	CHECK(pair_open(&p) == 0);
	CHECK(weir_summary_inflate(p.z.data, p.z.len - 1, p.ref, &got, &torn) == -EBADMSG && !got);
	CHECK(strstr(torn.text, "not one whole zlib stream"), "%s", torn.text);
	CHECK(weir_buf_add(&p.z, "x", 1) == 0);
	CHECK(weir_summary_inflate(p.z.data, p.z.len, p.ref, &got, &behind) == -EBADMSG && !got);
	pair_close(&p);
}

TEST(damaged_bytes_never_crash)
{
	struct pair p;

	CHECK(pair_open(&p) == 0);
	for (int i = 0; i < 3000; i++) {
		weir_auto_buf struct weir_buf b = {0};
		auto_msg *got = NULL;

		weir_buf_add(&b, p.z.data, p.z.len);
		for (uint64_t k = rnd() % 4; k < 4; k++)
			b.data[rnd() % b.len] = (uint8_t)rnd();
		(void)weir_summary_inflate(b.data, 1 + rnd() % b.len, p.ref, &got, NULL);
	}
	pair_close(&p);
}

TEST_MAIN(T(what_changes_arrives_whole), T(a_row_that_differs_in_one_field_is_another), T(a_difference_is_to_one_reference), T(only_what_fits_is_a_reference),
	  T(every_list_of_a_difference_is_checked), T(a_bomb_is_refused), T(damaged_bytes_never_crash))
