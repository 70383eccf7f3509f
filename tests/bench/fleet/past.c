/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/bench/past URL CA CERT KEY NODE-KEY NODE DOMAIN CLASS SECONDS: what a node of 200 rows a window has said in
 * SECONDS before the last full hour, to a running aggregator, as fast as it takes it, of one of tests/bench/fleet/node.h.
 * Prints the bytes in all rows.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>

#include "lib/os/crypto.h"
#include "lib/wire/wire.h"
#include "tests/bench/fleet/node.h"

#define WAIT_MS 30000
#define HOUR_NS (3600 * WEIR_NS_PER_S)

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

/* Sends one request of the session and waits for its acknowledgement. */
static int say(struct weir_wire_client *c, struct weir_session *session, const struct weir_summary *s, struct weir_err *err)
{
	weir_cleanup(msg_freep) struct weir_msg *answer = NULL;
	struct weir_msg m = {.kind = WEIR_MSG_SUMMARY, .summary = *s, .has_token = true};
	struct pollfd p = {.fd = weir_wire_client_fd(c), .events = POLLIN};
	weir_auto_buf struct weir_buf b = {0};
	const void *data;
	size_t len;
	int r;

	memcpy(m.token, weir_session_token(session), sizeof(m.token));
	r = weir_msg_pack(&m, &b);
	if (!r)
		r = weir_wire_send(c, b.data, b.len, 0);
	while (!r && (r = weir_wire_reply_take(c, &data, &len)) == -EAGAIN)
		r = poll(&p, 1, WAIT_MS) == 1 ? 0 : -ETIMEDOUT;
	if (!r)
		r = weir_reply_unpack(data, len, WEIR_TELEMETRY_MAX, &answer, err);
	if (!r && (answer->kind != WEIR_MSG_ACK || answer->ack.committed != s->sequence))
		r = weir_err_set(err, -EPROTO, "summary %" PRIu64 ": %s", s->sequence,
				 answer->kind == WEIR_MSG_REFUSAL ? answer->refusal.text : "not acknowledged");
	return r;
}

static int talk_to(char **argv, struct weir_wire_client **c, struct weir_session **session, struct weir_key **key,
		   struct weir_err *err)
{
	const struct weir_tls_files tls = {.ca = argv[2], .cert = argv[3], .key = argv[4], .server_name = "aggregator"};
	const struct weir_hello self = {.node = argv[6], .version = WEIR_VERSION, .kernel = "", .hooks = "",
					.domain = argv[7], .node_class = argv[8]};
	struct pollfd p = {.events = POLLIN};
	int r = weir_key_load(argv[5], key, err);

	if (!r)
		r = weir_wire_dial(argv[1], &tls, WEIR_TELEMETRY_MAX, c, err);
	if (!r)
		r = weir_session_new(*c, WEIR_SOCKET_TELEMETRY, &self, *key, session);
	while (!r && (r = weir_session_step(*session, err)) == -EAGAIN) {
		p.fd = weir_wire_client_fd(*c);
		r = poll(&p, 1, WAIT_MS) == 1 ? 0 : -ETIMEDOUT;
	}
	return r;
}

int main(int argc, char **argv)
{
	static struct node n;
	struct weir_wire_client *c = NULL;
	struct weir_session *session = NULL;
	struct weir_key *key = NULL;
	struct weir_err err = {{0}};
	uint64_t windows;
	int r;

	if (argc != 10)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	windows = strtoull(argv[9], NULL, 10) * WEIR_NS_PER_S / NODE_WINDOW_NS;
	node_init(&n, 0, argv[7], (weir_wall_ns() / HOUR_NS - 1) * HOUR_NS - windows * NODE_WINDOW_NS);
	r = talk_to(argv, &c, &session, &key, &err);
	for (uint64_t i = 0; !r && i < windows; i++) {
		node_window(&n);
		r = say(c, session, &n.s, &err);
	}
	weir_session_free(session);
	weir_wire_client_free(c);
	weir_key_free(key);
	if (r) {
		fprintf(stderr, "store: %s\n", *err.text ? err.text : strerror(-r));
		return 1;
	}
	printf("%" PRIu64 "\n", n.s.total_bytes[0] + n.s.total_bytes[1]);
	return 0;
}
