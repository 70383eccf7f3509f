/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/bill_charge.h"

#include <strings.h>

#include "lib/ds/map.h"
#include "lib/money/reconcile.h"

#define FOUND_MAX 65536u /* kinds of usage whose meter is remembered */
#define KEY_MAX 1024

/* A meter as bills see it: the first name with its sku, and with the skus of that name. */
struct weir_charges {
	const struct weir_pricebook *book;
	struct weir_map *names; /* meter's name -> name of the first */
	struct weir_map *found; /* provider, region, texts -> meter, or NULL's stand-in */
};
static const struct weir_meter nothing;

const char *weir_rest_name(enum weir_rest r)
{
	static const char *const names[WEIR_RESTS] = {"unmeasured", "resource", "unknown-meter", "not-usage", "not-network"};

	return (unsigned int)r < WEIR_RESTS ? names[r] : "?";
}

static const char *name_find(const struct weir_map *m, const char *name)
{
	return weir_map_find(m, name, strlen(name));
}

static int name_put(struct weir_map *m, const char *name, const char *first)
{
	return weir_map_put(m, name, strlen(name), (void *)(uintptr_t)first, NULL);
}

/* Two groups of names are one: those of b go by the name of a. */
static int names_join(struct weir_charges *c, const char *a, const char *b)
{
	const struct weir_meter *m;
	int r = 0;

	for (size_t i = 0; !r && (m = weir_pricebook_at(c->book, i)); i++) {
		const char *first = name_find(c->names, m->name);

		if (first && !strcmp(first, b))
			r = name_put(c->names, m->name, a);
	}
	return r;
}

static int names_make(struct weir_charges *c, struct weir_map *by_sku)
{
	const struct weir_meter *m;
	char key[KEY_MAX];
	int r = 0;

	for (size_t i = 0; !r && (m = weir_pricebook_at(c->book, i)); i++) {
		const char *first = name_find(c->names, m->name), *other;
		int len = snprintf(key, sizeof(key), "%s %s", m->provider, m->sku);

		if (!*m->sku || len >= KEY_MAX)
			continue;
		other = weir_map_find(by_sku, key, (size_t)len);
		if (!first)
			r = name_put(c->names, m->name, other ? name_find(c->names, other) : m->name);
		else if (other && strcmp(name_find(c->names, other), first) != 0)
			r = names_join(c, name_find(c->names, other), first);
		if (!r && !other)
			r = weir_map_put(by_sku, key, (size_t)len, (void *)(uintptr_t)m->name, NULL);
	}
	return r;
}

int weir_charges_new(const struct weir_pricebook *b, struct weir_charges **ret)
{
	weir_cleanup(weir_charges_freep) struct weir_charges *c = calloc(1, sizeof(*c));
	struct weir_map *by_sku = NULL;
	int r = c ? weir_map_new(&by_sku) : -ENOMEM;

	if (r)
		return r;
	c->book = b;
	r = weir_map_new(&c->names);
	if (!r)
		r = weir_map_new(&c->found);
	if (!r)
		r = names_make(c, by_sku);
	weir_map_free(by_sku, NULL);
	if (!r)
		*ret = weir_take_ptr(c);
	return r;
}

void weir_charges_free(struct weir_charges *c)
{
	if (!c)
		return;
	if (c->names)
		weir_map_free(c->names, NULL);
	if (c->found)
		weir_map_free(c->found, NULL);
	free(c);
}

const char *weir_charges_meter(const struct weir_charges *c, const char *name)
{
	const char *first = name_find(c->names, name);

	return first ? first : name;
}

/* "" = it may be any. */
static const char *provider_of(const char *text)
{
	static const struct {
		const char *part, *provider;
	} known[] = {{"AWS", "aws"}, {"Amazon", "aws"}, {"Microsoft", "azure"}, {"Azure", "azure"}, {"Google", "gcp"}, {"GCP", "gcp"}};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(known); i++)
		if (strcasestr(text, known[i].part))
			return known[i].provider;
	return "";
}

static bool fits(const struct weir_meter *m, const struct weir_bill_line *l, const char *both)
{
	return weir_sku_matches(m->sku, l->usage_type) || weir_sku_matches(m->sku, l->meter) || weir_sku_matches(m->sku, l->sku) ||
	       weir_sku_matches(m->sku, both);
}

static const struct weir_meter *look(const struct weir_charges *c, const struct weir_bill_line *l)
{
	weir_auto_free char *both = *l->usage_type && *l->meter ? weir_strf("%s, %s", l->usage_type, l->meter) : NULL;
	const struct weir_meter *m, *best = NULL;
	const char *provider = provider_of(l->provider);
	bool regional = false;

	for (size_t i = 0; (m = weir_pricebook_at(c->book, i)); i++) {
		bool here = !strcmp(m->region, l->region);

		if (!*m->sku || (*provider && strcmp(provider, m->provider) != 0))
			continue;
		if (best && (here < regional || (here == regional && strlen(m->sku) <= strlen(best->sku))))
			continue;
		if (!fits(m, l, both ? both : ""))
			continue;
		best = m;
		regional = here;
	}
	return best ? best : &nothing;
}

static int meter_of(struct weir_charges *c, const struct weir_bill_line *l, const struct weir_meter **ret)
{
	char key[KEY_MAX];
	int len = snprintf(key, sizeof(key), "%s\n%s\n%s\n%s\n%s", l->provider, l->region, l->usage_type, l->meter, l->sku);
	const struct weir_meter *m = len < KEY_MAX ? weir_map_find(c->found, key, (size_t)len) : NULL;
	int r = 0;

	if (!m) {
		m = look(c, l);
		if (len < KEY_MAX && weir_map_count(c->found) < FOUND_MAX)
			r = weir_map_put(c->found, key, (size_t)len, (void *)(uintptr_t)m, NULL);
	}
	*ret = m == &nothing ? NULL : m;
	return r;
}

/* What costs by the hour is in hours, whatever the bill calls them. */
static int64_t quantity_of(const struct weir_meter *m, const struct weir_bill_line *l)
{
	__int128 q = 0;

	if (l->has_quantity && m->by_hour)
		q = ((__int128)l->quantity.whole * 1000000000 + l->quantity.nanos) * (__int128)m->unit_bytes / 1000000000;
	else if (l->has_quantity && !strcmp(l->unit, "Bytes"))
		q = l->quantity.whole;
	return q > INT64_MAX / 4 || q < INT64_MIN / 4 ? 0 : (int64_t)q;
}

int weir_charges_of(struct weir_charges *c, const struct weir_bill_line *l, struct weir_charge *ret)
{
	const struct weir_meter *m;
	bool usage = !*l->category || !strcmp(l->category, "Usage");
	bool tax = !strcmp(l->category, "Tax") || !strcmp(l->category, "Purchase");
	int r = meter_of(c, l, &m);

	if (r)
		return r;
	*ret = (struct weir_charge){.kind = WEIR_CHARGE_ALONE, .rest = WEIR_REST_NOT_NETWORK, .meter = "", .region = ""};
	if (tax)
		ret->rest = m || *l->network ? WEIR_REST_NOT_USAGE : WEIR_REST_NOT_NETWORK;
	else if (!m && *l->network)
		ret->rest = !strcmp(l->unit, "Bytes") ? WEIR_REST_UNKNOWN_METER : WEIR_REST_RESOURCE;
	if (tax || !m)
		return 0;
	ret->meter = weir_charges_meter(c, m->name);
	ret->list = m;
	ret->region = !strcmp(m->region, l->region) ? l->region : "";
	ret->quantity = usage ? quantity_of(m, l) : 0;
	ret->kind = ret->quantity > 0 ? WEIR_CHARGE_USAGE : WEIR_CHARGE_FOLLOWER;
	ret->rest = m->by_hour ? WEIR_REST_RESOURCE : WEIR_REST_UNMEASURED;
	return 0;
}
