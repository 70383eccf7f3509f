/* SPDX-License-Identifier: Apache-2.0 */
/* TCP health by flow, of real connections, against that of all of them together. */
#include "tests/lib/health_fixture.h"

/* Sums of what is kept for rows of one family, and how many of them are of what a workload received. */
static struct weir_flow_said flow_totals(struct scene *s, bool v6, size_t *ret_received)
{
	const struct probe *p = s->x.probe;
	struct weir_flow_said sum = {0};

	*ret_received = 0;
	for (size_t i = 0; i < p->flow_health_count; i++) {
		const struct weir_flow_health *h = &p->flow_health[i];

		if (!h->row || (h->row > p->rows.count4) != v6)
			continue;
		sum.rtt_us += h->now.rtt_us;
		sum.samples += h->now.samples;
		sum.retrans += h->now.retrans;
		*ret_received += rows_at(&p->rows, h->row - 1)->dir == WEIR_INGRESS;
	}
	return sum;
}

/* A connection over a family to a listener of both, some bytes each way, closed when both ends are known. */
static bool talk(const struct sockaddr *to, socklen_t len, int listener)
{
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), peer = -1;
	bool ok = fd >= 0 && !connect(fd, to, len);

	peer = ok ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
	ok = ok && peer >= 0 && !move(fd, peer, 7000) && !move(peer, fd, 3000);
	weir_closep(&fd);
	weir_closep(&peer);
	return ok;
}

/* A connection's health is kept for the row of what its socket sends, over both families. */
TEST(health_of_flows)
{
	const struct sockaddr_in v4_of = loopback(0);
	struct sockaddr_in6 both = {.sin6_family = AF_INET6}, to6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in to4 = v4_of;
	auto_scene s = {0};
	socklen_t len = sizeof(both);
	weir_auto_close int listener = -1;
	struct weir_flow_said f4, f6;
	struct weir_health h;
	size_t received4, received6;

	if (!scene_begin(test_st, &s))
		return;
	listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!bind(listener, (struct sockaddr *)&both, len) && !listen(listener, 4) && !getsockname(listener, (struct sockaddr *)&both, &len));
	to4.sin_port = to6.sin6_port = both.sin6_port;
	CHECK(talk((struct sockaddr *)&to4, sizeof(to4), listener), "over IPv4, the listener's end by a socket of IPv6");
	CHECK(until(&s, WEIR_H_CLOSED, 2));
	h = totals(&s);
	f4 = flow_totals(&s, false, &received4);
	f6 = flow_totals(&s, true, &received6);
	CHECK(f4.samples >= 2 && f4.samples == samples(&h) && f4.rtt_us == h.n[WEIR_H_RTT_US], "%u samples of %llu, %llu us of %llu",
	      f4.samples, (unsigned long long)samples(&h), (unsigned long long)f4.rtt_us, (unsigned long long)h.n[WEIR_H_RTT_US]);
	CHECK(!f6.samples && !received4, "%u of IPv6, %zu rows of what was received", f6.samples, received4);
	CHECK(talk((struct sockaddr *)&to6, sizeof(to6), listener), "over IPv6");
	CHECK(until(&s, WEIR_H_CLOSED, 4));
	h = totals(&s);
	f6 = flow_totals(&s, true, &received6);
	CHECK(f6.samples >= 2 && f4.samples + f6.samples == samples(&h) && f4.rtt_us + f6.rtt_us == h.n[WEIR_H_RTT_US] && !received6,
	      "%u and %u samples of %llu", f4.samples, f6.samples, (unsigned long long)samples(&h));
}

/* Nobody accepts: the second SYN is dropped, and sent again. */
TEST(retransmits_of_flows)
{
	auto_scene s = {0};
	struct sockaddr_in to;
	int fd[3];
	size_t received;
	uint64_t end;

	if (!scene_begin(test_st, &s))
		return;
	CHECK(!listen(s.listener, 0));
	to = loopback(s.port);
	for (size_t i = 0; i < 3; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		CHECK(fd[i] >= 0 && (!connect(fd[i], (struct sockaddr *)&to, sizeof(to)) || errno == EINPROGRESS));
	}
	for (end = weir_boot_ns() + 10 * WEIR_NS_PER_S; weir_boot_ns() < end && !totals(&s).n[WEIR_H_RETRANS];)
		poll(NULL, 0, 5);
	for (size_t i = 0; i < 3; i++)
		weir_closep(&fd[i]);
	CHECK(totals(&s).n[WEIR_H_RETRANS] > 0 && flow_totals(&s, false, &received).retrans == totals(&s).n[WEIR_H_RETRANS], "%u of %llu",
	      flow_totals(&s, false, &received).retrans, (unsigned long long)totals(&s).n[WEIR_H_RETRANS]);
}

static size_t taken_places(const struct scene *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->x.probe->flow_health_count; i++)
		n += s->x.probe->flow_health[i].row != 0;
	return n;
}

/* A listener on all addresses of the loopback. */
static int listen_any(struct sockaddr_in *ret)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	socklen_t len = sizeof(any);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, len) || listen(fd, 4) || getsockname(fd, (struct sockaddr *)&any, &len))
		return -1;
	*ret = loopback(ntohs(any.sin_port));
	return fd;
}

/* Connections of one kind share a place, of another kind none: to each of four addresses those that open, and those that answer. */
TEST(connections_of_one_kind_share_a_place)
{
	auto_scene s = {0};
	weir_auto_close int listener = -1;
	struct sockaddr_in to;
	struct weir_flow_said f;
	struct weir_health h;
	size_t received;

	if (!scene_begin(test_st, &s))
		return;
	listener = listen_any(&to);
	for (uint32_t i = 0; i < 8; i++) {
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i % 4);
		CHECK(talk((struct sockaddr *)&to, sizeof(to), listener), "%u", i);
	}
	CHECK(until(&s, WEIR_H_CLOSED, 16));
	h = totals(&s);
	f = flow_totals(&s, false, &received);
	CHECK(taken_places(&s) == 8, "%zu places", taken_places(&s));
	CHECK(f.samples >= 16 && f.samples == samples(&h), "%u samples of %llu", f.samples, (unsigned long long)samples(&h));
}

/* More kinds than places: those beyond are in the workload's health alone. */
TEST(flows_beyond_the_places)
{
	auto_scene s = {0};
	struct sockaddr_in to;
	weir_auto_close int listener = -1;
	size_t received;
	struct weir_health h;

	if (!scene_begin(test_st, &s))
		return;
	listener = listen_any(&to);
	for (uint32_t i = 0; i < 14; i++) {
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
		CHECK(talk((struct sockaddr *)&to, sizeof(to), listener), "%u", i);
	}
	CHECK(until(&s, WEIR_H_CLOSED, 28));
	h = totals(&s);
	CHECK(taken_places(&s) > 8 && samples(&h) >= 28 && flow_totals(&s, false, &received).samples < samples(&h), "%zu places, %u of %llu samples",
	      taken_places(&s), flow_totals(&s, false, &received).samples, (unsigned long long)samples(&h));
}

TEST_MAIN(T_ROOT(health_of_flows), T_ROOT(retransmits_of_flows), T_ROOT(connections_of_one_kind_share_a_place),
	  T_ROOT(flows_beyond_the_places))
