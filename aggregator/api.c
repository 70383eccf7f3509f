/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/api.h"

#include "aggregator/text.h"

#include <inttypes.h>

static const struct {
	const char *path;
	api_fn fn;
} routes[] = {
	{"/api/v1/status", api_status}, {"/api/v1/agents", api_agents}, {"/api/v1/top", api_top},
	{"/api/v1/flows", api_flows},	{"/api/v1/cost", api_cost},	{"/api/v1/policy", api_policy},
	{"/api/v1/audit", api_audit},   {"/api/v1/health", api_health},
	{"/api/v1/shadow", api_shadow}, {"/api/v1/witnesses", api_witnesses},
	{"/api/v1/traffic", api_traffic},
	{"/api/v1/allocation", api_allocation}, {"/api/v1/coverage", api_coverage},
	{"/api/v1/cost/explain", api_explain},
	{"/api/v1/store", api_store},   {"/api/v1/cost/why", api_why},
	{"/api/v1/ledger", api_ledger},
	{"/api/v1/models", api_models}, {"/api/v1/models/card", api_models_card},
	{"/api/v1/budgets", api_budgets}, {"/api/v1/signals", api_signals},
	{"/api/v1/forecast", api_forecast}, {"/api/v1/anomalies", api_anomalies},
};

static const struct {
	const char *path;
	api_fn fn;
} posts[] = {
	{"/api/v1/order", api_order},
	{"/api/v1/models/rollback", api_models_rollback},
};

api_fn api_find(const char *path, bool post)
{
	for (size_t i = 0; post && i < WEIR_ARRAY_SIZE(posts); i++)
		if (!strcmp(posts[i].path, path))
			return posts[i].fn;
	if (post)
		return NULL;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(routes); i++)
		if (!strcmp(routes[i].path, path))
			return routes[i].fn;
	return NULL;
}

int api_u64(struct api_call *c, const char *name, uint64_t def, uint64_t min, uint64_t max,
	    uint64_t *ret)
{
	const char *s = c->param(c, name);
	unsigned long long v;
	char *end;

	if (!s) {
		*ret = def;
		return 0;
	}
	errno = 0;
	v = strtoull(s, &end, 10);
	if (*s < '0' || *s > '9' || *end || errno || v < min || v > max)
		return weir_err_set(&c->err, -EINVAL, "%s: must be a number of %" PRIu64 " to %" PRIu64,
				    name, min, max);
	*ret = v;
	return 0;
}

int api_store_failed(struct api_call *c, int r)
{
	return weir_err_set(&c->err, r, "the store failed: %s", store_error(c->sv->store));
}

void api_decrefp(json_t **j)
{
	json_decref(*j);
}

int api_items(json_t *items, json_t **ret)
{
	json_t *o = json_pack("{s:o}", "items", items);

	if (!o)
		return -ENOMEM;
	*ret = o;
	return 0;
}

int api_money(json_t *object, int64_t nanos)
{
	char amount[TEXT_MONEY_MAX];

	if (json_object_set_new(object, "nanos", json_integer(nanos)) ||
	    json_object_set_new(object, "amount", json_string(text_money(nanos, amount))))
		return -ENOMEM;
	return 0;
}

const char *api_verdict(uint32_t verdict)
{
	static const char *const names[WEIR_VERDICTS] = {"none",    "accept",	  "deny",
							 "limited", "would-deny", "would-limit"};

	return verdict < WEIR_VERDICTS ? names[verdict] : "?";
}

const char *api_currency(const struct service *sv)
{
	const struct weir_repo *r = gitops_repo(sv->gitops);

	return r && r->prices ? weir_pricebook_currency(r->prices) : "";
}
