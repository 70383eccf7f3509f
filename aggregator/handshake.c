/* SPDX-License-Identifier: Apache-2.0 */
/* What both sockets do alike: unpack, hello, proof, find the session, refuse. */
#include "aggregator/service.h"
#include "aggregator/store_keys.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"

/* What a handshake of mutual TLS may cost in time of one core, and an agent has two connections. */
#define HANDSHAKE_MS 2
/* Whoever was heard of within this belongs to the fleet. */
#define FLEET_NS (3600 * WEIR_NS_PER_S)

void service_reply(struct service *sv, struct weir_wire_server *w, uint64_t id, const struct weir_msg *m)
{
	weir_auto_buf struct weir_buf b = {.max = WEIR_CONTROL_MAX};
	int r = weir_msg_pack(m, &b);

	if (m->kind == WEIR_MSG_REFUSAL)
		sv->stats.refusals[m->refusal.code]++;
	/* A request that is not answered holds its context: answer with nothing rather than not at all. */
	if (r)
		weir_log_err(r, "cannot pack a reply");
	r = weir_wire_reply(w, id, b.data ? (const void *)b.data : "", r ? 0 : b.len);
	if (r)
		weir_log_err(r, "cannot send a reply");
}

void service_refuse(struct service *sv, struct weir_wire_server *w, uint64_t id, enum weir_refusal_code code,
		    const char *text)
{
	struct weir_msg m;

	session_refuse(&m, code, text);
	service_reply(sv, w, id, &m);
}

void service_audited(int r)
{
	if (r)
		weir_log_err(r, "cannot write the audit log");
}

/* A refusal of a known node is an entry again after so long. */
#define REFUSED_S 3600

/* Of a known node; the first time, and when the reason is another. */
static void refused(struct service *sv, const char *node, const char *why, uint64_t now_ns)
{
	uint64_t now_s = now_ns / WEIR_NS_PER_S;
	struct store_keys had;
	int r = store_keys_get(sv->store, node, &had);

	if (!r && !strcmp(had.refused, why) && now_s < had.refused_s + REFUSED_S)
		return;
	if (!r)
		r = store_keys_refused(sv->store, node, why, now_s);
	if (!r)
		service_audited(audit_add(sv->audit, now_ns, "agent-refused", "node", node, "reason", why, NULL));
	else if (r != -ENOENT)
		weir_log_err(r, "store: agent %s: %s", node, store_error(sv->store));
}

/* By which key it proved its name, and what was known of its certificate. */
static int note_keys(struct service *sv, struct session *s, uint64_t now_ns)
{
	struct store_keys had;
	char was[17], is[17];
	int r = store_keys_get(sv->store, s->node, &had);
	bool same = had.has_key && !memcmp(had.key, s->key, sizeof(s->key));

	if (r)
		return r;
	s->cert_expires_s = had.cert_expires_s;
	s->keys_broken = had.broken;
	if (had.has_key && !same) {
		weir_log(WEIR_LOG_INFO, "agent %s: its key is %s now, it was %s", s->node, weir_pub_id(s->key, is),
			 weir_pub_id(had.key, was));
		service_audited(audit_add(sv->audit, now_ns, "node-key-rotated", "node", s->node, "key",
					  weir_pub_id(s->key, is), "was", weir_pub_id(had.key, was), NULL));
	}
	return same && !*had.refused ? 0 : store_keys_identity(sv->store, s->node, s->key);
}

/* A whole fleet that comes back at once would wait for each other's handshakes until all give up. */
static uint32_t spread_ms(struct service *sv, uint64_t now_ns)
{
	uint64_t agents = 0, since_ns = now_ns > FLEET_NS ? now_ns - FLEET_NS : 0;
	int r = store_agents_since(sv->store, since_ns, &agents);

	if (r)
		weir_log_err(r, "store: %s", store_error(sv->store));
	return (uint32_t)WEIR_MIN(2 * agents * HANDSHAKE_MS, (uint64_t)UINT32_MAX);
}

static void greet(struct service *sv, struct session *s, struct weir_msg *reply, uint64_t now_ns)
{
	const struct weir_hello facts = {.wire = WEIR_WIRE_VERSION, .node = s->node,
					 .version = s->version, .kernel = s->kernel, .hooks = s->hooks,
					 .domain = s->domain, .node_class = s->class};
	struct store_agent agent = {0};
	int r = store_agent_hello(sv->store, &facts);

	if (!r)
		r = store_agent_get(sv->store, s->node, &agent);
	if (!r)
		r = note_keys(sv, s, now_ns);
	if (r)
		weir_log_err(r, "store: agent %s: %s", s->node, store_error(sv->store));
	reply->welcome.last_epoch = agent.epoch;
	reply->welcome.last_sequence = agent.last_sequence;
	reply->welcome.spread_ms = spread_ms(sv, now_ns);
	weir_log(WEIR_LOG_INFO, "agent %s connected (%s, class %s, weir %s, kernel %s)", s->node,
		 s->kind == WEIR_SOCKET_CONTROL ? "control" : "telemetry", s->class, s->version,
		 s->kernel);
	service_audited(audit_add(sv->audit, now_ns, "agent-connected", "node", s->node, "socket",
				  s->kind == WEIR_SOCKET_CONTROL ? "control" : "telemetry", "domain",
				  s->domain, "class", s->class, "version", s->version, NULL));
}

static void answer_handshake(struct service *sv, enum weir_socket_kind kind, uint64_t now_ns,
			     const struct weir_msg *m, struct weir_msg *reply)
{
	struct session *fresh = NULL;
	char node[WEIR_NODE_MAX] = "";
	int r;

	if (m->kind == WEIR_MSG_PROOF)
		session_claimed(sv->sessions, m->proof.hello_id, node);
	else if (session_node_ok(m->hello.node))
		(void)weir_strcpy(node, sizeof(node), m->hello.node);
	if (m->kind == WEIR_MSG_HELLO)
		r = session_hello(sv->sessions, kind, &m->hello,
				  kind == WEIR_SOCKET_CONTROL ? WEIR_CONTROL_REQ_MAX :
								WEIR_TELEMETRY_MAX,
				  reply);
	else
		r = session_proof(sv->sessions, kind, &m->proof, now_ns, reply, &fresh);
	if (r) {
		weir_log_err(r, "handshake");
		session_refuse(reply, WEIR_RC_BUSY, "the aggregator is out of resources");
	}
	if (fresh)
		greet(sv, fresh, reply, now_ns);
	if (reply->kind != WEIR_MSG_REFUSAL)
		return;
	weir_log(WEIR_LOG_WARN, "refused %s: %s", *node ? node : "an agent", reply->refusal.text);
	if (*node && reply->refusal.code != WEIR_RC_BUSY && reply->refusal.code != WEIR_RC_NO_SESSION)
		refused(sv, node, reply->refusal.text, now_ns);
}

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

/* Only for who has proved who he is. */
static int inflate(const struct session *s, struct weir_msg **m, struct weir_err *err)
{
	weir_cleanup(msg_freep) struct weir_msg *z = *m;
	struct weir_msg *plain = NULL;
	int r = weir_summary_inflate(z->summary_z.data, z->summary_z.len, s->reference, &plain, err);

	*m = plain;
	if (r)
		return r;
	plain->has_token = true;
	memcpy(plain->token, z->token, sizeof(plain->token));
	return 0;
}

int service_next(struct service *sv, enum weir_socket_kind kind, uint64_t now_ns, uint64_t *ret_id,
		 struct weir_msg **ret_msg, struct session **ret_session)
{
	struct weir_wire_server *w = kind == WEIR_SOCKET_CONTROL ? sv->control_wire : sv->telemetry;
	weir_cleanup(msg_freep) struct weir_msg *m = NULL;
	struct weir_err err = {0};
	struct weir_msg reply;
	struct session *s;
	const void *data;
	uint64_t id;
	size_t len;
	int r = weir_wire_next(w, &id, &data, &len);

	if (r)
		return -EAGAIN;
	r = weir_request_unpack(data, len,
				kind == WEIR_SOCKET_CONTROL ? WEIR_CONTROL_REQ_MAX : WEIR_TELEMETRY_MAX,
				&m, &err);
	if (r) {
		service_refuse(sv, w, id, WEIR_RC_INVALID, err.text);
		return 1;
	}
	if (m->kind == WEIR_MSG_HELLO || m->kind == WEIR_MSG_PROOF) {
		answer_handshake(sv, kind, now_ns, m, &reply);
		service_reply(sv, w, id, &reply);
		return 1;
	}
	s = session_find(sv->sessions, kind, m, now_ns);
	if (!s) {
		service_refuse(sv, w, id, WEIR_RC_NO_SESSION, "no such session: say hello again");
		return 1;
	}
	s->peer = weir_wire_peer(w, id);
	if (m->kind == WEIR_MSG_SUMMARY_Z && (r = inflate(s, &m, &err))) {
		service_refuse(sv, w, id, r == -ESTALE ? WEIR_RC_NO_SESSION : WEIR_RC_INVALID, err.text);
		return 1;
	}
	*ret_id = id;
	*ret_session = s;
	*ret_msg = weir_take_ptr(m);
	return 0;
}
