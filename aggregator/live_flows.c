/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live_flows.h"

#include "aggregator/query_bucket.h"
#include "aggregator/query_live.h"
#include "lib/ds/grow.h"
#include "lib/ds/map.h"

#define HOUR_S 3600u
/* A bucket is read so soon after its end: windows are two seconds long, and on their way for less than one. */
#define GRACE_S 3
#define LEARN_S (24 * HOUR_S)
#define REPLAY_S HOUR_S
#define BUCKETS 30 /* of one run: agents' reports and people wait for nothing here, other models do */
#define AGAIN_S 300
/* Workloads whose names are known; beyond, all are asked for again. */
#define KNOWN_MAX 65536

struct live_flows {
	struct weir_patterns *patterns;
	struct weir_map *known; /* id -> struct who */
	struct weir_pattern_row *rows;
	size_t row_count, row_cap;
	struct weir_pattern_health *health;
	size_t health_count, health_cap;
	uint64_t next_s;   /* bucket; 0: nothing was seen yet */
	uint64_t silent_s; /* findings of buckets before are those that the store has */
	uint64_t again_s;
	uint64_t left_out;
	struct store *store; /* of the run under way */
};

struct who {
	struct weir_pattern_who who;
	char *text[6]; /* node, domain, namespace, name, team, labels */
};

static void who_free(void *p)
{
	struct who *w = p;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(w->text); i++)
		free(w->text[i]);
	free(w);
}

void live_flows_free(struct live_flows *f)
{
	if (!f)
		return;
	weir_patterns_free(f->patterns);
	weir_map_free(f->known, who_free);
	free(f->rows);
	free(f->health);
	free(f);
}

int live_flows_new(const char *currency, struct live_flows **ret)
{
	struct weir_patterns_opts opts = {.currency = *currency ? currency : NULL};
	struct live_flows *f = calloc(1, sizeof(*f));
	int r = f ? weir_map_new(&f->known) : -ENOMEM;

	for (int p = 0; p < WEIR_PATHS && p < WEIR_PATTERN_PATHS; p++)
		opts.paths[p] = weir_path_name((enum weir_path)p);
	if (!r)
		r = weir_patterns_new(&opts, &f->patterns);
	if (r) {
		live_flows_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

static int name_who(const struct query_live_who *q, void *arg)
{
	const char *const from[] = {q->node, q->domain, q->namespace, q->name, q->team, q->labels};
	struct who *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(from); i++)
		if (!(w->text[i] = strdup(from[i]))) {
			who_free(w);
			return -ENOMEM;
		}
	w->who = (struct weir_pattern_who){.node = w->text[0], .domain = w->text[1], .namespace = w->text[2], .name = w->text[3],
					   .team = w->text[4], .labels = w->text[5]};
	*(struct who **)arg = w;
	return 0;
}

/* NULL: it was removed since. */
static int who_of(struct live_flows *f, int64_t id, const struct weir_pattern_who **ret)
{
	struct who *w = weir_map_find(f->known, &id, sizeof(id));
	int r = 0;

	if (!w) {
		r = query_live_who(f->store, id, name_who, &w);
		if (r == -ENOENT) {
			*ret = NULL;
			return 0;
		}
		if (r)
			return r;
		w->who.id = id;
		r = weir_map_put(f->known, &id, sizeof(id), w, NULL);
		if (r)
			who_free(w);
	}
	*ret = r ? NULL : &w->who;
	return r;
}

/* Its share of what the way cost. */
static int64_t nanos_of(const struct query_bucket_flow *q)
{
	bool stopped = q->verdict == WEIR_V_DENY || q->verdict == WEIR_V_LIMITED;
	bool in_free = (q->path == WEIR_PATH_INTERNET || q->path == WEIR_PATH_CDN) && q->dir != WEIR_EGRESS;

	if (stopped || in_free || !q->way_bytes)
		return 0;
	return (int64_t)((__int128)q->way_nanos * (int64_t)q->bytes / (int64_t)q->way_bytes);
}

static int add_flow(const struct query_bucket_flow *q, void *arg)
{
	struct live_flows *f = arg;
	struct weir_pattern_row row = {.peer = q->peer, .has_peer = q->has_peer, .is_public = q->is_public, .opened = q->opened, .path = q->path,
				       .proto = q->proto, .dir = q->dir, .verdict = q->verdict, .port = q->port, .bytes = q->bytes,
				       .packets = q->packets, .nanos = nanos_of(q)};
	int r = who_of(f, q->workload, &row.who);

	if (!r && q->peer_workload)
		r = who_of(f, q->peer_workload, &row.peer_who);
	if (r || !row.who)
		return r;
	r = weir_grow(&f->rows, f->row_count, &f->row_cap, sizeof(*f->rows));
	if (!r)
		f->rows[f->row_count++] = row;
	return r;
}

static int add_health(int64_t workload, uint8_t scope, const struct store_health *h, void *arg)
{
	struct live_flows *f = arg;
	struct weir_pattern_health row = {.scope = scope};
	int r = who_of(f, workload, &row.who);

	if (r || !row.who)
		return r;
	memcpy(row.n, h->n, sizeof(row.n));
	r = weir_grow(&f->health, f->health_count, &f->health_cap, sizeof(*f->health));
	if (!r)
		f->health[f->health_count++] = row;
	return r;
}

int live_flows_read(struct live_flows *f, struct store *s, enum store_res res, uint64_t from_s, uint64_t to_s,
		    struct weir_pattern_row **ret, size_t *ret_count)
{
	bool more = false;
	int r = 0;

	if (weir_map_count(f->known) >= KNOWN_MAX) {
		weir_map_free(weir_take_ptr(f->known), who_free);
		r = weir_map_new(&f->known);
	}
	f->store = s;
	f->row_count = f->health_count = 0;
	if (!r)
		r = query_bucket_flows(s, res, from_s, to_s, LIVE_FLOWS_ROWS, add_flow, f, &more);
	f->left_out += more;
	*ret = f->rows;
	*ret_count = f->row_count;
	return r;
}

static int read_bucket(struct live_flows *f, enum store_res res, uint64_t time_s)
{
	struct weir_pattern_row *rows;
	size_t n;
	int r = live_flows_read(f, f->store, res, time_s, time_s + store_bucket_s(res), &rows, &n);

	if (!r && res == STORE_10S)
		r = query_bucket_health(f->store, time_s, add_health, f);
	return r;
}

static int ignore(const struct weir_finding *f, void *arg)
{
	(void)f;
	(void)arg;
	return 0;
}

/* Whom workloads speak to, of the day before the hour that is seen again. */
static int learn(struct live_flows *f, uint64_t until_s)
{
	int r = 0;

	for (uint64_t at_s = until_s - LEARN_S; !r && at_s < until_s; at_s += HOUR_S) {
		r = read_bucket(f, STORE_1H, at_s - at_s % HOUR_S);
		if (!r && f->row_count)
			r = weir_patterns_learn(f->patterns, at_s - at_s % HOUR_S, f->rows, f->row_count);
	}
	return r;
}

int live_flows_run(struct live_flows *f, struct store *s, uint64_t now_s, weir_finding_fn fn, void *arg, bool *ret_more)
{
	uint64_t over_s = now_s - GRACE_S - (now_s - GRACE_S) % WEIR_PATTERN_BUCKET_S;
	int r = 0;

	f->store = s;
	if (!f->next_s || f->next_s + REPLAY_S < over_s) {
		if (!f->next_s)
			f->silent_s = over_s;
		f->next_s = over_s - REPLAY_S;
		r = learn(f, f->next_s);
	}
	for (int i = 0; !r && i < BUCKETS && f->next_s < over_s; i++) {
		bool silent = f->next_s < f->silent_s;

		r = read_bucket(f, STORE_10S, f->next_s);
		if (!r)
			r = weir_patterns_window(f->patterns, f->next_s, f->rows, f->row_count, f->health, f->health_count,
						 silent ? ignore : fn, arg);
		f->next_s += r ? 0 : WEIR_PATTERN_BUCKET_S;
	}
	if (!r && f->next_s >= f->silent_s && now_s >= f->again_s + AGAIN_S) {
		f->again_s = now_s;
		r = weir_patterns_each(f->patterns, fn, arg);
	}
	*ret_more = f->next_s < over_s;
	f->store = NULL;
	return r;
}

void live_flows_stats(const struct live_flows *f, struct weir_patterns_stats *ret, uint64_t *ret_left_out)
{
	weir_patterns_stats(f->patterns, ret);
	*ret_left_out = f->left_out;
}
