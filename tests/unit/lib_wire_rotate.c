/* SPDX-License-Identifier: Apache-2.0 */
/* Keys exchanged while connections stand: who gets in by the new ones, and what happens to those inside. */
#include "tests/lib/certificates.h"
#include "tests/lib/test.h"

#include "lib/base/clock.h"
#include "lib/os/crl.h"
#include "lib/os/file.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#define LIMIT_NS (20 * WEIR_NS_PER_S) /* for what must happen */
#define AGE_NS (3600 * WEIR_NS_PER_S)
#define REFUSED_NS WEIR_NS_PER_S      /* for what must not: many times a handshake */

enum { CA = 0, SERVER = 2, NODE = 4, NEW_CA = 6, NEW_SERVER = 8, NEW_NODE = 10, OTHER_NODE = 12 };
static char both[96], crl[96]; /* both authorities; the old one's list, which names NODE */
static struct weir_tls_files old_node, new_node, other_node, old_server, bridge, new_server;

static int concatenate(void)
{
	weir_auto_free char *a = NULL, *b = NULL, *text = NULL;
	size_t n;

	snprintf(both, sizeof(both), "%s/both", dir);
	snprintf(crl, sizeof(crl), "%s/crl", dir);
	if (weir_file_read(pki.path[NEW_CA], 65536, &a, &n) || weir_file_read(pki.path[CA], 65536, &b, &n))
		return -EIO;
	text = weir_strf("%s%s", a, b);
	return weir_file_write(both, text, strlen(text), 0644);
}

TEST(certificates)
{
	strcpy(dir, "/tmp/weir-rotate-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	atexit(pki_remove);
	CHECK(!issue(WEIR_CERT_CA, "ca", -1, CA) && !issue(WEIR_CERT_SERVER, "weir-server", CA, SERVER) &&
	      !issue(WEIR_CERT_CLIENT, "node", CA, NODE) && !issue(WEIR_CERT_CA, "new ca", -1, NEW_CA) &&
	      !issue(WEIR_CERT_SERVER, "weir-server", NEW_CA, NEW_SERVER) &&
	      !issue(WEIR_CERT_CLIENT, "node", NEW_CA, NEW_NODE) && !issue(WEIR_CERT_CLIENT, "other", CA, OTHER_NODE));
	CHECK(!concatenate());
	old_node = (struct weir_tls_files){both, pki.path[NODE], pki.path[NODE + 1], "weir-server", NULL};
	new_node = (struct weir_tls_files){both, pki.path[NEW_NODE], pki.path[NEW_NODE + 1], "weir-server", NULL};
	other_node = (struct weir_tls_files){both, pki.path[OTHER_NODE], pki.path[OTHER_NODE + 1], "weir-server", NULL};
	old_server = (struct weir_tls_files){pki.path[CA], pki.path[SERVER], pki.path[SERVER + 1], NULL, NULL};
	bridge = (struct weir_tls_files){both, pki.path[NEW_SERVER], pki.path[NEW_SERVER + 1], NULL, NULL};
	new_server = (struct weir_tls_files){pki.path[NEW_CA], pki.path[NEW_SERVER], pki.path[NEW_SERVER + 1], NULL,
					     NULL};
}

struct scene {
	char url[64];
	struct weir_wire_server *server;
};

static void scene_fini(struct scene *s)
{
	weir_wire_server_free(s->server);
}

static void client_freep(struct weir_wire_client **c)
{
	weir_wire_client_free(*c);
}
#define auto_scene weir_cleanup(scene_fini) struct scene
#define auto_client weir_cleanup(client_freep) struct weir_wire_client

static void scene_init(struct test_state *test_st, struct scene *s, const struct weir_tls_files *tls)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct weir_err err = {{0}};

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	close(fd); /* the port is free, and ours */
	snprintf(s->url, sizeof(s->url), "tls+tcp://127.0.0.1:%d", ntohs(a.sin_port));
	CHECK(!weir_wire_listen(s->url, tls, &bounds, &s->server, &err), "%s", err.text);
}

static struct weir_wire_client *dial(struct test_state *test_st, const struct scene *s,
				     const struct weir_tls_files *tls)
{
	struct weir_wire_client *c = NULL;
	struct weir_err err = {{0}};

	CHECK(!weir_wire_dial(s->url, tls, 4096, &c, &err), "%s", err.text);
	return c;
}

static void wait_for(int fd, uint64_t limit_ns)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	poll(&p, 1, (int)(limit_ns / 1000000));
}

/* One request that the server must be asked, and its answer; -ETIMEDOUT when it does not come there. */
static int ask(struct scene *s, struct weir_wire_client *c, uint64_t limit_ns, uint32_t *ret_peer)
{
	uint64_t end = weir_monotonic_ns() + limit_ns, id;
	const void *data;
	size_t len;
	int r = weir_wire_send(c, "x", 1, limit_ns);

	while (!r && weir_monotonic_ns() < end) {
		r = weir_wire_next(s->server, &id, &data, &len);
		if (!r) {
			*ret_peer = weir_wire_peer(s->server, id);
			weir_wire_reply(s->server, id, "y", 1);
		}
		if (r == -EAGAIN) {
			r = weir_wire_reply_take(c, &data, &len);
			if (r != -EAGAIN)
				return r;
			wait_for(weir_wire_server_fd(s->server), WEIR_NS_PER_S / 50);
			r = 0;
		}
	}
	return r ? r : -ETIMEDOUT;
}

/* As callers do: a request whose connection broke is sent again. */
static int ask_again(struct scene *s, struct weir_wire_client *c, uint32_t *ret_peer)
{
	int r = ask(s, c, LIMIT_NS, ret_peer);

	return r == -ECONNRESET ? ask(s, c, LIMIT_NS, ret_peer) : r;
}

static bool refused(struct test_state *test_st, struct scene *s, const struct weir_tls_files *tls)
{
	auto_client *c = dial(test_st, s, tls);
	uint32_t peer = 0;

	return ask(s, c, REFUSED_NS, &peer) == -ETIMEDOUT && !peer;
}

static bool accepted(struct test_state *test_st, struct scene *s, const struct weir_tls_files *tls)
{
	auto_client *c = dial(test_st, s, tls);
	uint32_t peer = 0;

	return ask(s, c, LIMIT_NS, &peer) == 0 && peer;
}

TEST(an_authority_is_exchanged_under_a_connection)
{
	auto_scene s = {0};
	auto_client *c = NULL;
	uint32_t first = 0, now = 0;
	struct weir_err err = {{0}};

	scene_init(test_st, &s, &old_server);
	c = dial(test_st, &s, &old_node);
	CHECK(!ask(&s, c, LIMIT_NS, &first));
	CHECK(refused(test_st, &s, &new_node), "the new authority is not known yet");
	CHECK(!weir_wire_server_rotate(s.server, &bridge, &err), "%s", err.text);
	CHECK(!ask(&s, c, LIMIT_NS, &now) && now == first, "the connection stands");
	CHECK(accepted(test_st, &s, &new_node));
	CHECK(accepted(test_st, &s, &other_node), "old certificates are good for as long as their authority is");
	CHECK(!weir_wire_client_rotate(c, &new_node, &err), "%s", err.text);
	CHECK(!ask_again(&s, c, &now) && now != first, "connection %u, then %u", first, now);
	CHECK(!weir_wire_server_rotate(s.server, &new_server, &err), "%s", err.text);
	CHECK(refused(test_st, &s, &other_node), "also the first one after the exchange");
	CHECK(accepted(test_st, &s, &new_node));
}

TEST(a_revoked_certificate_is_refused)
{
	const struct weir_ca_files ca = {pki.path[CA], pki.path[CA + 1]};
	struct weir_tls_files tls = old_server;
	auto_scene s = {0};
	struct weir_err err = {{0}};

	tls.crl = crl;
	CHECK(!weir_crl_update(crl, &ca, 1, NULL, (uint64_t)time(NULL), &err), "%s", err.text);
	scene_init(test_st, &s, &tls);
	CHECK(accepted(test_st, &s, &old_node), "the list is empty");
	CHECK(!weir_crl_update(crl, &ca, 1, pki.path[NODE], (uint64_t)time(NULL), &err), "%s", err.text);
	CHECK(!weir_wire_server_rotate(s.server, &tls, &err), "%s", err.text);
	CHECK(refused(test_st, &s, &old_node));
	CHECK(accepted(test_st, &s, &other_node));
}

TEST(a_revoked_server_is_refused)
{
	const struct weir_ca_files ca = {pki.path[CA], pki.path[CA + 1]};
	struct weir_tls_files tls = other_node;
	auto_scene s = {0};
	struct weir_err err = {{0}};

	CHECK(!weir_crl_update(crl, &ca, 1, pki.path[SERVER], (uint64_t)time(NULL), &err), "%s", err.text);
	tls.crl = crl;
	scene_init(test_st, &s, &old_server);
	CHECK(refused(test_st, &s, &tls));
	CHECK(accepted(test_st, &s, &other_node));
}

TEST(connections_of_before_are_renewed)
{
	auto_scene s = {0};
	auto_client *c = NULL, *d = NULL;
	uint32_t first = 0, other = 0, now = 0;
	struct weir_err err = {{0}};

	scene_init(test_st, &s, &old_server);
	c = dial(test_st, &s, &old_node);
	d = dial(test_st, &s, &other_node);
	CHECK(!ask(&s, c, LIMIT_NS, &first) && !ask(&s, d, LIMIT_NS, &other));
	CHECK(!weir_wire_server_renew(s.server, AGE_NS, 8), "there was no exchange");
	CHECK(!weir_wire_server_rotate(s.server, &bridge, &err), "%s", err.text);
	CHECK(weir_wire_server_renew(s.server, AGE_NS, 1) == 1, "step by step");
	CHECK(weir_wire_server_renew(s.server, AGE_NS, 1) == 0);
	CHECK(!ask_again(&s, c, &now) && now != first);
	CHECK(!ask_again(&s, d, &now) && now != other);
	CHECK(!weir_wire_server_renew(s.server, AGE_NS, 8));
	first = now;
	CHECK(!ask(&s, d, LIMIT_NS, &now) && now == first, "the new connection stands");
	CHECK(!weir_wire_server_renew(s.server, 1, 8) && !ask_again(&s, d, &now) && now != first, "an old one is renewed");
	first = now;
	weir_wire_cut(s.server, now);
	CHECK(!ask_again(&s, d, &now) && now != first, "one that is cut comes back");
}

TEST(what_cannot_be_used_changes_nothing)
{
	struct weir_tls_files tls = bridge;
	auto_scene s = {0};
	auto_client *c = NULL;
	uint32_t first = 0, now = 0;
	struct weir_err err = {{0}};

	scene_init(test_st, &s, &old_server);
	c = dial(test_st, &s, &old_node);
	CHECK(!ask(&s, c, LIMIT_NS, &first));
	tls.cert = pki.path[NODE + 1];
	CHECK(weir_wire_server_rotate(s.server, &tls, &err) && strstr(err.text, tls.cert), "%s", err.text);
	err.text[0] = 0;
	CHECK(weir_wire_client_rotate(c, &tls, &err) < 0);
	CHECK(!ask(&s, c, LIMIT_NS, &now) && now == first);
	CHECK(accepted(test_st, &s, &old_node));
}

TEST_MAIN(T(certificates), T(an_authority_is_exchanged_under_a_connection), T(a_revoked_certificate_is_refused),
	  T(a_revoked_server_is_refused), T(connections_of_before_are_renewed),
	  T(what_cannot_be_used_changes_nothing))
