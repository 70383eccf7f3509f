/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, and who holds them. Each row asks for its addresses, and most ask for those of the window before: their ids
 * and present holders are kept in memory, as far as they are known to be as the tables say. What is not committed
 * after all goes with all the rest.
 */
#include "aggregator/store_impl.h"
#include "lib/ds/map.h"

/* Of addresses: some 200 bytes each. Beyond, all are asked for anew. */
#define KNOWN_MAX 131072u

struct holding {
	int64_t workload, node;
	uint64_t since_s;
};

struct store_known {
	struct weir_map *ids;	  /* address and domain -> id */
	struct weir_map *holders; /* id -> struct holding */
};

void known_forget(struct store_known **known)
{
	struct store_known *k = weir_take_ptr(*known);

	if (!k)
		return;
	if (k->ids)
		weir_map_free(k->ids, NULL);
	if (k->holders)
		weir_map_free(k->holders, free);
	free(k);
}

/* NULL without memory: then everything is asked of the tables. */
static struct store_known *known(struct store *s)
{
	if (s->known && WEIR_MAX(weir_map_count(s->known->ids), weir_map_count(s->known->holders)) >= KNOWN_MAX)
		known_forget(&s->known);
	if (s->known)
		return s->known;
	s->known = calloc(1, sizeof(*s->known));
	if (s->known && (weir_map_new(&s->known->ids) || weir_map_new(&s->known->holders)))
		known_forget(&s->known);
	return s->known;
}

/* The key of an address in a domain; 0 = too long to be kept. */
static size_t id_key(const char *domain, const struct weir_addr *a, uint8_t key[sizeof(struct weir_addr) + 128])
{
	size_t len = strlen(domain);

	if (len > 128)
		return 0;
	memcpy(key, a, sizeof(*a));
	memcpy(key + sizeof(*a), domain, len);
	return sizeof(*a) + len;
}

int store_address(struct store *s, const char *domain, const struct weir_addr *a, int64_t *ret)
{
	struct store_known *k = known(s);
	uint8_t key[sizeof(*a) + 128];
	size_t len;
	void *id = NULL;
	int r;

	if (!a) {
		*ret = 0;
		return 0;
	}
	len = id_key(domain, a, key);
	if (k && len)
		id = weir_map_find(k->ids, key, len);
	if (id) {
		*ret = (intptr_t)id;
		return 0;
	}
	r = store_id(s, ST_ADDRESS_GET, ret, "ta", domain, a);
	if (r == -ENOENT) {
		r = store_run(s, ST_ADDRESS_ADD, "ta", domain, a);
		if (!r)
			*ret = sqlite3_last_insert_rowid(s->db);
	}
	if (!r && k && len)
		(void)weir_map_put(k->ids, key, len, (void *)(intptr_t)*ret, NULL);
	return r;
}

/* Whether that the workload is seen with the address at that time changes nothing. */
static bool is_held(const struct holding *h, int64_t workload, int64_t node, uint64_t time_s)
{
	return h->workload == workload || h->since_s > time_s || (!h->workload && h->node == node);
}

/* What the table now says of an address. */
static void note_holding(struct store *s, int64_t address, const struct holding *h)
{
	struct store_known *k = known(s);
	struct holding *kept = k ? weir_map_find(k->holders, &address, sizeof(address)) : NULL;

	if (!k)
		return;
	if (!kept) {
		kept = malloc(sizeof(*kept));
		if (!kept || weir_map_put(k->holders, &address, sizeof(address), kept, NULL)) {
			free(kept);
			return;
		}
	}
	*kept = *h;
}

static int open_holding(struct store *s, int64_t address, const struct holding *h)
{
	int r = store_run(s, ST_HOLDER_OPEN, "iuii", address, h->since_s, h->workload, h->node);

	if (!r)
		note_holding(s, address, h);
	return r;
}

/* Another workload is seen: two in one instant, or one that returns, is an address of several that has no one holder. */
static int change_holder(struct store *s, int64_t address, const struct holding *was, struct holding *now)
{
	int64_t former;
	int r = store_id(s, ST_HOLDER_FORMER, &former, "ii", address, now->workload);

	if (r && r != -ENOENT)
		return r;
	if (was->node == now->node && (!r || was->since_s == now->since_s))
		now->workload = 0;
	r = store_run(s, ST_HOLDER_CLOSE, "iiu", address, (int64_t)was->since_s, now->since_s);
	return r ? r : open_holding(s, address, now);
}

int store_holder(struct store *s, int64_t address, int64_t workload, int64_t node, uint64_t time_s)
{
	struct store_known *k = known(s);
	const struct holding *kept = k ? weir_map_find(k->holders, &address, sizeof(address)) : NULL;
	struct holding was, now = {workload, node, time_s};
	sqlite3_stmt *st;
	int r;

	if (kept && is_held(kept, workload, node, time_s))
		return 0;
	r = store_row(s, ST_HOLDER_CURRENT, &st, "i", address);
	if (r == -ENOENT)
		return open_holding(s, address, &now);
	if (r)
		return r;
	was = (struct holding){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 2),
			       (uint64_t)sqlite3_column_int64(st, 1)};
	store_done(st);
	note_holding(s, address, &was);
	return is_held(&was, workload, node, time_s) ? 0 : change_holder(s, address, &was, &now);
}

int store_holder_at(struct store *s, int64_t address, uint64_t time_s, int64_t *ret_workload)
{
	int r = store_id(s, ST_HOLDER_AT, ret_workload, "iu", address, time_s);

	if (r == -ENOENT) {
		*ret_workload = 0;
		return 0;
	}
	return r;
}
