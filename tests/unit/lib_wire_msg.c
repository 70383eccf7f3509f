/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: round trips with random content, damaged and hostile bytes. Invalid fields: lib_wire_invalid.c. */
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
}

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}
#define auto_msg weir_cleanup(msg_freep) struct weir_msg

/* Packs m and unpacks it again; NULL (and a failed check) when either refuses. */
static struct weir_msg *there_and_back(struct test_state *test_st, const struct weir_msg *m)
{
	weir_auto_buf struct weir_buf b = {0};
	struct weir_msg *got = NULL;
	struct weir_err err = {{0}};
	int r = weir_msg_pack(m, &b);

	CHECK(r == 0, "pack %d", r);
	if (m->kind < WEIR_MSG_REFUSAL)
		r = weir_request_unpack(b.data, b.len, WEIR_CONTROL_MAX, &got, &err);
	else
		r = weir_reply_unpack(b.data, b.len, WEIR_CONTROL_MAX, &got, &err);
	CHECK(r == 0, "unpack %d: %s", r, err.text);
	CHECK(!got || got->kind == m->kind, "kind %d", got->kind);
	return got;
}

static bool same_row(const struct weir_sum_row *a, const struct weir_sum_row *b)
{
	return a->workload == b->workload && a->folded == b->folded && !memcmp(&a->local, &b->local, 16) &&
	       !memcmp(&a->peer, &b->peer, 16) && a->peer_class == b->peer_class && a->proto == b->proto &&
	       a->dir == b->dir && a->verdict == b->verdict && a->init_local == b->init_local &&
	       a->local_port == b->local_port && a->peer_port == b->peer_port && a->bytes == b->bytes &&
	       a->packets == b->packets && a->rule == b->rule && !strcmp(a->interface, b->interface);
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
	CHECK(a->length_ns == b->length_ns && a->windows == b->windows && !strcmp(a->domain, b->domain));
	CHECK(!memcmp(a->total_bytes, b->total_bytes, sizeof(a->total_bytes)));
	CHECK(!memcmp(a->total_packets, b->total_packets, sizeof(a->total_packets)));
	CHECK(a->mode == b->mode && a->serial == b->serial);
	CHECK(a->flow_rows_used == b->flow_rows_used && a->flow_rows == b->flow_rows);
	CHECK(a->spool_bytes == b->spool_bytes && a->spool_max == b->spool_max);
	CHECK(a->lease_until_ns == b->lease_until_ns && a->lapsed_s == b->lapsed_s);
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

TEST(summary_round_trip)
{
	for (int i = 0; i < 50; i++) {
		weir_auto_arena struct weir_arena *a = NULL;
		weir_auto_buf struct weir_buf b = {0};
		struct weir_msg m = {.kind = WEIR_MSG_SUMMARY, .has_token = true};
		auto_msg *got = NULL, *alone = NULL;

		weir_arena_new(64 << 20, &a);
		fill_summary(a, &m.summary);
		rnd_bytes(m.token, sizeof(m.token));
		got = there_and_back(test_st, &m);
		if (!got)
			return;
		CHECK(got->has_token && !memcmp(got->token, m.token, sizeof(m.token)));
		check_same(test_st, &m.summary, &got->summary);
		CHECK(weir_summary_pack(&m.summary, &b) == 0);
		CHECK(weir_summary_unpack(b.data, b.len, &alone, NULL) == 0);
		if (alone)
			check_same(test_st, &m.summary, &alone->summary);
	}
}

TEST(session_messages_round_trip)
{
	struct weir_msg h = {.kind = WEIR_MSG_HELLO}, p = {.kind = WEIR_MSG_PROOF},
			c = {.kind = WEIR_MSG_CHALLENGE}, w = {.kind = WEIR_MSG_WELCOME};
	auto_msg *gh = NULL, *gp = NULL, *gc = NULL, *gw = NULL;

	h.hello = (struct weir_hello){7, "node-1.x", "0.1.0", "6.18", "cgroup_skb", "aws/1", "aws/a", {0}};
	rnd_bytes(h.hello.nonce, WEIR_NONCE_LEN);
	gh = there_and_back(test_st, &h);
	CHECK(gh && gh->hello.wire == 7 && !gh->has_token && !strcmp(gh->hello.node, "node-1.x") &&
	      !strcmp(gh->hello.version, "0.1.0") && !strcmp(gh->hello.kernel, "6.18") &&
	      !strcmp(gh->hello.hooks, "cgroup_skb") && !strcmp(gh->hello.domain, "aws/1") &&
	      !strcmp(gh->hello.node_class, "aws/a") &&
	      !memcmp(gh->hello.nonce, h.hello.nonce, WEIR_NONCE_LEN));
	rnd_bytes(&p.proof, sizeof(p.proof));
	gp = there_and_back(test_st, &p);
	CHECK(gp && gp->proof.hello_id == p.proof.hello_id &&
	      !memcmp(gp->proof.signature, p.proof.signature, 64));
	rnd_bytes(&c.challenge, sizeof(c.challenge));
	gc = there_and_back(test_st, &c);
	CHECK(gc && gc->challenge.hello_id == c.challenge.hello_id &&
	      gc->challenge.max_message == c.challenge.max_message &&
	      !memcmp(gc->challenge.nonce, c.challenge.nonce, WEIR_NONCE_LEN));
	rnd_bytes(&w.welcome, sizeof(w.welcome));
	gw = there_and_back(test_st, &w);
	CHECK(gw && gw->welcome.last_epoch == w.welcome.last_epoch &&
	      gw->welcome.last_sequence == w.welcome.last_sequence &&
	      !memcmp(gw->welcome.token, w.welcome.token, WEIR_TOKEN_LEN));
}

TEST(ack_and_refusal_round_trip)
{
	struct weir_msg a = {.kind = WEIR_MSG_ACK, .ack = {rnd(), rnd()}}, f = {.kind = WEIR_MSG_REFUSAL};
	auto_msg *ga = there_and_back(test_st, &a), *gf = NULL;

	CHECK(ga && ga->ack.epoch == a.ack.epoch && ga->ack.committed == a.ack.committed);
	f.refusal = (struct weir_refuse){WEIR_RC_FENCED, "a newer epoch"};
	gf = there_and_back(test_st, &f);
	CHECK(gf && gf->refusal.code == WEIR_RC_FENCED && !strcmp(gf->refusal.text, "a newer epoch"));
}

TEST(policy_round_trip)
{
	struct weir_push_sig sigs[3];
	uint8_t bundle[5000];
	struct weir_msg s = {.kind = WEIR_MSG_POLICY_SYNC}, p = {.kind = WEIR_MSG_POLICY_PUSH};
	auto_msg *gs = NULL, *gp = NULL, *end = NULL, *none = there_and_back(test_st, &p);

	CHECK(none && !none->policy_push.change && !none->policy_push.bundle && !none->policy_push.end_candidate,
	      "no change");
	p.policy_push.end_candidate = true;
	end = there_and_back(test_st, &p);
	CHECK(end && !end->policy_push.change && end->policy_push.end_candidate, "no change, and no candidate");
	s.policy_sync = (struct weir_policy_sync){.applied_serial = rnd_count(), .refused_serial = rnd_count(),
						  .have_serial = rnd_count(), .applied_ns = rnd_count(),
						  .has_digest = true, .mode = 2, .refused_reason = "older",
						  .refused_text = "serial 3 is not above 4",
						  .candidate_serial = rnd_count(), .has_candidate = true};
	rnd_bytes(s.policy_sync.candidate, 32);
	rnd_bytes(s.policy_sync.applied_digest, 32);
	rnd_bytes(s.policy_sync.boot_id, 16);
	gs = there_and_back(test_st, &s);
	CHECK(gs && gs->policy_sync.applied_serial == s.policy_sync.applied_serial &&
	      gs->policy_sync.refused_serial == s.policy_sync.refused_serial &&
	      gs->policy_sync.have_serial == s.policy_sync.have_serial &&
	      gs->policy_sync.applied_ns == s.policy_sync.applied_ns && gs->policy_sync.has_digest &&
	      gs->policy_sync.mode == 2 && !strcmp(gs->policy_sync.refused_reason, "older") &&
	      !strcmp(gs->policy_sync.refused_text, s.policy_sync.refused_text) &&
	      !memcmp(gs->policy_sync.applied_digest, s.policy_sync.applied_digest, 32) &&
	      !memcmp(gs->policy_sync.boot_id, s.policy_sync.boot_id, 16));
	CHECK(gs && gs->policy_sync.candidate_serial == s.policy_sync.candidate_serial &&
	      gs->policy_sync.has_candidate && !memcmp(gs->policy_sync.candidate, s.policy_sync.candidate, 32));
	rnd_bytes(sigs, sizeof(sigs));
	rnd_bytes(bundle, sizeof(bundle));
	p.policy_push = (struct weir_policy_push){true, 9, (const uint8_t *)"manifest", 8, sigs, 3, bundle,
						  sizeof(bundle), true, false};
	gp = there_and_back(test_st, &p);
	CHECK(gp && gp->policy_push.change && gp->policy_push.serial == 9 && gp->policy_push.shadow &&
	      gp->policy_push.manifest_len == 8 && !memcmp(gp->policy_push.manifest, "manifest", 8) &&
	      gp->policy_push.sig_count == 3 && !memcmp(gp->policy_push.sigs, sigs, sizeof(sigs)) &&
	      gp->policy_push.bundle_len == sizeof(bundle) &&
	      !memcmp(gp->policy_push.bundle, bundle, sizeof(bundle)));
}

TEST(sender_cleans_text)
{
	struct weir_sum_workload w = {"bad\xff\nname", "", "group", "/a\xc0\xaf", NULL, 0, 1};
	struct weir_msg m = {.kind = WEIR_MSG_SUMMARY};
	auto_msg *got = NULL;

	m.summary = (struct weir_summary){.sequence = 1, .length_ns = 1, .workloads = &w, .workload_count = 1};
	got = there_and_back(test_st, &m);
	CHECK(got && !strcmp(got->summary.workloads[0].name, "bad??name"));
	CHECK(got && !strcmp(got->summary.workloads[0].cgroup, "/a??"));
	CHECK(got && !strcmp(got->summary.domain, ""), "NULL is sent as empty");
}

TEST(sender_refuses_too_many)
{
	weir_auto_buf struct weir_buf b = {0};
	static struct weir_sum_row row;
	struct weir_summary s = {.rows = &row, .row_count = WEIR_SUMMARY_ROWS_MAX + 1};

	CHECK(weir_summary_pack(&s, &b) == -E2BIG);
	s = (struct weir_summary){.disagreement_count = WEIR_SUMMARY_DISAGREEMENTS_MAX + 1};
	CHECK(weir_summary_pack(&s, &b) == -E2BIG);
	CHECK(b.len == 0);
}

TEST(length_is_checked_first)
{
	auto_msg *m = NULL;
	struct weir_err err = {{0}};
	uint8_t data[11] = {0};

	CHECK(weir_request_unpack(data, 11, 10, &m, &err) == -EBADMSG);
	CHECK(strstr(err.text, "message: 11 bytes, at most 10") == err.text, "%s", err.text);
}

/* Two bytes a row: what unpacks to 20 times the memory must end at the arena's bound. */
TEST(amplification_is_bounded)
{
	size_t len = WEIR_TELEMETRY_MAX / 2 * 2;
	weir_auto_free uint8_t *data = malloc(len);
	auto_msg *m = NULL;
	struct weir_err err = {{0}};

	for (size_t i = 0; i < len; i += 2) {
		data[i] = 10 << 3 | 2; /* rows, empty */
		data[i + 1] = 0;
	}
	CHECK(weir_summary_unpack(data, len, &m, &err) == -EBADMSG);
	CHECK(strstr(err.text, "too large when unpacked") != NULL, "%s", err.text);
}

TEST(damaged_bytes_are_survived)
{
	weir_auto_arena struct weir_arena *a = NULL;
	weir_auto_buf struct weir_buf b = {0};
	struct weir_msg m = {.kind = WEIR_MSG_SUMMARY, .has_token = true};
	int refused = 0, taken = 0;

	weir_arena_new(64 << 20, &a);
	fill_summary(a, &m.summary);
	CHECK(weir_msg_pack(&m, &b) == 0);
	for (int i = 0; i < 2000; i++) {
		auto_msg *got = NULL, *reply = NULL;
		size_t len = rnd() % 3 ? b.len : rnd() % b.len;
		weir_auto_free uint8_t *copy = malloc(len + !len); /* exact: ASan sees an overread */

		memcpy(copy, b.data, len);
		for (uint64_t n = rnd() % 5; len && n; n--)
			copy[rnd() % len] ^= (uint8_t)(1u << rnd() % 8);
		if (weir_request_unpack(copy, len, WEIR_TELEMETRY_MAX, &got, NULL) == 0)
			taken++;
		else
			refused++;
		weir_reply_unpack(copy, len, WEIR_TELEMETRY_MAX, &reply, NULL);
		if (got && got->kind == WEIR_MSG_SUMMARY)
			for (size_t k = 0; k < got->summary.row_count; k++)
				CHECK(got->summary.rows[k].workload < got->summary.workload_count);
	}
	CHECK(refused > 0 && taken > 0, "%d refused, %d taken", refused, taken);
}

TEST(transcript_is_fixed)
{
	weir_auto_buf struct weir_buf b = {0};
	uint8_t c[WEIR_NONCE_LEN], s[WEIR_NONCE_LEN];

	memset(c, 1, sizeof(c));
	memset(s, 2, sizeof(s));
	CHECK(weir_hello_transcript(c, s, "n1", WEIR_SOCKET_CONTROL, &b) == 0);
	CHECK(b.len == 12 + 32 + 32 + 2 + 1, "%zu", b.len);
	CHECK(!memcmp(b.data, "weir-hello-1\1", 13) && b.data[44] == 2 && !memcmp(b.data + 76, "n1\2", 3));
}

TEST_MAIN(T(summary_round_trip), T(session_messages_round_trip), T(ack_and_refusal_round_trip),
	  T(policy_round_trip), T(sender_cleans_text), T(sender_refuses_too_many),
	  T(length_is_checked_first), T(amplification_is_bounded),
	  T(damaged_bytes_are_survived), T(transcript_is_fixed))
