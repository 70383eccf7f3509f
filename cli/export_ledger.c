/* SPDX-License-Identifier: Apache-2.0 */
/* The aggregator's ledger as charges: period by period, page by page. */
#include <inttypes.h>

#include "cli/export.h"
#include "cli/view.h"
#include "lib/ds/map.h"
#include "lib/money/place.h"
#include "lib/policy/repo.h"

#define RESOURCE "resource" /* kind of the workloads that stand for what is paid by the hour */

struct asking {
	struct export_source *s;
	struct weir_map *places; /* of this step, by domain, class, meter and pool */
	uint64_t from_s, to_s;	 /* of the step */
	bool before;		 /* it is what was used before the range */
	struct export_shares shares; /* of the step, when resources are shared */
};

static const char *text(const json_t *item, const char *field)
{
	const char *s = json_string_value(json_object_get(item, field));

	return s ? s : "";
}

static int find_place(struct asking *a, const json_t *item, const char *domain, const struct weir_place **ret)
{
	const char *class = text(item, "class"), *meter = text(item, "meter"), *pool = text(item, "pool");
	weir_auto_free char *key = weir_strf("%s\n%s\n%s\n%s", domain, class, meter, pool);
	weir_auto_free struct weir_place *p = NULL;
	int r;

	if (!key)
		return -ENOMEM;
	*ret = weir_map_find(a->places, key, strlen(key));
	if (*ret)
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	if (weir_place_find(a->s->repo->topology, a->s->repo->prices, domain, class, meter, pool, a->from_s, p))
		return weir_err_set(a->s->err, -EINVAL,
				    "no subnet of domain '%.80s' has meter '%.60s' on that day: --dir must be a repository with the topology and the price books that held then",
				    domain, meter);
	r = weir_map_put(a->places, key, strlen(key), p, NULL);
	if (!r)
		*ret = weir_take_ptr(p);
	return r;
}

static bool is_priced(const char *meter)
{
	return strcmp(meter, "none") != 0 && strcmp(meter, "unpriced") != 0;
}

static int give(struct asking *a, const struct weir_focus_charge *c)
{
	if (a->before)
		return weir_focus_export_before(a->s->x, c, a->s->err);
	return c->resource ? export_shares_give(a->s, &a->shares, c) : weir_focus_export_add(a->s->x, c, a->s->err);
}

/* What a resource costs is of nobody's bytes: it is the resource's, and its team is who owns it. */
static void as_resource(const json_t *item, struct weir_focus_charge *c, char *name, size_t size)
{
	snprintf(name, size, "%s/%s", text(item, "namespace"), text(item, "workload"));
	c->domain = text(item, "namespace");
	c->resource = name;
	c->namespace = c->workload = c->kind = "";
	c->labels = "";
}

static int add_item(struct asking *a, const json_t *item)
{
	const char *domain = text(item, "domain");
	struct weir_focus_charge c = {
		.from_s = a->from_s, .to_s = a->to_s, .month = (uint32_t)json_integer_value(json_object_get(item, "month")),
		.meter = text(item, "meter"), .domain = domain, .namespace = text(item, "namespace"), .workload = text(item, "workload"),
		.kind = text(item, "kind"), .team = text(item, "team"), .labels = text(item, "labels"),
		.bytes = (uint64_t)json_integer_value(json_object_get(item, "bytes")), .charged = true,
		.nanos = json_integer_value(json_object_get(item, "nanos")),
	};
	char provider[64], resource[512];
	const struct weir_place *p;
	int r;

	snprintf(provider, sizeof(provider), "%.*s", (int)strcspn(domain, "/"), domain);
	c.provider = provider;
	if (!json_is_integer(json_object_get(item, "nanos")) || json_integer_value(json_object_get(item, "bytes")) < 0 ||
	    weir_path_parse(text(item, "path"), &c.path))
		return weir_err_set(a->s->err, -EIO, "the aggregator gave a row of the ledger without path, bytes and nanos");
	if (!strcmp(c.kind, RESOURCE))
		as_resource(item, &c, resource, sizeof(resource));
	if (is_priced(c.meter)) {
		r = find_place(a, item, c.domain, &p);
		if (r)
			return r;
		c.region = p->region;
		c.account = p->account;
	}
	return give(a, &c);
}

static int get_page(struct asking *a, const char *by, int64_t after, int64_t *ret_next)
{
	struct cli quiet = *a->s->c;
	view_auto_json json_t *root = NULL;
	json_t *item;
	size_t i;
	int r;

	quiet.json = false;
	r = view_fetch_made(&quiet, weir_strf("/api/v1/ledger?from=%" PRIu64 "&to=%" PRIu64 "&by=%s&after=%" PRId64, a->from_s, a->to_s,
					      by, after), &root, a->s->err);
	json_array_foreach (json_object_get(root, "items"), i, item)
		if (!r)
			r = add_item(a, item);
	if (!r)
		*ret_next = json_integer_value(json_object_get(root, "next"));
	return r;
}

static int get_step(struct asking *a, const char *by)
{
	int64_t next = 0;
	int r = weir_map_new(&a->places);

	do
		r = r ? r : get_page(a, by, next, &next);
	while (!r && next);
	weir_map_free(a->places, free);
	a->places = NULL;
	return r;
}

int export_from_ledger(struct export_source *s)
{
	struct asking before = {.s = s, .from_s = export_month_start(s->from_s), .to_s = s->from_s, .before = true};
	int r = before.from_s < before.to_s ? get_step(&before, "all") : 0;

	for (uint64_t t = s->from_s; !r && t < s->to_s; t += s->step_s) {
		struct asking a = {.s = s, .from_s = t, .to_s = t + s->step_s};

		if (s->payer)
			r = export_shares_fetch(s, a.from_s, a.to_s, &a.shares);
		if (!r)
			r = get_step(&a, s->step_s == 3600 ? "hour" : "day");
		export_shares_fini(&a.shares);
	}
	return r;
}
