/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages as plain structs, packed and unpacked through protobuf-c (confined to lib/wire). Unpacking
 * checks length first, caps every repeated count, then validates every field; a violation is -EBADMSG
 * with the field's name in err. All pointers of an unpacked message live in one arena that
 * weir_msg_free releases.
 */
#ifndef WEIR_MSG_H
#define WEIR_MSG_H

#include "bpf/abi/weir_abi.h"
#include "lib/ds/buf.h"
#include "lib/ds/lpm.h"
#include "lib/os/chain.h"

#define WEIR_WIRE_VERSION 1
#define WEIR_TELEMETRY_MAX (1u << 20)
#define WEIR_CONTROL_MAX (33u << 20)	/* a push: manifest + signatures + bundle (WEIR_BUNDLE_MAX) */
#define WEIR_CONTROL_REQ_MAX (256u << 10)
#define WEIR_NONCE_LEN 32
#define WEIR_TOKEN_LEN 32
#define WEIR_NODE_MAX 128
#define WEIR_SUMMARY_ROWS_MAX 20000
#define WEIR_SUMMARY_STRINGS_MAX 20000
#define WEIR_SUMMARY_WORKLOADS_MAX 5000
#define WEIR_SUMMARY_IDENTITY_MAX 4096
#define WEIR_SUMMARY_HEALTH_MAX 2000
#define WEIR_SUMMARY_DISAGREEMENTS_MAX 1000
#define WEIR_TERM_SOCKETS 100
#define WEIR_TERM_UNEXPLAINED 101

enum weir_socket_kind { WEIR_SOCKET_TELEMETRY = 1, WEIR_SOCKET_CONTROL = 2 };
enum weir_msg_kind {
	WEIR_MSG_HELLO = 2, WEIR_MSG_PROOF = 3, WEIR_MSG_SUMMARY = 4, WEIR_MSG_POLICY_SYNC = 5,
	WEIR_MSG_SUMMARY_Z = 6, /* requests */
	WEIR_MSG_REFUSAL = 11, WEIR_MSG_CHALLENGE = 12, WEIR_MSG_WELCOME = 13, WEIR_MSG_ACK = 14,
	WEIR_MSG_POLICY_PUSH = 15, /* replies */
};
enum weir_refusal_code { WEIR_RC_UNSPECIFIED, WEIR_RC_NO_SESSION, WEIR_RC_BAD_VERSION, WEIR_RC_UNKNOWN_NODE,
			 WEIR_RC_BAD_SIGNATURE, WEIR_RC_INVALID, WEIR_RC_BUSY, WEIR_RC_FENCED };

struct weir_hello {
	uint32_t wire;
	const char *node, *version, *kernel, *hooks, *domain, *node_class;
	uint8_t nonce[WEIR_NONCE_LEN];
};
struct weir_challenge { uint8_t nonce[WEIR_NONCE_LEN]; uint64_t hello_id; uint32_t max_message; };
struct weir_proof { uint64_t hello_id; uint8_t signature[64]; };
struct weir_welcome {
	uint8_t token[WEIR_TOKEN_LEN];
	uint64_t last_epoch, last_sequence;
	uint32_t spread_ms; /* a lost connection is dialed again within this, at random */
	uint32_t summary_z; /* takes WEIR_MSG_SUMMARY_Z */
};
struct weir_refuse { enum weir_refusal_code code; const char *text; };
struct weir_ack { uint64_t epoch, committed, received_ns, replied_ns; struct weir_chain_head head; };

struct weir_sum_label { const char *key, *value; };
struct weir_sum_workload {
	const char *name, *namespace, *kind, *cgroup; /* never NULL */
	struct weir_sum_label *labels;
	size_t label_count;
	uint64_t cgroup_id;
};
/* TCP health of flows: round trips as a sum of so many samples, segments sent again. */
struct weir_sum_tcp { uint64_t rtt_us, samples, retrans; };
static inline void weir_sum_tcp_add(struct weir_sum_tcp *to, const struct weir_sum_tcp *t)
{
	to->rtt_us += t->rtt_us;
	to->samples += t->samples;
	to->retrans += t->retrans;
}
static inline bool weir_sum_tcp_any(const struct weir_sum_tcp *t)
{
	return t->rtt_us || t->samples || t->retrans;
}
struct weir_sum_row {
	uint32_t workload;
	bool folded;		/* no addresses, no ports */
	struct weir_addr local, peer;
	uint32_t peer_class;
	uint8_t proto, dir, verdict;
	bool init_local;
	uint16_t local_port, peer_port;
	uint64_t bytes, packets;
	struct weir_sum_tcp tcp; /* of what the workload sends */
	uint32_t rule;		/* WEIR_NO_RULE = none */
	const char *interface;	/* "" = another namespace's */
};
struct weir_sum_identity { const char *interface; uint8_t dir; uint32_t term; uint64_t bytes, packets; int64_t signed_bytes; };
struct weir_sum_health {
	uint32_t workload;	   /* into workloads */
	uint32_t index;		   /* of the node; with the next three the row's identity */
	uint32_t peer_class, scope; /* weir_health_key */
	uint64_t since_ns;
	uint64_t n[WEIR_H_COUNTS];
	const uint64_t *rtt; /* buckets [rtt_first, rtt_first + rtt_count); all others are 0 */
	uint32_t rtt_first, rtt_count;
};
/* Flows, by what the candidate would do with them. */
struct weir_sum_disagreement { const char *rule; uint64_t denied, accepted, limited; };
struct weir_sum_drop { uint32_t reason; uint64_t bytes, packets; };
struct weir_summary {
	uint8_t boot_id[16];
	uint64_t epoch, sequence, start_ns, length_ns;
	uint64_t first_kept; /* oldest sequence of the epoch that can still be sent; 0 = not said */
	uint32_t windows;
	const char *domain;
	struct weir_sum_workload *workloads; size_t workload_count;
	struct weir_sum_row *rows; size_t row_count;
	struct weir_sum_identity *identity; size_t identity_count;
	struct weir_sum_drop *drops; size_t drop_count;
	struct weir_sum_disagreement *disagreements; size_t disagreement_count;
	uint64_t candidate_serial; /* 0 = none; then there are no disagreements */
	struct weir_sum_health *health; size_t health_count;
	uint64_t total_bytes[WEIR_DIRS], total_packets[WEIR_DIRS]; /* by weir_dir, cumulative since boot */
	uint32_t mode;
	uint64_t serial;
	uint32_t flow_rows_used, flow_rows;
	uint64_t spool_bytes, spool_max;
	uint64_t lease_until_ns; /* wall clock at which enforcement ends without an agent; 0 = never */
	uint64_t lapsed_s;	 /* cumulative since boot: enforcement was over by its lease */
	uint64_t cert_expires_s; /* wall clock; 0 = not known */
	bool keys_broken;	 /* a file of keys holds what cannot be used */
	int64_t clock_skew_ns;	 /* node's clock less the aggregator's, when this was sent */
	uint64_t clock_error_ns; /* 0 = not measured */
	uint64_t packet_ps;	 /* 0 = not measured */
	uint64_t window_ns;	 /* 0 = not said */
};

struct weir_summary_z { const uint8_t *data; size_t len; };
struct weir_policy_sync {
	uint64_t applied_serial, refused_serial, have_serial, applied_ns;
	uint8_t applied_digest[32];
	bool has_digest;
	uint8_t boot_id[16];
	uint32_t mode;
	const char *refused_reason, *refused_text;
	uint64_t candidate_serial; /* evaluated beside the one in force, 0 = none */
	uint8_t candidate[32];	   /* SHA-256 of the last shadow manifest had or refused */
	bool has_candidate;
	struct weir_chain_head witnessed; /* of the audit log; seq 0 = none */
	uint64_t unconfirmed_serial; /* applied, and taken back unless this poll is answered; 0 = none */
	uint64_t key_epoch;	     /* of the approvers that the node trusts */
	uint64_t undone_from, undone_to, undone_ns; /* the last one taken back; 0 = none */
	uint32_t undone_why;	     /* weir_undo */
	uint64_t have_order;	     /* number of the last order had or refused */
	const char *order_refused;   /* why it was; "" = it was not */
	uint64_t drifts;
	uint32_t threshold, approvers; /* of trust; threshold 0 = not said */
};
struct weir_push_sig { uint8_t key[32], sig[64]; };
struct weir_policy_push {
	bool change;		/* false: NO_CHANGE, only end_candidate and order may be set */
	uint64_t serial;
	const uint8_t *manifest; size_t manifest_len;
	struct weir_push_sig *sigs; size_t sig_count;
	const uint8_t *bundle; size_t bundle_len;
	bool shadow;		/* a candidate, as its manifest says */
	bool end_candidate;
	const uint8_t *order; size_t order_len; /* an operator's, or 0 bytes; without change */
	struct weir_push_sig order_sig;
};

struct weir_msg {
	enum weir_msg_kind kind;
	uint8_t token[WEIR_TOKEN_LEN];
	bool has_token;
	union {
		struct weir_hello hello;
		struct weir_proof proof;
		struct weir_summary summary;
		struct weir_summary_z summary_z;
		struct weir_policy_sync policy_sync;
		struct weir_refuse refusal;
		struct weir_challenge challenge;
		struct weir_welcome welcome;
		struct weir_ack ack;
		struct weir_policy_push policy_push;
	};
	bool deflated; /* a summary that came so: weir_summary_inflate */
	uint32_t z_id; /* then: what it is known by as a reference */
	void *arena;
};

int weir_request_unpack(const void *data, size_t len, size_t max, struct weir_msg **ret, struct weir_err *err);
int weir_reply_unpack(const void *data, size_t len, size_t max, struct weir_msg **ret, struct weir_err *err);
void weir_msg_free(struct weir_msg *m);
/* Appends to ret. For requests token NULL = none (hello, proof). */
int weir_msg_pack(const struct weir_msg *m, struct weir_buf *ret);
/* A Summary alone, without Request around it: what the spool stores. */
int weir_summary_pack(const struct weir_summary *s, struct weir_buf *ret);
int weir_summary_unpack(const void *data, size_t len, struct weir_msg **ret, struct weir_err *err);

/*
 * A Summary for Request.summary_z, appended to ret. ref is what weir_summary_refer kept of the last summary that was
 * acknowledged in this session; NULL = nothing: it stands alone.
 */
int weir_summary_deflate(const struct weir_summary *s, const struct weir_msg *ref, struct weir_buf *ret);
/* The summary in such bytes, and what it is known by as a reference (z_id). Never grows beyond WEIR_TELEMETRY_MAX.
 * -ESTALE: it is a difference to something other than ref. The result points to nothing of ref. */
int weir_summary_inflate(const void *data, size_t len, const struct weir_msg *ref, struct weir_msg **ret,
			 struct weir_err *err);
/* What both sides keep of an inflated summary to refer to: a copy of half a megabyte at most, mostly of 30 kB.
 * NULL: it was not deflated, is too large, or there is no memory; then the next one stands alone. */
struct weir_msg *weir_summary_refer(const struct weir_msg *m);

/* What a node signs in a Proof; buf gets the bytes. */
int weir_hello_transcript(const uint8_t client_nonce[WEIR_NONCE_LEN], const uint8_t server_nonce[WEIR_NONCE_LEN],
			  const char *node, enum weir_socket_kind socket, struct weir_buf *ret);

/* Client half of a session over one weir_wire_client: says hello, proves, keeps the token, says hello
 * again when refused with NO_SESSION. Drive it from the loop: step() when the client's fd is readable
 * or after connecting; while it is not ready, only it may send. */
struct weir_session;
struct weir_wire_client;
struct weir_key;
int weir_session_new(struct weir_wire_client *c, enum weir_socket_kind kind, const struct weir_hello *self,
		     const struct weir_key *key, struct weir_session **ret); /* copies self's strings */
void weir_session_free(struct weir_session *s);
bool weir_session_ready(const struct weir_session *s);
const struct weir_welcome *weir_session_welcome(const struct weir_session *s);
/* Sends hello when idle and not ready, or handles a reply that belongs to the handshake. Returns
 * -EAGAIN while under way, 0 when ready, -EPROTO with the refusal's text in err. */
int weir_session_step(struct weir_session *s, struct weir_err *err);
/* Forgets the token (NO_SESSION received, or the connection broke in mid-handshake). */
void weir_session_reset(struct weir_session *s);
const uint8_t *weir_session_token(const struct weir_session *s);

#endif
