/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A summary as a difference to the one before it (message Difference): from window to window mostly the same
 * workloads talk to the same peers, and what is new of a row is two numbers. Rows and workloads are kept by their
 * content, in the reference's order; bytes are told as what they are more than the reference's bytes a packet
 * foretell, cumulative counts and scalars as what they grew.
 */
#include "lib/wire/codec.h"

#define REFERENCE_ROWS_MAX 1024
#define REFERENCE_WORKLOADS_MAX 256
#define REFERENCE_IDENTITY_MAX 512
#define REFERENCE_TEXT_MAX ((size_t)64 << 10)

/* Scalars of a Summary whose differences travel in Difference.head, in this order. Append only. */
static const struct {
	size_t offset;
	bool wide;
} head[WEIR_HEAD_SCALARS] = {
#define H(field) {offsetof(Weir__V1__Summary, field), sizeof(((Weir__V1__Summary *)NULL)->field) == 8}
	H(sequence), H(start_ns), H(length_ns), H(windows), H(total_bytes_in), H(total_bytes_out),
	H(total_packets_in), H(total_packets_out), H(mode), H(serial), H(flow_rows_used), H(flow_rows),
	H(spool_bytes), H(spool_max), H(lease_until_ns), H(lapsed_s), H(candidate_serial), H(first_kept),
	H(cert_expires_s), H(keys_broken),
	H(clock_skew_ns), H(clock_error_ns), H(packet_ps), H(window_ns),
#undef H
};

uint64_t weir_head_get(const Weir__V1__Summary *pb, size_t i)
{
	const uint8_t *at = (const uint8_t *)pb + head[i].offset;
	uint64_t wide;
	uint32_t narrow;

	if (head[i].wide) {
		memcpy(&wide, at, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, at, sizeof(narrow));
	return narrow;
}

void weir_head_set(Weir__V1__Summary *pb, size_t i, uint64_t v)
{
	uint8_t *at = (uint8_t *)pb + head[i].offset;
	uint32_t narrow = (uint32_t)v;

	if (head[i].wide)
		memcpy(at, &v, sizeof(v));
	else
		memcpy(at, &narrow, sizeof(narrow));
}

void weir_sums_add(struct weir_sums *s, uint32_t dir, uint64_t bytes, uint64_t packets)
{
	if (dir >= WEIR_DIRS) /* refused where fields are checked */
		return;
	s->bytes[dir] += bytes;
	s->packets[dir] += packets;
}

int weir_head_foretell(const struct weir_summary *ref, const struct weir_sums *sums, struct weir_arena *a,
		       Weir__V1__Summary *ret)
{
	int r;

	weir__v1__summary__init(ret);
	r = weir_summary_build_head(ref, a, ret);
	ret->sequence++;
	ret->start_ns += ret->length_ns;
	ret->total_bytes_in += sums->bytes[WEIR_INGRESS];
	ret->total_bytes_out += sums->bytes[WEIR_EGRESS];
	ret->total_packets_in += sums->packets[WEIR_INGRESS];
	ret->total_packets_out += sums->packets[WEIR_EGRESS];
	return r;
}

uint64_t weir_row_foretell(const struct weir_sum_row *ref, uint64_t packets)
{
	return ref->packets ? (uint64_t)((unsigned __int128)packets * ref->bytes / ref->packets) : 0;
}

static size_t text_size(const char *s)
{
	return strlen(s) + 1;
}

bool weir_reference_fits(const struct weir_summary *s)
{
	size_t text = 0;

	if (s->row_count > REFERENCE_ROWS_MAX || s->workload_count > REFERENCE_WORKLOADS_MAX ||
	    s->identity_count > REFERENCE_IDENTITY_MAX)
		return false;
	for (size_t i = 0; i < s->workload_count; i++) {
		const struct weir_sum_workload *w = &s->workloads[i];

		text += text_size(w->name) + text_size(w->namespace) + text_size(w->kind) + text_size(w->cgroup);
		for (size_t k = 0; k < w->label_count; k++)
			text += text_size(w->labels[k].key) + text_size(w->labels[k].value);
	}
	for (size_t i = 0; i < s->row_count; i++)
		text += text_size(s->rows[i].interface);
	for (size_t i = 0; i < s->identity_count; i++)
		text += text_size(s->identity[i].interface);
	return text <= REFERENCE_TEXT_MAX;
}
