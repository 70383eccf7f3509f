/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: round trips with random content, damaged and hostile bytes. Invalid fields: lib_wire_invalid.c. */
#include "tests/lib/summary_fixture.h"

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

TEST(deflated_bytes_round_trip)
{
	struct weir_msg m = {.kind = WEIR_MSG_SUMMARY_Z, .summary_z = {(const uint8_t *)"12345", 5}};
	auto_msg *got = there_and_back(test_st, &m);

	CHECK(got && got->summary_z.len == 5 && !memcmp(got->summary_z.data, "12345", 5));
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
	      gw->welcome.last_sequence == w.welcome.last_sequence && gw->welcome.spread_ms == w.welcome.spread_ms &&
	      gw->welcome.summary_z == w.welcome.summary_z &&
	      !memcmp(gw->welcome.token, w.welcome.token, WEIR_TOKEN_LEN));
}

TEST(ack_and_refusal_round_trip)
{
	struct weir_msg a = {.kind = WEIR_MSG_ACK, .ack = {rnd(), rnd(), rnd(), rnd(), {0}}}, f = {.kind = WEIR_MSG_REFUSAL};
	auto_msg *ga = there_and_back(test_st, &a), *gf = NULL;

	CHECK(ga && ga->ack.epoch == a.ack.epoch && ga->ack.committed == a.ack.committed && !ga->ack.head.seq &&
	      ga->ack.received_ns == a.ack.received_ns && ga->ack.replied_ns == a.ack.replied_ns);
	weir_msg_free(ga);
	a.ack.head.seq = 1 + rnd_count() / 2;
	rnd_bytes(a.ack.head.hash, 32);
	rnd_bytes(a.ack.head.sig, 64);
	ga = there_and_back(test_st, &a);
	CHECK(ga && !memcmp(&ga->ack.head, &a.ack.head, sizeof(a.ack.head)));
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
						  .candidate_serial = rnd_count(), .has_candidate = true,
						  .drifts = rnd_count(), .threshold = 2, .approvers = 3};
	rnd_bytes(s.policy_sync.candidate, 32);
	s.policy_sync.witnessed.seq = 1 + rnd_count() / 2;
	rnd_bytes(s.policy_sync.witnessed.hash, 32);
	rnd_bytes(s.policy_sync.witnessed.sig, 64);
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
	CHECK(gs && !memcmp(&gs->policy_sync.witnessed, &s.policy_sync.witnessed, sizeof(s.policy_sync.witnessed)));
	CHECK(gs && gs->policy_sync.drifts == s.policy_sync.drifts && gs->policy_sync.threshold == 2 &&
	      gs->policy_sync.approvers == 3);
	CHECK(gs && gs->policy_sync.candidate_serial == s.policy_sync.candidate_serial &&
	      gs->policy_sync.has_candidate && !memcmp(gs->policy_sync.candidate, s.policy_sync.candidate, 32));
	rnd_bytes(sigs, sizeof(sigs));
	rnd_bytes(bundle, sizeof(bundle));
	p.policy_push = (struct weir_policy_push){.change = true, .serial = 9, .manifest = (const uint8_t *)"manifest",
						  .manifest_len = 8, .sigs = sigs, .sig_count = 3, .bundle = bundle,
						  .bundle_len = sizeof(bundle), .shadow = true};
	gp = there_and_back(test_st, &p);
	CHECK(gp && gp->policy_push.change && gp->policy_push.serial == 9 && gp->policy_push.shadow &&
	      gp->policy_push.manifest_len == 8 && !memcmp(gp->policy_push.manifest, "manifest", 8) &&
	      gp->policy_push.sig_count == 3 && !memcmp(gp->policy_push.sigs, sigs, sizeof(sigs)) &&
	      gp->policy_push.bundle_len == sizeof(bundle) &&
	      !memcmp(gp->policy_push.bundle, bundle, sizeof(bundle)));
}

TEST(what_was_taken_back_and_orders_round_trip)
{
	struct weir_msg s = {.kind = WEIR_MSG_POLICY_SYNC}, p = {.kind = WEIR_MSG_POLICY_PUSH};
	auto_msg *gs = NULL, *gp = NULL;
	const struct weir_policy_sync *got;

	s.policy_sync = (struct weir_policy_sync){
		.unconfirmed_serial = rnd_count(), .key_epoch = rnd_count(), .undone_from = rnd_count(),
		.undone_to = rnd_count(), .undone_ns = rnd_count(), .undone_why = WEIR_UNDO_ROOT,
		.have_order = rnd_count(), .order_refused = "replayed: it is not newer"};
	gs = there_and_back(test_st, &s);
	got = gs ? &gs->policy_sync : NULL;
	CHECK(got && got->unconfirmed_serial == s.policy_sync.unconfirmed_serial &&
	      got->key_epoch == s.policy_sync.key_epoch && got->undone_from == s.policy_sync.undone_from &&
	      got->undone_to == s.policy_sync.undone_to && got->undone_ns == s.policy_sync.undone_ns &&
	      got->undone_why == WEIR_UNDO_ROOT && got->have_order == s.policy_sync.have_order &&
	      !strcmp(got->order_refused, s.policy_sync.order_refused));
	p.policy_push = (struct weir_policy_push){.order = (const uint8_t *)"order", .order_len = 5};
	rnd_bytes(&p.policy_push.order_sig, sizeof(p.policy_push.order_sig));
	gp = there_and_back(test_st, &p);
	CHECK(gp && !gp->policy_push.change && gp->policy_push.order_len == 5 &&
	      !memcmp(gp->policy_push.order, "order", 5) &&
	      !memcmp(&gp->policy_push.order_sig, &p.policy_push.order_sig, sizeof(p.policy_push.order_sig)));
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

TEST_MAIN(T(summary_round_trip), T(deflated_bytes_round_trip),
	  T(session_messages_round_trip), T(ack_and_refusal_round_trip),
	  T(policy_round_trip), T(what_was_taken_back_and_orders_round_trip), T(sender_cleans_text),
	  T(sender_refuses_too_many),
	  T(length_is_checked_first), T(amplification_is_bounded),
	  T(damaged_bytes_are_survived), T(transcript_is_fixed))
