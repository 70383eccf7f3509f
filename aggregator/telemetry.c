/* SPDX-License-Identifier: Apache-2.0 */
/* The telemetry socket: what is ready in one turn of the loop becomes one transaction. */
#include "aggregator/service.h"

#include "aggregator/ingest.h"
#include "aggregator/store_keys.h"
#include "aggregator/witness.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <inttypes.h>

/* One fsync pays for so many summaries; more would only make the first wait for the last. */
#define BATCH 64
/* Between two turns control and people are heard: so many rows are some 0.1 s. */
#define BATCH_ROWS 16384u

struct turn {
	size_t n, rows;
	uint64_t received_ns;
	struct weir_msg *msgs[BATCH];
	uint64_t ids[BATCH];
	char nodes[BATCH][WEIR_NODE_MAX];
	struct ingest_item items[BATCH];
	bool heads[BATCH]; /* the head of the audit log goes with the answer */
};

static void answer(struct service *sv, uint64_t id, const struct ingest_item *it, uint64_t received_ns, bool head)
{
	struct weir_msg m = {.kind = WEIR_MSG_ACK,
			     .ack = {.epoch = it->epoch, .committed = it->committed, .received_ns = received_ns}};

	if (head)
		witness_head(sv->witness, &m.ack.head);
	m.ack.replied_ns = weir_wall_ns();

	switch (it->result) {
	case INGEST_COMMITTED:
	case INGEST_DUPLICATE:
	case INGEST_GAP:
		service_reply(sv, sv->telemetry, id, &m);
		break;
	case INGEST_FENCED:
		service_refuse(sv, sv->telemetry, id, WEIR_RC_FENCED,
			       "a newer epoch of this node has been seen");
		break;
	case INGEST_INVALID:
		weir_log(WEIR_LOG_WARN, "agent %s: refused a summary: %s", it->node, it->reason);
		service_refuse(sv, sv->telemetry, id, WEIR_RC_INVALID, it->reason);
		break;
	case INGEST_FAILED:
		service_refuse(sv, sv->telemetry, id, WEIR_RC_BUSY, "the store cannot take it now");
		break;
	}
}

static void turn_commit(struct service *sv, struct turn *t, uint64_t now_ns)
{
	const struct weir_repo *repo = gitops_repo(sv->gitops);
	const struct ingest_pricing pricing = {repo ? repo->topology : NULL, repo ? repo->prices : NULL};
	uint64_t began_ns = weir_monotonic_ns();
	int r = ingest_commit(sv->store, &pricing, t->items, t->n, now_ns);

	if (r)
		weir_log_err(r, "store: cannot commit summaries: %s", store_error(sv->store));
	stats_commit(&sv->stats, t->items, t->n, weir_monotonic_ns() - began_ns, now_ns);
	for (size_t i = 0; i < t->n; i++) {
		answer(sv, t->ids[i], &t->items[i], t->received_ns, t->heads[i]);
		if (t->items[i].result == INGEST_COMMITTED || t->items[i].result == INGEST_DUPLICATE)
			session_refer(sv->sessions, t->msgs[i]);
		weir_msg_free(t->msgs[i]);
	}
	t->n = 0;
}

/* What a node says about its keys, when that is another word than its last one. */
static void note_certificate(struct service *sv, struct session *s, const struct weir_summary *sum, uint64_t now_ns)
{
	uint64_t was_s = s->cert_expires_s;
	char expires[24], was[24];

	if (was_s == sum->cert_expires_s && s->keys_broken == sum->keys_broken)
		return;
	s->cert_expires_s = sum->cert_expires_s;
	s->keys_broken = sum->keys_broken;
	if (store_keys_certificate(sv->store, s->node, s->cert_expires_s, s->keys_broken))
		weir_log(WEIR_LOG_ERR, "store: agent %s: %s", s->node, store_error(sv->store));
	if (sum->keys_broken)
		weir_log(WEIR_LOG_WARN, "agent %s: its files of keys hold what it cannot use; see its log", s->node);
	if (!was_s || was_s == sum->cert_expires_s)
		return;
	snprintf(expires, sizeof(expires), "%" PRIu64, sum->cert_expires_s);
	snprintf(was, sizeof(was), "%" PRIu64, was_s);
	service_audited(audit_add(sv->audit, now_ns, "node-certificate-rotated", "node", s->node, "expires_s", expires,
				  "was_s", was, NULL));
}

void telemetry_ready(struct service *sv, uint64_t now_ns)
{
	weir_auto_free struct turn *t = calloc(1, sizeof(*t));
	struct weir_msg *m;
	struct session *s;
	uint64_t id;
	int r;

	if (!t) {
		weir_log_err(-ENOMEM, "telemetry");
		return;
	}
	t->received_ns = now_ns;
	while (t->n < BATCH && t->rows < BATCH_ROWS &&
	       (r = service_next(sv, WEIR_SOCKET_TELEMETRY, now_ns, &id, &m, &s)) >= 0) {
		if (r)
			continue;
		if (m->kind != WEIR_MSG_SUMMARY) {
			service_refuse(sv, sv->telemetry, id, WEIR_RC_INVALID,
				       "this socket takes summaries");
			weir_msg_free(m);
			continue;
		}
		note_certificate(sv, s, &m->summary, now_ns);
		/* A copy: a later hello in the same turn may replace the session. */
		memcpy(t->nodes[t->n], s->node, sizeof(s->node));
		t->items[t->n] = (struct ingest_item){.node = t->nodes[t->n], .summary = &m->summary};
		t->heads[t->n] = witness_due(sv->witness, s, now_ns);
		t->ids[t->n] = id;
		t->rows += m->summary.row_count;
		t->msgs[t->n++] = m;
	}
	if (t->n)
		turn_commit(sv, t, now_ns);
}
