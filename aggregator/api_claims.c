/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/api_claims.h"

#include "lib/ds/map.h"

#define TAGS_MAX 4096u
#define CLAIMS_MAX 65536u
#define KEY_MAX 1024

struct tag {
	char *domain, *meter;
	uint32_t path;
};
struct claim {
	uint32_t tag;
	const char *kind;
	char *owner;
	int64_t nanos;
	uint64_t bytes;
};
struct api_claims {
	struct tag tags[TAGS_MAX];
	size_t tag_count;
	struct weir_map *tag_ids, *claims; /* number of a tag; struct claim, owned */
};

static void claim_free(void *p)
{
	struct claim *claim = p;

	free(claim->owner);
	free(claim);
}

void api_claims_free(struct api_claims *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->tag_count; i++) {
		free(c->tags[i].domain);
		free(c->tags[i].meter);
	}
	if (c->tag_ids)
		weir_map_free(c->tag_ids, NULL);
	if (c->claims)
		weir_map_free(c->claims, claim_free);
	free(c);
}

int api_claims_new(struct api_claims **ret)
{
	struct api_claims *c = calloc(1, sizeof(*c));

	if (!c || weir_map_new(&c->tag_ids) || weir_map_new(&c->claims)) {
		api_claims_free(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

uint32_t api_claims_tag(const struct query_charge *q, void *arg)
{
	struct api_claims *c = arg;
	char key[KEY_MAX];
	int len = snprintf(key, sizeof(key), "%u\n%s\n%s", q->path, q->domain, q->meter);
	uintptr_t at = len < KEY_MAX ? (uintptr_t)weir_map_find(c->tag_ids, key, (size_t)len) : 0;
	struct tag *t = &c->tags[c->tag_count];

	if (at || len >= KEY_MAX || c->tag_count == TAGS_MAX)
		return (uint32_t)at;
	*t = (struct tag){strdup(q->domain), strdup(q->meter), q->path};
	c->tag_count++;
	if (!t->domain || !t->meter || weir_map_put(c->tag_ids, key, (size_t)len, (void *)(uintptr_t)c->tag_count, NULL))
		return 0;
	return (uint32_t)c->tag_count;
}

static int claim_new(struct api_claims *c, const char *key, size_t len, const struct claim *from, struct claim **ret)
{
	struct claim *claim = malloc(sizeof(*claim));

	if (!claim)
		return -ENOMEM;
	*claim = *from;
	claim->owner = strdup(from->owner);
	if (!claim->owner || weir_map_put(c->claims, key, len, claim, NULL)) {
		claim_free(claim);
		return -ENOMEM;
	}
	*ret = claim;
	return 0;
}

int api_claims_add(struct api_claims *c, const struct weir_alloc_share *share, const char *kind, const char *owner)
{
	const struct claim first = {.tag = share->tag, .kind = kind, .owner = (char *)(uintptr_t)owner};
	char key[KEY_MAX];
	int r = 0, len = snprintf(key, sizeof(key), "%u\n%s\n%s", share->tag, kind, owner);
	struct claim *claim = len < KEY_MAX ? weir_map_find(c->claims, key, (size_t)len) : NULL;

	if (!share->tag) /* nothing was charged with it */
		return 0;
	if (!claim) {
		if (len >= KEY_MAX || weir_map_count(c->claims) == CLAIMS_MAX)
			return -E2BIG;
		r = claim_new(c, key, (size_t)len, &first, &claim);
	}
	if (r)
		return r;
	claim->nanos += share->nanos;
	claim->bytes += share->bytes;
	return 0;
}

json_t *api_claims_json(const struct api_claims *c)
{
	json_t *items = json_array();
	const void *key;
	size_t pos = 0, len;
	void *v;

	while (items && weir_map_next(c->claims, &pos, &key, &len, &v)) {
		const struct claim *claim = v;
		const struct tag *t = &c->tags[claim->tag - 1];

		if (json_array_append_new(items, json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I}", "team", claim->owner, "kind", claim->kind, "class",
							   t->domain, "path", weir_path_name((enum weir_path)t->path), "meter", t->meter,
							   "bytes", (json_int_t)claim->bytes, "nanos", (json_int_t)claim->nanos))) {
			json_decref(items);
			return NULL;
		}
	}
	return items;
}
