/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/uplink.h"

#include <inttypes.h>

#include "agent/witness.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

/* The aggregator commits in groups; longer than this it is taken for gone. */
#define ACK_TIMEOUT_NS (20 * WEIR_NS_PER_S)

struct uplink {
	struct link *link;
	struct spool *spool;
	uint64_t epoch, sequence; /* of the record that is out */
	bool deflates;		  /* the aggregator takes summaries that are deflated */
	struct weir_msg *reference; /* the last of these that was acknowledged in this session */
	struct weir_buf sent;	  /* the one that is out, deflated */
	uint64_t cert_expires_s;
	bool keys_broken;
	struct witness *witness; /* NULL = none */
	uint64_t acked_ns;	  /* end of the last window that the aggregator has; 0 = none since the start */
	uint64_t end_ns;	  /* of the record that is out */
	struct skew_exchange out;
	struct skew skew;
};

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

void uplink_free(struct uplink *u)
{
	if (!u)
		return;
	link_free(u->link);
	weir_msg_free(u->reference);
	weir_buf_fini(&u->sent);
	free(u);
}

static void uplink_freep(struct uplink **u)
{
	uplink_free(*u);
}

/* What comes after stands alone. */
static void forget_reference(struct uplink *u)
{
	weir_msg_free(u->reference);
	u->reference = NULL;
}

/* What was just acknowledged is what the next one refers to, here and there. */
static void follow(struct uplink *u)
{
	weir_cleanup(msg_freep) struct weir_msg *m = NULL;
	struct weir_err err = {0};
	bool ok = u->sent.len && weir_summary_inflate(u->sent.data, u->sent.len, u->reference, &m, &err) == 0;

	forget_reference(u);
	u->reference = ok ? weir_summary_refer(m) : NULL;
}

static int acknowledged(struct uplink *u, uint64_t epoch, uint64_t sequence)
{
	int r = spool_ack(u->spool, epoch, sequence);

	return r < 0 ? weir_log_err(r, "spool: cannot note what was acknowledged") : 0;
}

/* It has less than it once acknowledged. */
static int rewind_to(struct uplink *u, uint64_t epoch, uint64_t sequence)
{
	int r = spool_rewind(u->spool, epoch, sequence);

	return r < 0 ? weir_log_err(r, "spool: cannot note what is to be sent again") : 0;
}

/* The aggregator may have committed what a lost answer did not tell us, or its store is an older copy. It is
 * believed only about records that exist here. */
static void ready(const struct weir_welcome *w, void *arg)
{
	struct uplink *u = arg;
	uint64_t epoch, sequence;

	u->deflates = w->summary_z;
	forget_reference(u);
	if (u->witness)
		witness_untold(u->witness);
	spool_last(u->spool, &epoch, &sequence);
	if (w->last_epoch == epoch && w->last_sequence <= sequence && w->last_sequence)
		(void)acknowledged(u, w->last_epoch, w->last_sequence);
	(void)rewind_to(u, w->last_epoch, w->last_sequence);
}

/* The same as what is out already: it stands alone now, for who knows what became of the first one. */
static int deflated(struct uplink *u, bool again, struct weir_msg *m)
{
	int r;

	if (again)
		forget_reference(u);
	u->sent.len = 0;
	r = weir_summary_deflate(&m->summary, u->reference, &u->sent);
	m->kind = WEIR_MSG_SUMMARY_Z;
	m->summary_z = (struct weir_summary_z){u->sent.data, u->sent.len};
	return r;
}

static int request(const uint8_t token[WEIR_TOKEN_LEN], struct weir_buf *ret, void *arg)
{
	weir_cleanup(msg_freep) struct weir_msg *m = NULL;
	weir_auto_buf struct weir_buf b = {0};
	struct uplink *u = arg;
	const uint64_t epoch = u->epoch, sequence = u->sequence;
	struct weir_err err = {0};
	int r = spool_next(u->spool, &u->epoch, &u->sequence, &b);

	if (r == 0)
		r = weir_summary_unpack(b.data, b.len, &m, &err);
	if (r < 0)
		return r;
	memcpy(m->token, token, sizeof(m->token));
	m->has_token = true;
	m->summary.first_kept = spool_first(u->spool, u->epoch);
	m->summary.cert_expires_s = u->cert_expires_s;
	m->summary.keys_broken = u->keys_broken;
	m->summary.clock_skew_ns = u->skew.skew_ns;
	m->summary.clock_error_ns = u->skew.error_ns;
	u->end_ns = m->summary.start_ns + m->summary.length_ns;
	if (u->deflates)
		r = deflated(u, u->epoch == epoch && u->sequence == sequence, m);
	r = r ? r : weir_msg_pack(m, ret);
	u->out = (struct skew_exchange){.sent_ns = weir_wall_ns(), .sent_mono_ns = weir_monotonic_ns()};
	return r;
}

static void note_clock(struct uplink *u, const struct weir_ack *ack)
{
	u->out.got_ns = weir_wall_ns();
	u->out.got_mono_ns = weir_monotonic_ns();
	u->out.received_ns = ack->received_ns;
	u->out.replied_ns = ack->replied_ns;
	skew_note(&u->skew, &u->out);
}

static int reply(const struct weir_msg *m, void *arg)
{
	struct uplink *u = arg;

	if (m->kind != WEIR_MSG_ACK) {
		weir_log(WEIR_LOG_ERR, "telemetry: reply of kind %d to a summary", (int)m->kind);
		return -EPROTO;
	}
	note_clock(u, &m->ack);
	if (u->witness && m->ack.head.seq)
		witness_see(u->witness, &m->ack.head);
	if (m->ack.epoch == u->epoch && m->ack.committed + 1 < u->sequence) {
		weir_log(WEIR_LOG_WARN,
			 "telemetry: the aggregator asks for what came before %" PRIu64 ":%" PRIu64 ": it has up to %" PRIu64,
			 u->epoch, u->sequence, m->ack.committed);
		return rewind_to(u, u->epoch, m->ack.committed);
	}
	if (m->ack.epoch != u->epoch || m->ack.committed < u->sequence) {
		weir_log(WEIR_LOG_ERR,
			 "telemetry: sent %" PRIu64 ":%" PRIu64 ", the aggregator has %" PRIu64
			 ":%" PRIu64 " and did not take it",
			 u->epoch, u->sequence, m->ack.epoch, m->ack.committed);
		return -EPROTO;
	}
	follow(u);
	u->acked_ns = u->end_ns;
	return acknowledged(u, u->epoch, u->sequence);
}

uint64_t uplink_acked_ns(const struct uplink *u)
{
	return u->acked_ns;
}

const struct skew *uplink_skew(const struct uplink *u)
{
	return &u->skew;
}

int uplink_new(struct weir_loop *loop, const struct config *c, const struct weir_hello *self,
	       const struct weir_key *key, struct spool *spool, struct uplink **ret,
	       struct weir_err *err)
{
	weir_cleanup(uplink_freep) struct uplink *u = calloc(1, sizeof(*u));
	struct link_ops ops = {
		.what = "telemetry",
		.kind = WEIR_SOCKET_TELEMETRY,
		.max_message = WEIR_TELEMETRY_MAX,
		.timeout_ns = ACK_TIMEOUT_NS,
		.ready = ready,
		.request = request,
		.reply = reply,
		.arg = u,
	};
	int r;

	if (!u)
		return -ENOMEM;
	u->spool = spool;
	r = link_new(loop, c->telemetry, c, self, key, &ops, &u->link, err);
	if (r < 0)
		return r;
	*ret = weir_take_ptr(u);
	return 0;
}

void uplink_witness(struct uplink *u, struct witness *w)
{
	u->witness = w;
}

struct link *uplink_link(struct uplink *u)
{
	return u->link;
}

void uplink_keys(struct uplink *u, uint64_t expires_s, bool broken)
{
	u->cert_expires_s = expires_s;
	u->keys_broken = broken;
}

void uplink_kick(struct uplink *u)
{
	link_kick(u->link);
}
