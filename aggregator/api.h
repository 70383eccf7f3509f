/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP API's answers: JSON, to GET but for two POSTs. A handler makes a value or says why not. All of jansson is
 * in api_*.c, http.c and signals_*.c.
 */
#ifndef AGGREGATOR_API_H
#define AGGREGATOR_API_H

#include "aggregator/query.h"
#include "aggregator/service.h"
#include "lib/wire/facts.h"
#include "lib/os/httpd.h"

#include <jansson.h>

#define API_ITEMS_MAX 10000

struct api_call {
	struct service *sv;
	uint64_t now_ns;
	/* Value of a query parameter, NULL = not given. */
	const char *(*param)(const struct api_call *c, const char *name);
	const struct weir_http_request *request;
	const char *body; /* of a POST, terminated; NULL = GET */
	size_t body_len;
	struct weir_err err; /* one line, for the answer */
};

typedef int (*api_fn)(struct api_call *c, json_t **ret); /* -EINVAL = 400, else 500 */
/* Handler of a path, NULL = none; of a POST. */
api_fn api_find(const char *path, bool post);

/* api.c: shared by the handlers */
int api_u64(struct api_call *c, const char *name, uint64_t def, uint64_t min, uint64_t max,
	    uint64_t *ret);
int api_store_failed(struct api_call *c, int r);
void api_decrefp(json_t **j);
#define api_auto_json weir_cleanup(api_decrefp)
/* {"items": takes items} */
int api_items(json_t *items, json_t **ret);
/* Adds nanos and amount. */
int api_money(json_t *object, int64_t nanos);
/* since=SECONDS and limit=N. A node's clock may be a little ahead: the range has no upper end. */
int api_since_limit(struct api_call *c, uint64_t def_limit, struct query_range *ret_range,
		    uint64_t *ret_limit);
void api_range(const struct api_call *c, uint64_t from_s, uint64_t to_s, struct query_range *ret);
/* "team,path": names of dimensions, each once. */
int api_dims(struct api_call *c, const char *by, enum query_dim dims[QUERY_DIMS], size_t *ret_n);
const char *api_verdict(uint32_t verdict);
const char *api_currency(const struct service *sv);

/* api_fleet.c */
int api_status(struct api_call *c, json_t **ret);
int api_agents(struct api_call *c, json_t **ret);
int api_policy(struct api_call *c, json_t **ret);
int api_witnesses(struct api_call *c, json_t **ret);
int api_audit(struct api_call *c, json_t **ret);
int api_order(struct api_call *c, json_t **ret); /* POST: a signed order, see order.c */
/* api_traffic.c */
int api_top(struct api_call *c, json_t **ret);
int api_flows(struct api_call *c, json_t **ret);
int api_traffic(struct api_call *c, json_t **ret);
/* api_cost.c */
int api_cost(struct api_call *c, json_t **ret);
/* api_ledger.c */
int api_ledger(struct api_call *c, json_t **ret);
/* api_allocation.c */
int api_allocation(struct api_call *c, json_t **ret);
/* api_coverage.c */
int api_coverage(struct api_call *c, json_t **ret);
/* api_explain.c */
int api_explain(struct api_call *c, json_t **ret);
/* api_why.c */
int api_why(struct api_call *c, json_t **ret);

/* api_budgets.c */
int api_budgets(struct api_call *c, json_t **ret);
/* api_health.c */
int api_health(struct api_call *c, json_t **ret);
/* api_signals.c */
int api_signals(struct api_call *c, json_t **ret);
/* api_models.c */
int api_models(struct api_call *c, json_t **ret);
int api_models_card(struct api_call *c, json_t **ret);
int api_models_rollback(struct api_call *c, json_t **ret); /* POST {"use": NAME} */
/* api_live.c */
int api_forecast(struct api_call *c, json_t **ret);
int api_anomalies(struct api_call *c, json_t **ret);
/* api_shadow.c */
int api_shadow(struct api_call *c, json_t **ret);
/* api_store.c */
int api_store(struct api_call *c, json_t **ret);

#endif
