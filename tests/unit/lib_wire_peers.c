/* SPDX-License-Identifier: Apache-2.0 */
/* A server and peers that say what they like over TLS: what it refuses, what it bounds, and in which order it serves. */
#include "tests/lib/certificates.h"
#include "tests/lib/test.h"

#include "lib/base/clock.h"
#include "lib/wire/nng.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define LIMIT_MS 10000
#define MESSAGE 4096
#define REQUESTS 2
#define PEERS 4

static char url[64];
static const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

/* One end of a connection, of which the test says each byte. */
struct raw {
	nng_stream_dialer *dialer;
	nng_stream *stream;
	nng_aio *aio;
	atomic_bool busy;
	bool late;
};

static void raw_fini(struct raw *r)
{
	if (r->stream) {
		nng_stream_close(r->stream);
		nng_stream_free(r->stream);
	}
	if (r->dialer)
		nng_stream_dialer_free(r->dialer);
	if (r->aio)
		nng_aio_free(r->aio);
}
#define auto_raw weir_cleanup(raw_fini) struct raw

struct raws {
	struct raw of[PEERS + 1];
};

static void raws_fini(struct raws *r)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(r->of); i++)
		raw_fini(&r->of[i]);
	*r = (struct raws){0};
}
#define auto_raws weir_cleanup(raws_fini) struct raws

static void server_freep(struct weir_wire_server **s)
{
	weir_wire_server_free(*s);
}
#define auto_server weir_cleanup(server_freep) struct weir_wire_server

static struct weir_wire_server *serve(struct test_state *test_st)
{
	const struct weir_wire_bounds few = {.message = MESSAGE, .requests = REQUESTS, .peers = PEERS};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct weir_wire_server *s = NULL;
	struct weir_err err = {{0}};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	close(fd);
	snprintf(url, sizeof(url), "tls+tcp://127.0.0.1:%d", ntohs(a.sin_port));
	CHECK(!weir_wire_listen(url, &pki.server, &few, &s, &err), "%s", err.text);
	return s;
}

static void done(void *arg)
{
	((struct raw *)arg)->busy = false;
}

/* nng forgets what is begun after the connection broke: nobody but we ends that (lib/wire/conn.c). */
static void finish(struct raw *r)
{
	uint64_t end = weir_monotonic_ns() + LIMIT_MS * 1000000ull;
	nng_sockaddr a;

	while (r->busy && !r->late && !nng_stream_get_addr(r->stream, NNG_OPT_REMADDR, &a)) {
		usleep(500);
		r->late = weir_monotonic_ns() > end;
	}
	if (r->busy)
		nng_stream_close(r->stream);
	nng_aio_wait(r->aio);
}

/* 0, or what nng says; of what is read or written, up to len bytes. */
static int move(struct raw *r, bool in, void *data, size_t len)
{
	for (size_t done = 0; done < len; done += nng_aio_count(r->aio)) {
		nng_iov iov = {.iov_buf = (uint8_t *)data + done, .iov_len = len - done};

		nng_aio_set_iov(r->aio, 1, &iov);
		r->busy = true;
		if (in)
			nng_stream_recv(r->stream, r->aio);
		else
			nng_stream_send(r->stream, r->aio);
		finish(r);
		if (nng_aio_result(r->aio) || !nng_aio_count(r->aio))
			return nng_aio_result(r->aio) ? nng_aio_result(r->aio) : NNG_ECLOSED;
	}
	return 0;
}

static int say(struct raw *r, const void *data, size_t len)
{
	return move(r, false, (void *)data, len);
}

/* A connection that has greeted. */
static int enter(struct raw *r, const uint8_t hello[8])
{
	weir_auto_nng_tls nng_tls_config *config = NULL;
	uint8_t answer[8];
	struct weir_err err;
	int rv = weir_nng_tls(&pki.client, NNG_TLS_MODE_CLIENT, &config, &err);

	if (!rv)
		rv = nng_stream_dialer_alloc(&r->dialer, url);
	if (!rv)
		rv = nng_stream_dialer_set_ptr(r->dialer, NNG_OPT_TLS_CONFIG, config);
	if (!rv)
		rv = nng_aio_alloc(&r->aio, done, r);
	if (rv)
		return rv;
	nng_stream_dialer_dial(r->dialer, r->aio);
	nng_aio_wait(r->aio);
	rv = nng_aio_result(r->aio);
	if (!rv) {
		r->stream = nng_aio_get_output(r->aio, 0);
		rv = say(r, hello, 8);
	}
	return rv ? rv : move(r, true, answer, sizeof(answer));
}

static void head(uint8_t to[12], uint64_t len, uint32_t id)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(len >> (56 - 8 * i));
	for (int i = 0; i < 4; i++)
		to[8 + i] = (uint8_t)(id >> (24 - 8 * i));
}

static int ask(struct raw *r, uint32_t id, const char *text)
{
	uint8_t m[12 + 64];
	size_t len = strlen(text);

	head(m, 4 + len, 1u << 31 | id);
	memcpy(m + 12, text, len);
	return say(r, m, 12 + len);
}

/* The id of the answer, whose text is as wanted; 0 = there is none such. */
static uint32_t answer(struct raw *r, const char *want)
{
	uint8_t m[12 + 64];
	size_t len = strlen(want);

	if (move(r, true, m, 12 + len) || m[7] != 4 + len || memcmp(m + 12, want, len) != 0)
		return 0;
	return (uint32_t)(m[8] & 0x7f) << 24 | (uint32_t)m[9] << 16 | (uint32_t)m[10] << 8 | m[11];
}

static bool is_cut(struct raw *r)
{
	uint8_t byte;
	int rv = move(r, true, &byte, 1);

	return rv && !r->late;
}

static bool next(struct weir_wire_server *s, int limit_ms, uint64_t *id, const char *want)
{
	struct pollfd p = {.fd = weir_wire_server_fd(s), .events = POLLIN};
	uint64_t end = weir_monotonic_ns() + (uint64_t)limit_ms * 1000000;
	const void *data;
	size_t len;

	do {
		if (!weir_wire_next(s, id, &data, &len))
			return len == strlen(want) && !memcmp(data, want, len);
		poll(&p, 1, limit_ms);
	} while (weir_monotonic_ns() < end);
	return false;
}

static struct weir_wire_stats stats(struct weir_wire_server *s)
{
	struct weir_wire_stats is;

	weir_wire_server_stats(s, &is);
	return is;
}

/* Nobody is connected, and nothing of theirs is kept. */
static bool empties(struct weir_wire_server *s)
{
	struct weir_wire_stats is = stats(s);

	for (uint64_t end = weir_monotonic_ns() + LIMIT_MS * 1000000ull; weir_monotonic_ns() < end; is = stats(s)) {
		if (!is.peers && !is.handshakes && !is.bytes && !is.sending)
			return true;
		usleep(10000);
	}
	return false;
}

TEST(certificates)
{
	CHECK(!pki_begin());
}

TEST(nonsense_is_cut_off)
{
	static const uint8_t pub[8] = {0, 'S', 'P', 0, 0, 0x20, 0, 0}, other[8] = "GET / H";
	const struct {
		const char *what;
		const uint8_t *hello;
		uint64_t len;
		uint32_t id;
	} cases[] = {{"another protocol", pub, 0, 0},
		     {"no protocol", other, 0, 0},
		     {"a length beyond the bound", greeting, 4 + MESSAGE + 1, 1u << 31},
		     {"a length beyond all bounds", greeting, UINT64_MAX, 1u << 31},
		     {"a length without room for an id", greeting, 3, 1u << 31},
		     {"an id that came by a third", greeting, 4, 1}};
	auto_server *s = serve(test_st);
	uint64_t id;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		auto_raw r = {0};
		uint8_t m[12];
		bool entered = empties(s) && !enter(&r, cases[i].hello);

		head(m, cases[i].len, cases[i].id);
		if (cases[i].hello == greeting)
			CHECK(entered && !say(&r, m, sizeof(m)), "%s", cases[i].what);
		CHECK(is_cut(&r), "%s", cases[i].what);
		CHECK(!next(s, 0, &id, ""), "%s is no request", cases[i].what);
	}
	CHECK(empties(s));
}

TEST(the_bound_of_a_message_arrives)
{
	static uint8_t m[12 + MESSAGE];
	auto_server *s = serve(test_st);
	auto_raw r = {0};
	char text[MESSAGE + 1];
	uint64_t id = 0;

	memset(m, 'x', sizeof(m));
	memset(text, 'x', MESSAGE);
	text[MESSAGE] = 0;
	head(m, 4 + MESSAGE, 1u << 31 | 77);
	CHECK(!enter(&r, greeting));
	for (size_t at = 0; at < sizeof(m); at += 100) /* in parts of any length */
		CHECK(!say(&r, m + at, WEIR_MIN((size_t)100, sizeof(m) - at)));
	CHECK(next(s, LIMIT_MS, &id, text));
	CHECK(stats(s).bytes >= MESSAGE);
	CHECK(!weir_wire_reply(s, id, "yes", 3) && answer(&r, "yes") == 77);
	CHECK(weir_wire_reply(s, id + PEERS, "no", 2) == -ENOENT, "there is no such request");
}

TEST(one_peer_asks_one_at_a_time)
{
	auto_server *s = serve(test_st);
	auto_raw r = {0};
	uint64_t id = 0, other = 0;

	CHECK(!enter(&r, greeting) && !ask(&r, 1, "one") && !ask(&r, 2, "two"));
	CHECK(next(s, LIMIT_MS, &id, "one") && !next(s, 200, &other, "two"), "the second waits for its turn");
	CHECK(!weir_wire_reply(s, id, "1", 1) && answer(&r, "1") == 1);
	CHECK(next(s, LIMIT_MS, &id, "two") && !weir_wire_reply(s, id, "2", 1) && answer(&r, "2") == 2);
}

TEST(requests_held_are_bounded_and_served_in_order)
{
	auto_server *s = serve(test_st);
	auto_raws r = {0};
	const char *text[REQUESTS + 1] = {"a", "b", "c"};
	uint64_t id[REQUESTS + 1] = {0};
	struct pollfd p = {.fd = weir_wire_server_fd(s), .events = POLLIN};

	for (int i = 0; i <= REQUESTS; i++) {
		CHECK(!enter(&r.of[i], greeting) && !ask(&r.of[i], 1, text[i]));
		if (i < REQUESTS)
			CHECK(next(s, LIMIT_MS, &id[i], text[i]));
	}
	CHECK(!next(s, 200, &id[REQUESTS], "c"), "it is beyond the bound");
	CHECK(!weir_wire_reply(s, id[0], "x", 1) && poll(&p, 1, LIMIT_MS) == 1, "nobody is woken");
	CHECK(next(s, LIMIT_MS, &id[REQUESTS], "c"), "there is room again");
}

TEST(peers_are_bounded)
{
	auto_server *s = serve(test_st);
	auto_raws r = {0};

	for (int i = 0; i < PEERS; i++)
		CHECK(!enter(&r.of[i], greeting), "%d", i);
	CHECK(enter(&r.of[PEERS], greeting), "one more than may be");
	CHECK(stats(s).refused == 1 && stats(s).peers == PEERS);
	raws_fini(&r);
	CHECK(empties(s));
	CHECK(!enter(&r.of[0], greeting), "there is room again");
}

TEST(who_leaves_takes_all_with_him)
{
	auto_server *s = serve(test_st);
	auto_raws r = {0};
	uint64_t id = 0, queued = 0;
	uint8_t m[12];

	CHECK(!enter(&r.of[0], greeting) && !ask(&r.of[0], 1, "held") && next(s, LIMIT_MS, &id, "held"));
	CHECK(!enter(&r.of[1], greeting) && !ask(&r.of[1], 1, "queued"));
	head(m, 1000, 1u << 31);
	CHECK(!enter(&r.of[2], greeting) && !say(&r.of[2], m, sizeof(m)));
	raws_fini(&r);
	CHECK(!weir_wire_reply(s, id, "late", 4), "that he left is no error");
	CHECK(next(s, LIMIT_MS, &queued, "queued") && !weir_wire_reply(s, queued, "late", 4), "what he said counts");
	CHECK(empties(s));
}

TEST_MAIN(T(certificates), T(nonsense_is_cut_off), T(the_bound_of_a_message_arrives), T(one_peer_asks_one_at_a_time),
	  T(requests_held_are_bounded_and_served_in_order), T(peers_are_bounded), T(who_leaves_takes_all_with_him))
