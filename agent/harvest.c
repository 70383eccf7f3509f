/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/harvest.h"

#include <inttypes.h>

#include "agent/balance.h"
#include "agent/disagree.h"
#include "agent/drain.h"
#include "agent/health.h"
#include "agent/lease.h"
#include "agent/nat.h"
#include "agent/window.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/os/file.h"

/* Room that Request and token take around a summary. */
#define ENVELOPE 256
/* Removed cgroups are looked for once in so many windows. */
#define SWEEP_EVERY 16

struct harvest {
	const struct config *conf;
	struct probe *probe;
	struct ident *ident;
	struct spool *spool;
	struct drain drain;
	struct balance *balance;
	struct nat *nat;
	struct health *health;
	uint8_t boot_id[16];
	uint64_t last_end_ns;
	uint64_t runs;
};

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

void harvest_free(struct harvest *h)
{
	if (!h)
		return;
	free(h->drain.deltas);
	free(h->balance);
	nat_free(h->nat);
	health_free(h->health);
	free(h);
}

static void harvest_freep(struct harvest **h)
{
	harvest_free(*h);
}

static int grace(void *arg)
{
	return probe_grace(((struct harvest *)arg)->probe);
}

static const char *ifname(uint32_t ifindex, void *arg)
{
	return probe_ifname(((struct harvest *)arg)->probe, ifindex);
}

static void peer(const struct weir_row *row, struct weir_addr *to, uint16_t *port, void *arg)
{
	nat_peer(((struct harvest *)arg)->nat, row, to, port);
}

static const struct weir_sum_workload *who(uint32_t workload, void *arg)
{
	return ident_who(workload, ((struct harvest *)arg)->ident);
}

static int term(const char *name, const struct weir_term_key *k, const struct weir_count *c,
		void *arg)
{
	balance_term(((struct harvest *)arg)->balance, name, k, c);
	return 0;
}

/* Where the last agent's windows ended; the rest it left in the kernel. */
static int restore(struct harvest *h)
{
	weir_cleanup(msg_freep) struct weir_msg *m = NULL;
	weir_auto_buf struct weir_buf b = {0};
	struct weir_err err = {0};
	int r = spool_read_last(h->spool, &b);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = weir_summary_unpack(b.data, b.len, &m, &err);
	if (r == 0 && !memcmp(m->summary.boot_id, h->boot_id, sizeof(h->boot_id)))
		h->last_end_ns = m->summary.start_ns + m->summary.length_ns;
	return r;
}

static int settle(struct harvest *h, struct weir_err *err)
{
	uint64_t epoch, sequence;
	enum drain_began began;
	unsigned int half;
	int r;

	spool_last(h->spool, &epoch, &sequence);
	r = drain_start(&h->drain, epoch, sequence, &began);
	if (r == -ESTALE)
		return weir_err_set(err, r,
				    "pinned counters belong to a table of another size; "
				    "weir-agent --detach removes them");
	if (r < 0)
		return weir_err_set(err, r, "settling with the last agent: %s", strerror(-r));
	if (began == DRAIN_LOST)
		weir_log(WEIR_LOG_WARN,
			 "spool ends at %" PRIu64 ":%" PRIu64
			 ", which does not fit the kernel's counters: the "
			 "state directory was lost or replaced; summaries not yet sent are lost, "
			 "epoch %" PRIu64 " begins",
			 epoch, sequence, (uint64_t)h->drain.spooled->epoch);
	else if (began == DRAIN_REBOOTED)
		weir_log(WEIR_LOG_INFO, "new counters in the kernel: epoch %" PRIu64 " begins",
			 (uint64_t)h->drain.spooled->epoch);
	half = h->drain.spooled->sequence & 1;
	balance_load(h->balance, h->drain.spooled->lines[half], h->drain.spooled->line_count[half]);
	if (began != DRAIN_CONTINUED && began != DRAIN_COMMITTED)
		return 0;
	r = restore(h);
	return r < 0 ? weir_err_set(err, r, "last record of the spool: %s", strerror(-r)) : 0;
}

/* What rows of an index hold that no window has had yet: counted before its observer began. */
static void join(struct harvest *h, uint32_t ifindex, const char *name)
{
	for (size_t i = 0; i < h->drain.rows.count; i++) {
		const struct weir_row *row = rows_at(&h->drain.rows, i);
		uint64_t bytes, packets;

		if (!drain_in_use(row) || rows_ifindex(row) != ifindex)
			continue;
		drain_base(&h->drain, i, &bytes, &packets);
		bytes = __atomic_load_n(&row->bytes, __ATOMIC_RELAXED) - bytes;
		packets = __atomic_load_n(&row->packets, __ATOMIC_RELAXED) - packets;
		if (balance_counts(row))
			balance_join(h->balance, name, row->dir, bytes, packets);
	}
}

static void on_interface(bool joined, uint32_t ifindex, const char *name, void *arg)
{
	struct harvest *h = arg;

	balance_leave(h->balance, name);
	if (joined)
		join(h, ifindex, name);
}

static bool followed(const char *interface, void *arg)
{
	return probe_follows(((struct harvest *)arg)->probe, interface);
}

static void visit_sockets(struct harvest *h)
{
	size_t taken;
	int r = health_pass(h->health, h->probe, weir_boot_ns(), &taken);

	if (taken)
		weir_log(WEIR_LOG_INFO, "%zu TCP sockets older than weir were taken over", taken);
	if (r < 0 && r != -ENOTSUP)
		weir_log_err(r, "TCP sockets cannot be visited; idle ones are counted when they close");
}

int harvest_new(const struct config *c, struct probe *p, struct ident *id, struct spool *spool,
		struct harvest **ret, struct weir_err *err)
{
	weir_cleanup(harvest_freep) struct harvest *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->conf = c;
	h->probe = p;
	h->ident = id;
	h->spool = spool;
	h->drain.rows = probe_rows(p);
	h->drain.bases = probe_bases(p);
	h->drain.health = probe_flow_health(p, &h->drain.health_count);
	h->drain.spooled = probe_spooled(p);
	h->drain.epoch_floor = weir_wall_ns() / WEIR_NS_PER_S;
	h->drain.grace = grace;
	h->drain.arg = h;
	h->drain.deltas = calloc(h->drain.rows.count + h->drain.health_count, sizeof(*h->drain.deltas));
	h->balance = calloc(1, sizeof(*h->balance));
	if (!h->drain.deltas || !h->balance)
		return -ENOMEM;
	r = health_new(probe_health_max(p), c->health_pass_ns, &h->health);
	if (r == 0)
		r = weir_boot_id(h->boot_id);
	if (r == 0)
		r = nat_new(p, c->nat_rows, &h->nat);
	if (r == 0)
		r = settle(h, err);
	if (r < 0)
		return r;
	balance_keep(h->balance, followed, h);
	probe_follow(p, on_interface, h);
	visit_sockets(h);
	*ret = weir_take_ptr(h);
	return 0;
}

static void weigh(struct harvest *h)
{
	const struct drain *d = &h->drain;
	unsigned int next = !(d->spooled->sequence & 1);

	balance_begin(h->balance);
	/* Without terms the identity shows as unexplained bytes: visible, and counts still arrive.
	 */
	(void)probe_each_term(h->probe, term, h);
	for (size_t i = 0; i < d->delta_count; i++) {
		const struct weir_row *row = rows_at(&d->rows, d->deltas[i].row);

		balance_row(h->balance, ifname(rows_ifindex(row), h), row, d->deltas[i].bytes, d->deltas[i].packets);
	}
	d->spooled->line_count[next] = balance_save(h->balance, d->spooled->lines[next]);
}

static size_t get_drops(struct harvest *h, struct weir_sum_drop out[WEIR_DROPS])
{
	struct weir_count drops[WEIR_DROPS] = {0};
	size_t n = 0;

	if (probe_drops(h->probe, drops) < 0)
		return 0;
	drops[WEIR_D_NO_NAT].packets += nat_refused(h->nat);
	for (uint32_t i = 0; i < WEIR_DROPS; i++) {
		if (drops[i].packets)
			out[n++] = (struct weir_sum_drop){i, drops[i].bytes, drops[i].packets};
	}
	return n;
}

/* Rows are halved until the summary fits into one message: detail goes, totals stay. */
static int pack(struct harvest *h, struct weir_summary *s, struct weir_buf *ret)
{
	const struct window_names names = {.who = who, .ifname = ifname, .peer = peer, .arg = h};
	struct window_conf conf = {.detail = h->conf->detail, .max_rows = h->conf->max_rows};

	for (;; conf.max_rows /= 2) {
		weir_cleanup(window_fini) struct window w = {0};
		weir_auto_buf struct weir_buf b = {0};
		int r = window_build(&conf, &h->drain.rows, h->drain.deltas, h->drain.delta_count,
				     &names, &w);

		if (r == 0)
			r = health_fill(h->health, who, h, &w.workloads, &w.workload_count, s);
		s->rows = w.rows;
		s->row_count = w.row_count;
		if (r == 0)
			r = weir_summary_pack(s, &b);
		if (r == 0 && b.len > WEIR_TELEMETRY_MAX - ENVELOPE)
			r = -E2BIG;
		if (r == 0)
			return weir_buf_add(ret, b.data, b.len);
		if ((r != -E2BIG && r != -EFBIG) || !conf.max_rows)
			return r;
	}
}

static void set_time(const struct harvest *h, uint64_t end_ns, struct weir_summary *s)
{
	uint64_t len = h->conf->window_ns;

	s->start_ns = end_ns - len;
	/* Counts since the last record belong here, however long the agent was away. */
	if (h->last_end_ns && h->last_end_ns < end_ns)
		s->start_ns = h->last_end_ns;
	s->length_ns = end_ns - s->start_ns;
	s->windows = (uint32_t)WEIR_MIN(WEIR_MAX(s->length_ns / len, 1u), UINT32_MAX);
}

static int make(struct harvest *h, uint64_t end_ns, const struct harvest_policy *policy, struct weir_buf *ret)
{
	weir_auto_free struct weir_sum_disagreement *disagreements = NULL;
	weir_auto_free struct weir_sum_identity *identity = NULL;
	struct weir_sum_drop drops[WEIR_DROPS];
	const struct weir_ctl *ctl = probe_ctl(h->probe);
	struct weir_summary s = {
		.epoch = h->drain.spooled->epoch,
		.sequence = h->drain.spooled->sequence + 1,
		.domain = h->conf->domain,
		.mode = ctl->mode,
		.serial = policy->serial,
		.candidate_serial = policy->candidate_serial,
		.flow_rows_used = h->drain.flows_used,
		.flow_rows = (uint32_t)rows_flows(&h->drain.rows),
		.spool_bytes = spool_bytes(h->spool),
		.spool_max = h->conf->spool_max,
		.lease_until_ns = lease_until_ns(ctl, weir_monotonic_ns(), weir_wall_ns()),
		.lapsed_s = ctl->lapsed_s,
		.packet_ps = policy->packet_ps,
		.window_ns = h->conf->window_ns,
		.drops = drops,
		.drop_count = get_drops(h, drops),
	};
	int r = balance_lines(h->balance, &identity, &s.identity_count);

	if (r == 0 && policy->candidate)
		r = disagree_list(policy->candidate, probe_disagreements(h->probe), PROBE_MAX_RULES, &disagreements,
				  &s.disagreement_count);
	if (r < 0)
		return r;
	s.disagreements = disagreements;
	s.identity = identity;
	memcpy(s.boot_id, h->boot_id, sizeof(s.boot_id));
	for (int d = 0; d < WEIR_DIRS; d++) {
		s.total_bytes[d] = drain_totals(&h->drain)[d].bytes;
		s.total_packets[d] = drain_totals(&h->drain)[d].packets;
	}
	set_time(h, end_ns, &s);
	return pack(h, &s, ret);
}

static void forget(uint64_t cgroup, void *arg)
{
	struct harvest *h = arg;
	struct weir_workload w;

	if (probe_index_cgroup(h->probe, cgroup, &w) == 0)
		health_forget(h->health, h->probe, w.index);
	(void)probe_forget_cgroup(h->probe, cgroup);
}

static void sweep(struct harvest *h)
{
	uint32_t limit = ident_limit(h->ident);
	weir_auto_free bool *used = calloc(limit, sizeof(*used));

	for (size_t i = 0; used && i < h->drain.rows.count; i++) {
		const struct weir_row *row = rows_at(&h->drain.rows, i);

		if (__atomic_load_n(&row->state, __ATOMIC_ACQUIRE) != WEIR_ROW_FREE &&
		    row->workload < limit)
			used[row->workload] = true;
	}
	if (used)
		health_mark(h->health, used, limit);
	if (used)
		ident_sweep(h->ident, used, forget, h);
}

void harvest_follow(struct harvest *h)
{
	nat_follow(h->nat, &h->drain.rows, WEIR_TICK(weir_monotonic_ns()));
}

int harvest_run(struct harvest *h, uint64_t end_ns, const struct harvest_policy *policy)
{
	weir_auto_buf struct weir_buf b = {0};
	uint64_t now_ns = weir_monotonic_ns();
	int r;

	if (end_ns == h->last_end_ns)
		return -EALREADY;
	visit_sockets(h);
	nat_window(h->nat);
	harvest_follow(h);
	h->drain.now = WEIR_TICK(now_ns);
	h->drain.health_due = end_ns / h->conf->flow_health_ns != h->last_end_ns / h->conf->flow_health_ns;
	drain_read(&h->drain);
	r = health_read(h->health, h->probe);
	if (r < 0)
		weir_log_err(r, "TCP health cannot be read; it comes with a later window");
	/* A workload whose first packet came since names were last followed has rows here already. */
	if (probe_each_workload(h->probe, ident_note, h->ident) == 0)
		ident_refresh(h->ident);
	weigh(h);
	r = make(h, end_ns, policy, &b);
	if (r == 0)
		r = spool_append(h->spool, h->drain.spooled->epoch, h->drain.spooled->sequence + 1,
				 b.data, b.len);
	if (r < 0)
		return r;
	drain_commit(&h->drain);
	(void)health_sent(h->health); /* what it cannot note is sent again, and replaces itself */
	balance_commit(h->balance);
	probe_forget_gone(h->probe);
	h->last_end_ns = end_ns;
	if (++h->runs % SWEEP_EVERY == 0)
		sweep(h);
	if (h->runs % SWEEP_EVERY == 0 && (r = nat_sweep(h->nat, &h->drain.rows, WEIR_TICK(now_ns))) < 0)
		weir_log_err(r, "translations that nobody needs stay until the next try");
	r = now_ns > h->conf->retire_ns ? drain_retire(&h->drain, WEIR_TICK(now_ns - h->conf->retire_ns)) : 0;
	if (r < 0)
		weir_log_err(r, "rows are not given back: no grace period");
	return 0;
}

int harvest_fold(const void *data, size_t len, struct weir_buf *ret)
{
	weir_cleanup(msg_freep) struct weir_msg *m = NULL;
	weir_auto_free struct weir_sum_row *rows = NULL;
	struct weir_err err = {0};
	struct weir_summary s;
	int r = weir_summary_unpack(data, len, &m, &err);

	if (r < 0)
		return r;
	s = m->summary;
	r = window_fold(s.rows, s.row_count, &rows, &s.row_count);
	s.rows = rows;
	return r < 0 ? r : weir_summary_pack(&s, ret);
}
