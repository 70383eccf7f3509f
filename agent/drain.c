/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exactly-once protocol between cumulative kernel counters and an append-only spool.
 *
 * The kernel keeps, beside each row, a base with two halves, and one word `sequence` = s: the half
 * of the parity of s holds, of every row in use, the value that records 1..s account for. So do a
 * total of all rows, those given back included, and the lines of the balance. One window is:
 *
 *   1. read each row's counters once; write what was read into the half of the parity of s + 1;
 *   2. append record s + 1 = what was read - half of the parity of s, and make it durable;
 *   3. store sequence = s + 1. This one store turns the halves.
 *
 * Ended (kill -9) before 2 completes: nothing happened; the next agent overwrites the same half.
 * Ended between 2 and 3: the spool ends at s + 1 and nobody wrote that half since: committing now
 * is right. Ended after 3: done. A reboot takes counters, bases and sequence away together, a lost
 * state directory takes the spool: in both cases the two ends do not fit and a new epoch begins at
 * sequence 0, with both halves equal to what was committed so that parity does not matter.
 *
 * TCP health of rows (weir_flow_health) goes the same way: its halves turn with the same store. It is not read in every
 * window, but in that after its row is RETIRED; a place is freed with its row, while that is CLAIMED. A row under which
 * there is a place in use is none that has fallen silent.
 *
 * A row returns to the kernel by LIVE -> RETIRED (BPF no longer enters it), a grace period (no BPF
 * program is still counting into it), a window that reads and commits its last count, and, once
 * value and both halves agree, RETIRED -> CLAIMED -> cleared -> FREE. CLAIMED hides the row from
 * BPF and from step 1 while it is half cleared; a row that an ended agent left CLAIMED is known at
 * the next start because BPF never keeps a claim over a grace period.
 */
#include "agent/drain.h"

static uint32_t state_of(const struct weir_row *row)
{
	return __atomic_load_n(&row->state, __ATOMIC_ACQUIRE);
}

bool drain_in_use(const struct weir_row *row)
{
	uint32_t s = state_of(row);

	return s == WEIR_ROW_LIVE || s == WEIR_ROW_RETIRED;
}

static void free_place(struct weir_flow_health *h)
{
	memset((char *)h + sizeof(h->row), 0, sizeof(*h) - sizeof(h->row));
	__atomic_store_n(&h->row, 0, __ATOMIC_RELEASE);
}

/* The n-th place where health of row i may be; who opened its connection may be known better by now than when it was claimed. */
static size_t place_of(const struct drain *d, size_t i, uint32_t n)
{
	const struct weir_row *row = rows_at(&d->rows, i);
	uint8_t local[16], remote[16];
	uint32_t ends[2];

	rows_addresses(row, local, remote);
	memcpy(&ends[0], local + 12, sizeof(ends[0]));
	memcpy(&ends[1], remote + 12, sizeof(ends[1]));
	return (weir_flow_health_at(row->workload, ends[0], ends[1], n & 1) + n / 2) & (d->health_count - 1);
}
#define PLACES (2 * WEIR_FLOW_HEALTH_PROBES)

/* Frees the places that were claimed for row i. */
static void clear_health(struct drain *d, size_t i)
{
	for (uint32_t n = 0; n < PLACES; n++) {
		struct weir_flow_health *h = &d->health[place_of(d, i, n)];

		if (__atomic_load_n(&h->row, __ATOMIC_ACQUIRE) == (uint32_t)i + 1)
			free_place(h);
	}
}

/* An agent that knows nothing of places frees rows without them: then they are another flow's, or nobody's. */
static void recover_places(struct drain *d)
{
	for (size_t at = 0; at < d->health_count; at++) {
		uint32_t row = __atomic_load_n(&d->health[at].row, __ATOMIC_ACQUIRE);
		bool right = false;

		if (!row)
			continue;
		for (uint32_t n = 0; n < PLACES && row <= d->rows.count && drain_in_use(rows_at(&d->rows, row - 1)); n++)
			right |= place_of(d, row - 1, n) == at;
		if (!right)
			free_place(&d->health[at]);
	}
}

static void clear_row(struct drain *d, size_t i)
{
	struct weir_row *row = rows_at(&d->rows, i);
	size_t size = i < d->rows.count4 ? sizeof(struct weir_row4) : sizeof(struct weir_row6);

	clear_health(d, i); /* by the row's addresses */
	memset((char *)row + sizeof(row->state), 0, size - sizeof(row->state));
	memset(&d->bases[i], 0, sizeof(d->bases[i]));
	__atomic_store_n(&row->state, WEIR_ROW_FREE, __ATOMIC_RELEASE);
}

/* Rows left CLAIMED by an agent that ended in mid-clear. */
static int recover_claims(struct drain *d)
{
	size_t n = 0;
	int r;

	for (size_t i = 0; i < d->rows.count; i++) {
		if (state_of(rows_at(&d->rows, i)) == WEIR_ROW_CLAIMED)
			d->deltas[n++].row = (uint32_t)i;
	}
	/* Also ends the grace period of rows that the last agent retired. */
	r = d->grace(d->arg);
	if (r < 0)
		return r;
	for (size_t k = 0; k < n; k++) {
		if (state_of(rows_at(&d->rows, d->deltas[k].row)) == WEIR_ROW_CLAIMED)
			clear_row(d, d->deltas[k].row);
	}
	recover_places(d);
	return 0;
}

static void new_epoch(struct drain *d, uint64_t epoch)
{
	unsigned int from = d->spooled->sequence & 1;

	for (size_t i = 0; i < d->rows.count; i++) {
		d->bases[i].bytes[!from] = d->bases[i].bytes[from];
		d->bases[i].packets[!from] = d->bases[i].packets[from];
	}
	for (size_t i = 0; i < d->health_count; i++)
		d->health[i].said[!from] = d->health[i].said[from];
	memcpy(d->spooled->total[!from], d->spooled->total[from], sizeof(d->spooled->total[from]));
	memcpy(d->spooled->lines[!from], d->spooled->lines[from], sizeof(d->spooled->lines[from]));
	d->spooled->line_count[!from] = d->spooled->line_count[from];
	__atomic_store_n(&d->spooled->epoch, epoch, __ATOMIC_RELEASE);
	__atomic_store_n(&d->spooled->sequence, 0, __ATOMIC_RELEASE);
	d->spooled->rows_fp = d->rows.count;
}

int drain_start(struct drain *d, uint64_t last_epoch, uint64_t last_sequence, enum drain_began *ret)
{
	const struct weir_spooled *s = d->spooled;
	bool fresh = s->epoch == 0;
	int r;

	if (!fresh && s->rows_fp && s->rows_fp != d->rows.count)
		return -ESTALE;
	r = recover_claims(d);
	if (r < 0)
		return r;
	if (!fresh && s->epoch == last_epoch && s->sequence == last_sequence) {
		*ret = DRAIN_CONTINUED;
		return 0;
	}
	if (!fresh && s->epoch == last_epoch && s->sequence + 1 == last_sequence) {
		drain_commit(d);
		*ret = DRAIN_COMMITTED;
		return 0;
	}
	/* An epoch that ended before its first record leaves no trace in the spool; both halves are
	 * as they were, so it simply goes on. */
	if (!fresh && s->sequence == 0 && s->epoch > last_epoch) {
		*ret = DRAIN_CONTINUED;
		return 0;
	}
	*ret = !fresh ? DRAIN_LOST : last_epoch ? DRAIN_REBOOTED : DRAIN_FRESH;
	new_epoch(d, WEIR_MAX(WEIR_MAX(s->epoch, last_epoch) + 1, d->epoch_floor));
	return 0;
}

static void read_row(struct drain *d, struct weir_row *row, size_t i)
{
	unsigned int old = d->spooled->sequence & 1;
	struct weir_count *total = &d->spooled->total[!old][row->dir == WEIR_EGRESS];
	struct weir_base *base = &d->bases[i];
	uint64_t bytes = __atomic_load_n(&row->bytes, __ATOMIC_RELAXED);
	uint64_t packets = __atomic_load_n(&row->packets, __ATOMIC_RELAXED);

	base->bytes[!old] = bytes;
	base->packets[!old] = packets;
	if (bytes == base->bytes[old] && packets == base->packets[old])
		return;
	total->bytes += bytes - base->bytes[old];
	total->packets += packets - base->packets[old];
	__atomic_store_n(&row->seen, d->now, __ATOMIC_RELAXED);
	d->deltas[d->delta_count++] = (struct drain_delta){
		.row = (uint32_t)i,
		.bytes = bytes - base->bytes[old],
		.packets = packets - base->packets[old],
	};
}

static void read_health(struct drain *d, struct weir_flow_health *h, uint32_t row)
{
	unsigned int old = d->spooled->sequence & 1;
	struct weir_row *r = rows_at(&d->rows, row);
	const struct weir_flow_said *was = &h->said[old];
	struct weir_flow_said now = {
		.rtt_us = __atomic_load_n(&h->now.rtt_us, __ATOMIC_RELAXED),
		.samples = __atomic_load_n(&h->now.samples, __ATOMIC_RELAXED),
		.retrans = __atomic_load_n(&h->now.retrans, __ATOMIC_RELAXED),
	};

	/* Others of its kind may have no row of their own: while they speak, the place stays, and so does the row it is under. */
	if (h->heard != now.samples + now.retrans) {
		h->heard = now.samples + now.retrans;
		__atomic_store_n(&r->seen, d->now, __ATOMIC_RELAXED);
	}
	if (!d->health_due && state_of(r) != WEIR_ROW_RETIRED)
		now = *was;
	h->said[!old] = now;
	if (memcmp(&now, was, sizeof(now)) != 0)
		d->deltas[d->delta_count++] = (struct drain_delta){
			.row = row,
			.health = {now.rtt_us - was->rtt_us, now.samples - was->samples, now.retrans - was->retrans},
		};
}

static void read_all_health(struct drain *d)
{
	for (size_t i = 0; i < d->health_count; i++) {
		uint32_t row = __atomic_load_n(&d->health[i].row, __ATOMIC_ACQUIRE);

		if (row && row <= d->rows.count && drain_in_use(rows_at(&d->rows, row - 1)))
			read_health(d, &d->health[i], row - 1);
	}
}

void drain_read(struct drain *d)
{
	unsigned int old = d->spooled->sequence & 1;

	d->delta_count = 0;
	d->flows_used = 0;
	memcpy(d->spooled->total[!old], d->spooled->total[old], sizeof(d->spooled->total[old]));
	for (size_t i = 0; i < d->rows.count; i++) {
		struct weir_row *row = rows_at(&d->rows, i);

		if (!drain_in_use(row))
			continue;
		d->flows_used += rows_is_flow(&d->rows, i);
		read_row(d, row, i);
	}
	read_all_health(d);
}

void drain_commit(struct drain *d)
{
	__atomic_store_n(&d->spooled->sequence, d->spooled->sequence + 1, __ATOMIC_RELEASE);
}

static bool settled(const struct weir_row *row, const struct weir_base *b)
{
	return row->bytes == b->bytes[0] && row->bytes == b->bytes[1] &&
	       row->packets == b->packets[0] && row->packets == b->packets[1];
}

int drain_retire(struct drain *d, uint32_t before)
{
	size_t retired = 0;

	for (size_t i = 0; i < d->rows.count; i++) {
		struct weir_row *row = rows_at(&d->rows, i);
		uint32_t live = WEIR_ROW_LIVE;

		if (!rows_is_flow(&d->rows, i))
			continue;
		switch (state_of(row)) {
		case WEIR_ROW_RETIRED:
			if (!settled(row, &d->bases[i]))
				break;
			__atomic_store_n(&row->state, WEIR_ROW_CLAIMED, __ATOMIC_RELEASE);
			clear_row(d, i);
			break;
		case WEIR_ROW_LIVE:
			if (__atomic_load_n(&row->seen, __ATOMIC_RELAXED) >= before)
				break;
			retired += __atomic_compare_exchange_n(&row->state, &live, WEIR_ROW_RETIRED,
							       false, __ATOMIC_ACQ_REL,
							       __ATOMIC_RELAXED);
			break;
		default:
			break;
		}
	}
	return retired ? d->grace(d->arg) : 0;
}

const struct weir_count *drain_totals(const struct drain *d)
{
	return d->spooled->total[!(d->spooled->sequence & 1)];
}

void drain_base(const struct drain *d, size_t i, uint64_t *ret_bytes, uint64_t *ret_packets)
{
	unsigned int half = d->spooled->sequence & 1;
	bool used = drain_in_use(rows_at(&d->rows, i));

	*ret_bytes = used ? d->bases[i].bytes[half] : 0;
	*ret_packets = used ? d->bases[i].packets[half] : 0;
}
