/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/abi/weir_abi.h"
#include "lib/money/alloc_impl.h"

#include <assert.h>

#define KEY_MAX 8192 /* of three texts of traffic and a team, which are shorter together */

static const char *const how_names[WEIR_ALLOC_HOWS] = {
	"direct", "proxy", "proxy alone", "owner", "shared by bytes", "shared evenly", "shared by ratio", "idle",
};

const char *weir_alloc_how_name(enum weir_alloc_how h)
{
	return (unsigned int)h < WEIR_ALLOC_HOWS ? how_names[h] : "";
}

int alloc_grow(void *array_p, size_t count, size_t *cap, size_t size)
{
	size_t want = *cap ? 2 * *cap : 64;
	void *p;

	if (count < *cap)
		return 0;
	memcpy(&p, array_p, sizeof(p));
	p = reallocarray(p, want, size);
	if (!p)
		return -ENOMEM;
	memcpy(array_p, &p, sizeof(p));
	*cap = want;
	return 0;
}

const char *alloc_text(struct weir_alloc *a, const char *s)
{
	size_t len = strlen(s) + 1;
	char *copy = weir_map_find(a->texts, s, len);

	if (copy)
		return copy;
	copy = strdup(s);
	if (copy && weir_map_put(a->texts, s, len, copy, NULL)) {
		free(copy);
		return NULL;
	}
	return copy;
}

int alloc_number(struct weir_map *ids, const void *key, size_t len, size_t count, uint32_t *ret, bool *ret_new)
{
	uintptr_t at = (uintptr_t)weir_map_find(ids, key, len);

	*ret_new = !at;
	if (at) {
		*ret = (uint32_t)(at - 1);
		return 0;
	}
	*ret = (uint32_t)count;
	return weir_map_put(ids, key, len, (void *)(uintptr_t)(count + 1), NULL);
}

int weir_alloc_new(const struct weir_allocation *rules, enum weir_payer payer, struct weir_alloc **ret)
{
	struct weir_alloc *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->rules = rules;
	a->payer = payer;
	if (weir_map_new(&a->texts) || weir_map_new(&a->party_ids) || weir_map_new(&a->name_ids) ||
	    weir_map_new(&a->resource_ids) || weir_map_new(&a->pool_ids) || weir_map_new(&a->share_ids)) {
		weir_alloc_free(a);
		return -ENOMEM;
	}
	*ret = a;
	return 0;
}

void weir_alloc_free(struct weir_alloc *a)
{
	if (!a)
		return;
	struct weir_map *const ids[] = {a->party_ids, a->name_ids, a->resource_ids, a->pool_ids, a->share_ids};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(ids); i++)
		if (ids[i])
			weir_map_free(ids[i], NULL);
	if (a->texts)
		weir_map_free(a->texts, free);
	free(a->parties);
	free(a->names);
	free(a->rows);
	free(a->resources);
	free(a->charges);
	free(a->hours);
	free(a->pools);
	free(a->shares);
	free(a->behinds);
	free(a->uses.rows);
	free(a->behind.rows);
	free(a);
}

static int party_put(struct weir_alloc *a, const char *namespace, const char *workload, const char *labels, const char *team,
		     uint32_t *ret)
{
	const char *const texts[] = {namespace, workload, labels, team};
	char key[KEY_MAX], buf[WEIR_LABEL_MAX];
	struct alloc_party p;
	size_t len = 0;
	bool new;
	int r = weir_map_key(key, sizeof(key), &len, texts, WEIR_ARRAY_SIZE(texts));

	if (!r)
		r = alloc_grow(&a->parties, a->party_count, &a->party_cap, sizeof(*a->parties));
	if (!r)
		r = alloc_number(a->party_ids, key, len, a->party_count, ret, &new);
	if (r || !new)
		return r;
	p = (struct alloc_party){
		.namespace = alloc_text(a, namespace),
		.workload = alloc_text(a, workload),
		.labels = alloc_text(a, labels),
		.team = alloc_text(a, team),
		.cost_centre = alloc_text(a, weir_allocation_cost_centre(a->rules, team, labels, buf)),
		.proxy = *workload && weir_allocation_proxy(a->rules, namespace, workload),
	};
	a->parties[a->party_count++] = p;
	return p.namespace && p.workload && p.labels && p.team && p.cost_centre ? 0 : -ENOMEM;
}

int alloc_party(struct weir_alloc *a, const char *namespace, const char *workload, const char *labels, const char *known_team,
		uint32_t *ret)
{
	char team[WEIR_LABEL_MAX];

	return party_put(a, namespace, workload, labels,
			 weir_allocation_team(a->rules, namespace, labels, known_team, team), ret);
}

int alloc_team(struct weir_alloc *a, const char *team, uint32_t *ret)
{
	return party_put(a, "", "", "", team, ret);
}

int alloc_idle(struct weir_alloc *a, const struct alloc_resource *res, uint32_t *ret)
{
	int r = party_put(a, res->domain, res->name, "", "", ret);

	if (!r)
		a->parties[*ret].proxy = false; /* whatever patterns fit */
	return r;
}

static int name_put(struct weir_alloc *a, uint64_t hour_s, const char *namespace, const char *workload, const char *team,
		    uint32_t *ret)
{
	char hour[24];
	const char *const texts[] = {namespace, workload, hour};
	struct alloc_name *n;
	char key[KEY_MAX];
	size_t len = 0;
	bool new;
	int r;

	snprintf(hour, sizeof(hour), "%llu", (unsigned long long)hour_s);
	r = weir_map_key(key, sizeof(key), &len, texts, WEIR_ARRAY_SIZE(texts));
	if (!r)
		r = alloc_grow(&a->names, a->name_count, &a->name_cap, sizeof(*a->names));
	if (!r)
		r = alloc_number(a->name_ids, key, len, a->name_count, ret, &new);
	if (r)
		return r;
	n = &a->names[*ret];
	if (new) {
		*n = (struct alloc_name){alloc_text(a, namespace), alloc_text(a, workload), NULL, ALLOC_NONE};
		a->name_count++;
	}
	if (!n->team || !*n->team)
		n->team = alloc_text(a, team);
	return n->namespace && n->workload && n->team ? 0 : -ENOMEM;
}

static int resource_put(struct weir_alloc *a, const char *domain, const char *name, uint32_t *ret)
{
	weir_auto_free char *via = weir_strf("%s/%s", domain, name);
	const char *const texts[] = {domain, name};
	char key[KEY_MAX];
	size_t len = 0;
	bool new;
	int r = via ? weir_map_key(key, sizeof(key), &len, texts, WEIR_ARRAY_SIZE(texts)) : -ENOMEM;

	if (!r)
		r = alloc_grow(&a->resources, a->resource_count, &a->resource_cap, sizeof(*a->resources));
	if (!r)
		r = alloc_number(a->resource_ids, key, len, a->resource_count, ret, &new);
	if (r || !new)
		return r;
	a->resources[a->resource_count] =
		(struct alloc_resource){alloc_text(a, domain), alloc_text(a, name), alloc_text(a, via)};
	r = a->resources[a->resource_count].domain && a->resources[a->resource_count].name &&
	    a->resources[a->resource_count].via;
	a->resource_count++;
	return r ? 0 : -ENOMEM;
}

static bool as_before(const struct weir_alloc *a, const struct weir_traffic *t)
{
	const struct alloc_row *last = a->row_count ? &a->rows[a->row_count - 1] : NULL;
	const struct alloc_party *p = last ? &a->parties[last->party] : NULL;

	return p && last->hour_s == t->hour_s && !strcmp(p->workload, t->workload) && !strcmp(p->namespace, t->namespace) &&
	       !strcmp(p->labels, t->labels) && !strcmp(a->last_team, t->team);
}

/* Rows of a workload mostly come one behind the other. */
static int party_of_row(struct weir_alloc *a, const struct weir_traffic *t, uint32_t *ret)
{
	uint32_t self = 0;
	int r = 0;

	if (as_before(a, t)) {
		*ret = a->rows[a->row_count - 1].party;
		return 0;
	}
	a->last_team = alloc_text(a, t->team);
	r = a->last_team ? alloc_party(a, t->namespace, t->workload, t->labels, t->team, ret) : -ENOMEM;
	if (!r && *t->workload)
		r = name_put(a, t->hour_s, t->namespace, t->workload, t->team, &self);
	if (!r && *t->workload && a->names[self].party == ALLOC_NONE)
		a->names[self].party = *ret;
	return r;
}

int weir_alloc_row(struct weir_alloc *a, const struct weir_traffic *t, const char *resource)
{
	struct alloc_row row = {.hour_s = t->hour_s, .bytes = t->bytes, .peer = ALLOC_NONE, .resource = ALLOC_NONE,
				.sent = t->dir == WEIR_EGRESS, .opened = t->opened};
	int r = a->row_count < WEIR_ALLOC_ROWS_MAX ? 0 : -E2BIG;

	if (!r)
		r = alloc_grow(&a->rows, a->row_count, &a->row_cap, sizeof(*a->rows));
	if (!r)
		r = party_of_row(a, t, &row.party);
	if (!r && *t->peer_workload)
		r = name_put(a, t->hour_s, t->peer_namespace, t->peer_workload, t->peer_team, &row.peer);
	if (!r && *resource)
		r = resource_put(a, t->domain, resource, &row.resource);
	if (!r)
		a->rows[a->row_count++] = row;
	return r;
}

void weir_alloc_charge(struct weir_alloc *a, size_t row, int64_t nanos, uint64_t once)
{
	assert(row < a->row_count);
	a->rows[row].nanos += nanos;
	a->rows[row].once += once;
	a->total += nanos;
}

int weir_alloc_charge_as(struct weir_alloc *a, uint32_t tag, size_t row, int64_t nanos, uint64_t bytes)
{
	int r = alloc_grow(&a->charges, a->charge_count, &a->charge_cap, sizeof(*a->charges));

	assert(row < a->row_count);
	if (r)
		return r;
	a->charges[a->charge_count++] = (struct alloc_charge){row, nanos, bytes, tag};
	a->tagged = true;
	a->total += nanos;
	return 0;
}

int weir_alloc_hour_as(struct weir_alloc *a, uint32_t tag, uint64_t hour_s, const char *domain, const char *name, const char *owner,
		       int64_t nanos)
{
	struct alloc_hour h = {.hour_s = hour_s, .nanos = nanos, .owner = alloc_text(a, owner), .tag = tag};
	int r = h.owner ? resource_put(a, domain, name, &h.resource) : -ENOMEM;

	if (!r)
		r = alloc_grow(&a->hours, a->hour_count, &a->hour_cap, sizeof(*a->hours));
	if (r)
		return r;
	a->hours[a->hour_count++] = h;
	a->tagged |= tag != 0;
	a->total += nanos;
	return 0;
}

int weir_alloc_hour(struct weir_alloc *a, uint64_t hour_s, const char *domain, const char *name, const char *owner,
		    int64_t nanos)
{
	return weir_alloc_hour_as(a, 0, hour_s, domain, name, owner, nanos);
}

/* Who pays for a row: itself, unless the other one is known and it is the other's. */
static uint32_t payer_of(const struct weir_alloc *a, const struct alloc_row *row)
{
	const bool own[WEIR_PAYERS] = {
		[WEIR_PAYER_SENDER] = row->sent, [WEIR_PAYER_RECEIVER] = !row->sent, [WEIR_PAYER_INITIATOR] = row->opened};

	return row->peer == ALLOC_NONE || own[a->payer] ? row->party : a->names[row->peer].party;
}

/* Workloads that only their peers know; who used what; who is behind which proxy. */
static int look_through(struct weir_alloc *a)
{
	int r = 0;

	for (size_t i = 0; !r && i < a->name_count; i++)
		if (a->names[i].party == ALLOC_NONE)
			r = alloc_party(a, a->names[i].namespace, a->names[i].workload, "", a->names[i].team,
					&a->names[i].party);
	for (size_t i = 0; !r && i < a->row_count; i++) {
		const struct alloc_row *row = &a->rows[i];
		const struct alloc_party *self = &a->parties[row->party];
		const struct alloc_name *peer = row->peer == ALLOC_NONE ? NULL : &a->names[row->peer];

		if (row->resource != ALLOC_NONE && row->bytes)
			r = alloc_use_add(&a->uses, row->resource, row->hour_s, payer_of(a, row), row->bytes);
		if (!r && self->proxy && peer && row->opened && row->bytes && peer->party != row->party &&
		    weir_allocation_behind(a->rules, self->namespace, self->workload, peer->namespace, peer->workload))
			r = alloc_use_add(&a->behind, row->party, row->hour_s, peer->party, row->bytes);
	}
	alloc_uses_sort(&a->uses);
	alloc_uses_sort(&a->behind);
	return r;
}

/* Between a proxy that pays and one behind it: known to a byte whose it is. */
static bool is_behind(const struct weir_alloc *a, uint32_t proxy, uint64_t hour_s, uint32_t party)
{
	size_t n, low = 0;
	const struct alloc_use *u = alloc_uses_of(&a->behind, proxy, hour_s, &n);

	for (size_t high = n; low < high;) {
		size_t mid = low + (high - low) / 2;

		if (u[mid].party < party)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && u[low].party == party;
}

static int settle_row(struct weir_alloc *a, const struct alloc_row *row, int64_t nanos, uint64_t bytes)
{
	uint32_t pays = payer_of(a, row), other = row->party;
	const struct alloc_party *p = &a->parties[pays];
	weir_auto_free char *via = NULL;
	const char *text;

	if (pays == row->party)
		other = row->peer == ALLOC_NONE ? ALLOC_NONE : a->names[row->peer].party;
	if (!p->proxy || other == ALLOC_NONE || !is_behind(a, pays, row->hour_s, other))
		return alloc_land(a, pays, row->hour_s, WEIR_ALLOC_DIRECT, "", nanos, bytes);
	via = weir_strf("%s/%s", p->namespace, p->workload);
	text = via ? alloc_text(a, via) : NULL;
	return text ? alloc_land(a, other, row->hour_s, WEIR_ALLOC_PROXY, text, nanos, bytes) : -ENOMEM;
}

int weir_alloc_settle(struct weir_alloc *a)
{
	int r = look_through(a);

	for (size_t i = 0; !r && i < a->row_count; i++)
		if (a->rows[i].nanos || a->rows[i].once)
			r = settle_row(a, &a->rows[i], a->rows[i].nanos, a->rows[i].once);
	for (size_t i = 0; !r && i < a->charge_count; i++) {
		const struct alloc_charge *c = &a->charges[i];

		a->tag = c->tag;
		r = settle_row(a, &a->rows[c->row], c->nanos, c->bytes);
	}
	for (size_t i = 0; !r && i < a->hour_count; i++) {
		a->tag = a->hours[i].tag;
		r = alloc_share_hour(a, &a->hours[i]);
	}
	if (!r)
		r = alloc_pass_on(a);
	return r || a->tagged ? r : alloc_list_behind(a);
}

size_t weir_alloc_count(const struct weir_alloc *a)
{
	return a->share_count;
}

const struct weir_alloc_share *weir_alloc_at(const struct weir_alloc *a, size_t i)
{
	return &a->shares[i];
}

size_t weir_alloc_behinds(const struct weir_alloc *a)
{
	return a->behind_count;
}

const struct weir_alloc_behind *weir_alloc_behind_at(const struct weir_alloc *a, size_t i)
{
	return &a->behinds[i];
}

int64_t weir_alloc_total(const struct weir_alloc *a)
{
	return a->total;
}
