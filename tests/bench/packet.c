/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/packet.h"

#include <arpa/inet.h>
#include <time.h>

#include <bpf/bpf.h>

#include "tests/bench/drive.h"
#include "tests/bench/order.h"

size_t packet_build(uint8_t *frame, uint8_t proto, const char *src, uint16_t sport, const char *dst,
		    uint16_t dport)
{
	size_t l4 = proto == IPPROTO_TCP ? 20 : 8, len = 14 + 20 + l4;
	uint16_t l3 = htons((uint16_t)(20 + l4)), sport_be = htons(sport), dport_be = htons(dport);

	memset(frame, 0, len);
	frame[12] = 0x08;
	frame[14] = 0x45;
	memcpy(frame + 16, &l3, 2);
	frame[22] = 64;
	frame[23] = proto;
	inet_pton(AF_INET, src, frame + 26);
	inet_pton(AF_INET, dst, frame + 30);
	memcpy(frame + 34, &sport_be, 2);
	memcpy(frame + 36, &dport_be, 2);
	if (proto == IPPROTO_TCP) {
		frame[46] = 0x50;
		frame[47] = 0x10; /* ACK: established */
	}
	return len;
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int cmp_double(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double bench_median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), cmp_double);
	return n & 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

struct driver {
	int run_fd;
	int target_fd;
	struct bench_drive *shared; /* NULL = no driver: the program itself is run */
};

static int driver_init(struct peers *p, const struct packet_load *load, struct driver *d)
{
	bool tc = load->type == PACKET_TC;
	uint32_t len = 0;
	int r;

	*d = (struct driver){.run_fd = -1};
	if (!load->flows)
		return 0;
	if (load->type == PACKET_CGROUP)
		return -EINVAL;
	if (load->addresses) {
		memcpy(p->sequence, load->addresses, load->flows * sizeof(*p->sequence));
		len = load->flows;
	} else if ((r = order_fill(p->sequence, load->flows, load->zipf, &len))) {
		return r;
	}
	p->drive->addresses = load->addresses != NULL;
	p->drive->mask = len - 1;
	*d = (struct driver){.run_fd = p->fd[tc ? PEER_TC_DRIVE : PEER_XDP_DRIVE],
			     .target_fd = tc ? p->target_tc_fd : p->target_xdp_fd,
			     .shared = p->drive};
	return 0;
}

/* Runs one program; *ret_ns per packet. */
static int run_once(const struct packet_load *load, const struct driver *d, const struct contender *c,
		    uint32_t runs, double *ret_ns)
{
	struct __sk_buff ctx = {.ifindex = load->to, .ingress_ifindex = load->from};
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = load->frame,
			    .data_size_in = (uint32_t)load->len, .repeat = (int)runs);
	uint64_t began, sent = d->shared ? d->shared->sent : 0;

	if (load->to) {
		opts.ctx_in = &ctx;
		opts.ctx_size_in = sizeof(ctx);
	}
	began = cpu_ns();
	if (bpf_prog_test_run_opts(d->shared ? d->run_fd : c->fd, &opts))
		return -errno;
	*ret_ns = (double)(cpu_ns() - began) / runs;
	return d->shared && d->shared->sent - sent != runs ? -EPROTO : 0;
}

/* Of the next n packets, those that are to be counted. */
static uint64_t due(const struct packet_load *load, const struct driver *d, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; load->due && i < n; i++)
		sum += load->due[(d->shared->next + i) & d->shared->mask];
	return load->due ? sum : n;
}

/* A run over all that is to come, outside the measured time, then the measured one. What is too much to stay
 * in a cache needs the former once, to get its rows. */
static int run_counted(const struct packet_load *load, const struct driver *d, struct contender *c, int round,
		       struct weir_err *err)
{
	uint32_t all = d->shared ? d->shared->mask + 1 : 1;
	uint32_t zero = 0, warm = all > 65536 && round ? 1 : WEIR_MAX(all, 4096u);
	uint64_t before = c->counted ? c->counted(c->arg) : 0, want = due(load, d, warm + load->runs), got;
	double ns;
	int r;

	if (c->prepare && (r = c->prepare(c->arg)))
		return weir_err_set(err, r, "%s: %s", c->name, strerror(-r));
	if (d->shared && bpf_map_update_elem(d->target_fd, &zero, &c->fd, BPF_ANY))
		return weir_err_set(err, -errno, "%s: cannot be driven: %s", c->name, strerror(errno));
	if ((r = run_once(load, d, c, warm, &ns)) || (r = run_once(load, d, c, load->runs, &ns)))
		return weir_err_set(err, r, "%s: BPF_PROG_RUN: %s", c->name, strerror(-r));
	c->ns[round] = ns;
	if (!c->counted)
		return 0;
	got = c->counted(c->arg) - before;
	if (got != want)
		return weir_err_set(err, -EPROTO, "%s: %lu packets sent, %lu counted", c->name, (unsigned long)want,
				    (unsigned long)got);
	return 0;
}

int packet_measure(struct peers *p, const struct packet_load *load, struct contender *c, size_t n,
		   struct weir_err *err)
{
	struct driver d;
	int r = driver_init(p, load, &d);

	for (int round = 0; !r && round < PACKET_ROUNDS; round++)
		for (size_t i = 0; !r && i < n; i++)
			r = run_counted(load, &d, &c[i], round, err);
	for (size_t i = 1; !r && i < n; i++) {
		for (int round = 0; round < PACKET_ROUNDS; round++)
			c[i].ns[round] -= c[0].ns[round];
		c[i].above_ns = bench_median(c[i].ns, PACKET_ROUNDS);
	}
	return r ? weir_err_set(err, r, "measuring: %s", strerror(-r)) : 0;
}
