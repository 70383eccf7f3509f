/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about the store's file: where it is, how large, how far back it reaches, how long it keeps what. */
#include "aggregator/api.h"
#include "aggregator/query_store.h"

#define NS_S 1000000000ull

static int add_rollup(const struct query_rollup *q, void *arg)
{
	json_t *o = json_pack("{s:s,s:s,s:I,s:I}", "kind", q->kind, "rollup", q->rollup, "oldest_s", (json_int_t)q->oldest_s,
			      "newest_s", (json_int_t)q->newest_s);

	return json_array_append_new(arg, o) ? -ENOMEM : 0;
}

int api_store(struct api_call *c, json_t **ret)
{
	const uint64_t *ns = c->sv->config.retain_ns;
	api_auto_json json_t *items = json_array(), *o = NULL;
	weir_auto_free char *path = realpath(c->sv->config.store_path, NULL);
	struct query_store q;
	int r = query_store(c->sv->store, &q, add_rollup, items);

	if (r)
		return api_store_failed(c, r);
	o = json_pack("{s:s,s:i,s:I,s:I,s:I,s:{s:I,s:I,s:I,s:I},s:O}", "path", path ? path : c->sv->config.store_path, "schema",
		      q.schema, "bytes", (json_int_t)q.bytes, "free_bytes", (json_int_t)q.free_bytes, "log_bytes",
		      (json_int_t)q.log_bytes, "retain_s", "10s", (json_int_t)(ns[STORE_10S] / NS_S), "1m",
		      (json_int_t)(ns[STORE_1M] / NS_S), "1h", (json_int_t)(ns[STORE_1H] / NS_S), "1d",
		      (json_int_t)(ns[STORE_1D] / NS_S), "items", items);
	if (!o)
		return -ENOMEM;
	*ret = weir_take_ptr(o);
	return 0;
}
