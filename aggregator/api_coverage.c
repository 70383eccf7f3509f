/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /api/v1/coverage?labels=a|b,c&where=namespace|workload|node&from=T&to=T&limit=N: how much of what workloads moved and paid has a label
 * (one of those with a bar between them), and where it is missing. Without labels: those by which the repository's Allocation finds
 * teams and cost centres. Hourly resources have no labels that anybody could set: they are one number of their own.
 */
#include "aggregator/api.h"
#include "aggregator/query_coverage.h"
#include "lib/ds/map.h"

#define NS_S 1000000000ull
#define GROUPS_MAX 16
#define TEXT_MAX 1024
#define PLACES_MAX 262144u /* some 300 bytes each */

enum where { WHERE_NAMESPACE, WHERE_WORKLOAD, WHERE_NODE };
static const char *const where_names[] = {"namespace", "workload", "node", NULL};

struct amount {
	uint64_t bytes;
	int64_t nanos;
};
/* One label, or several of which each will do. */
struct group {
	const char *text; /* "team|app.kubernetes.io/part-of" */
	const char *keys[GROUPS_MAX];
	size_t key_count;
	struct amount missing;
};
struct place {
	const struct group *group;
	char *node, *namespace, *workload;
	struct amount missing;
};

struct coverage {
	char text[TEXT_MAX], cut[TEXT_MAX];
	struct group groups[GROUPS_MAX];
	size_t group_count;
	enum where where;
	struct weir_map *places; /* owns them */
	struct amount total, resources;
};

static void place_free(void *p)
{
	struct place *x = p;

	free(x->node);
	free(x->namespace);
	free(x->workload);
	free(x);
}

static void coverage_fini(struct coverage *v)
{
	if (v->places)
		weir_map_free(v->places, place_free);
}

static void add(struct amount *a, const struct query_labelled *q)
{
	a->bytes += q->bytes;
	a->nanos += q->nanos;
}

static bool has_one(const struct group *g, const char *labels)
{
	char value[WEIR_LABEL_MAX];

	for (size_t i = 0; i < g->key_count; i++) {
		const char *found = weir_label_find(labels, g->keys[i], value);

		if (found && *found)
			return true;
	}
	return false;
}

static int place_add(struct coverage *v, struct group *g, const struct query_labelled *q)
{
	const char *node = v->where == WHERE_NAMESPACE ? "" : q->node, *namespace = v->where == WHERE_NODE ? "" : q->namespace;
	const char *workload = v->where == WHERE_WORKLOAD ? q->workload : "";
	weir_auto_free char *key = weir_strf("%s\n%s\n%s\n%s", g->text, node, namespace, workload);
	struct place *p = key ? weir_map_find(v->places, key, strlen(key)) : NULL;

	if (!key)
		return -ENOMEM;
	if (!p) {
		if (weir_map_count(v->places) == PLACES_MAX)
			return -E2BIG;
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		*p = (struct place){.group = g, .node = strdup(node), .namespace = strdup(namespace), .workload = strdup(workload)};
		if (!p->node || !p->namespace || !p->workload || weir_map_put(v->places, key, strlen(key), p, NULL)) {
			place_free(p);
			return -ENOMEM;
		}
	}
	add(&p->missing, q);
	return 0;
}

static int on_workload(const struct query_labelled *q, void *arg)
{
	struct coverage *v = arg;
	int r = 0;

	if (!strcmp(q->kind, STORE_RESOURCE)) {
		add(&v->resources, q);
		return 0;
	}
	add(&v->total, q);
	for (size_t i = 0; !r && i < v->group_count; i++)
		if (!has_one(&v->groups[i], q->labels)) {
			add(&v->groups[i].missing, q);
			r = place_add(v, &v->groups[i], q);
		}
	return r;
}

/* "a|b,c" into groups. */
static int read_labels(struct api_call *c, struct coverage *v, const char *text)
{
	char *save = NULL, *inner = NULL;
	size_t used = 0;

	if (strlen(text) >= TEXT_MAX)
		return weir_err_set(&c->err, -EINVAL, "labels: longer than %d", TEXT_MAX - 1);
	strcpy(v->text, text);
	strcpy(v->cut, text);
	for (char *p = strtok_r(v->text, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		struct group *g = &v->groups[v->group_count];

		if (v->group_count++ == GROUPS_MAX)
			return weir_err_set(&c->err, -EINVAL, "labels: more than %d", GROUPS_MAX);
		g->text = p;
		used = (size_t)(p - v->text);
		v->cut[used + strlen(p)] = '\0';
		for (char *k = strtok_r(v->cut + used, "|", &inner); k; k = strtok_r(NULL, "|", &inner)) {
			if (g->key_count == GROUPS_MAX)
				return weir_err_set(&c->err, -EINVAL, "labels: more than %d in one", GROUPS_MAX);
			g->keys[g->key_count++] = k;
		}
	}
	return v->group_count ? 0 : weir_err_set(&c->err, -EINVAL, "labels: none is named");
}

static int by_amount(const void *x, const void *y)
{
	const struct place *const *a = x, *const *b = y;
	int c;

	if ((*a)->missing.nanos != (*b)->missing.nanos)
		return (*a)->missing.nanos < (*b)->missing.nanos ? 1 : -1;
	if ((*a)->missing.bytes != (*b)->missing.bytes)
		return (*a)->missing.bytes < (*b)->missing.bytes ? 1 : -1;
	c = strcmp((*a)->namespace, (*b)->namespace);
	c = c ? c : strcmp((*a)->workload, (*b)->workload);
	return c ? c : strcmp((*a)->node, (*b)->node);
}

static int put_amount(json_t *o, const char *bytes, const char *nanos, const struct amount *a)
{
	return json_object_set_new(o, bytes, json_integer((json_int_t)a->bytes)) ||
			       json_object_set_new(o, nanos, json_integer(a->nanos)) ?
		       -ENOMEM :
		       0;
}

static int put_groups(const struct coverage *v, json_t *labels)
{
	int r = 0;

	for (size_t i = 0; !r && i < v->group_count; i++) {
		const struct group *g = &v->groups[i];
		const struct amount has = {v->total.bytes - g->missing.bytes, v->total.nanos - g->missing.nanos};
		json_t *o = json_pack("{s:s}", "label", g->text);

		r = json_array_append_new(labels, o) ? -ENOMEM : put_amount(o, "covered_bytes", "covered_nanos", &has);
		if (!r)
			r = put_amount(o, "missing_bytes", "missing_nanos", &g->missing);
	}
	return r;
}

static int put_places(const struct coverage *v, size_t limit, json_t *items)
{
	size_t n = weir_map_count(v->places), pos = 0, i = 0, len;
	weir_auto_free const struct place **all = calloc(n + 1, sizeof(*all));
	const void *key;
	void *p;
	int r = all ? 0 : -ENOMEM;

	while (!r && weir_map_next(v->places, &pos, &key, &len, &p))
		all[i++] = p;
	if (!r)
		qsort(all, n, sizeof(*all), by_amount);
	for (i = 0; !r && i < WEIR_MIN(n, limit); i++) {
		json_t *o = json_pack("{s:s}", "label", all[i]->group->text);

		r = json_array_append_new(items, o) ? -ENOMEM : 0;
		if (!r && v->where != WHERE_NAMESPACE)
			r = json_object_set_new(o, "node", json_string(all[i]->node)) ? -ENOMEM : 0;
		if (!r && v->where != WHERE_NODE)
			r = json_object_set_new(o, "namespace", json_string(all[i]->namespace)) ? -ENOMEM : 0;
		if (!r && v->where == WHERE_WORKLOAD)
			r = json_object_set_new(o, "workload", json_string(all[i]->workload)) ? -ENOMEM : 0;
		if (!r)
			r = put_amount(o, "bytes", "nanos", &all[i]->missing);
	}
	return r;
}

static int answer(const struct api_call *c, const struct coverage *v, const struct query_range *range, uint64_t limit, json_t **ret)
{
	size_t n = weir_map_count(v->places), hidden = n > limit ? n - limit : 0;
	api_auto_json json_t *o = json_pack("{s:s,s:I,s:I,s:s,s:{},s:{},s:[],s:[],s:I}", "currency", api_currency(c->sv), "from",
					    (json_int_t)range->from_s, "to", (json_int_t)range->to_s, "where", where_names[v->where],
					    "total", "resources", "labels", "items", "hidden", (json_int_t)hidden);
	int r = o ? put_amount(json_object_get(o, "total"), "bytes", "nanos", &v->total) : -ENOMEM;

	if (!r)
		r = json_object_set_new(json_object_get(o, "resources"), "nanos", json_integer(v->resources.nanos)) ? -ENOMEM : 0;
	if (!r)
		r = put_groups(v, json_object_get(o, "labels"));
	if (!r)
		r = put_places(v, (size_t)limit, json_object_get(o, "items"));
	if (!r)
		*ret = weir_take_ptr(o);
	return r;
}

static int ask(struct api_call *c, struct coverage *v, struct query_range *range, uint64_t *ret_limit)
{
	const struct weir_repo *repo = gitops_repo(c->sv->gitops);
	const char *labels = c->param(c, "labels"), *where = c->param(c, "where");
	uint64_t now_s = c->now_ns / NS_S, from, to;
	char text[TEXT_MAX] = "team,cost-centre";
	int r = api_u64(c, "to", now_s + 60, 1, 1ull << 40, &to);

	if (!r)
		r = api_u64(c, "from", to - WEIR_MIN(to, (uint64_t)86400), 0, to, &from);
	if (!r)
		r = api_u64(c, "limit", 50, 1, API_ITEMS_MAX, ret_limit);
	if (r)
		return r;
	while (where && where_names[v->where] && strcmp(where_names[v->where], where))
		v->where++;
	if (where && !where_names[v->where])
		return weir_err_set(&c->err, -EINVAL, "where: must be namespace, workload or node");
	v->where = where ? v->where : WHERE_WORKLOAD;
	api_range(c, from, to, range);
	if (!labels && repo)
		weir_allocation_labels(repo->allocation, text, sizeof(text));
	return read_labels(c, v, labels ? labels : text);
}

int api_coverage(struct api_call *c, json_t **ret)
{
	weir_cleanup(coverage_fini) struct coverage v = {.where = WHERE_NAMESPACE};
	struct query_range range;
	uint64_t limit;
	int r = ask(c, &v, &range, &limit);

	if (!r)
		r = weir_map_new(&v.places);
	if (r)
		return r;
	r = query_labelled(c->sv->store, &range, on_workload, &v);
	if (r == -E2BIG)
		return weir_err_set(&c->err, -EINVAL, "more than %u places: ask by where=namespace", PLACES_MAX);
	return r ? api_store_failed(c, r) : answer(c, &v, &range, limit, ret);
}
