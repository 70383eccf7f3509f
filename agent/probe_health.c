/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe's side of TCP health: tracepoints, the two socket iterators, and the rows. All of it is
 * optional but the sockops program: what the kernel refuses is not among probe_hooks().
 */
#include "agent/probe_priv.h"

#include <bpf/bpf.h>

#include "lib/base/clock.h"

enum { PASS_TCP, PASS_FILE };

/* The row that always has room, before any socket can need it. */
int probe_prepare_health(struct probe *p)
{
	const struct weir_health_key k = {.peer_class = WEIR_HEALTH_OVERFLOW};
	weir_auto_free struct weir_health *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->since_ns = weir_boot_ns();
	return bpf_map_update_elem(p->health_fd, &k, h, BPF_NOEXIST) && errno != EEXIST ? -errno : 0;
}

void probe_attach_health(struct probe *p)
{
	static const struct {
		const char *name;
		enum probe_prog prog;
	} hooks[] = {
		{"reset_in", PROBE_RESET_IN},
		{"reset_out", PROBE_RESET_OUT},
		{"set_state", PROBE_SET_STATE},
		{"retransmit", PROBE_RETRANSMIT},
	};
	bool all = true;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(hooks); i++)
		all &= !probe_link_tracing(p, hooks[i].name, p->prog_fd[hooks[i].prog]);
	if (all)
		probe_add_hook(p, "tcp_trace");
	for (int i = PASS_TCP; i <= PASS_FILE; i++)
		p->pass_link[i] = bpf_link_create(p->prog_fd[PROBE_PASS_TCP + i], 0, BPF_TRACE_ITER, NULL);
	if (p->pass_link[PASS_TCP] >= 0)
		probe_add_hook(p, "tcp_iter");
}

static int run_pass(int link, size_t *taken)
{
	weir_auto_close int fd = bpf_iter_create(link);
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		*taken += n > 0 ? (size_t)n : 0;
	return n < 0 ? -errno : 0;
}

int probe_health_pass(struct probe *p, size_t *ret_taken)
{
	size_t taken = 0;
	int r = -ENOTSUP;

	for (int i = PASS_TCP; i <= PASS_FILE; i++) {
		int e = p->pass_link[i] >= 0 ? run_pass(p->pass_link[i], &taken) : -ENOTSUP;

		r = e == -ENOTSUP ? r : e;
	}
	*ret_taken = taken;
	return r;
}

uint32_t probe_health_max(const struct probe *p)
{
	return p->health_rows;
}

int probe_health_read(struct probe *p, struct weir_health_key *keys, struct weir_health *rows,
		      size_t *ret_count)
{
	uint32_t at = 0, n = p->health_rows;

	/* With room for all one call is enough; the end is told as ENOENT. */
	if (bpf_map_lookup_batch(p->health_fd, NULL, &at, keys, rows, &n, NULL) && errno != ENOENT)
		return -errno;
	*ret_count = n;
	return 0;
}

int probe_health_delete(struct probe *p, const struct weir_health_key *k)
{
	return bpf_map_delete_elem(p->health_fd, k) ? -errno : 0;
}
