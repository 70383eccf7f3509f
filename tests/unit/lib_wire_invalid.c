/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound of every list and every invalid field is refused, and the error names the field. */
#include "tests/lib/test.h"

#include "lib/wire/codec.h"

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}
#define auto_msg weir_cleanup(msg_freep) struct weir_msg

/* One valid message of a kind in protobuf form, changed by one case at a time. */
struct fixture {
	Weir__V1__Summary s;
	Weir__V1__Difference difference;
	Weir__V1__Workload w, *ws[WEIR_SUMMARY_WORKLOADS_MAX + 1];
	Weir__V1__Label l, *ls[WEIR_WORKLOAD_LABELS_MAX + 1];
	Weir__V1__Row r, *rs[WEIR_SUMMARY_ROWS_MAX + 1];
	Weir__V1__Identity i, *is[WEIR_SUMMARY_IDENTITY_MAX + 1];
	Weir__V1__Drop d, *ds[WEIR_SUMMARY_DROPS_MAX + 1];
	Weir__V1__Disagreement g, *gs[WEIR_SUMMARY_DISAGREEMENTS_MAX + 1];
	Weir__V1__Health h, *hs[WEIR_SUMMARY_HEALTH_MAX + 1];
	uint64_t numbers[WEIR_RTT_BUCKETS + 1];
	char *strings[WEIR_SUMMARY_STRINGS_MAX + 1];
};

static void fixture_init(struct fixture *f)
{
	static uint8_t bytes[16];

	weir__v1__summary__init(&f->s);
	weir__v1__difference__init(&f->difference);
	weir__v1__workload__init(&f->w);
	weir__v1__label__init(&f->l);
	weir__v1__row__init(&f->r);
	weir__v1__identity__init(&f->i);
	weir__v1__drop__init(&f->d);
	weir__v1__disagreement__init(&f->g);
	weir__v1__health__init(&f->h);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(f->ws); i++)
		f->ws[i] = &f->w;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(f->ls); i++)
		f->ls[i] = &f->l;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(f->rs); i++)
		f->rs[i] = &f->r;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(f->is); i++)
		f->is[i] = &f->i;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(f->ds); i++)
		f->ds[i] = &f->d;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(f->gs); i++)
		f->gs[i] = &f->g;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(f->hs); i++)
		f->hs[i] = &f->h;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(f->strings); i++)
		f->strings[i] = (char *)"";
	f->s.boot_id = (ProtobufCBinaryData){16, bytes};
	f->s.sequence = f->s.length_ns = 1;
	f->s.workloads = f->ws;
	f->w.labels = f->ls;
	f->s.rows = f->rs;
	f->s.identity = f->is;
	f->s.drops = f->ds;
	f->s.strings = f->strings;
	f->s.health = f->hs;
	f->s.disagreements = f->gs;
	f->s.n_disagreements = 1;
	f->s.n_health = f->h.since_ns = 1;
	f->h.count = f->h.rtt = f->numbers;
	f->h.n_count = WEIR_HEALTH_COUNTS_MAX;
	f->h.n_rtt = WEIR_RTT_BUCKETS;
	f->s.n_workloads = f->w.n_labels = f->s.n_rows = f->s.n_identity = f->s.n_drops = 1;
	f->s.n_strings = 2;
	f->r.local = f->r.peer = (ProtobufCBinaryData){4, bytes};
}

static struct fixture f;
static char wrong[] = "x", broken[] = "\xff", control[] = "a\nb";

#define BREAK(name, ...)                                                                                        \
	static void break_##name(void)                                                                          \
	{                                                                                                       \
		__VA_ARGS__;                                                                                    \
	}
BREAK(strings, f.s.n_strings = WEIR_SUMMARY_STRINGS_MAX + 1)
BREAK(workloads, f.s.n_workloads = WEIR_SUMMARY_WORKLOADS_MAX + 1)
BREAK(labels, f.w.n_labels = WEIR_WORKLOAD_LABELS_MAX + 1)
BREAK(rows, f.s.n_rows = WEIR_SUMMARY_ROWS_MAX + 1)
BREAK(identity, f.s.n_identity = WEIR_SUMMARY_IDENTITY_MAX + 1)
BREAK(drops, f.s.n_drops = WEIR_SUMMARY_DROPS_MAX + 1)
BREAK(boot_id, f.s.boot_id.len = 15)
BREAK(epoch, f.s.epoch = UINT64_MAX)
BREAK(sequence, f.s.sequence = 0)
BREAK(sequence_big, f.s.sequence = 1ull << 63)
BREAK(start, f.s.start_ns = 1ull << 63)
BREAK(length, f.s.length_ns = 0)
BREAK(domain, f.s.domain = broken)
BREAK(certificate, f.s.cert_expires_s = WEIR_COUNT_MAX + 1)
BREAK(kept, f.s.first_kept = f.s.sequence + 1)
BREAK(total, f.s.total_bytes_out = 1ull << 63)
BREAK(skew, f.s.clock_skew_ns = INT64_MIN)
BREAK(mode, f.s.mode = WEIR_MODES)
BREAK(string0, f.strings[0] = wrong)
BREAK(string1, f.strings[1] = control)
BREAK(w_name, f.w.name = 2)
BREAK(w_namespace, f.w.namespace_ = 2)
BREAK(w_kind, f.w.kind = 2)
BREAK(w_cgroup, f.w.cgroup = UINT32_MAX)
BREAK(l_key, f.l.key = 2)
BREAK(l_value, f.l.value = 2)
BREAK(r_workload, f.r.workload = 1)
BREAK(r_local, f.r.local.len = 5)
BREAK(r_peer, f.r.peer.len = 0)
BREAK(r_proto, f.r.proto = 256)
BREAK(r_lport, f.r.local_port = 65536)
BREAK(r_pport, f.r.peer_port = 65536)
BREAK(r_folded, f.r.local.len = f.r.peer.len = 0; f.r.peer_port = 1)
BREAK(r_dir, f.r.dir = WEIR_DIRS)
BREAK(r_verdict, f.r.verdict = WEIR_VERDICTS)
BREAK(r_bytes, f.r.bytes = UINT64_MAX)
BREAK(r_packets, f.r.packets = UINT64_MAX)
BREAK(r_rtt, f.r.rtt_us = UINT64_MAX)
BREAK(r_samples, f.r.rtt_samples = UINT64_MAX)
BREAK(r_retrans, f.r.retrans = UINT64_MAX)
BREAK(r_interface, f.r.interface = 2)
BREAK(i_interface, f.i.interface = 2)
BREAK(i_dir, f.i.dir = WEIR_DIRS)
BREAK(i_term, f.i.term = WEIR_TERMS)
BREAK(i_bytes, f.i.bytes = UINT64_MAX)
BREAK(i_packets, f.i.packets = UINT64_MAX)
BREAK(d_reason, f.d.reason = WEIR_DROPS)
BREAK(d_bytes, f.d.bytes = UINT64_MAX)
BREAK(d_packets, f.d.packets = UINT64_MAX)
BREAK(difference, f.s.difference = &f.difference)
BREAK(candidate, f.s.candidate_serial = 1ull << 63)
BREAK(disagreements, f.s.n_disagreements = WEIR_SUMMARY_DISAGREEMENTS_MAX + 1)
BREAK(g_rule, f.g.rule = 2)
BREAK(g_denied, f.g.denied = 1ull << 63)
BREAK(g_accepted, f.g.accepted = 1ull << 63)
BREAK(g_limited, f.g.limited = 1ull << 63)
BREAK(health, f.s.n_health = WEIR_SUMMARY_HEALTH_MAX + 1)
BREAK(h_workload, f.h.workload = 1)
BREAK(h_scope, f.h.scope = WEIR_SCOPES)
BREAK(h_since, f.h.since_ns = 0)
BREAK(h_since_big, f.h.since_ns = 1ull << 63)
BREAK(h_counts, f.h.n_count = WEIR_HEALTH_COUNTS_MAX + 1)
BREAK(h_count, f.numbers[0] = 1ull << 63; f.h.n_rtt = 0)
BREAK(h_rtt, f.numbers[0] = 1ull << 63; f.h.n_count = 0)
BREAK(h_first, f.h.rtt_first = 1)
BREAK(h_first_big, f.h.rtt_first = UINT32_MAX; f.h.n_rtt = 0)

static const struct {
	void (*apply)(void);
	const char *text;
} breaks[] = {
	{break_strings, "summary.strings:"}, {break_workloads, "summary.workloads:"},
	{break_labels, "summary.workloads[0].labels:"}, {break_rows, "summary.rows:"},
	{break_identity, "summary.identity:"}, {break_drops, "summary.drops:"},
	{break_boot_id, "summary.boot_id:"}, {break_epoch, "summary.epoch:"},
	{break_sequence, "summary.sequence:"}, {break_sequence_big, "summary.sequence:"},
	{break_start, "summary.start_ns:"}, {break_length, "summary.length_ns:"},
	{break_domain, "summary.domain:"}, {break_total, "summary.total_bytes_out:"},
	{break_certificate, "summary.cert_expires_s:"},
	{break_kept, "summary.first_kept:"},
	{break_skew, "summary.clock_skew_ns:"},
	{break_mode, "summary.mode:"}, {break_string0, "summary.strings[0]:"},
	{break_string1, "summary.strings[1]:"}, {break_w_name, "summary.workloads[0].name:"},
	{break_w_namespace, "summary.workloads[0].namespace:"}, {break_w_kind, "summary.workloads[0].kind:"},
	{break_w_cgroup, "summary.workloads[0].cgroup:"}, {break_l_key, "summary.workloads[0].labels:"},
	{break_l_value, "summary.workloads[0].labels:"}, {break_r_workload, "summary.rows[0].workload:"},
	{break_r_local, "summary.rows[0].local:"}, {break_r_peer, "summary.rows[0].peer:"},
	{break_r_proto, "summary.rows[0].proto:"}, {break_r_lport, "summary.rows[0].local_port:"},
	{break_r_pport, "summary.rows[0].peer_port:"}, {break_r_folded, "summary.rows[0].peer_port:"},
	{break_r_dir, "summary.rows[0].dir:"}, {break_r_verdict, "summary.rows[0].verdict:"},
	{break_r_rtt, "summary.rows[0].rtt_us:"}, {break_r_samples, "summary.rows[0].rtt_samples:"},
	{break_r_retrans, "summary.rows[0].retrans:"},
	{break_r_bytes, "summary.rows[0].bytes:"}, {break_r_packets, "summary.rows[0].packets:"},
	{break_r_interface, "summary.rows[0].interface:"}, {break_i_interface, "summary.identity[0].interface:"},
	{break_i_dir, "summary.identity[0].dir:"}, {break_i_term, "summary.identity[0].term:"},
	{break_i_bytes, "summary.identity[0].bytes:"}, {break_i_packets, "summary.identity[0].packets:"},
	{break_d_reason, "summary.drops[0].reason:"}, {break_d_bytes, "summary.drops[0].bytes:"},
	{break_d_packets, "summary.drops[0].packets:"},
	{break_difference, "summary.difference:"},
	{break_candidate, "summary.candidate_serial:"}, {break_disagreements, "summary.disagreements:"},
	{break_g_rule, "summary.disagreements[0].rule:"}, {break_g_denied, "summary.disagreements[0].flows:"},
	{break_g_accepted, "summary.disagreements[0].flows:"},
	{break_g_limited, "summary.disagreements[0].flows:"},
	{break_health, "summary.health:"}, {break_h_workload, "summary.health[0].workload:"},
	{break_h_scope, "summary.health[0].scope:"}, {break_h_since, "summary.health[0].since_ns:"},
	{break_h_since_big, "summary.health[0].since_ns:"}, {break_h_counts, "summary.health[0].count:"},
	{break_h_count, "summary.health[0].count:"}, {break_h_rtt, "summary.health[0].rtt:"},
	{break_h_first, "summary.health[0].rtt_first:"}, {break_h_first_big, "summary.health[0].rtt_first:"},
};

static int unpack_fixture(struct weir_err *err)
{
	auto_msg *m = NULL;
	size_t len = weir__v1__summary__get_packed_size(&f.s);
	weir_auto_free uint8_t *data = malloc(len + 1);

	weir__v1__summary__pack(&f.s, data);
	return weir_summary_unpack(data, len, &m, err);
}

TEST(invalid_summary_names_the_field)
{
	struct weir_err none = {{0}};

	fixture_init(&f);
	CHECK(unpack_fixture(&none) == 0, "%s", none.text);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(breaks); i++) {
		struct weir_err err = {{0}};
		int r;

		memset(&f, 0, sizeof(f));
		fixture_init(&f);
		breaks[i].apply();
		r = unpack_fixture(&err);
		CHECK(r == -EBADMSG && strstr(err.text, breaks[i].text) == err.text, "%s: %d, \"%s\"",
		      breaks[i].text, r, err.text);
	}
}

typedef int unpack_fn(const void *data, size_t len, size_t max, struct weir_msg **ret, struct weir_err *err);

static void refuse(struct test_state *test_st, const ProtobufCMessage *pb, unpack_fn *unpack, const char *text)
{
	size_t len = protobuf_c_message_get_packed_size(pb);
	weir_auto_free uint8_t *data = malloc(len + 1);
	auto_msg *m = NULL;
	struct weir_err err = {{0}};
	int r;

	protobuf_c_message_pack(pb, data);
	r = unpack(data, len, WEIR_TELEMETRY_MAX, &m, &err);
	CHECK(r == -EBADMSG && strstr(err.text, text) == err.text, "%s: %d, \"%s\"", text, r, err.text);
}

static void refuse_request(struct test_state *test_st, const Weir__V1__Request *pb, const char *text)
{
	refuse(test_st, &pb->base, weir_request_unpack, text);
}

static void refuse_reply(struct test_state *test_st, const Weir__V1__Reply *pb, const char *text)
{
	refuse(test_st, &pb->base, weir_reply_unpack, text);
}

TEST(invalid_hello_names_the_field)
{
	static uint8_t bytes[64];
	static const char *const nodes[] = {"", ".", "../x", "a/b", "a b", "\xc3\xa4"};
	char long_node[WEIR_NODE_MAX + 1] = {0}, long_text[WEIR_NAME_MAX + 2] = {0};
	Weir__V1__Request q = WEIR__V1__REQUEST__INIT;
	Weir__V1__Hello h = WEIR__V1__HELLO__INIT;

	memset(long_node, 'a', WEIR_NODE_MAX);
	memset(long_text, 'a', WEIR_NAME_MAX + 1);
	q.body_case = WEIR__V1__REQUEST__BODY_HELLO;
	q.hello = &h;
	h.nonce = (ProtobufCBinaryData){31, bytes};
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(nodes); i++) {
		h.node = (char *)nodes[i];
		refuse_request(test_st, &q, "hello.node:");
	}
	h.node = long_node;
	refuse_request(test_st, &q, "hello.node:");
	h.node = (char *)"n";
	refuse_request(test_st, &q, "hello.nonce:");
	h.nonce.len = 32;
	h.kernel = long_text;
	refuse_request(test_st, &q, "hello.kernel:");
	h.kernel = control;
	refuse_request(test_st, &q, "hello.kernel:");
	q.token = (ProtobufCBinaryData){31, bytes};
	refuse_request(test_st, &q, "token:");
}

TEST(invalid_others_name_the_field)
{
	static uint8_t bytes[64];
	Weir__V1__Request q = WEIR__V1__REQUEST__INIT;
	Weir__V1__Reply p = WEIR__V1__REPLY__INIT;
	Weir__V1__Proof proof = WEIR__V1__PROOF__INIT;
	Weir__V1__PolicySync sync = WEIR__V1__POLICY_SYNC__INIT;
	Weir__V1__Refusal refusal = WEIR__V1__REFUSAL__INIT;
	Weir__V1__PolicyPush push = WEIR__V1__POLICY_PUSH__INIT;
	Weir__V1__Signature sig = WEIR__V1__SIGNATURE__INIT, *sigs[WEIR_PUSH_SIGS_MAX + 1];

	refuse_request(test_st, &q, "body:");
	refuse_reply(test_st, &p, "body:");
	q.body_case = WEIR__V1__REQUEST__BODY_PROOF;
	q.proof = &proof;
	refuse_request(test_st, &q, "proof.signature:");
	q.body_case = WEIR__V1__REQUEST__BODY_POLICY_SYNC;
	q.policy_sync = &sync;
	refuse_request(test_st, &q, "policy_sync.boot_id:");
	sync.boot_id = (ProtobufCBinaryData){16, bytes};
	sync.applied_digest = (ProtobufCBinaryData){31, bytes};
	refuse_request(test_st, &q, "policy_sync.applied_digest:");
	sync.applied_digest.len = 0;
	sync.mode = WEIR_MODES;
	refuse_request(test_st, &q, "policy_sync.mode:");
	p.body_case = WEIR__V1__REPLY__BODY_REFUSAL;
	p.refusal = &refusal;
	refusal.code = (Weir__V1__Refusal__Code)99;
	refuse_reply(test_st, &p, "refusal.code:");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(sigs); i++)
		sigs[i] = &sig;
	p.body_case = WEIR__V1__REPLY__BODY_POLICY_PUSH;
	p.policy_push = &push;
	push.kind = (Weir__V1__PolicyPush__Kind)7;
	refuse_reply(test_st, &p, "policy_push.kind:");
	push.kind = WEIR__V1__POLICY_PUSH__KIND__SNAPSHOT;
	refuse_reply(test_st, &p, "policy_push.serial:");
	push.serial = 1;
	refuse_reply(test_st, &p, "policy_push.manifest:");
	push.manifest = (ProtobufCBinaryData){4, bytes};
	refuse_reply(test_st, &p, "policy_push.bundle:");
	push.bundle = push.manifest;
	push.signatures = sigs;
	push.n_signatures = WEIR_PUSH_SIGS_MAX + 1;
	refuse_reply(test_st, &p, "policy_push.signatures:");
	push.n_signatures = 1;
	refuse_reply(test_st, &p, "policy_push.signatures.key:");
	sig.key = (ProtobufCBinaryData){32, bytes};
	refuse_reply(test_st, &p, "policy_push.signatures.sig:");
}

TEST_MAIN(T(invalid_summary_names_the_field), T(invalid_hello_names_the_field),
	  T(invalid_others_name_the_field))
