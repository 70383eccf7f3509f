/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/session.h"

#include "lib/ds/map.h"
#include "lib/os/crypto.h"
#include "lib/os/file.h"

/* Handshakes under way at once. A handshake is two messages; a flood of hellos only makes honest
 * agents say hello again. */
#define PENDING 512

/* Keys of one node at a time. */
#define KEYS 4

struct node_keys {
	size_t count;
	uint8_t key[KEYS][WEIR_KEY_LEN];
};

struct pending {
	uint64_t id; /* 0 = free */
	enum weir_socket_kind kind;
	uint8_t client_nonce[WEIR_NONCE_LEN], server_nonce[WEIR_NONCE_LEN];
	struct node_keys keys;
	struct session facts;
};

struct sessions {
	char *nodes_dir;
	const struct weir_revoked *revoked;
	size_t rechecked; /* position in by_token */
	uint32_t max;
	uint64_t next_id;
	struct pending pending[PENDING];
	struct weir_map *by_token; /* owns the sessions */
	struct weir_map *by_node;  /* kind, node -> session */
	struct weir_map *refused;  /* kind, node -> text: another wire version; only of nodes that have a key */
	char refusal[256];
};

struct node_key {
	char text[WEIR_NODE_MAX + 1];
	size_t len;
};

static struct node_key node_key(enum weir_socket_kind kind, const char *node)
{
	struct node_key k;

	k.len = (size_t)snprintf(k.text, sizeof(k.text), "%c%s", '0' + (int)kind, node);
	k.len = WEIR_MIN(k.len, sizeof(k.text) - 1);
	return k;
}

static struct session *session_of(const struct sessions *ss, enum weir_socket_kind kind, const char *node)
{
	struct node_key k = node_key(kind, node);

	return weir_map_find(ss->by_node, k.text, k.len);
}

static void session_free(void *p)
{
	struct session *s = p;

	if (s)
		weir_msg_free(s->reference);
	free(s);
}

int sessions_new(const char *nodes_dir, uint32_t max, struct sessions **ret)
{
	struct sessions *ss = calloc(1, sizeof(*ss));
	int r = ss ? 0 : -ENOMEM;

	if (!r) {
		ss->max = max;
		ss->nodes_dir = strdup(nodes_dir);
		r = ss->nodes_dir ? 0 : -ENOMEM;
	}
	if (!r)
		r = weir_map_new(&ss->by_token);
	if (!r)
		r = weir_map_new(&ss->by_node);
	if (!r)
		r = weir_map_new(&ss->refused);
	if (r) {
		sessions_free(ss);
		return r;
	}
	*ret = ss;
	return 0;
}

void sessions_free(struct sessions *ss)
{
	if (!ss)
		return;
	if (ss->by_node)
		weir_map_free(ss->by_node, NULL);
	if (ss->by_token)
		weir_map_free(ss->by_token, session_free);
	if (ss->refused)
		weir_map_free(ss->refused, free);
	free(ss->nodes_dir);
	free(ss);
}

void session_refuse(struct weir_msg *reply, enum weir_refusal_code code, const char *text)
{
	memset(reply, 0, sizeof(*reply));
	reply->kind = WEIR_MSG_REFUSAL;
	reply->refusal.code = code;
	reply->refusal.text = text;
}

bool session_node_ok(const char *node)
{
	size_t n = strspn(node, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return n && n < WEIR_NODE_MAX && !node[n] && node[0] != '.';
}

/* The keys of a node that count, at most KEYS of the file. -EKEYREVOKED: there is none but revoked ones. */
static int node_keys(const struct sessions *ss, const char *node, struct node_keys *ret)
{
	weir_auto_free char *path = weir_strf("%s/%s.pub", ss->nodes_dir, node);
	weir_auto_free char *text = NULL;
	bool revoked = false;
	char *rest, *line;
	size_t len;
	int r;

	if (!path)
		return -ENOMEM;
	r = weir_file_read(path, 4096, &text, &len);
	if (r)
		return r;
	ret->count = 0;
	for (rest = text; ret->count < KEYS && (line = strsep(&rest, "\n"));) {
		uint8_t *key = ret->key[ret->count];

		line[strcspn(line, " \t\r")] = 0;
		if (!*line)
			continue;
		r = weir_pub_parse(line, key);
		if (r)
			return r;
		if (weir_revoked_has(ss->revoked, key))
			revoked = true;
		else
			ret->count++;
	}
	return ret->count ? 0 : revoked ? -EKEYREVOKED : -EBADMSG;
}

/* Facts are for people: one too long is cut, except what decides (node, class). */
static int take_facts(struct session *s, enum weir_socket_kind kind, const struct weir_hello *h)
{
	s->kind = kind;
	weir_strcpy(s->version, sizeof(s->version), h->version);
	weir_strcpy(s->kernel, sizeof(s->kernel), h->kernel);
	weir_strcpy(s->hooks, sizeof(s->hooks), h->hooks);
	if (weir_strcpy(s->node, sizeof(s->node), h->node) ||
	    weir_strcpy(s->domain, sizeof(s->domain), h->domain) ||
	    weir_strcpy(s->class, sizeof(s->class), h->node_class))
		return -ENAMETOOLONG;
	return 0;
}

/* For people on both sides: the agent logs it, `weirctl agents` shows it. */
static int refuse_version(struct sessions *ss, enum weir_socket_kind kind, const struct weir_hello *h,
			  struct weir_msg *reply)
{
	const struct node_key k = node_key(kind, h->node);
	struct node_keys keys;
	void *old = NULL;
	char *text;

	snprintf(ss->refusal, sizeof(ss->refusal),
		 "%.64s (weir %.32s) speaks wire version %u, this aggregator (weir %s) speaks %d: upgrade %s", h->node,
		 h->version, h->wire, WEIR_VERSION, WEIR_WIRE_VERSION,
		 h->wire > WEIR_WIRE_VERSION ? "weir-aggregator" : "weir-agent on that node");
	session_refuse(reply, WEIR_RC_BAD_VERSION, ss->refusal);
	if (!session_node_ok(h->node) || node_keys(ss, h->node, &keys) || !(text = strdup(ss->refusal)))
		return 0;
	if (weir_map_put(ss->refused, k.text, k.len, text, &old))
		old = text;
	free(old);
	return 0;
}

int session_hello(struct sessions *ss, enum weir_socket_kind kind, const struct weir_hello *h,
		  uint32_t max_message, struct weir_msg *reply)
{
	struct pending p = {.kind = kind};
	int r;

	if (h->wire != WEIR_WIRE_VERSION)
		return refuse_version(ss, kind, h, reply);
	if (!session_node_ok(h->node) || take_facts(&p.facts, kind, h)) {
		session_refuse(reply, WEIR_RC_INVALID, "hello: node, domain or class is not acceptable");
		return 0;
	}
	r = node_keys(ss, h->node, &p.keys);
	if (r == -EKEYREVOKED) {
		session_refuse(reply, WEIR_RC_UNKNOWN_NODE, "the key of this node is revoked");
		return 0;
	}
	if (r) {
		session_refuse(reply, WEIR_RC_UNKNOWN_NODE,
			       "no public key of this node in the aggregator's nodes.dir");
		return 0;
	}
	memcpy(p.client_nonce, h->nonce, sizeof(p.client_nonce));
	r = weir_random(p.server_nonce, sizeof(p.server_nonce));
	if (r)
		return r;
	p.id = ++ss->next_id;
	ss->pending[p.id % PENDING] = p;
	memset(reply, 0, sizeof(*reply));
	reply->kind = WEIR_MSG_CHALLENGE;
	reply->challenge.hello_id = p.id;
	reply->challenge.max_message = max_message;
	memcpy(reply->challenge.nonce, p.server_nonce, sizeof(p.server_nonce));
	return 0;
}

/* Whoever of the node's keys signed both nonces, NULL = none did. */
static const uint8_t *proof_key(const struct pending *p, const struct weir_proof *proof)
{
	weir_auto_buf struct weir_buf b = {0};

	if (weir_hello_transcript(p->client_nonce, p->server_nonce, p->facts.node, p->kind, &b))
		return NULL;
	for (size_t i = 0; i < p->keys.count; i++)
		if (!weir_sig_verify(p->keys.key[i], b.data, b.len, proof->signature))
			return p->keys.key[i];
	return NULL;
}

/* Both maps or none; the session of the same node and socket goes. */
static int session_put(struct sessions *ss, struct session *s)
{
	struct node_key k = node_key(s->kind, s->node);
	struct session *old = weir_map_take(ss->by_node, k.text, k.len);
	int r;

	if (old)
		session_free(weir_map_take(ss->by_token, old->token, sizeof(old->token)));
	r = weir_map_put(ss->by_token, s->token, sizeof(s->token), s, NULL);
	if (r)
		return r;
	r = weir_map_put(ss->by_node, k.text, k.len, s, NULL);
	if (r)
		weir_map_take(ss->by_token, s->token, sizeof(s->token));
	return r;
}

int session_proof(struct sessions *ss, enum weir_socket_kind kind, const struct weir_proof *proof,
		  uint64_t now_ns, struct weir_msg *reply, struct session **ret_new)
{
	struct pending *slot = &ss->pending[proof->hello_id % PENDING], p = *slot;
	weir_auto_free struct session *s = NULL;
	struct node_key known;
	const uint8_t *key;
	int r;

	if (!proof->hello_id || p.id != proof->hello_id || p.kind != kind) {
		session_refuse(reply, WEIR_RC_NO_SESSION, "this handshake is not known: say hello again");
		return 0;
	}
	slot->id = 0; /* one attempt per challenge */
	key = proof_key(&p, proof);
	if (!key) {
		session_refuse(reply, WEIR_RC_BAD_SIGNATURE,
			       "the signature is not by a key that nodes.dir holds for this node");
		return 0;
	}
	if (weir_map_count(ss->by_token) >= ss->max && !session_of(ss, kind, p.facts.node)) {
		session_refuse(reply, WEIR_RC_BUSY, "the aggregator's table of sessions is full");
		return 0;
	}
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = p.facts;
	memcpy(s->key, key, sizeof(s->key));
	s->used_ns = s->since_ns = now_ns;
	r = weir_random(s->token, sizeof(s->token));
	if (!r)
		r = session_put(ss, s);
	if (r)
		return r;
	known = node_key(kind, s->node);
	free(weir_map_take(ss->refused, known.text, known.len));
	memset(reply, 0, sizeof(*reply));
	reply->kind = WEIR_MSG_WELCOME;
	memcpy(reply->welcome.token, s->token, sizeof(s->token));
	reply->welcome.summary_z = 1;
	*ret_new = weir_take_ptr(s);
	return 0;
}

void session_claimed(const struct sessions *ss, uint64_t hello_id, char ret[WEIR_NODE_MAX])
{
	const struct pending *p = &ss->pending[hello_id % PENDING];

	*ret = '\0';
	if (hello_id && p->id == hello_id)
		(void)weir_strcpy(ret, WEIR_NODE_MAX, p->facts.node);
}

struct session *session_find(struct sessions *ss, enum weir_socket_kind kind, const struct weir_msg *m,
			     uint64_t now_ns)
{
	struct session *s =
		m->has_token ? weir_map_find(ss->by_token, m->token, sizeof(m->token)) : NULL;

	if (!s || s->kind != kind)
		return NULL;
	if (s->used_ns + SESSION_SILENCE_NS < now_ns)
		s->since_ns = now_ns;
	s->used_ns = now_ns;
	return s;
}

void session_refer(struct sessions *ss, const struct weir_msg *m)
{
	struct session *s = m->has_token ? weir_map_find(ss->by_token, m->token, sizeof(m->token)) : NULL;

	if (!s)
		return;
	weir_msg_free(s->reference);
	s->reference = weir_summary_refer(m);
}

uint64_t sessions_last_used(const struct sessions *ss, const char *node)
{
	uint64_t last = 0;

	for (int kind = WEIR_SOCKET_TELEMETRY; kind <= WEIR_SOCKET_CONTROL; kind++) {
		const struct session *s = session_of(ss, kind, node);

		if (s && s->used_ns > last)
			last = s->used_ns;
	}
	return last;
}

const char *sessions_refused(const struct sessions *ss, const char *node)
{
	const char *text = NULL;

	for (int kind = WEIR_SOCKET_TELEMETRY; !text && kind <= WEIR_SOCKET_CONTROL; kind++) {
		const struct node_key k = node_key(kind, node);

		text = weir_map_find(ss->refused, k.text, k.len);
	}
	return text;
}

uint64_t sessions_since(const struct sessions *ss, const char *node, uint64_t now_ns)
{
	uint64_t since = 0;

	for (int kind = WEIR_SOCKET_TELEMETRY; kind <= WEIR_SOCKET_CONTROL; kind++) {
		const struct session *s = session_of(ss, kind, node);

		if (s && s->used_ns + SESSION_SILENCE_NS > now_ns && (!since || s->since_ns < since))
			since = s->since_ns;
	}
	return since;
}

bool sessions_expects(const struct sessions *ss, const char *node)
{
	struct node_keys keys;

	return session_node_ok(node) && !node_keys(ss, node, &keys);
}

size_t sessions_count(const struct sessions *ss)
{
	return weir_map_count(ss->by_token);
}

void sessions_revoke(struct sessions *ss, const struct weir_revoked *revoked)
{
	ss->revoked = revoked;
}

/* Why the session must end, NULL = it need not. A file that cannot be read now says nothing. */
static const char *ended(const struct sessions *ss, const struct session *s)
{
	struct node_keys keys;
	int r;

	if (weir_revoked_has(ss->revoked, s->key))
		return "the key of this node is revoked";
	r = node_keys(ss, s->node, &keys);
	if (r == -ENOENT || r == -EKEYREVOKED)
		return "the key of this node is not in nodes.dir any more";
	for (size_t i = 0; !r && i < keys.count; i++)
		if (!memcmp(keys.key[i], s->key, sizeof(s->key)))
			return NULL;
	return r ? NULL : "nodes.dir holds another key of this node";
}

int sessions_recheck(struct sessions *ss, size_t max, void (*fn)(const struct session *s, const char *why, void *arg),
		     void *arg)
{
	weir_auto_free struct session **gone = calloc(weir_map_count(ss->by_token) + 1, sizeof(struct session *));
	size_t n = 0, pos = max == SIZE_MAX ? 0 : ss->rechecked, len;
	bool more = true;
	const void *key;
	void *value;

	if (!gone)
		return -ENOMEM;
	for (size_t i = 0; i < max && (more = weir_map_next(ss->by_token, &pos, &key, &len, &value)); i++) {
		const char *why = ended(ss, value);

		if (!why)
			continue;
		fn(value, why, arg);
		gone[n++] = value;
	}
	ss->rechecked = more ? pos : 0;
	for (size_t i = 0; i < n; i++) {
		struct node_key k = node_key(gone[i]->kind, gone[i]->node);

		weir_map_take(ss->by_node, k.text, k.len);
		session_free(weir_map_take(ss->by_token, gone[i]->token, sizeof(gone[i]->token)));
	}
	return 0;
}
