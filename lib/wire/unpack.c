/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and replies from bytes. Length first, then protobuf-c with an allocator that ends at a bound
 * (an empty submessage of 2 bytes becomes some 150), then every field. Nothing of protobuf-c leaves
 * here but memory, and that lies in the message's arena.
 */
#include "lib/wire/codec.h"

/* The largest legal summary needs some 12 MiB; other messages little beyond their length. */
#define ARENA_EXTRA ((size_t)32 << 20)

static void *pb_alloc(void *data, size_t size)
{
	return weir_arena_alloc(data, size);
}

static void pb_free(void *data, void *p)
{
	(void)data;
	(void)p; /* released with the arena */
}

static int check_text(const char *s, size_t max, const char *field, struct weir_err *err)
{
	if (weir_text_ok(s, max))
		return 0;
	return weir_bad(err, "%s: not plain UTF-8 of at most %zu bytes", field, max);
}

static int get_bytes(const ProtobufCBinaryData *b, void *ret, size_t len, const char *field,
		     struct weir_err *err)
{
	if (b->len != len)
		return weir_bad(err, "%s: %zu bytes, must be %zu", field, b->len, len);
	memcpy(ret, b->data, len);
	return 0;
}

static int get_hello(const Weir__V1__Hello *pb, struct weir_hello *ret, struct weir_err *err)
{
	const struct {
		const char *field, *value;
		const char **to;
	} texts[] = {
		{"hello.version", pb->version, &ret->version},
		{"hello.kernel", pb->kernel, &ret->kernel},
		{"hello.hooks", pb->hooks, &ret->hooks},
		{"hello.domain", pb->domain, &ret->domain},
		{"hello.node_class", pb->node_class, &ret->node_class},
	};
	int r;

	ret->wire = pb->wire;
	if (!weir_text_node_ok(pb->node))
		return weir_bad(err, "hello.node: 1 to %d of a-z A-Z 0-9 . - _, not beginning with a dot",
				WEIR_NODE_MAX - 1);
	ret->node = pb->node;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++) {
		r = check_text(texts[i].value, WEIR_NAME_MAX, texts[i].field, err);
		if (r)
			return r;
		*texts[i].to = texts[i].value;
	}
	return get_bytes(&pb->nonce, ret->nonce, sizeof(ret->nonce), "hello.nonce", err);
}

/* Of the audit log; seq 0 = none. */
static int get_head(uint64_t seq, const ProtobufCBinaryData *hash, const ProtobufCBinaryData *sig,
		    struct weir_chain_head *ret, struct weir_err *err)
{
	int r;

	if (!seq)
		return 0;
	if (seq > WEIR_COUNT_MAX)
		return weir_bad(err, "audit.sequence: out of range");
	ret->seq = seq;
	r = get_bytes(hash, ret->hash, sizeof(ret->hash), "audit.hash", err);
	return r ? r : get_bytes(sig, ret->sig, sizeof(ret->sig), "audit.signature", err);
}

static int get_sync_numbers(const Weir__V1__PolicySync *pb, struct weir_policy_sync *ret, struct weir_err *err)
{
	const struct {
		const char *field;
		uint64_t value, *to;
	} numbers[] = {
		{"applied_serial", pb->applied_serial, &ret->applied_serial},
		{"refused_serial", pb->refused_serial, &ret->refused_serial},
		{"have_serial", pb->have_serial, &ret->have_serial},
		{"applied_ns", pb->applied_ns, &ret->applied_ns},
		{"candidate_serial", pb->candidate_serial, &ret->candidate_serial},
		{"unconfirmed_serial", pb->unconfirmed_serial, &ret->unconfirmed_serial},
		{"key_epoch", pb->key_epoch, &ret->key_epoch},
		{"undone_from", pb->undone_from, &ret->undone_from},
		{"undone_to", pb->undone_to, &ret->undone_to},
		{"undone_ns", pb->undone_ns, &ret->undone_ns},
		{"have_order", pb->have_order, &ret->have_order},
		{"drifts", pb->drifts, &ret->drifts},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(numbers); i++) {
		if (numbers[i].value > WEIR_COUNT_MAX)
			return weir_bad(err, "policy_sync.%s: out of range", numbers[i].field);
		*numbers[i].to = numbers[i].value;
	}
	return 0;
}

static int get_policy_sync(const Weir__V1__PolicySync *pb, struct weir_policy_sync *ret,
			   struct weir_err *err)
{
	int r = get_bytes(&pb->boot_id, ret->boot_id, sizeof(ret->boot_id), "policy_sync.boot_id", err);

	if (!r && pb->applied_digest.len) {
		r = get_bytes(&pb->applied_digest, ret->applied_digest, sizeof(ret->applied_digest),
			      "policy_sync.applied_digest", err);
		ret->has_digest = true;
	}
	if (!r && pb->have_candidate.len) {
		r = get_bytes(&pb->have_candidate, ret->candidate, sizeof(ret->candidate),
			      "policy_sync.have_candidate", err);
		ret->has_candidate = true;
	}
	if (!r)
		r = get_head(pb->witnessed_sequence, &pb->witnessed_hash, &pb->witnessed_signature, &ret->witnessed, err);
	if (!r)
		r = check_text(pb->refused_reason, WEIR_NAME_MAX, "policy_sync.refused_reason", err);
	if (!r)
		r = check_text(pb->refused_text, WEIR_REASON_MAX, "policy_sync.refused_text", err);
	if (!r)
		r = check_text(pb->order_refused, WEIR_REASON_MAX, "policy_sync.order_refused", err);
	if (!r)
		r = get_sync_numbers(pb, ret, err);
	if (r)
		return r;
	if (pb->mode >= WEIR_MODES)
		return weir_bad(err, "policy_sync.mode: out of range");
	if (pb->undone_why >= WEIR_UNDOS)
		return weir_bad(err, "policy_sync.undone_why: out of range");
	ret->threshold = pb->threshold;
	ret->approvers = pb->approvers;
	ret->mode = pb->mode;
	ret->undone_why = pb->undone_why;
	ret->order_refused = pb->order_refused;
	ret->refused_reason = pb->refused_reason;
	ret->refused_text = pb->refused_text;
	return 0;
}

static int get_sigs(const Weir__V1__PolicyPush *pb, struct weir_arena *a, struct weir_policy_push *ret,
		    struct weir_err *err)
{
	int r = 0;

	if (pb->n_signatures > WEIR_PUSH_SIGS_MAX)
		return weir_bad(err, "policy_push.signatures: %zu, at most %d", pb->n_signatures,
				WEIR_PUSH_SIGS_MAX);
	ret->sigs = weir_arena_array(a, pb->n_signatures, sizeof(*ret->sigs));
	if (!ret->sigs)
		return -ENOMEM;
	ret->sig_count = pb->n_signatures;
	for (size_t i = 0; !r && i < pb->n_signatures; i++) {
		r = get_bytes(&pb->signatures[i]->key, ret->sigs[i].key, sizeof(ret->sigs[i].key),
			      "policy_push.signatures.key", err);
		if (!r)
			r = get_bytes(&pb->signatures[i]->sig, ret->sigs[i].sig, sizeof(ret->sigs[i].sig),
				      "policy_push.signatures.sig", err);
	}
	return r;
}

static int get_order(const Weir__V1__PolicyPush *pb, struct weir_policy_push *ret, struct weir_err *err)
{
	int r;

	if (!pb->order_signature)
		return weir_bad(err, "policy_push.order_signature: missing");
	r = get_bytes(&pb->order_signature->key, ret->order_sig.key, sizeof(ret->order_sig.key),
		      "policy_push.order_signature.key", err);
	if (!r)
		r = get_bytes(&pb->order_signature->sig, ret->order_sig.sig, sizeof(ret->order_sig.sig),
			      "policy_push.order_signature.sig", err);
	ret->order = pb->order.data;
	ret->order_len = pb->order.len;
	return r;
}

static int get_policy_push(const Weir__V1__PolicyPush *pb, struct weir_arena *a,
			   struct weir_policy_push *ret, struct weir_err *err)
{
	int r;

	if (pb->kind == WEIR__V1__POLICY_PUSH__KIND__NO_CHANGE) {
		ret->end_candidate = pb->end_candidate;
		return pb->order.len ? get_order(pb, ret, err) : 0;
	}
	if (pb->kind != WEIR__V1__POLICY_PUSH__KIND__SNAPSHOT)
		return weir_bad(err, "policy_push.kind: %d is not known", (int)pb->kind);
	if (!pb->serial || pb->serial > WEIR_COUNT_MAX)
		return weir_bad(err, "policy_push.serial: out of range");
	if (!pb->manifest.len)
		return weir_bad(err, "policy_push.manifest: missing");
	if (!pb->bundle.len)
		return weir_bad(err, "policy_push.bundle: missing");
	r = get_sigs(pb, a, ret, err);
	if (r)
		return r;
	ret->change = true;
	ret->shadow = pb->shadow;
	ret->serial = pb->serial;
	ret->manifest = pb->manifest.data;
	ret->manifest_len = pb->manifest.len;
	ret->bundle = pb->bundle.data;
	ret->bundle_len = pb->bundle.len;
	return 0;
}

static int get_summary(const Weir__V1__Summary *pb, struct weir_arena *a, struct weir_msg *m,
		       struct weir_err *err)
{
	m->kind = WEIR_MSG_SUMMARY;
	if (pb->difference)
		return weir_bad(err, "summary.difference: only in summary_z");
	return weir_summary_check(pb, 0, a, &m->summary, err);
}

static int get_request(const Weir__V1__Request *pb, struct weir_arena *a, struct weir_msg *m,
		       struct weir_err *err)
{
	int r;

	m->has_token = pb->token.len != 0;
	if (m->has_token) {
		r = get_bytes(&pb->token, m->token, sizeof(m->token), "token", err);
		if (r)
			return r;
	}
	m->kind = (enum weir_msg_kind)pb->body_case;
	if (pb->body_case == WEIR__V1__REQUEST__BODY_HELLO && pb->hello)
		return get_hello(pb->hello, &m->hello, err);
	if (pb->body_case == WEIR__V1__REQUEST__BODY_PROOF && pb->proof) {
		m->proof.hello_id = pb->proof->hello_id;
		return get_bytes(&pb->proof->signature, m->proof.signature, sizeof(m->proof.signature),
				 "proof.signature", err);
	}
	if (pb->body_case == WEIR__V1__REQUEST__BODY_SUMMARY && pb->summary)
		return get_summary(pb->summary, a, m, err);
	if (pb->body_case == WEIR__V1__REQUEST__BODY_SUMMARY_Z) {
		m->summary_z = (struct weir_summary_z){pb->summary_z.data, pb->summary_z.len};
		return 0;
	}
	if (pb->body_case == WEIR__V1__REQUEST__BODY_POLICY_SYNC && pb->policy_sync)
		return get_policy_sync(pb->policy_sync, &m->policy_sync, err);
	return weir_bad(err, "body: no request that is known here");
}

static int get_refusal(const Weir__V1__Refusal *pb, struct weir_refuse *ret, struct weir_err *err)
{
	if ((int)pb->code < 0 || (int)pb->code > WEIR_RC_FENCED)
		return weir_bad(err, "refusal.code: %d is not known", (int)pb->code);
	ret->code = (enum weir_refusal_code)pb->code;
	ret->text = pb->text;
	return check_text(pb->text, WEIR_REASON_MAX, "refusal.text", err);
}

static int get_reply(const Weir__V1__Reply *pb, struct weir_arena *a, struct weir_msg *m,
		     struct weir_err *err)
{
	m->kind = (enum weir_msg_kind)(pb->body_case + 10);
	if (pb->body_case == WEIR__V1__REPLY__BODY_REFUSAL && pb->refusal)
		return get_refusal(pb->refusal, &m->refusal, err);
	if (pb->body_case == WEIR__V1__REPLY__BODY_CHALLENGE && pb->challenge) {
		m->challenge.hello_id = pb->challenge->hello_id;
		m->challenge.max_message = pb->challenge->max_message;
		return get_bytes(&pb->challenge->nonce, m->challenge.nonce, WEIR_NONCE_LEN,
				 "challenge.nonce", err);
	}
	if (pb->body_case == WEIR__V1__REPLY__BODY_WELCOME && pb->welcome) {
		m->welcome.last_epoch = pb->welcome->last_epoch;
		m->welcome.last_sequence = pb->welcome->last_sequence;
		m->welcome.spread_ms = pb->welcome->spread_ms;
		m->welcome.summary_z = pb->welcome->summary_z;
		return get_bytes(&pb->welcome->token, m->welcome.token, WEIR_TOKEN_LEN, "welcome.token",
				 err);
	}
	if (pb->body_case == WEIR__V1__REPLY__BODY_ACK && pb->ack) {
		m->ack = (struct weir_ack){.epoch = pb->ack->epoch, .committed = pb->ack->committed,
					   .received_ns = pb->ack->received_ns, .replied_ns = pb->ack->replied_ns};
		return get_head(pb->ack->audit_sequence, &pb->ack->audit_hash, &pb->ack->audit_signature,
				&m->ack.head, err);
	}
	if (pb->body_case == WEIR__V1__REPLY__BODY_POLICY_PUSH && pb->policy_push)
		return get_policy_push(pb->policy_push, a, &m->policy_push, err);
	return weir_bad(err, "body: no reply that is known here");
}

int weir_unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t len, struct weir_arena **ret_arena,
		void **ret, struct weir_err *err)
{
	weir_auto_arena struct weir_arena *a = NULL;
	ProtobufCAllocator alloc = {.alloc = pb_alloc, .free = pb_free};
	ProtobufCMessage *pb;
	int r = weir_arena_new(len * 2 + ARENA_EXTRA, &a);

	if (r)
		return r;
	alloc.allocator_data = a;
	pb = protobuf_c_message_unpack(type, &alloc, len, data);
	if (!pb)
		return weir_bad(err, "message: malformed, or too large when unpacked");
	*ret_arena = weir_take_ptr(a);
	*ret = pb;
	return 0;
}

/* What all three kinds of bytes share; get is one of the functions above. */
static int unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t len, size_t max,
		  int (*get)(const ProtobufCMessage *, struct weir_arena *, struct weir_msg *,
			     struct weir_err *),
		  struct weir_msg **ret, struct weir_err *err)
{
	weir_auto_arena struct weir_arena *a = NULL;
	struct weir_msg *m;
	void *pb;
	int r;

	if (len > max)
		return weir_bad(err, "message: %zu bytes, at most %zu", len, max);
	r = weir_unpack(type, data, len, &a, &pb, err);
	if (r)
		return r;
	m = weir_arena_alloc(a, sizeof(*m));
	if (!m)
		return -ENOMEM;
	r = get(pb, a, m, err);
	if (r)
		return r;
	m->arena = weir_take_ptr(a);
	*ret = m;
	return 0;
}

static int get_request_pb(const ProtobufCMessage *pb, struct weir_arena *a, struct weir_msg *m,
			  struct weir_err *err)
{
	return get_request((const Weir__V1__Request *)pb, a, m, err);
}

static int get_reply_pb(const ProtobufCMessage *pb, struct weir_arena *a, struct weir_msg *m,
			struct weir_err *err)
{
	return get_reply((const Weir__V1__Reply *)pb, a, m, err);
}

static int get_summary_pb(const ProtobufCMessage *pb, struct weir_arena *a, struct weir_msg *m,
			  struct weir_err *err)
{
	return get_summary((const Weir__V1__Summary *)pb, a, m, err);
}

int weir_request_unpack(const void *data, size_t len, size_t max, struct weir_msg **ret,
			struct weir_err *err)
{
	return unpack(&weir__v1__request__descriptor, data, len, max, get_request_pb, ret, err);
}

int weir_reply_unpack(const void *data, size_t len, size_t max, struct weir_msg **ret,
		      struct weir_err *err)
{
	return unpack(&weir__v1__reply__descriptor, data, len, max, get_reply_pb, ret, err);
}

int weir_summary_unpack(const void *data, size_t len, struct weir_msg **ret, struct weir_err *err)
{
	return unpack(&weir__v1__summary__descriptor, data, len, WEIR_TELEMETRY_MAX, get_summary_pb, ret,
		      err);
}

void weir_msg_free(struct weir_msg *m)
{
	if (m)
		weir_arena_free(m->arena);
}
