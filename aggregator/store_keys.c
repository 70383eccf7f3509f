/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store_keys.h"

#include "aggregator/store_impl.h"
#include "aggregator/witness.h"

int store_keys_get(struct store *s, const char *node, struct store_keys *ret)
{
	sqlite3_stmt *st;
	int r = store_row(s, ST_KEYS_GET, &st, "t", node);

	*ret = (struct store_keys){0};
	if (r)
		return r == -ENOENT ? 0 : r;
	ret->has_key = sqlite3_column_bytes(st, 0) == WEIR_KEY_LEN;
	if (ret->has_key)
		memcpy(ret->key, sqlite3_column_blob(st, 0), WEIR_KEY_LEN);
	ret->cert_expires_s = (uint64_t)sqlite3_column_int64(st, 1);
	ret->broken = sqlite3_column_int64(st, 2);
	(void)weir_strcpy(ret->refused, sizeof(ret->refused), (const char *)sqlite3_column_text(st, 3));
	ret->refused_s = (uint64_t)sqlite3_column_int64(st, 4);
	store_done(st);
	return 0;
}

int store_keys_certificate(struct store *s, const char *node, uint64_t expires_s, bool broken)
{
	int64_t id;
	int r = store_node(s, node, &id);

	return r ? r : store_run(s, ST_KEYS_CERTIFICATE, "iui", id, expires_s, (int64_t)broken);
}

int store_keys_identity(struct store *s, const char *node, const uint8_t key[WEIR_KEY_LEN])
{
	int64_t id;
	int r = store_node(s, node, &id);

	return r ? r : store_run(s, ST_KEYS_IDENTITY, "ix", id, key, WEIR_KEY_LEN);
}

int store_keys_refused(struct store *s, const char *node, const char *text, uint64_t now_s)
{
	int64_t id;
	int r = store_id(s, ST_NODE_GET, &id, "t", node);

	return r ? r : store_run(s, ST_KEYS_REFUSED, "itu", id, text, now_s);
}

int store_witness(struct store *s, const char *node, const struct weir_chain_head *h)
{
	int64_t id;
	int r = store_node(s, node, &id);

	return r ? r : store_run(s, ST_WITNESS_PUT, "iuxx", id, h->seq, h->hash, WEIR_SHA256_LEN, h->sig, WEIR_SIG_LEN);
}
