/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/fleet.h"

#include "aggregator/store_keys.h"

#define MAX_LINES 512 /* of one node: WEIR_LINES, rounded up */

struct reading {
	const struct service *sv;
	struct fleet fleet;
	size_t room;
};

/* Texts of a row live until the next one. */
static int keep(const char *text, const char **ret)
{
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

/* One that speaks another wire version has nothing else to say. */
static int keep_texts(const struct sessions *ss, const struct query_agent *q, struct fleet_agent *a)
{
	const char *version = sessions_refused(ss, q->node);
	struct weir_facts *f = &a->facts;
	int r = keep(q->node, &f->node);

	if (!r)
		r = keep(q->domain, &f->domain);
	if (!r)
		r = keep(q->class, &f->class);
	if (!r)
		r = keep(q->version, &f->version);
	if (!r)
		r = keep(q->kernel, &f->kernel);
	if (!r)
		r = keep(q->hooks, &f->hooks);
	if (!r)
		r = keep(version ? "version" : q->refused_reason, &a->refused_reason);
	return r ? r : keep(version ? version : q->refused_text, &a->refused_text);
}

static void take_numbers(const struct reading *rd, const struct query_agent *q, struct fleet_agent *a)
{
	const struct sessions *ss = rd->sv->sessions;
	uint64_t now_ns = rd->fleet.now_ns, used_ns = sessions_last_used(ss, q->node);
	struct weir_facts *f = &a->facts;

	f->mode = q->mode;
	f->epoch = q->epoch;
	f->sequence = q->sequence;
	f->window_ns = q->window_ns;
	f->lag_ns = q->window_end_ns && now_ns > q->window_end_ns ? now_ns - q->window_end_ns : 0;
	f->bytes[WEIR_INGRESS] = q->bytes_in;
	f->bytes[WEIR_EGRESS] = q->bytes_out;
	f->folded_bytes = q->folded_bytes;
	f->folded_rows = q->folded_rows;
	f->skew_ns = q->skew_ns;
	f->skew_error_ns = q->skew_error_ns;
	f->spool_bytes = q->spool_bytes;
	f->spool_max = q->spool_max;
	f->flow_rows_used = q->flow_rows_used;
	f->flow_rows = q->flow_rows;
	f->packet_ps = q->packet_ps;
	f->serial = q->serial;
	f->applied_ns = q->applied_ns;
	f->refused_serial = q->refused_serial;
	f->has_digest = q->digest != NULL;
	if (q->digest)
		memcpy(f->digest, q->digest, sizeof(f->digest));
	f->drifts = q->drifts;
	f->threshold = q->threshold;
	f->approvers = q->approvers;
	f->lease_until_ns = q->lease_until_ns;
	f->lapsed_s = q->lapsed_s;
	f->connected_since_ns = sessions_since(ss, q->node, now_ns);
	f->connected = f->connected_since_ns != 0;
	f->last_seen_ns = WEIR_MAX(used_ns, q->last_seen_ns);
	f->gaps = q->gaps;
	f->lost_bytes = q->lost_bytes;
	f->lost_packets = q->lost_packets;
	f->wanted_serial = gitops_serial(rd->sv->gitops, q->class);
	a->id = q->id;
	a->lost_s = q->lost_s;
	a->unexplained_bytes = q->unexplained_bytes;
	a->window_end_ns = q->window_end_ns;
	a->key_epoch = q->key_epoch;
	a->undone_from = q->undone_from;
	a->undone_to = q->undone_to;
	a->undone_ns = q->undone_ns;
	a->undone_why = q->undone_why;
	a->expected = f->connected || sessions_expects(ss, q->node);
}

static int add_agent(const struct query_agent *q, void *arg)
{
	struct reading *rd = arg;
	struct fleet *f = &rd->fleet;

	if (f->count == rd->room) {
		size_t room = WEIR_MAX(2 * rd->room, (size_t)16);
		struct fleet_agent *more = realloc(f->agents, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		f->agents = more;
		rd->room = room;
	}
	f->agents[f->count] = (struct fleet_agent){0};
	take_numbers(rd, q, &f->agents[f->count]);
	return keep_texts(rd->sv->sessions, q, &f->agents[f->count++]);
}

struct lists {
	struct weir_fact_unexplained *unexplained;
	struct weir_sum_drop *drops;
	size_t unexplained_count, drop_count;
};

static int add_unexplained(const struct query_identity *i, void *arg)
{
	struct lists *l = arg;
	int r;

	if (i->term != WEIR_TERM_UNEXPLAINED || l->unexplained_count == MAX_LINES)
		return 0;
	r = keep(i->interface, &l->unexplained[l->unexplained_count].interface);
	if (r)
		return r;
	l->unexplained[l->unexplained_count].dir = i->dir;
	l->unexplained[l->unexplained_count++].bytes = i->bytes;
	return 0;
}

static int add_drop(uint32_t reason, uint64_t bytes, uint64_t packets, void *arg)
{
	struct lists *l = arg;

	if (l->drop_count < WEIR_DROPS)
		l->drops[l->drop_count++] = (struct weir_sum_drop){reason, bytes, packets};
	return 0;
}

static int read_lists(struct store *s, struct fleet_agent *a)
{
	struct lists l = {.unexplained = calloc(MAX_LINES, sizeof(*l.unexplained)),
			  .drops = calloc(WEIR_DROPS, sizeof(*l.drops))};
	int r = l.unexplained && l.drops ? 0 : -ENOMEM;

	if (!r)
		r = query_identity(s, a->id, add_unexplained, &l);
	if (!r)
		r = query_drops(s, a->id, add_drop, &l);
	a->facts.unexplained = l.unexplained;
	a->facts.unexplained_count = l.unexplained_count;
	a->facts.drops = l.drops;
	a->facts.drop_count = l.drop_count;
	return r;
}

static int read_keys(struct store *s, struct fleet_agent *a)
{
	struct store_keys k;
	int r = store_keys_get(s, a->facts.node, &k);

	if (r)
		return r;
	a->facts.cert_expires_s = k.cert_expires_s;
	a->keys_broken = k.broken;
	return keep(k.refused, &a->session_refused);
}

void fleet_fini(struct fleet *f)
{
	for (size_t i = 0; i < f->count; i++) {
		struct fleet_agent *a = &f->agents[i];
		const char *const texts[] = {a->facts.node,    a->facts.domain,	  a->facts.class,
					     a->facts.version, a->facts.kernel,	  a->facts.hooks,
					     a->refused_reason, a->refused_text,  a->session_refused};

		for (size_t k = 0; k < WEIR_ARRAY_SIZE(texts); k++)
			free((void *)texts[k]);
		for (size_t k = 0; k < a->facts.unexplained_count; k++)
			free((void *)a->facts.unexplained[k].interface);
		free((void *)a->facts.unexplained);
		free((void *)a->facts.drops);
	}
	free(f->agents);
	*f = (struct fleet){0};
}

bool fleet_took_back(const struct fleet_agent *a)
{
	return a->undone_from > a->facts.serial;
}

int fleet_read(const struct service *sv, uint64_t now_ns, bool detail, struct fleet *ret)
{
	struct reading rd = {.sv = sv, .fleet = {.now_ns = now_ns}};
	int r = query_agents(sv->store, add_agent, &rd);

	for (size_t i = 0; !r && i < rd.fleet.count; i++)
		r = read_keys(sv->store, &rd.fleet.agents[i]);
	for (size_t i = 0; !r && detail && i < rd.fleet.count; i++)
		r = read_lists(sv->store, &rd.fleet.agents[i]);
	if (r) {
		fleet_fini(&rd.fleet);
		return r;
	}
	*ret = rd.fleet;
	return 0;
}
