/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /api/v1/allocation?by=team|namespace|workload|cost-centre|label:KEY&payer=...&from=T&to=T: whose the ledger's costs are, hour by hour
 * (aggregator/alloc_ledger.h). An answer takes as many whole hours as it can make in WORK_NS; `next` is the hour at which the
 * following one begins. With claims=1 the list claims says of what they are (api_claims.h), and bytes are those of meters. Shares of hours are sums of hours, so a sum of answers does not depend on where they are cut.
 */
#include "aggregator/alloc_ledger.h"
#include "aggregator/api.h"
#include "aggregator/api_claims.h"
#include "lib/base/clock.h"
#include "lib/ds/map.h"

#define HOUR_S 3600u
/* The aggregator does nothing else meanwhile. */
#define WORK_NS (300 * (WEIR_NS_PER_S / 1000))
#define ROWS_MAX 100000u /* of an answer, unless one hour has more */
#define LINES_MAX 65536u
#define KEY_MAX 2048

/* Kinds of lines; owners of one name are one line. */
enum line_kind { LINE_OWNER, LINE_UNALLOCATED, LINE_IDLE };
static const char *const kind_names[] = {"owner", "unallocated", "idle"};

struct line {
	enum line_kind kind;
	const char *owner;
	int64_t direct, proxy, shared;
	uint64_t bytes;
};
/* One for each owner, how and through what, of what is not direct. */
struct way {
	enum line_kind kind;
	enum weir_alloc_how how;
	const char *owner, *via;
	int64_t nanos;
	uint64_t bytes;
};
struct behind {
	const char *proxy, *namespace, *workload;
	uint64_t bytes;
	int64_t nanos;
};

struct sums {
	enum weir_alloc_by by;
	const char *label;
	struct weir_map *texts, *lines, *ways, *behinds; /* the last three own what they hold */
	struct line total;
	struct api_claims *claims; /* NULL: nobody asked for them */
};

static void sums_fini(struct sums *s)
{
	struct weir_map *const maps[] = {s->texts, s->lines, s->ways, s->behinds};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(maps); i++)
		if (maps[i])
			weir_map_free(maps[i], free);
	api_claims_free(s->claims);
}

static const char *kept(struct sums *s, const char *text)
{
	char *copy = weir_map_find(s->texts, text, strlen(text) + 1);

	if (copy)
		return copy;
	copy = strdup(text);
	if (copy && weir_map_put(s->texts, text, strlen(text) + 1, copy, NULL)) {
		free(copy);
		return NULL;
	}
	return copy;
}

/* What a key of texts has in a map, zeroed when it is new. -E2BIG. */
static int at(struct weir_map *m, char lead, const char *const *texts, size_t n, size_t size, void *ret)
{
	char key[KEY_MAX];
	size_t len = 0;
	void *p;

	key[len++] = lead;
	if (weir_map_key(key, sizeof(key), &len, texts, n))
		return -E2BIG;
	p = weir_map_find(m, key, len);
	if (!p && weir_map_count(m) == LINES_MAX)
		return -E2BIG;
	if (!p) {
		p = calloc(1, size);
		if (!p || weir_map_put(m, key, len, p, NULL)) {
			free(p);
			return -ENOMEM;
		}
	}
	memcpy(ret, &p, sizeof(p));
	return 0;
}

static int add_way(struct sums *s, const struct weir_alloc_share *share, enum line_kind kind, const char *owner)
{
	const char *const texts[] = {owner, share->via};
	struct way *w = NULL;
	int r = at(s->ways, (char)(8 * (int)kind + (int)share->how), texts, 2, sizeof(*w), &w);

	if (r)
		return r;
	w->kind = kind;
	w->how = share->how;
	w->owner = owner;
	w->via = kept(s, share->via);
	w->nanos += share->nanos;
	w->bytes += share->bytes;
	return w->via ? 0 : -ENOMEM;
}

static void line_add(struct line *l, const struct weir_alloc_share *share)
{
	l->bytes += share->bytes;
	if (share->how == WEIR_ALLOC_DIRECT)
		l->direct += share->nanos;
	else if (share->how == WEIR_ALLOC_PROXY || share->how == WEIR_ALLOC_ALONE)
		l->proxy += share->nanos;
	else
		l->shared += share->nanos;
}

static int add_share(struct sums *s, const struct weir_alloc_share *share)
{
	char buf[WEIR_ALLOC_KEY_MAX];
	bool idle = share->how == WEIR_ALLOC_IDLE;
	const char *owner = kept(s, idle ? "" : weir_alloc_key(share, s->by, s->label, buf));
	enum line_kind kind = idle ? LINE_IDLE : owner && *owner ? LINE_OWNER : LINE_UNALLOCATED;
	struct line *l = NULL;
	int r = owner ? at(s->lines, (char)kind, &owner, 1, sizeof(*l), &l) : -ENOMEM;

	if (r)
		return r;
	l->kind = kind;
	l->owner = owner;
	line_add(l, share);
	line_add(&s->total, share);
	if (s->claims)
		r = api_claims_add(s->claims, share, kind_names[kind], owner);
	if (r)
		return r;
	return share->how == WEIR_ALLOC_DIRECT ? 0 : add_way(s, share, kind, owner);
}

static int add_behind(struct sums *s, const struct weir_alloc_behind *one)
{
	const char *const texts[] = {one->proxy, one->namespace, one->workload};
	struct behind *b = NULL;
	int r = at(s->behinds, 0, texts, 3, sizeof(*b), &b);

	if (r)
		return r;
	b->proxy = kept(s, one->proxy);
	b->namespace = kept(s, one->namespace);
	b->workload = kept(s, one->workload);
	b->bytes += one->bytes;
	b->nanos += one->nanos;
	return b->proxy && b->namespace && b->workload ? 0 : -ENOMEM;
}

static int add_hour(struct sums *s, const struct weir_alloc *a)
{
	int r = 0;

	for (size_t i = 0; !r && i < weir_alloc_count(a); i++)
		r = add_share(s, weir_alloc_at(a, i));
	for (size_t i = 0; !r && i < weir_alloc_behinds(a); i++)
		r = add_behind(s, weir_alloc_behind_at(a, i));
	return r;
}

static int by_cost(const void *x, const void *y)
{
	const struct line *const *a = x, *const *b = y;
	int64_t p = (*a)->direct + (*a)->proxy + (*a)->shared, q = (*b)->direct + (*b)->proxy + (*b)->shared;

	if (p != q)
		return p < q ? 1 : -1;
	return (*a)->kind != (*b)->kind ? (int)(*a)->kind - (int)(*b)->kind : strcmp((*a)->owner, (*b)->owner);
}

static int put_numbers(const struct line *l, json_t *o)
{
	if (json_object_set_new(o, "bytes", json_integer((json_int_t)l->bytes)) ||
	    json_object_set_new(o, "direct_nanos", json_integer(l->direct)) ||
	    json_object_set_new(o, "proxy_nanos", json_integer(l->proxy)) ||
	    json_object_set_new(o, "shared_nanos", json_integer(l->shared)))
		return -ENOMEM;
	return api_money(o, l->direct + l->proxy + l->shared);
}

static int put_line(const struct line *l, json_t *items)
{
	json_t *o = json_pack("{s:s,s:s}", "owner", l->owner, "kind", kind_names[l->kind]);

	return json_array_append_new(items, o) ? -ENOMEM : put_numbers(l, o);
}

static int put_lines(const struct sums *s, json_t *items)
{
	size_t n = weir_map_count(s->lines), pos = 0, i = 0, len;
	weir_auto_free const struct line **lines = calloc(n + 1, sizeof(*lines));
	const void *key;
	void *v;
	int r = lines ? 0 : -ENOMEM;

	while (!r && weir_map_next(s->lines, &pos, &key, &len, &v))
		lines[i++] = v;
	if (!r)
		qsort(lines, n, sizeof(*lines), by_cost);
	for (i = 0; !r && i < n; i++)
		r = put_line(lines[i], items);
	return r;
}

static int put_ways(const struct sums *s, json_t *shares, json_t *proxies)
{
	const void *key;
	size_t pos = 0, len;
	void *v;
	int r = 0;

	while (!r && weir_map_next(s->ways, &pos, &key, &len, &v)) {
		const struct way *w = v;

		r = json_array_append_new(shares, json_pack("{s:s,s:s,s:s,s:s,s:I,s:I}", "owner", w->owner, "kind",
							    kind_names[w->kind], "how", weir_alloc_how_name(w->how), "via", w->via,
							    "bytes", (json_int_t)w->bytes, "nanos", (json_int_t)w->nanos));
	}
	pos = 0;
	while (!r && weir_map_next(s->behinds, &pos, &key, &len, &v)) {
		const struct behind *b = v;

		r = json_array_append_new(proxies, json_pack("{s:s,s:s,s:s,s:I,s:I}", "proxy", b->proxy, "namespace", b->namespace,
							     "workload", b->workload, "bytes", (json_int_t)b->bytes, "nanos",
							     (json_int_t)b->nanos));
	}
	return r ? -ENOMEM : 0;
}

struct question {
	struct ingest_pricing pricing;
	const struct weir_allocation *rules; /* of the repository, or defaults */
	struct weir_allocation *defaults;
	const char *by;
	enum weir_payer payer;
	uint64_t from_s, to_s;
};

static void question_fini(struct question *q)
{
	weir_allocation_free(q->defaults);
}

static int answer(const struct api_call *c, const struct question *q, const struct sums *s, uint64_t next_s, json_t **ret)
{
	api_auto_json json_t *o =
		json_pack("{s:s,s:s,s:s,s:I,s:I,s:{},s:[],s:[],s:[]}", "currency", api_currency(c->sv), "by", q->by, "payer",
			  weir_payer_name(q->payer), "from", (json_int_t)q->from_s, "to", (json_int_t)WEIR_MIN(next_s, q->to_s),
			  "total", "items", "shares", "proxies");
	int r = o ? put_numbers(&s->total, json_object_get(o, "total")) : -ENOMEM;

	if (!r)
		r = put_lines(s, json_object_get(o, "items"));
	if (!r)
		r = put_ways(s, json_object_get(o, "shares"), json_object_get(o, "proxies"));
	if (!r && s->claims)
		r = json_object_set_new(o, "claims", api_claims_json(s->claims)) ? -ENOMEM : 0;
	if (!r && next_s < q->to_s)
		r = json_object_set_new(o, "next", json_integer((json_int_t)next_s)) ? -ENOMEM : 0;
	if (!r)
		*ret = weir_take_ptr(o);
	return r;
}

static int failed(struct api_call *c, int r)
{
	if (r == -E2BIG)
		return weir_err_set(&c->err, -EINVAL, "more than %u flows in an hour, or %u owners: ask by fewer", ALLOC_HOUR_ROWS, LINES_MAX);
	return r == -ENOMEM ? r : api_store_failed(c, r);
}

static int run(struct api_call *c, const struct question *q, struct sums *s, uint64_t *ret_next_s)
{
	uint64_t began_ns = weir_monotonic_ns(), hour_s = q->from_s;
	const struct alloc_tags tags = {api_claims_tag, s->claims};
	uint32_t rows = 0, n = 0;
	int r = 0;

	while (!r && hour_s < q->to_s && rows < ROWS_MAX && weir_monotonic_ns() - began_ns < WORK_NS) {
		weir_auto_alloc struct weir_alloc *a = NULL;

		r = alloc_ledger_hour(c->sv->store, &q->pricing, q->rules, q->payer, hour_s, s->claims ? &tags : NULL, &a, &n);
		if (!r)
			r = add_hour(s, a);
		hour_s += HOUR_S;
		rows += n;
	}
	*ret_next_s = hour_s;
	return r ? failed(c, r) : 0;
}

/* Whole hours; none before the first that there can be. */
static int ask(struct api_call *c, struct question *q, struct sums *s)
{
	const struct weir_repo *repo = gitops_repo(c->sv->gitops);
	const char *payer = c->param(c, "payer");
	uint64_t now_s = c->now_ns / WEIR_NS_PER_S, keep_s = c->sv->config.retain_ns[STORE_1H] / WEIR_NS_PER_S + HOUR_S;
	int r = api_u64(c, "to", now_s + 60, 1, 1ull << 40, &q->to_s);

	if (!r)
		r = api_u64(c, "from", q->to_s - WEIR_MIN(q->to_s, (uint64_t)HOUR_S), 0, q->to_s, &q->from_s);
	if (r)
		return r;
	q->to_s = WEIR_MIN((q->to_s + HOUR_S - 1) / HOUR_S * HOUR_S, now_s + 2 * HOUR_S);
	q->from_s = WEIR_MAX(q->from_s, now_s > keep_s ? now_s - keep_s : 0);
	q->from_s -= q->from_s % HOUR_S;
	q->by = c->param(c, "by") ? c->param(c, "by") : "team";
	if (weir_alloc_by_parse(q->by, &s->by, &s->label))
		return weir_err_set(&c->err, -EINVAL, "by: must be team, namespace, workload, cost-centre or label:KEY");
	if (!repo)
		r = weir_allocation_new(&q->defaults);
	q->rules = repo ? repo->allocation : q->defaults;
	if (repo)
		q->pricing = (struct ingest_pricing){repo->topology, repo->prices};
	q->payer = r ? WEIR_PAYER_SENDER : weir_allocation_payer(q->rules);
	if (!r && payer && weir_payer_parse(payer, &q->payer))
		return weir_err_set(&c->err, -EINVAL, "payer: must be sender, receiver or initiator");
	return r;
}

int api_allocation(struct api_call *c, json_t **ret)
{
	weir_cleanup(question_fini) struct question q = {.by = NULL};
	weir_cleanup(sums_fini) struct sums s = {.by = WEIR_ALLOC_TEAM};
	uint64_t next_s = 0, claims = 0;
	int r = ask(c, &q, &s);

	if (!r)
		r = api_u64(c, "claims", 0, 0, 1, &claims);
	if (!r && claims)
		r = api_claims_new(&s.claims);
	if (r)
		return r;
	if (weir_map_new(&s.texts) || weir_map_new(&s.lines) || weir_map_new(&s.ways) || weir_map_new(&s.behinds))
		return -ENOMEM;
	r = run(c, &q, &s, &next_s);
	return r ? r : answer(c, &q, &s, next_s, ret);
}
