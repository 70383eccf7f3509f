/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a token: only he who signs both nonces with the key of the node that he names. */
#include "aggregator/session.h"
#include "lib/os/crypto.h"
#include "lib/os/file.h"
#include "tests/lib/test.h"

struct fixture {
	char dir[64];
	struct weir_key *key;
	struct sessions *ss;
	struct weir_hello hello;
};

static int setup(struct fixture *f, uint32_t max)
{
	uint8_t pub[WEIR_KEY_LEN];
	char text[56], path[96];
	int r;

	memset(f, 0, sizeof(*f));
	strcpy(f->dir, "/tmp/weir-nodes-XXXXXX");
	if (!mkdtemp(f->dir))
		return -errno;
	r = weir_key_new(&f->key);
	if (!r)
		r = weir_key_public(f->key, pub);
	if (r)
		return r;
	weir_pub_text(pub, text);
	for (int i = 1; !r && i <= 2; i++) {
		snprintf(path, sizeof(path), "%s/n%d.pub", f->dir, i);
		r = weir_file_write(path, text, strlen(text), 0644);
	}
	f->hello = (struct weir_hello){.wire = WEIR_WIRE_VERSION, .node = "n1", .version = "", .kernel = "",
				       .hooks = "", .domain = "d", .node_class = "d/a"};
	memset(f->hello.nonce, 7, sizeof(f->hello.nonce));
	return r ? r : sessions_new(f->dir, max, &f->ss);
}

static void teardown(struct fixture *f)
{
	char path[96];

	for (int i = 1; i <= 2; i++) {
		snprintf(path, sizeof(path), "%s/n%d.pub", f->dir, i);
		unlink(path);
	}
	rmdir(f->dir);
	weir_key_free(f->key);
	sessions_free(f->ss);
}

/* Signs the challenge, for `kind`, with `key`. */
static void sign(const struct fixture *f, const struct weir_msg *challenge, enum weir_socket_kind kind,
		 const struct weir_key *key, struct weir_proof *ret)
{
	weir_auto_buf struct weir_buf b = {0};

	weir_hello_transcript(f->hello.nonce, challenge->challenge.nonce, f->hello.node, kind, &b);
	ret->hello_id = challenge->challenge.hello_id;
	weir_key_sign(key, b.data, b.len, ret->signature);
}

/* The whole handshake; the last reply, and the session when there is one. */
static struct session *shake(struct fixture *f, enum weir_socket_kind kind, const struct weir_key *key,
			     struct weir_msg *reply)
{
	struct session *s = NULL;
	struct weir_proof proof;

	session_hello(f->ss, kind, &f->hello, 1000, reply);
	if (reply->kind != WEIR_MSG_CHALLENGE)
		return NULL;
	sign(f, reply, kind, key, &proof);
	session_proof(f->ss, kind, &proof, 5, reply, &s);
	return s;
}

TEST(the_right_key_gets_a_token)
{
	struct fixture f;
	struct weir_msg reply, m = {.has_token = true};
	struct session *s;

	CHECK(!setup(&f, 8));
	s = shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply);
	CHECK(s && reply.kind == WEIR_MSG_WELCOME, "%s",
	      reply.kind == WEIR_MSG_REFUSAL ? reply.refusal.text : "");
	memcpy(m.token, reply.welcome.token, sizeof(m.token));
	CHECK(session_find(f.ss, WEIR_SOCKET_TELEMETRY, &m, 9) == s);
	CHECK(!session_find(f.ss, WEIR_SOCKET_CONTROL, &m, 9), "a token is good on its socket only");
	CHECK(sessions_last_used(f.ss, "n1") == 9);
	m.token[0] ^= 1;
	CHECK(!session_find(f.ss, WEIR_SOCKET_TELEMETRY, &m, 9));
	teardown(&f);
}

TEST(another_key_is_refused)
{
	struct fixture f;
	struct weir_msg reply;
	struct weir_key *other = NULL;

	CHECK(!setup(&f, 8));
	CHECK(!weir_key_new(&other));
	CHECK(!shake(&f, WEIR_SOCKET_TELEMETRY, other, &reply));
	CHECK(reply.kind == WEIR_MSG_REFUSAL && reply.refusal.code == WEIR_RC_BAD_SIGNATURE);
	weir_key_free(other);
	teardown(&f);
}

TEST(a_proof_for_the_other_socket_is_refused)
{
	struct fixture f;
	struct weir_msg reply;
	struct weir_proof proof;
	struct session *s = NULL;

	CHECK(!setup(&f, 8));
	session_hello(f.ss, WEIR_SOCKET_CONTROL, &f.hello, 1000, &reply);
	sign(&f, &reply, WEIR_SOCKET_TELEMETRY, f.key, &proof);
	CHECK(!session_proof(f.ss, WEIR_SOCKET_CONTROL, &proof, 5, &reply, &s));
	CHECK(!s && reply.kind == WEIR_MSG_REFUSAL);
	teardown(&f);
}

TEST(a_proof_is_good_once)
{
	struct fixture f;
	struct weir_msg reply;
	struct weir_proof proof;
	struct session *s = NULL, *again = NULL;

	CHECK(!setup(&f, 8));
	session_hello(f.ss, WEIR_SOCKET_CONTROL, &f.hello, 1000, &reply);
	sign(&f, &reply, WEIR_SOCKET_CONTROL, f.key, &proof);
	CHECK(!session_proof(f.ss, WEIR_SOCKET_CONTROL, &proof, 5, &reply, &s) && s);
	CHECK(!session_proof(f.ss, WEIR_SOCKET_CONTROL, &proof, 5, &reply, &again) && !again);
	CHECK(reply.kind == WEIR_MSG_REFUSAL && reply.refusal.code == WEIR_RC_NO_SESSION);
	teardown(&f);
}

TEST(who_has_no_key_is_unknown)
{
	static const char *const names[] = {"n3", "../n1", ".n1", "", "n1/"};
	struct fixture f;
	struct weir_msg reply;

	CHECK(!setup(&f, 8));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		f.hello.node = names[i];
		CHECK(!shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply), "'%s'", names[i]);
		CHECK(reply.kind == WEIR_MSG_REFUSAL, "'%s'", names[i]);
	}
	teardown(&f);
}

TEST(another_wire_version_is_refused)
{
	static const struct {
		uint32_t wire;
		const char *says;
	} cases[] = {
		{2, "n1 (weir 9.9) speaks wire version 2, this aggregator (weir " WEIR_VERSION ") speaks 1: upgrade weir-aggregator"},
		{0, "n1 (weir 9.9) speaks wire version 0, this aggregator (weir " WEIR_VERSION ") speaks 1: upgrade weir-agent on that node"},
	};
	struct fixture f;
	struct weir_msg reply;

	CHECK(!setup(&f, 8));
	f.hello.version = "9.9";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f.hello.wire = cases[i].wire;
		CHECK(!shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply));
		CHECK(reply.kind == WEIR_MSG_REFUSAL && reply.refusal.code == WEIR_RC_BAD_VERSION);
		CHECK(!strcmp(reply.refusal.text, cases[i].says), "%s", reply.refusal.text);
		CHECK(sessions_refused(f.ss, "n1") && !strcmp(sessions_refused(f.ss, "n1"), cases[i].says));
	}
	f.hello.node = "n3";
	CHECK(!shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply));
	CHECK(!sessions_refused(f.ss, "n3"), "who has no key is not remembered");
	f.hello.node = "n1";
	f.hello.wire = WEIR_WIRE_VERSION;
	CHECK(shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply) && !sessions_refused(f.ss, "n1"));
	teardown(&f);
}

TEST(a_new_session_replaces_the_old)
{
	struct fixture f;
	struct weir_msg reply, old = {.has_token = true};

	CHECK(!setup(&f, 8));
	shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply);
	memcpy(old.token, reply.welcome.token, sizeof(old.token));
	CHECK(shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply) != NULL);
	CHECK(!session_find(f.ss, WEIR_SOCKET_TELEMETRY, &old, 9));
	CHECK(sessions_count(f.ss) == 1, "%zu", sessions_count(f.ss));
	teardown(&f);
}

TEST(the_table_is_bounded_but_a_node_may_return)
{
	struct fixture f;
	struct weir_msg reply;

	CHECK(!setup(&f, 1));
	CHECK(shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply) != NULL);
	CHECK(shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply) != NULL, "the same node again");
	f.hello.node = "n2";
	CHECK(!shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply));
	CHECK(reply.kind == WEIR_MSG_REFUSAL && reply.refusal.code == WEIR_RC_BUSY);
	teardown(&f);
}

/* A summary as the telemetry socket has it when it is acknowledged. */
static struct weir_msg *summary(const struct weir_msg *welcome, bool deflated)
{
	const struct weir_summary s = {.sequence = 1, .length_ns = 1, .domain = ""};
	weir_auto_buf struct weir_buf b = {0};
	struct weir_msg *m = NULL;

	if (deflated && !weir_summary_deflate(&s, NULL, &b))
		weir_summary_inflate(b.data, b.len, NULL, &m, NULL);
	else if (!weir_summary_pack(&s, &b))
		weir_summary_unpack(b.data, b.len, &m, NULL);
	if (m) {
		m->has_token = true;
		memcpy(m->token, welcome->welcome.token, sizeof(m->token));
	}
	return m;
}

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

TEST(a_reference_is_of_its_session)
{
	struct fixture f;
	weir_cleanup(msg_freep) struct weir_msg *deflated = NULL, *plain = NULL;
	struct weir_msg first, second;
	struct session *s;

	CHECK(!setup(&f, 8));
	s = shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &first);
	CHECK(s && !s->reference && first.welcome.summary_z == 1);
	deflated = summary(&first, true);
	plain = summary(&first, false);
	session_refer(f.ss, deflated);
	CHECK(s->reference && s->reference->z_id == deflated->z_id);
	session_refer(f.ss, plain);
	CHECK(!s->reference, "one that came plain is no reference, and ends the one before");
	session_refer(f.ss, deflated);
	s = shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &second);
	CHECK(s && !s->reference, "a new session begins without");
	session_refer(f.ss, deflated);
	CHECK(s && !s->reference, "what was acknowledged in another session is not its reference");
	teardown(&f);
}

static int publish(const struct fixture *f, const struct weir_key *first, const struct weir_key *second)
{
	uint8_t a[WEIR_KEY_LEN], b[WEIR_KEY_LEN];
	char path[96], text[128], t[2][56];

	weir_key_public(first, a);
	weir_key_public(second ? second : first, b);
	snprintf(path, sizeof(path), "%s/n1.pub", f->dir);
	snprintf(text, sizeof(text), "%s\n%s\n", weir_pub_text(a, t[0]), second ? weir_pub_text(b, t[1]) : "");
	return weir_file_write(path, text, strlen(text), 0644);
}

static void count_ended(const struct session *s, const char *why, void *arg)
{
	(void)s;
	snprintf(arg, 128, "%.100s.", why);
}

TEST(a_key_is_exchanged_in_two_steps)
{
	struct fixture f;
	struct weir_msg reply;
	struct weir_key *next = NULL;
	char ended[128] = "";

	CHECK(!setup(&f, 8) && !weir_key_new(&next));
	CHECK(shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply) != NULL);
	CHECK(!publish(&f, next, f.key) && !sessions_recheck(f.ss, SIZE_MAX, count_ended, ended) && !*ended, "%s", ended);
	CHECK(sessions_count(f.ss) == 1, "the one before is still there: its session goes on");
	CHECK(shake(&f, WEIR_SOCKET_CONTROL, next, &reply) && shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply));
	CHECK(!publish(&f, next, NULL));
	for (int i = 0; i < 3; i++)
		CHECK(!sessions_recheck(f.ss, 1, count_ended, ended), "step by step");
	CHECK(sessions_count(f.ss) == 1 && strstr(ended, "holds another key"), "%s", ended);
	CHECK(!shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply) && reply.refusal.code == WEIR_RC_BAD_SIGNATURE);
	CHECK(shake(&f, WEIR_SOCKET_TELEMETRY, next, &reply) != NULL);
	weir_key_free(next);
	teardown(&f);
}

TEST(a_revoked_key_opens_nothing_and_ends_what_it_opened)
{
	struct fixture f;
	struct weir_msg reply, m = {.has_token = true};
	struct weir_revoked *list = NULL;
	struct weir_key *next = NULL;
	char path[96], text[56], ended[128] = "";
	uint8_t pub[WEIR_KEY_LEN];

	CHECK(!setup(&f, 8) && !weir_key_new(&next) && !weir_key_public(f.key, pub));
	snprintf(path, sizeof(path), "%s/revoked", f.dir);
	weir_pub_text(pub, text);
	CHECK(!weir_file_write(path, text, strlen(text), 0644) && !weir_revoked_load(path, &list, NULL));
	CHECK(shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply) != NULL);
	memcpy(m.token, reply.welcome.token, sizeof(m.token));
	sessions_revoke(f.ss, list);
	CHECK(!sessions_recheck(f.ss, SIZE_MAX, count_ended, ended) && strstr(ended, "is revoked"), "%s", ended);
	CHECK(!session_find(f.ss, WEIR_SOCKET_TELEMETRY, &m, 9) && !sessions_last_used(f.ss, "n1"));
	CHECK(!shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply) && strstr(reply.refusal.text, "is revoked"), "%s",
	      reply.refusal.text);
	CHECK(!publish(&f, next, f.key) && shake(&f, WEIR_SOCKET_TELEMETRY, next, &reply), "with a new key it is let in");
	CHECK(!shake(&f, WEIR_SOCKET_CONTROL, f.key, &reply), "and with that alone");
	unlink(path);
	weir_revoked_free(list);
	weir_key_free(next);
	teardown(&f);
}

TEST(a_refused_proof_is_named)
{
	struct fixture f;
	struct weir_msg reply;
	char node[WEIR_NODE_MAX];

	CHECK(!setup(&f, 8));
	session_hello(f.ss, WEIR_SOCKET_CONTROL, &f.hello, 1000, &reply);
	session_claimed(f.ss, reply.challenge.hello_id, node);
	CHECK(!strcmp(node, "n1"), "%s", node);
	session_claimed(f.ss, reply.challenge.hello_id + 1, node);
	CHECK(!*node);
	teardown(&f);
}

TEST(connected_since_is_since_the_last_silence)
{
	struct fixture f;
	struct weir_msg reply, m = {.has_token = true};
	const uint64_t silence = SESSION_SILENCE_NS;

	CHECK(!setup(&f, 8));
	CHECK(sessions_since(f.ss, "n1", 5) == 0, "never");
	CHECK(shake(&f, WEIR_SOCKET_TELEMETRY, f.key, &reply) != NULL);
	memcpy(m.token, reply.welcome.token, sizeof(m.token));
	CHECK(sessions_since(f.ss, "n1", 6) == 5);
	CHECK(session_find(f.ss, WEIR_SOCKET_TELEMETRY, &m, silence) && sessions_since(f.ss, "n1", silence + 9) == 5);
	CHECK(sessions_since(f.ss, "n1", 2 * silence + 1) == 0, "it is silent");
	CHECK(session_find(f.ss, WEIR_SOCKET_TELEMETRY, &m, 3 * silence), "its token is good all the same");
	CHECK(sessions_since(f.ss, "n1", 3 * silence + 9) == 3 * silence, "and it is back since then");
	CHECK(sessions_expects(f.ss, "n1") && sessions_expects(f.ss, "n2") && !sessions_expects(f.ss, "n3") &&
	      !sessions_expects(f.ss, "../n1"), "who has a key is expected");
	teardown(&f);
}

TEST_MAIN(T(a_reference_is_of_its_session), T(the_right_key_gets_a_token), T(another_key_is_refused),
	  T(a_proof_for_the_other_socket_is_refused), T(a_proof_is_good_once),
	  T(who_has_no_key_is_unknown), T(another_wire_version_is_refused),
	  T(a_new_session_replaces_the_old), T(connected_since_is_since_the_last_silence),
	  T(the_table_is_bounded_but_a_node_may_return),
	  T(a_key_is_exchanged_in_two_steps), T(a_revoked_key_opens_nothing_and_ends_what_it_opened),
	  T(a_refused_proof_is_named))
