/* SPDX-License-Identifier: Apache-2.0 */
/* A server that takes a connection and says nothing, as one that hangs or has too much to do, is dialed again. */
#include "tests/lib/certificates.h"
#include "tests/lib/test.h"

#include "lib/base/clock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#define LIMIT_NS (40 * WEIR_NS_PER_S)

static int silent(char *url, size_t size)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	socklen_t len = sizeof(a);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 8) || getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	snprintf(url, size, "tls+tcp://127.0.0.1:%d", ntohs(a.sin_port));
	return fd;
}

/* A request of the client comes within a second. */
static bool comes(struct weir_wire_server *s)
{
	struct pollfd p = {.fd = weir_wire_server_fd(s), .events = POLLIN};
	const void *data;
	uint64_t id;
	size_t len;

	poll(&p, 1, 1000);
	return weir_wire_next(s, &id, &data, &len) == 0;
}

TEST(a_silent_server_is_dialed_again)
{
	uint64_t end = weir_monotonic_ns() + LIMIT_NS;
	struct weir_wire_server *s = NULL;
	struct weir_wire_client *c = NULL;
	struct weir_err err = {{0}};
	const void *data;
	bool came = false;
	char url[64];
	int mute, held;
	size_t len;

	CHECK(!pki_begin());
	mute = silent(url, sizeof(url));
	CHECK(!weir_wire_dial(url, &pki.client, 4096, &c, &err), "%s", err.text);
	held = accept(mute, NULL, NULL);
	close(mute);
	CHECK(!weir_wire_listen(url, &pki.server, &bounds, &s, &err), "%s", err.text);
	for (; s && c && !came && weir_monotonic_ns() < end; came = comes(s)) {
		(void)weir_wire_reply_take(c, &data, &len);
		(void)weir_wire_send(c, "again", 5, WEIR_NS_PER_S / 2);
	}
	CHECK(came, "it waits for the end of its first handshake");
	close(held);
	weir_wire_client_free(c);
	weir_wire_server_free(s);
}

TEST_MAIN(T(a_silent_server_is_dialed_again))
