/* SPDX-License-Identifier: Apache-2.0 */
/* The transport on loopback with real certificates, and the client half of a session over it. */
#include "tests/lib/certificates.h"
#include "tests/lib/test.h"

#include "lib/base/clock.h"
#include "lib/os/crypto.h"
#include "lib/os/x509.h"
#include "lib/wire/msg.h"
#include "lib/wire/wire.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#define LIMIT_NS (20 * WEIR_NS_PER_S) /* for what must happen */
#define REFUSED_NS WEIR_NS_PER_S      /* for what must not: many times a handshake */

/* Ours signs a server and a node, the foreign authority a node. */
TEST(certificates)
{
	strcpy(dir, "/tmp/weir-wire-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	atexit(pki_remove);
	CHECK(!issue(WEIR_CERT_CA, "ca", -1, 0) && !issue(WEIR_CERT_SERVER, "weir-server", 0, 2) &&
	      !issue(WEIR_CERT_CLIENT, "node", 0, 4) && !issue(WEIR_CERT_CA, "other", -1, 6) &&
	      !issue(WEIR_CERT_CLIENT, "node", 6, 8));
	pki.server = (struct weir_tls_files){pki.path[0], pki.path[2], pki.path[3], NULL, NULL};
	pki.client = (struct weir_tls_files){pki.path[0], pki.path[4], pki.path[5], "weir-server", NULL};
	pki.foreign = (struct weir_tls_files){pki.path[0], pki.path[8], pki.path[9], "weir-server", NULL};
}

static void free_url(char *url, size_t size)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	weir_auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	snprintf(url, size, "tls+tcp://127.0.0.1:%d", ntohs(a.sin_port));
}

static void server_freep(struct weir_wire_server **s)
{
	weir_wire_server_free(*s);
}

static void client_freep(struct weir_wire_client **c)
{
	weir_wire_client_free(*c);
}
#define auto_server weir_cleanup(server_freep) struct weir_wire_server
#define auto_client weir_cleanup(client_freep) struct weir_wire_client

static struct weir_wire_server *serve(struct test_state *test_st, const char *url)
{
	struct weir_wire_server *s = NULL;
	struct weir_err err = {{0}};
	int r = weir_wire_listen(url, &pki.server, &bounds, &s, &err);

	CHECK(r == 0, "%s", err.text);
	return s;
}

static struct weir_wire_client *dial(struct test_state *test_st, const char *url,
				     const struct weir_tls_files *tls)
{
	struct weir_wire_client *c = NULL;
	struct weir_err err = {{0}};
	int r = weir_wire_dial(url, tls, 4096, &c, &err);

	CHECK(r == 0, "%s", err.text);
	return c;
}

static bool readable(int fd, uint64_t limit_ns)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, (int)(limit_ns / 1000000)) == 1;
}

/* The next request, copied as text; false when none comes in time. */
static bool next(struct weir_wire_server *s, uint64_t limit_ns, uint64_t *id, char *text, size_t size)
{
	uint64_t end = weir_monotonic_ns() + limit_ns;

	for (uint64_t now = end - limit_ns; now < end; now = weir_monotonic_ns()) {
		const void *data;
		size_t len;

		if (weir_wire_next(s, id, &data, &len) == 0) {
			snprintf(text, size, "%.*s", (int)len, (const char *)data);
			return true;
		}
		readable(weir_wire_server_fd(s), end - now);
	}
	return false;
}

/* The completion of the outstanding request; -EAGAIN when none comes in time. */
static int take(struct weir_wire_client *c, uint64_t limit_ns, char *text, size_t size)
{
	const void *data;
	size_t len;
	int r;

	readable(weir_wire_client_fd(c), limit_ns);
	r = weir_wire_reply_take(c, &data, &len);
	if (!r)
		snprintf(text, size, "%.*s", (int)len, (const char *)data);
	return r;
}

static size_t sending(struct weir_wire_server *s)
{
	struct weir_wire_stats is;

	weir_wire_server_stats(s, &is);
	return is.sending;
}

/* A request may be there before the client's own notice of its connection. */
static bool connected(const struct weir_wire_client *c, uint64_t limit_ns)
{
	for (uint64_t end = weir_monotonic_ns() + limit_ns; !weir_wire_connected(c) && weir_monotonic_ns() < end;)
		usleep(1000);
	return weir_wire_connected(c);
}

TEST(request_is_answered)
{
	char url[64], text[64] = "";
	auto_server *s = NULL;
	auto_client *c = NULL;
	const void *data;
	uint64_t id = 0;
	size_t len;

	free_url(url, sizeof(url));
	s = serve(test_st, url);
	c = dial(test_st, url, &pki.client);
	CHECK(weir_wire_next(s, &id, &data, &len) == -EAGAIN);
	CHECK(weir_wire_reply_take(c, &data, &len) == -EAGAIN);
	CHECK(weir_wire_send(c, "ping", 4, 0) == 0);
	CHECK(weir_wire_send(c, "ping", 4, 0) == -EBUSY);
	CHECK(next(s, LIMIT_NS, &id, text, sizeof(text)) && !strcmp(text, "ping"), "%s", text);
	CHECK(connected(c, LIMIT_NS));
	CHECK(weir_wire_reply(s, id, "pong", 4) == 0);
	CHECK(take(c, LIMIT_NS, text, sizeof(text)) == 0 && !strcmp(text, "pong"), "%s", text);
	CHECK(weir_wire_reply(s, id, "again", 5) == -ENOENT, "an answered id is not answered twice");
	for (uint64_t end = weir_monotonic_ns() + LIMIT_NS; sending(s) && weir_monotonic_ns() < end;)
		readable(weir_wire_server_fd(s), WEIR_NS_PER_S / 100);
	CHECK(!sending(s), "%zu bytes are still under way", sending(s));
	CHECK(!readable(weir_wire_client_fd(c), 0), "drained");
	CHECK(weir_wire_next(s, &id, &data, &len) == -EAGAIN && !readable(weir_wire_server_fd(s), 0));
}

TEST(answers_in_any_order)
{
	char url[64], text[64] = "";
	auto_server *s = NULL;
	auto_client *a = NULL, *b = NULL;
	uint64_t first = 0, second = 0;

	free_url(url, sizeof(url));
	s = serve(test_st, url);
	a = dial(test_st, url, &pki.client);
	b = dial(test_st, url, &pki.client);
	weir_wire_send(a, "a", 1, 0);
	CHECK(next(s, LIMIT_NS, &first, text, sizeof(text)) && !strcmp(text, "a"), "%s", text);
	weir_wire_send(b, "b", 1, 0);
	CHECK(next(s, LIMIT_NS, &second, text, sizeof(text)) && !strcmp(text, "b"), "%s", text);
	CHECK(weir_wire_reply(s, second, "for b", 5) == 0);
	CHECK(take(b, LIMIT_NS, text, sizeof(text)) == 0 && !strcmp(text, "for b"), "%s", text);
	CHECK(weir_wire_reply(s, first, "for a", 5) == 0);
	CHECK(take(a, LIMIT_NS, text, sizeof(text)) == 0 && !strcmp(text, "for a"), "%s", text);
}

static void refused(struct test_state *test_st, const struct weir_tls_files *tls)
{
	char url[64], text[64];
	auto_server *s = NULL;
	auto_client *c = NULL, *good = NULL;
	uint64_t id = 0;

	free_url(url, sizeof(url));
	s = serve(test_st, url);
	c = dial(test_st, url, tls);
	weir_wire_send(c, "x", 1, REFUSED_NS);
	CHECK(!next(s, REFUSED_NS, &id, text, sizeof(text)), "a request came through");
	CHECK(!weir_wire_connected(c));
	CHECK(take(c, LIMIT_NS, text, sizeof(text)) == -ETIMEDOUT);
	good = dial(test_st, url, &pki.client);
	weir_wire_send(good, "y", 1, 0);
	CHECK(next(s, LIMIT_NS, &id, text, sizeof(text)) && text[0] == 'y', "the server serves others");
}

TEST(foreign_client_is_refused)
{
	refused(test_st, &pki.foreign);
}

TEST(wrong_server_name_is_refused)
{
	struct weir_tls_files tls = pki.client;

	tls.server_name = "weir-other";
	refused(test_st, &tls);
}

TEST(foreign_server_is_refused)
{
	struct weir_tls_files tls = pki.client;

	tls.ca = pki.path[6];
	refused(test_st, &tls);
}

/* Keeps its input open for a second, in which the protocol's greeting ("\0SP\0") comes or not. */
#define OPENSSL "sleep 1 | timeout 10 openssl s_client -quiet -no_ign_eof -connect %s -CAfile %s"
#define GREETED " 2>/dev/null | grep -qa SP"

/* nng's client always has a certificate here, so the bare client is openssl's. */
TEST(client_without_certificate_is_refused)
{
	char url[64], cmd[800];
	auto_server *s = NULL;
	int with, without;

	if (system("command -v openssl >/dev/null && command -v timeout >/dev/null")) {
		SKIP("no openssl program");
		return;
	}
	free_url(url, sizeof(url));
	s = serve(test_st, url);
	snprintf(cmd, sizeof(cmd), OPENSSL " -cert %s -key %s" GREETED, url + 10, pki.path[0],
		 pki.path[4], pki.path[5]);
	with = system(cmd);
	snprintf(cmd, sizeof(cmd), OPENSSL GREETED, url + 10, pki.path[0]);
	without = system(cmd);
	CHECK(with == 0 && without != 0, "greeted with a certificate: %d, without: %d", with, without);
}

TEST(bad_settings_are_one_line)
{
	struct weir_wire_client *c = NULL;
	struct weir_wire_server *s = NULL;
	struct weir_tls_files tls = pki.client;
	struct weir_err plain = {{0}}, name = {{0}}, file = {{0}}, used = {{0}};
	char url[64];
	auto_server *other = NULL;

	CHECK(weir_wire_dial("tcp://127.0.0.1:1", &tls, 4096, &c, &plain) == -EINVAL);
	CHECK(strstr(plain.text, "tls+tcp://") != NULL, "%s", plain.text);
	tls.server_name = NULL;
	CHECK(weir_wire_dial("tls+tcp://127.0.0.1:1", &tls, 4096, &c, &name) == -EINVAL);
	CHECK(strstr(name.text, "server name") != NULL, "%s", name.text);
	tls = pki.client;
	tls.cert = "/nonexistent.pem";
	CHECK(weir_wire_dial("tls+tcp://127.0.0.1:1", &tls, 4096, &c, &file) == -ENOENT);
	CHECK(strstr(file.text, "/nonexistent.pem: ") == file.text, "%s", file.text);
	free_url(url, sizeof(url));
	other = serve(test_st, url);
	CHECK(weir_wire_listen(url, &pki.server, &bounds, &s, &used) == -EADDRINUSE);
	CHECK(strstr(used.text, url) != NULL, "%s", used.text);
}

TEST(oversize_is_refused_before_sending)
{
	static const char big[4097];
	char url[64], text[64];
	auto_server *s = NULL;
	auto_client *c = NULL;
	uint64_t id = 0;

	free_url(url, sizeof(url));
	s = serve(test_st, url);
	c = dial(test_st, url, &pki.client);
	CHECK(weir_wire_send(c, big, 4097, 0) == -EMSGSIZE);
	CHECK(!weir_wire_send(c, big, 4096, 0) && next(s, LIMIT_NS, &id, text, 64), "the bound arrives");
}

/* A request arrives as callers send them: with a timeout of its own, and again when it ended. One that meets the
 * last moment of a connection can be lost without a word: nng sends it into what is just closing. */
static bool arrives(struct weir_wire_client *c, struct weir_wire_server *s, const char *what, uint64_t *id)
{
	uint64_t end = weir_monotonic_ns() + 3 * LIMIT_NS;
	char text[64] = "";

	while (weir_monotonic_ns() < end) {
		weir_wire_send(c, what, strlen(what), 5 * WEIR_NS_PER_S);
		if (next(s, 5 * WEIR_NS_PER_S, id, text, sizeof(text)))
			return !strcmp(text, what);
		take(c, LIMIT_NS, text, sizeof(text));
	}
	return false;
}

TEST(timeout_ends_a_request)
{
	char url[64], text[64];
	auto_server *s = NULL;
	auto_client *c = NULL;
	uint64_t id = 0, late = 0;

	free_url(url, sizeof(url));
	s = serve(test_st, url);
	c = dial(test_st, url, &pki.client);
	CHECK(weir_wire_send(c, "slow", 4, WEIR_NS_PER_S) == 0);
	CHECK(next(s, LIMIT_NS, &late, text, sizeof(text)));
	CHECK(take(c, LIMIT_NS, text, sizeof(text)) == -ETIMEDOUT);
	CHECK(weir_wire_reply(s, late, "late", 4) == 0, "the peer left: no error");
	CHECK(arrives(c, s, "next", &id), "after a timeout");
	CHECK(weir_wire_reply(s, id, "now", 3) == 0);
	CHECK(take(c, LIMIT_NS, text, sizeof(text)) == 0 && !strcmp(text, "now"), "%s", text);
}

TEST(broken_connection_ends_a_request)
{
	char url[64], text[64] = "";
	struct weir_wire_server *s;
	auto_server *again = NULL;
	auto_client *c = NULL;
	uint64_t id = 0, t;

	free_url(url, sizeof(url));
	s = serve(test_st, url);
	c = dial(test_st, url, &pki.client);
	weir_wire_send(c, "one", 3, 0);
	CHECK(next(s, LIMIT_NS, &id, text, sizeof(text)));
	t = weir_monotonic_ns();
	weir_wire_server_free(s);
	CHECK(take(c, LIMIT_NS, text, sizeof(text)) == -ECONNRESET);
	CHECK(weir_monotonic_ns() - t < 2 * WEIR_NS_PER_S, "soon");
	CHECK(!weir_wire_connected(c));
	again = serve(test_st, url);
	CHECK(arrives(c, again, "two", &id), "after the end of the connection");
	CHECK(weir_wire_reply(again, id, "ok", 2) == 0);
	CHECK(take(c, LIMIT_NS, text, sizeof(text)) == 0 && !strcmp(text, "ok"), "%s", text);
}

TEST(dialing_before_the_server)
{
	char url[64], text[64] = "";
	auto_server *s = NULL;
	auto_client *c = NULL;
	uint64_t id = 0;

	free_url(url, sizeof(url));
	c = dial(test_st, url, &pki.client);
	CHECK(weir_wire_send(c, "early", 5, 0) == 0 && !weir_wire_connected(c));
	s = serve(test_st, url);
	CHECK(next(s, LIMIT_NS, &id, text, sizeof(text)) && !strcmp(text, "early"), "%s", text);
}

/* A server's half of the handshake, for one request: refuses when told to or when the proof is wrong. */
struct peer {
	uint8_t pub[WEIR_KEY_LEN];
	struct weir_hello hello;
	bool refuse;
	int hellos;
};

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

static void peer_answer(struct peer *p, const struct weir_msg *q, struct weir_msg *a)
{
	static const uint8_t nonce[WEIR_NONCE_LEN] = {9, 9};
	weir_auto_buf struct weir_buf text = {0};

	a->kind = WEIR_MSG_REFUSAL;
	a->refusal = (struct weir_refuse){WEIR_RC_BAD_SIGNATURE, "who are you"};
	if (q->kind == WEIR_MSG_HELLO && !p->refuse) {
		p->hellos++;
		memcpy(p->hello.nonce, q->hello.nonce, sizeof(nonce));
		a->kind = WEIR_MSG_CHALLENGE;
		a->challenge.hello_id = 77;
		memcpy(a->challenge.nonce, nonce, sizeof(nonce));
		return;
	}
	weir_hello_transcript(p->hello.nonce, nonce, "node-1", WEIR_SOCKET_TELEMETRY, &text);
	if (q->kind == WEIR_MSG_PROOF && q->proof.hello_id == 77 &&
	    weir_sig_verify(p->pub, text.data, text.len, q->proof.signature) == 0) {
		a->kind = WEIR_MSG_WELCOME;
		a->welcome = (struct weir_welcome){{5, 4, 3}, 11, 12, 0, 1};
	}
}

static bool peer_serve(struct weir_wire_server *s, struct peer *p)
{
	weir_cleanup(msg_freep) struct weir_msg *q = NULL;
	weir_auto_buf struct weir_buf b = {0};
	struct weir_msg a = {0};
	const void *data;
	uint64_t id;
	size_t len;

	if (!readable(weir_wire_server_fd(s), LIMIT_NS))
		return false;
	if (weir_wire_next(s, &id, &data, &len))
		return true;
	if (weir_request_unpack(data, len, WEIR_CONTROL_REQ_MAX, &q, NULL))
		return false;
	peer_answer(p, q, &a);
	return weir_msg_pack(&a, &b) == 0 && weir_wire_reply(s, id, b.data, b.len) == 0;
}

/* Steps until ready or refused, serving the other side in between. */
static int handshake(struct weir_session *e, struct weir_wire_client *c, struct weir_wire_server *s,
		     struct peer *p, struct weir_err *err)
{
	int r = weir_session_step(e, err);

	for (int i = 0; r == -EAGAIN && i < 10; i++) {
		if (!peer_serve(s, p))
			return -EIO;
		while (!readable(weir_wire_client_fd(c), 100000000) && peer_serve(s, p))
			;
		r = weir_session_step(e, err);
	}
	return r;
}

static void session_freep(struct weir_session **s)
{
	weir_session_free(*s);
}

static void key_freep(struct weir_key **k)
{
	weir_key_free(*k);
}

TEST(session_opens)
{
	char url[64];
	auto_server *s = NULL;
	auto_client *c = NULL;
	weir_cleanup(session_freep) struct weir_session *e = NULL;
	weir_cleanup(key_freep) struct weir_key *key = NULL;
	struct weir_hello self = {.node = "node-1", .version = "0"};
	struct weir_err err = {{0}};
	struct peer p = {0};
	int r;

	free_url(url, sizeof(url));
	s = serve(test_st, url);
	c = dial(test_st, url, &pki.client);
	CHECK(weir_key_new(&key) == 0 && weir_key_public(key, p.pub) == 0);
	CHECK(weir_session_new(c, WEIR_SOCKET_TELEMETRY, &self, key, &e) == 0);
	CHECK(!weir_session_ready(e) && !weir_session_token(e) && !weir_session_welcome(e));
	r = handshake(e, c, s, &p, &err);
	CHECK(r == 0 && weir_session_ready(e), "%d %s", r, err.text);
	CHECK(weir_session_token(e) && weir_session_token(e)[0] == 5 && weir_session_token(e)[2] == 3);
	CHECK(weir_session_welcome(e) && weir_session_welcome(e)->last_epoch == 11 &&
	      weir_session_welcome(e)->last_sequence == 12);
	weir_session_reset(e);
	CHECK(!weir_session_ready(e) && !weir_session_token(e));
	r = handshake(e, c, s, &p, &err);
	CHECK(r == 0 && p.hellos == 2, "a second hello after reset: %d %s", r, err.text);
}

TEST(session_reports_a_refusal)
{
	char url[64];
	auto_server *s = NULL;
	auto_client *c = NULL;
	weir_cleanup(session_freep) struct weir_session *e = NULL;
	weir_cleanup(key_freep) struct weir_key *key = NULL;
	struct weir_hello self = {.node = "node-1"};
	struct weir_err err = {{0}}, wrong_key = {{0}};
	struct peer p = {.refuse = true};

	free_url(url, sizeof(url));
	s = serve(test_st, url);
	c = dial(test_st, url, &pki.client);
	CHECK(weir_key_new(&key) == 0 && weir_session_new(c, WEIR_SOCKET_TELEMETRY, &self, key, &e) == 0);
	CHECK(handshake(e, c, s, &p, &err) == -EPROTO);
	CHECK(strstr(err.text, "who are you") != NULL, "%s", err.text);
	p.refuse = false;
	CHECK(handshake(e, c, s, &p, &wrong_key) == -EPROTO, "the peer holds another public key");
	CHECK(!weir_session_ready(e));
	CHECK(weir_key_public(key, p.pub) == 0 && handshake(e, c, s, &p, NULL) == 0, "tries again");
}

TEST_MAIN(T(certificates), T(request_is_answered), T(answers_in_any_order), T(foreign_client_is_refused),
	  T(wrong_server_name_is_refused), T(foreign_server_is_refused),
	  T(client_without_certificate_is_refused), T(bad_settings_are_one_line),
	  T(oversize_is_refused_before_sending), T(timeout_ends_a_request),
	  T(broken_connection_ends_a_request), T(dialing_before_the_server), T(session_opens),
	  T(session_reports_a_refusal))
