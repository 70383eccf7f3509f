/* SPDX-License-Identifier: Apache-2.0 */
/* Messages into bytes: one builder per kind, one table. Built structs live in an arena for the call. */
#include "lib/wire/codec.h"

#define BUILD_MAX ((size_t)256 << 20)

/* Exactly one of the two is sent. */
struct envelope {
	Weir__V1__Request request;
	Weir__V1__Reply reply;
};

static ProtobufCBinaryData bytes_of(const void *data, size_t len)
{
	return (ProtobufCBinaryData){len, (uint8_t *)data};
}

static int build_hello(const struct weir_msg *m, struct weir_arena *a, struct envelope *e)
{
	Weir__V1__Hello *pb = weir_arena_alloc(a, sizeof(*pb));
	const struct weir_hello *h = &m->hello;

	if (!pb)
		return -ENOMEM;
	weir__v1__hello__init(pb);
	pb->wire = h->wire;
	pb->node = weir_text_clean(a, h->node, WEIR_NODE_MAX - 1);
	pb->version = weir_text_clean(a, h->version, WEIR_NAME_MAX);
	pb->kernel = weir_text_clean(a, h->kernel, WEIR_NAME_MAX);
	pb->hooks = weir_text_clean(a, h->hooks, WEIR_NAME_MAX);
	pb->domain = weir_text_clean(a, h->domain, WEIR_NAME_MAX);
	pb->node_class = weir_text_clean(a, h->node_class, WEIR_NAME_MAX);
	if (!pb->node || !pb->version || !pb->kernel || !pb->hooks || !pb->domain || !pb->node_class)
		return -ENOMEM;
	pb->nonce = bytes_of(h->nonce, sizeof(h->nonce));
	e->request.hello = pb;
	return 0;
}

static int build_proof(const struct weir_msg *m, struct weir_arena *a, struct envelope *e)
{
	Weir__V1__Proof *pb = weir_arena_alloc(a, sizeof(*pb));

	if (!pb)
		return -ENOMEM;
	weir__v1__proof__init(pb);
	pb->hello_id = m->proof.hello_id;
	pb->signature = bytes_of(m->proof.signature, sizeof(m->proof.signature));
	e->request.proof = pb;
	return 0;
}

static int build_summary(const struct weir_msg *m, struct weir_arena *a, struct envelope *e)
{
	return weir_summary_build(&m->summary, a, &e->request.summary);
}

static int build_summary_z(const struct weir_msg *m, struct weir_arena *a, struct envelope *e)
{
	(void)a;
	e->request.summary_z = bytes_of(m->summary_z.data, m->summary_z.len);
	return 0;
}

static int build_policy_sync(const struct weir_msg *m, struct weir_arena *a, struct envelope *e)
{
	Weir__V1__PolicySync *pb = weir_arena_alloc(a, sizeof(*pb));
	const struct weir_policy_sync *s = &m->policy_sync;

	if (!pb)
		return -ENOMEM;
	weir__v1__policy_sync__init(pb);
	pb->applied_serial = s->applied_serial;
	if (s->has_digest)
		pb->applied_digest = bytes_of(s->applied_digest, sizeof(s->applied_digest));
	pb->boot_id = bytes_of(s->boot_id, sizeof(s->boot_id));
	pb->mode = s->mode;
	pb->refused_serial = s->refused_serial;
	pb->refused_reason = weir_text_clean(a, s->refused_reason, WEIR_NAME_MAX);
	pb->refused_text = weir_text_clean(a, s->refused_text, WEIR_REASON_MAX);
	pb->have_serial = s->have_serial;
	pb->applied_ns = s->applied_ns;
	pb->candidate_serial = s->candidate_serial;
	pb->unconfirmed_serial = s->unconfirmed_serial;
	pb->key_epoch = s->key_epoch;
	pb->undone_from = s->undone_from;
	pb->undone_to = s->undone_to;
	pb->undone_ns = s->undone_ns;
	pb->undone_why = s->undone_why;
	pb->have_order = s->have_order;
	pb->order_refused = weir_text_clean(a, s->order_refused ? s->order_refused : "", WEIR_REASON_MAX);
	pb->drifts = s->drifts;
	pb->threshold = s->threshold;
	pb->approvers = s->approvers;
	if (s->has_candidate)
		pb->have_candidate = bytes_of(s->candidate, sizeof(s->candidate));
	if (s->witnessed.seq) {
		pb->witnessed_sequence = s->witnessed.seq;
		pb->witnessed_hash = bytes_of(s->witnessed.hash, sizeof(s->witnessed.hash));
		pb->witnessed_signature = bytes_of(s->witnessed.sig, sizeof(s->witnessed.sig));
	}
	e->request.policy_sync = pb;
	return pb->refused_reason && pb->refused_text && pb->order_refused ? 0 : -ENOMEM;
}

static int build_refusal(const struct weir_msg *m, struct weir_arena *a, struct envelope *e)
{
	Weir__V1__Refusal *pb = weir_arena_alloc(a, sizeof(*pb));

	if (!pb)
		return -ENOMEM;
	weir__v1__refusal__init(pb);
	pb->code = (Weir__V1__Refusal__Code)m->refusal.code;
	pb->text = weir_text_clean(a, m->refusal.text, WEIR_REASON_MAX);
	e->reply.refusal = pb;
	return pb->text ? 0 : -ENOMEM;
}

static int build_challenge(const struct weir_msg *m, struct weir_arena *a, struct envelope *e)
{
	Weir__V1__Challenge *pb = weir_arena_alloc(a, sizeof(*pb));

	if (!pb)
		return -ENOMEM;
	weir__v1__challenge__init(pb);
	pb->nonce = bytes_of(m->challenge.nonce, sizeof(m->challenge.nonce));
	pb->hello_id = m->challenge.hello_id;
	pb->max_message = m->challenge.max_message;
	e->reply.challenge = pb;
	return 0;
}

static int build_welcome(const struct weir_msg *m, struct weir_arena *a, struct envelope *e)
{
	Weir__V1__Welcome *pb = weir_arena_alloc(a, sizeof(*pb));

	if (!pb)
		return -ENOMEM;
	weir__v1__welcome__init(pb);
	pb->token = bytes_of(m->welcome.token, sizeof(m->welcome.token));
	pb->last_epoch = m->welcome.last_epoch;
	pb->last_sequence = m->welcome.last_sequence;
	pb->spread_ms = m->welcome.spread_ms;
	pb->summary_z = m->welcome.summary_z;
	e->reply.welcome = pb;
	return 0;
}

static int build_ack(const struct weir_msg *m, struct weir_arena *a, struct envelope *e)
{
	Weir__V1__Ack *pb = weir_arena_alloc(a, sizeof(*pb));

	if (!pb)
		return -ENOMEM;
	weir__v1__ack__init(pb);
	pb->epoch = m->ack.epoch;
	pb->committed = m->ack.committed;
	if (m->ack.head.seq) {
		pb->audit_sequence = m->ack.head.seq;
		pb->audit_hash = bytes_of(m->ack.head.hash, sizeof(m->ack.head.hash));
		pb->audit_signature = bytes_of(m->ack.head.sig, sizeof(m->ack.head.sig));
	}
	pb->received_ns = m->ack.received_ns;
	pb->replied_ns = m->ack.replied_ns;
	e->reply.ack = pb;
	return 0;
}

static int build_sigs(const struct weir_policy_push *p, struct weir_arena *a, Weir__V1__PolicyPush *pb)
{
	Weir__V1__Signature *sigs;

	if (p->sig_count > WEIR_PUSH_SIGS_MAX)
		return -E2BIG;
	sigs = weir_arena_array(a, p->sig_count, sizeof(*sigs));
	pb->signatures = weir_arena_array(a, p->sig_count, sizeof(*pb->signatures));
	if (!sigs || !pb->signatures)
		return -ENOMEM;
	pb->n_signatures = p->sig_count;
	for (size_t i = 0; i < p->sig_count; i++) {
		weir__v1__signature__init(&sigs[i]);
		sigs[i].key = bytes_of(p->sigs[i].key, sizeof(p->sigs[i].key));
		sigs[i].sig = bytes_of(p->sigs[i].sig, sizeof(p->sigs[i].sig));
		pb->signatures[i] = &sigs[i];
	}
	return 0;
}

static int build_order(const struct weir_policy_push *p, struct weir_arena *a, Weir__V1__PolicyPush *pb)
{
	Weir__V1__Signature *sig = weir_arena_alloc(a, sizeof(*sig));

	if (!sig)
		return -ENOMEM;
	weir__v1__signature__init(sig);
	sig->key = bytes_of(p->order_sig.key, sizeof(p->order_sig.key));
	sig->sig = bytes_of(p->order_sig.sig, sizeof(p->order_sig.sig));
	pb->order = bytes_of(p->order, p->order_len);
	pb->order_signature = sig;
	return 0;
}

static int build_policy_push(const struct weir_msg *m, struct weir_arena *a, struct envelope *e)
{
	Weir__V1__PolicyPush *pb = weir_arena_alloc(a, sizeof(*pb));
	const struct weir_policy_push *p = &m->policy_push;

	if (!pb)
		return -ENOMEM;
	weir__v1__policy_push__init(pb);
	e->reply.policy_push = pb;
	if (!p->change) {
		pb->end_candidate = p->end_candidate;
		return p->order_len ? build_order(p, a, pb) : 0;
	}
	pb->shadow = p->shadow;
	pb->kind = WEIR__V1__POLICY_PUSH__KIND__SNAPSHOT;
	pb->serial = p->serial;
	pb->manifest = bytes_of(p->manifest, p->manifest_len);
	pb->bundle = bytes_of(p->bundle, p->bundle_len);
	return build_sigs(p, a, pb);
}

static const struct {
	enum weir_msg_kind kind;
	int (*build)(const struct weir_msg *m, struct weir_arena *a, struct envelope *e);
	int request, reply; /* body_case of the one that carries it, 0 of the other */
} kinds[] = {
	{WEIR_MSG_HELLO, build_hello, WEIR__V1__REQUEST__BODY_HELLO, 0},
	{WEIR_MSG_PROOF, build_proof, WEIR__V1__REQUEST__BODY_PROOF, 0},
	{WEIR_MSG_SUMMARY, build_summary, WEIR__V1__REQUEST__BODY_SUMMARY, 0},
	{WEIR_MSG_SUMMARY_Z, build_summary_z, WEIR__V1__REQUEST__BODY_SUMMARY_Z, 0},
	{WEIR_MSG_POLICY_SYNC, build_policy_sync, WEIR__V1__REQUEST__BODY_POLICY_SYNC, 0},
	{WEIR_MSG_REFUSAL, build_refusal, 0, WEIR__V1__REPLY__BODY_REFUSAL},
	{WEIR_MSG_CHALLENGE, build_challenge, 0, WEIR__V1__REPLY__BODY_CHALLENGE},
	{WEIR_MSG_WELCOME, build_welcome, 0, WEIR__V1__REPLY__BODY_WELCOME},
	{WEIR_MSG_ACK, build_ack, 0, WEIR__V1__REPLY__BODY_ACK},
	{WEIR_MSG_POLICY_PUSH, build_policy_push, 0, WEIR__V1__REPLY__BODY_POLICY_PUSH},
};

static int append(const ProtobufCMessage *pb, struct weir_buf *ret)
{
	size_t len = protobuf_c_message_get_packed_size(pb);
	weir_auto_free uint8_t *data = malloc(len + 1);

	if (!data)
		return -ENOMEM;
	protobuf_c_message_pack(pb, data);
	return weir_buf_add(ret, data, len);
}

int weir_msg_pack(const struct weir_msg *m, struct weir_buf *ret)
{
	weir_auto_arena struct weir_arena *a = NULL;
	struct envelope e;
	size_t i = 0;
	int r;

	while (i < WEIR_ARRAY_SIZE(kinds) && kinds[i].kind != m->kind)
		i++;
	if (i == WEIR_ARRAY_SIZE(kinds))
		return -EINVAL;
	r = weir_arena_new(BUILD_MAX, &a);
	if (r)
		return r;
	weir__v1__request__init(&e.request);
	weir__v1__reply__init(&e.reply);
	r = kinds[i].build(m, a, &e);
	if (r)
		return r;
	if (kinds[i].reply) {
		e.reply.body_case = (Weir__V1__Reply__BodyCase)kinds[i].reply;
		return append(&e.reply.base, ret);
	}
	if (m->has_token)
		e.request.token = bytes_of(m->token, sizeof(m->token));
	e.request.body_case = (Weir__V1__Request__BodyCase)kinds[i].request;
	return append(&e.request.base, ret);
}

int weir_summary_pack(const struct weir_summary *s, struct weir_buf *ret)
{
	weir_auto_arena struct weir_arena *a = NULL;
	Weir__V1__Summary *pb = NULL;
	int r = weir_arena_new(BUILD_MAX, &a);

	if (!r)
		r = weir_summary_build(s, a, &pb);
	return r ? r : append(&pb->base, ret);
}

int weir_hello_transcript(const uint8_t client_nonce[WEIR_NONCE_LEN],
			  const uint8_t server_nonce[WEIR_NONCE_LEN], const char *node,
			  enum weir_socket_kind socket, struct weir_buf *ret)
{
	/* Fixed lengths around one variable part: no two inputs give the same bytes. */
	static const char tag[] = "weir-hello-1";
	const uint8_t kind = (uint8_t)socket;
	int r = weir_buf_add(ret, tag, sizeof(tag) - 1);

	if (!r)
		r = weir_buf_add(ret, client_nonce, WEIR_NONCE_LEN);
	if (!r)
		r = weir_buf_add(ret, server_nonce, WEIR_NONCE_LEN);
	if (!r)
		r = weir_buf_add(ret, node, strlen(node));
	return r ? r : weir_buf_add(ret, &kind, sizeof(kind));
}
