/* SPDX-License-Identifier: Apache-2.0 */
/* Summaries whose every field is random within its bounds. */
#ifndef WEIR_SUMMARY_FIXTURE_H
#define WEIR_SUMMARY_FIXTURE_H

#include "tests/lib/test.h"

#include "lib/wire/codec.h"

#include <time.h>

#define N_STRINGS 8

static uint64_t seed;

static uint64_t rnd(void) /* splitmix64 */
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

__attribute__((constructor)) static void seed_set(void)
{
	const char *s = getenv("WEIR_TEST_SEED");

	seed = s ? strtoull(s, NULL, 0) : (uint64_t)time(NULL);
	printf("# seed %llu (WEIR_TEST_SEED)\n", (unsigned long long)seed);
}

static void rnd_bytes(void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)p)[i] = (uint8_t)rnd();
}

static uint64_t rnd_count(void)
{
	return rnd() >> (1 + rnd() % 63);
}

static const char *rnd_text(void)
{
	static const char *const texts[N_STRINGS] = {
		"", "eth0", "checkout-7d4f", "/kubepods.slice/pod\xc3\xa4/x", "team", "data", "\xf0\x9f\x8c\x8a", "a b",
	};

	return texts[rnd() % N_STRINGS];
}

static struct weir_addr rnd_addr(bool v4)
{
	struct weir_addr a = {{0}};

	rnd_bytes(a.b, sizeof(a.b));
	if (v4) {
		memset(a.b, 0, 10);
		memset(a.b + 10, 0xff, 2);
	}
	return a;
}

/* A summary in caller's arena; every field random within its bounds. */
static void fill_workloads(struct weir_arena *a, struct weir_summary *s)
{
	s->workload_count = 1 + rnd() % 20;
	s->workloads = weir_arena_array(a, s->workload_count, sizeof(*s->workloads));
	for (size_t i = 0; i < s->workload_count; i++) {
		struct weir_sum_workload *w = &s->workloads[i];

		*w = (struct weir_sum_workload){rnd_text(), rnd_text(), rnd_text(), rnd_text(), NULL,
						rnd() % 4, rnd()};
		w->labels = weir_arena_array(a, w->label_count, sizeof(*w->labels));
		for (size_t k = 0; k < w->label_count; k++)
			w->labels[k] = (struct weir_sum_label){rnd_text(), rnd_text()};
	}
}

static void fill_rows(struct weir_arena *a, struct weir_summary *s)
{
	s->row_count = rnd() % 200;
	s->rows = weir_arena_array(a, s->row_count, sizeof(*s->rows));
	for (size_t i = 0; i < s->row_count; i++) {
		struct weir_sum_row *r = &s->rows[i];
		bool v4 = rnd() & 1;

		r->folded = rnd() % 4 == 0;
		if (!r->folded) {
			r->local = rnd_addr(v4);
			r->peer = rnd_addr(v4);
			r->local_port = (uint16_t)rnd();
			r->peer_port = (uint16_t)rnd();
		}
		r->workload = (uint32_t)(rnd() % s->workload_count);
		r->peer_class = (uint32_t)rnd();
		r->proto = (uint8_t)rnd();
		r->dir = rnd() % WEIR_DIRS;
		r->verdict = rnd() % WEIR_VERDICTS;
		r->init_local = rnd() & 1;
		r->bytes = rnd_count();
		r->packets = rnd_count();
		if (rnd() & 1)
			r->tcp = (struct weir_sum_tcp){rnd_count(), rnd_count(), rnd_count()};
		r->rule = rnd() & 1 ? WEIR_NO_RULE : (uint32_t)rnd() % 1000;
		r->interface = rnd_text();
	}
}

static void fill_health(struct weir_arena *a, struct weir_summary *s)
{
	s->health_count = rnd() % 30;
	s->health = weir_arena_array(a, s->health_count, sizeof(*s->health));
	for (size_t i = 0; i < s->health_count; i++) {
		struct weir_sum_health *h = &s->health[i];
		uint64_t *rtt;

		*h = (struct weir_sum_health){.workload = (uint32_t)(rnd() % s->workload_count),
					      .index = (uint32_t)rnd(), .peer_class = (uint32_t)rnd(),
					      .scope = rnd() % WEIR_SCOPES, .since_ns = rnd_count() + 1,
					      .rtt_first = rnd() % WEIR_RTT_BUCKETS};
		h->rtt_count = rnd() % (WEIR_RTT_BUCKETS - h->rtt_first + 1);
		rtt = weir_arena_array(a, h->rtt_count, sizeof(*rtt));
		for (size_t k = 0; k < h->rtt_count; k++)
			rtt[k] = rnd_count();
		for (size_t k = 0; k < WEIR_H_COUNTS; k++)
			h->n[k] = rnd_count();
		h->rtt = rtt;
	}
}

static void fill_summary(struct weir_arena *a, struct weir_summary *s)
{
	rnd_bytes(s->boot_id, sizeof(s->boot_id));
	s->epoch = rnd_count();
	s->sequence = rnd_count() + 1;
	s->start_ns = rnd_count();
	s->length_ns = rnd_count() + 1;
	s->windows = (uint32_t)rnd();
	s->domain = rnd_text();
	fill_workloads(a, s);
	fill_rows(a, s);
	s->identity_count = rnd() % 30;
	s->identity = weir_arena_array(a, s->identity_count, sizeof(*s->identity));
	for (size_t i = 0; i < s->identity_count; i++)
		s->identity[i] = (struct weir_sum_identity){rnd_text(), rnd() % WEIR_DIRS,
							    rnd() & 1 ? WEIR_TERM_UNEXPLAINED : rnd() % WEIR_TERMS,
							    rnd_count(), rnd_count(), (int64_t)rnd()};
	s->drop_count = rnd() % WEIR_DROPS;
	s->drops = weir_arena_array(a, s->drop_count, sizeof(*s->drops));
	for (size_t i = 0; i < s->drop_count; i++)
		s->drops[i] = (struct weir_sum_drop){(uint32_t)i, rnd_count(), rnd_count()};
	s->disagreement_count = rnd() % 40;
	s->disagreements = weir_arena_array(a, s->disagreement_count, sizeof(*s->disagreements));
	for (size_t i = 0; i < s->disagreement_count; i++)
		s->disagreements[i] = (struct weir_sum_disagreement){rnd_text(), rnd_count(), rnd_count(),
								     rnd_count()};
	s->candidate_serial = rnd_count();
	s->first_kept = 1 + rnd_count() % s->sequence;
	fill_health(a, s);
	for (int d = 0; d < WEIR_DIRS; d++) {
		s->total_bytes[d] = rnd_count();
		s->total_packets[d] = rnd_count();
	}
	s->mode = rnd() % WEIR_MODES;
	s->serial = rnd_count();
	s->flow_rows_used = (uint32_t)rnd();
	s->flow_rows = (uint32_t)rnd();
	s->spool_bytes = rnd_count();
	s->spool_max = rnd_count();
	s->lease_until_ns = rnd_count();
	s->lapsed_s = rnd_count();
	s->cert_expires_s = rnd_count();
	s->keys_broken = rnd() & 1;
	s->clock_skew_ns = rnd() & 1 ? -(int64_t)rnd_count() : (int64_t)rnd_count();
	s->clock_error_ns = rnd_count();
	s->packet_ps = rnd_count();
	s->window_ns = rnd_count();
}

static bool same_row(const struct weir_sum_row *a, const struct weir_sum_row *b)
{
	return a->workload == b->workload && a->folded == b->folded && !memcmp(&a->local, &b->local, 16) &&
	       !memcmp(&a->peer, &b->peer, 16) && a->peer_class == b->peer_class && a->proto == b->proto &&
	       a->dir == b->dir && a->verdict == b->verdict && a->init_local == b->init_local &&
	       a->local_port == b->local_port && a->peer_port == b->peer_port && a->bytes == b->bytes &&
	       a->packets == b->packets && !memcmp(&a->tcp, &b->tcp, sizeof(a->tcp)) && a->rule == b->rule && !strcmp(a->interface, b->interface);
}

static bool same_workload(const struct weir_sum_workload *a, const struct weir_sum_workload *b)
{
	if (strcmp(a->name, b->name) || strcmp(a->namespace, b->namespace) || strcmp(a->kind, b->kind) ||
	    strcmp(a->cgroup, b->cgroup) || a->label_count != b->label_count || a->cgroup_id != b->cgroup_id)
		return false;
	for (size_t i = 0; i < a->label_count; i++)
		if (strcmp(a->labels[i].key, b->labels[i].key) ||
		    strcmp(a->labels[i].value, b->labels[i].value))
			return false;
	return true;
}

static bool same_health(const struct weir_sum_health *a, const struct weir_sum_health *b)
{
	return a->workload == b->workload && a->index == b->index && a->peer_class == b->peer_class &&
	       a->scope == b->scope && a->since_ns == b->since_ns && !memcmp(a->n, b->n, sizeof(a->n)) &&
	       a->rtt_first == b->rtt_first && a->rtt_count == b->rtt_count &&
	       (!a->rtt_count || !memcmp(a->rtt, b->rtt, a->rtt_count * sizeof(*a->rtt)));
}

static void check_same(struct test_state *test_st, const struct weir_summary *a, const struct weir_summary *b)
{
	CHECK(!memcmp(a->boot_id, b->boot_id, 16));
	CHECK(a->epoch == b->epoch && a->sequence == b->sequence && a->start_ns == b->start_ns &&
	      a->first_kept == b->first_kept);
	CHECK(a->cert_expires_s == b->cert_expires_s && a->keys_broken == b->keys_broken);
	CHECK(a->length_ns == b->length_ns && a->windows == b->windows && !strcmp(a->domain, b->domain));
	CHECK(!memcmp(a->total_bytes, b->total_bytes, sizeof(a->total_bytes)));
	CHECK(!memcmp(a->total_packets, b->total_packets, sizeof(a->total_packets)));
	CHECK(a->mode == b->mode && a->serial == b->serial);
	CHECK(a->flow_rows_used == b->flow_rows_used && a->flow_rows == b->flow_rows);
	CHECK(a->spool_bytes == b->spool_bytes && a->spool_max == b->spool_max);
	CHECK(a->lease_until_ns == b->lease_until_ns && a->lapsed_s == b->lapsed_s);
	CHECK(a->clock_skew_ns == b->clock_skew_ns && a->clock_error_ns == b->clock_error_ns &&
	      a->packet_ps == b->packet_ps && a->window_ns == b->window_ns);
	CHECK(a->workload_count == b->workload_count);
	for (size_t i = 0; i < a->workload_count && i < b->workload_count; i++)
		CHECK(same_workload(&a->workloads[i], &b->workloads[i]), "workload %zu", i);
	CHECK(a->row_count == b->row_count);
	for (size_t i = 0; i < a->row_count && i < b->row_count; i++)
		CHECK(same_row(&a->rows[i], &b->rows[i]), "row %zu", i);
	CHECK(a->identity_count == b->identity_count);
	for (size_t i = 0; i < a->identity_count && i < b->identity_count; i++) {
		const struct weir_sum_identity *x = &a->identity[i], *y = &b->identity[i];

		CHECK(!strcmp(x->interface, y->interface) && x->dir == y->dir && x->term == y->term &&
		      x->bytes == y->bytes && x->packets == y->packets &&
		      x->signed_bytes == y->signed_bytes, "identity %zu", i);
	}
	CHECK(a->health_count == b->health_count);
	for (size_t i = 0; i < a->health_count && i < b->health_count; i++)
		CHECK(same_health(&a->health[i], &b->health[i]), "health %zu", i);
	CHECK(a->drop_count == b->drop_count);
	for (size_t i = 0; i < a->drop_count && i < b->drop_count; i++)
		CHECK(a->drops[i].reason == b->drops[i].reason && a->drops[i].bytes == b->drops[i].bytes &&
		      a->drops[i].packets == b->drops[i].packets, "drop %zu", i);
	CHECK(a->candidate_serial == b->candidate_serial && a->disagreement_count == b->disagreement_count);
	for (size_t i = 0; i < a->disagreement_count && i < b->disagreement_count; i++) {
		const struct weir_sum_disagreement *x = &a->disagreements[i], *y = &b->disagreements[i];

		CHECK(!strcmp(x->rule, y->rule) && x->denied == y->denied && x->accepted == y->accepted &&
		      x->limited == y->limited, "disagreement %zu", i);
	}
}

#endif
