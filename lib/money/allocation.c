/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation documents. The whole schema, by example; everything is optional:
 *
 *   apiVersion: weir.dev/v1alpha1
 *   kind: Allocation
 *   metadata: {name: company}
 *   spec:
 *     payer: sender                  # sender (default), receiver, initiator: of two workloads that are both known
 *     team:
 *       labels: [team, app.kubernetes.io/part-of] # the first that a workload has; default [team]
 *       namespace: true              # else its namespace; default true
 *     cost_centre:
 *       labels: [cost-centre]        # the first that a workload has; default [cost-centre]
 *       teams: {shop: "4711"}        # else by team
 *     shared:                        # hourly cost of what several use; the first that fits, else by bytes
 *     - {name: "nat-*", domain: "aws/1*", split: even} # even: over the teams that used it in the hour
 *     - {name: tgw, split: bytes}
 *     - {name: vpn, split: {shop: 3, data: 1}}          # a ratio of teams, whoever used it
 *     proxies:                       # what they send is of those behind them
 *     - namespace: ingress           # shell patterns
 *       workload: "nginx-*"
 *       behind: [{namespace: shop, workload: "*"}]      # default: all workloads that it opens connections to,
 *       except: [{namespace: kube-system, workload: "*"}] # but these
 */
#include "lib/money/allocation.h"

#include <fnmatch.h>

#define MAX_LABELS 16
#define MAX_ROWS 1024 /* of each list */
#define MAX_WEIGHT 1000000u

static const char *const payer_names[] = {"sender", "receiver", "initiator", NULL};
static const char *const split_names[] = {"bytes", "even", NULL};

struct selector {
	const char *namespace, *workload;
};
struct proxy {
	struct selector self;
	struct selector *behind, *except;
	size_t behind_count, except_count;
	bool any; /* behind was not given */
};
struct centre {
	const char *team, *centre;
};

struct weir_allocation {
	const char *name; /* "" = defaults */
	enum weir_payer payer;
	const char *team_labels[MAX_LABELS], *centre_labels[MAX_LABELS];
	size_t team_label_count, centre_label_count;
	bool by_namespace;
	struct centre *centres;
	size_t centre_count;
	struct weir_shared_rule *shared;
	size_t shared_count;
	struct proxy *proxies;
	size_t proxy_count;
	void **blocks; /* all memory */
	size_t block_count;
};

static void *take_block(struct weir_allocation *a, void *p)
{
	void **blocks = p ? reallocarray(a->blocks, a->block_count + 1, sizeof(*blocks)) : NULL;

	if (!blocks) {
		free(p);
		return NULL;
	}
	a->blocks = blocks;
	a->blocks[a->block_count++] = p;
	return p;
}

static const char *text(struct weir_allocation *a, const char *s)
{
	return take_block(a, strdup(s));
}

int weir_allocation_new(struct weir_allocation **ret)
{
	struct weir_allocation *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->name = "";
	a->team_labels[a->team_label_count++] = "team";
	a->centre_labels[a->centre_label_count++] = "cost-centre";
	a->by_namespace = true;
	*ret = a;
	return 0;
}

void weir_allocation_free(struct weir_allocation *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->block_count; i++)
		free(a->blocks[i]);
	free(a->blocks);
	free(a);
}

static int read_text(struct weir_allocation *a, struct weir_y *y, const char **ret, struct weir_err *err)
{
	const char *s;
	int r = weir_y_str(y, &s, err);

	if (r)
		return r;
	s = text(a, s);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

static int read_pattern(struct weir_allocation *a, struct weir_y *map, const char *key, const char **ret, struct weir_err *err)
{
	struct weir_y *y = weir_y_find(map, key);

	*ret = "*";
	return y ? read_text(a, y, ret, err) : 0;
}

/* A list of maps, of at most MAX_ROWS; *ret zeroed memory for as many. */
static int rows_of(struct weir_allocation *a, struct weir_y *seq, size_t size, void *ret, size_t *ret_count, struct weir_err *err)
{
	int r = weir_y_seq(seq, err);
	void *p;

	if (r)
		return r;
	if (weir_y_count(seq) > MAX_ROWS)
		return weir_y_err(seq, err, "more than %d entries", MAX_ROWS);
	p = take_block(a, calloc(weir_y_count(seq) + 1, size));
	if (!p)
		return -ENOMEM;
	memcpy(ret, &p, sizeof(p));
	*ret_count = weir_y_count(seq);
	return 0;
}

static int read_labels(struct weir_allocation *a, struct weir_y *map, const char *ret[MAX_LABELS], size_t *ret_count,
		       struct weir_err *err)
{
	struct weir_y *seq = weir_y_find(map, "labels");
	int r = seq ? weir_y_seq(seq, err) : 0;

	if (!seq || r)
		return r;
	if (weir_y_count(seq) > MAX_LABELS)
		return weir_y_err(seq, err, "more than %d labels", MAX_LABELS);
	for (size_t i = 0; !r && i < weir_y_count(seq); i++)
		r = read_text(a, weir_y_item(seq, i), &ret[i], err);
	*ret_count = weir_y_count(seq);
	return r;
}

static int read_team(struct weir_allocation *a, struct weir_y *map, struct weir_err *err)
{
	struct weir_y *by = NULL;
	int r = weir_y_map(map, err);

	if (!r)
		r = read_labels(a, map, a->team_labels, &a->team_label_count, err);
	if (!r)
		by = weir_y_find(map, "namespace");
	if (by)
		r = weir_y_bool(by, &a->by_namespace, err);
	return r ? r : weir_y_end(map, err);
}

static int read_centres(struct weir_allocation *a, struct weir_y *map, struct weir_err *err)
{
	int r = weir_y_map(map, err);

	if (r)
		return r;
	if (weir_y_count(map) > MAX_ROWS)
		return weir_y_err(map, err, "more than %d entries", MAX_ROWS);
	a->centres = take_block(a, calloc(weir_y_count(map) + 1, sizeof(*a->centres)));
	if (!a->centres)
		return -ENOMEM;
	for (size_t i = 0; !r && i < weir_y_count(map); i++) {
		struct centre *c = &a->centres[a->centre_count];

		c->team = text(a, weir_y_key(map, i));
		r = c->team ? read_text(a, weir_y_find(map, c->team), &c->centre, err) : -ENOMEM;
		a->centre_count += !r;
	}
	return r;
}

static int read_cost_centre(struct weir_allocation *a, struct weir_y *map, struct weir_err *err)
{
	struct weir_y *teams = NULL;
	int r = weir_y_map(map, err);

	if (!r)
		r = read_labels(a, map, a->centre_labels, &a->centre_label_count, err);
	if (!r)
		teams = weir_y_find(map, "teams");
	if (teams)
		r = read_centres(a, teams, err);
	return r ? r : weir_y_end(map, err);
}

static int read_ratio(struct weir_allocation *a, struct weir_y *map, struct weir_shared_rule *rule, struct weir_err *err)
{
	struct weir_ratio_part *parts;
	int r = 0;

	if (!weir_y_count(map) || weir_y_count(map) > MAX_ROWS)
		return weir_y_err(map, err, "a ratio is of 1 to %d teams", MAX_ROWS);
	parts = take_block(a, calloc(weir_y_count(map), sizeof(*parts)));
	if (!parts)
		return -ENOMEM;
	for (size_t i = 0; !r && i < weir_y_count(map); i++) {
		parts[i].team = text(a, weir_y_key(map, i));
		r = parts[i].team ? weir_y_u64(weir_y_find(map, parts[i].team), 1, MAX_WEIGHT, &parts[i].weight, err) : -ENOMEM;
	}
	rule->parts = parts;
	rule->part_count = weir_y_count(map);
	return r;
}

static int read_shared_rule(struct weir_allocation *a, struct weir_y *map, struct weir_shared_rule *rule, struct weir_err *err)
{
	struct weir_y *split = NULL;
	unsigned int by = 0;
	int r = weir_y_map(map, err);

	if (!r)
		r = read_pattern(a, map, "domain", &rule->domain, err);
	if (!r)
		r = read_pattern(a, map, "name", &rule->name, err);
	if (!r)
		r = weir_y_get(map, "split", &split, err);
	if (r)
		return r;
	if (weir_y_kind(split) == WEIR_Y_MAP) {
		rule->by = WEIR_SHARED_CUSTOM;
		r = read_ratio(a, split, rule, err);
	} else {
		r = weir_y_enum(split, split_names, &by, err);
		rule->by = (enum weir_shared)by;
	}
	return r ? r : weir_y_end(map, err);
}

static int read_shared(struct weir_allocation *a, struct weir_y *seq, struct weir_err *err)
{
	int r = rows_of(a, seq, sizeof(*a->shared), &a->shared, &a->shared_count, err);

	for (size_t i = 0; !r && i < a->shared_count; i++)
		r = read_shared_rule(a, weir_y_item(seq, i), &a->shared[i], err);
	return r;
}

static int read_selectors(struct weir_allocation *a, struct weir_y *seq, struct selector **ret, size_t *ret_count,
			  struct weir_err *err)
{
	int r = rows_of(a, seq, sizeof(**ret), ret, ret_count, err);

	for (size_t i = 0; !r && i < *ret_count; i++) {
		struct weir_y *map = weir_y_item(seq, i);

		r = weir_y_map(map, err);
		if (!r)
			r = read_pattern(a, map, "namespace", &(*ret)[i].namespace, err);
		if (!r)
			r = read_pattern(a, map, "workload", &(*ret)[i].workload, err);
		if (!r)
			r = weir_y_end(map, err);
	}
	return r;
}

static int read_proxy(struct weir_allocation *a, struct weir_y *map, struct proxy *p, struct weir_err *err)
{
	struct weir_y *y = NULL;
	int r = weir_y_map(map, err);

	if (!r)
		r = weir_y_get(map, "workload", &y, err);
	if (!r)
		r = read_text(a, y, &p->self.workload, err);
	if (!r)
		r = read_pattern(a, map, "namespace", &p->self.namespace, err);
	if (r)
		return r;
	y = weir_y_find(map, "behind");
	p->any = !y;
	if (y)
		r = read_selectors(a, y, &p->behind, &p->behind_count, err);
	y = weir_y_find(map, "except");
	if (!r && y)
		r = read_selectors(a, y, &p->except, &p->except_count, err);
	return r ? r : weir_y_end(map, err);
}

static int read_proxies(struct weir_allocation *a, struct weir_y *seq, struct weir_err *err)
{
	int r = rows_of(a, seq, sizeof(*a->proxies), &a->proxies, &a->proxy_count, err);

	for (size_t i = 0; !r && i < a->proxy_count; i++)
		r = read_proxy(a, weir_y_item(seq, i), &a->proxies[i], err);
	return r;
}

static int read_payer(struct weir_allocation *a, struct weir_y *y, struct weir_err *err)
{
	unsigned int payer = 0;
	int r = weir_y_enum(y, payer_names, &payer, err);

	a->payer = (enum weir_payer)payer;
	return r;
}

int weir_allocation_add(struct weir_allocation *a, struct weir_y *doc, struct weir_err *err)
{
	static const struct {
		const char *key;
		int (*read)(struct weir_allocation *a, struct weir_y *y, struct weir_err *err);
	} keys[] = {
		{"payer", read_payer},	 {"team", read_team},	    {"cost_centre", read_cost_centre},
		{"shared", read_shared}, {"proxies", read_proxies},
	};
	struct weir_y *spec = NULL;
	int r = weir_y_head(doc, "Allocation", &spec, err);

	if (r)
		return r;
	if (*a->name)
		return weir_y_err(doc, err, "an Allocation stands in %.100s already, and one says it for all", a->name);
	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(keys); i++) {
		struct weir_y *y = weir_y_find(spec, keys[i].key);

		if (y)
			r = keys[i].read(a, y, err);
	}
	if (!r)
		r = weir_y_end(spec, err);
	if (!r)
		a->name = text(a, weir_y_file(doc));
	return r ? r : a->name ? 0 : -ENOMEM;
}

const char *weir_payer_name(enum weir_payer p)
{
	return (unsigned int)p < WEIR_PAYERS ? payer_names[p] : "";
}

int weir_payer_parse(const char *s, enum weir_payer *ret)
{
	for (unsigned int i = 0; i < WEIR_PAYERS; i++)
		if (!strcmp(s, payer_names[i])) {
			*ret = (enum weir_payer)i;
			return 0;
		}
	return -EINVAL;
}

char *weir_allocation_labels(const struct weir_allocation *a, char *buf, size_t size)
{
	size_t n = a->team_label_count + a->centre_label_count, used = 0;

	*buf = '\0';
	for (size_t i = 0; i < n && used < size; i++) {
		bool team = i < a->team_label_count;
		const char *gap = !i ? "" : i == a->team_label_count ? "," : "|";

		used += (size_t)snprintf(buf + used, size - used, "%s%s", gap,
					 team ? a->team_labels[i] : a->centre_labels[i - a->team_label_count]);
	}
	return buf;
}

enum weir_payer weir_allocation_payer(const struct weir_allocation *a)
{
	return a->payer;
}

static const char *first_label(const char *const *keys, size_t n, const char *labels, char buf[WEIR_LABEL_MAX])
{
	const char *value = NULL;

	for (size_t i = 0; i < n && (!value || !*value); i++)
		value = weir_label_find(labels, keys[i], buf);
	return value && *value ? value : NULL;
}

const char *weir_allocation_team(const struct weir_allocation *a, const char *namespace, const char *labels, const char *known,
				 char buf[WEIR_LABEL_MAX])
{
	const char *team = first_label(a->team_labels, a->team_label_count, labels, buf);

	if (team)
		return team;
	if (!*labels && *known && strcmp(known, namespace))
		return known;
	return a->by_namespace ? namespace : "";
}

const char *weir_allocation_cost_centre(const struct weir_allocation *a, const char *team, const char *labels,
					char buf[WEIR_LABEL_MAX])
{
	const char *centre = first_label(a->centre_labels, a->centre_label_count, labels, buf);

	for (size_t i = 0; !centre && i < a->centre_count; i++)
		if (!strcmp(a->centres[i].team, team))
			centre = a->centres[i].centre;
	return centre ? centre : "";
}

const struct weir_shared_rule *weir_allocation_shared(const struct weir_allocation *a, const char *domain, const char *name)
{
	for (size_t i = 0; i < a->shared_count; i++)
		if (!fnmatch(a->shared[i].domain, domain, 0) && !fnmatch(a->shared[i].name, name, 0))
			return &a->shared[i];
	return NULL;
}

static bool selects(const struct selector *s, const char *namespace, const char *workload)
{
	return !fnmatch(s->namespace, namespace, 0) && !fnmatch(s->workload, workload, 0);
}

static bool any_selects(const struct selector *s, size_t n, const char *namespace, const char *workload)
{
	for (size_t i = 0; i < n; i++)
		if (selects(&s[i], namespace, workload))
			return true;
	return false;
}

static const struct proxy *proxy_find(const struct weir_allocation *a, const char *namespace, const char *workload)
{
	for (size_t i = 0; i < a->proxy_count; i++)
		if (selects(&a->proxies[i].self, namespace, workload))
			return &a->proxies[i];
	return NULL;
}

bool weir_allocation_proxy(const struct weir_allocation *a, const char *namespace, const char *workload)
{
	return proxy_find(a, namespace, workload) != NULL;
}

bool weir_allocation_behind(const struct weir_allocation *a, const char *proxy_namespace, const char *proxy,
			    const char *namespace, const char *workload)
{
	const struct proxy *p = proxy_find(a, proxy_namespace, proxy);

	return p && (p->any || any_selects(p->behind, p->behind_count, namespace, workload)) &&
	       !any_selects(p->except, p->except_count, namespace, workload);
}
