/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about the shelf of models, and the order to go back to the champion before. */
#include "aggregator/api.h"
#include "lib/base/log.h"
#include "lib/model/card.h"

#include <math.h>

static json_t *number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *item_value(const struct weir_shelf_item *t)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "use", t->use, "hash", t->hash, "state", t->state, "model", t->name, "version",
			 (int)t->version, "from_s", (json_int_t)t->from_s, "to_s", (json_int_t)t->to_s, "time_s", (json_int_t)t->made_s, "series",
			 (json_int_t)t->series, "points", (json_int_t)t->points, "bytes", (json_int_t)t->bytes, "error", number(t->error));
}

static json_t *decision_value(const struct weir_shelf_decision *d)
{
	return json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:o,s:o,s:s,s:s}", "time_s", (json_int_t)d->time_s, "verdict", weir_shelf_verdict_name(d->verdict), "model",
			 d->model, "hash", d->hash, "champion", d->champion, "previous", d->previous, "before", number(d->before), "after", number(d->after),
			 "reason", d->reason, "why", d->why);
}

/* The newest first. */
static int add_history(struct api_call *c, const char *use, json_t *answer)
{
	weir_auto_free struct weir_shelf_decision *list = NULL;
	json_t *decisions = json_array();
	size_t n = 0;
	int r = weir_shelf_history(c->sv->shelf, use, &list, &n);

	if (!decisions || json_object_set_new(answer, "decisions", decisions))
		return -ENOMEM;
	if (r == -ENOENT)
		return weir_err_set(&c->err, -EINVAL, "there is no use '%.60s' of models", use);
	for (; n > 0 && !r; n--)
		r = json_array_append_new(decisions, decision_value(&list[n - 1])) ? -ENOMEM : 0;
	return r;
}

int api_models(struct api_call *c, json_t **ret)
{
	const char *use = c->param(c, "use");
	weir_auto_free struct weir_shelf_item *list = NULL;
	api_auto_json json_t *items = json_array(), *answer = NULL;
	size_t n = 0;
	int r = items ? weir_shelf_list(c->sv->shelf, use, &list, &n) : -ENOMEM;

	for (size_t i = 0; i < n && !r; i++)
		r = json_array_append_new(items, item_value(&list[i])) ? -ENOMEM : 0;
	r = r ? r : api_items(weir_take_ptr(items), &answer);
	if (!r && use)
		r = add_history(c, use, answer);
	if (!r)
		*ret = weir_take_ptr(answer);
	return r;
}

/* By which decision the model came onto the shelf, and what it is there. */
static const struct weir_shelf_decision *decision_of(const struct weir_shelf_decision *list, size_t n, const char *hash)
{
	for (; n > 0; n--)
		if (!strcmp(list[n - 1].hash, hash) && list[n - 1].verdict != WEIR_SHELF_ROLLED_BACK)
			return &list[n - 1];
	return NULL;
}

static const struct weir_shelf_item *item_of(const struct weir_shelf_item *list, size_t n, const char *hash)
{
	for (size_t i = 0; i < n; i++)
		if (!strncmp(list[i].hash, hash, strlen(hash)))
			return &list[i];
	return NULL;
}

static int make_card(const struct weir_card *card, json_t **ret)
{
	weir_auto_buf struct weir_buf text = {0}, json = {0};
	api_auto_json json_t *o = NULL;
	int r = weir_card_text(card, &text);

	r = r ? r : weir_card_json(card, &json);
	o = r ? NULL : json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
	if (!o || json_object_set_new(o, "text", json_string((const char *)text.data)))
		return r ? r : -ENOMEM;
	*ret = weir_take_ptr(o);
	return 0;
}

int api_models_card(struct api_call *c, json_t **ret)
{
	const char *use = c->param(c, "use"), *hash = c->param(c, "hash");
	weir_auto_free struct weir_shelf_item *items = NULL;
	weir_auto_free struct weir_shelf_decision *decisions = NULL;
	const struct weir_shelf_item *item;
	char champion[WEIR_MODEL_HASH_TEXT];
	struct weir_card card = {.use = use};
	weir_auto_model m = {0};
	size_t n = 0, decided = 0;
	int r;

	if (!use)
		return weir_err_set(&c->err, -EINVAL, "use: the name of a use is needed");
	if (!hash) {
		weir_shelf_champion_hash(c->sv->shelf, use, champion);
		hash = champion;
	}
	if (!*hash)
		return weir_err_set(&c->err, -EINVAL, "%.60s has no champion; see: weirctl models list", use);
	r = weir_shelf_load(c->sv->shelf, use, hash, &m, &c->err);
	r = r ? r : weir_shelf_list(c->sv->shelf, use, &items, &n);
	r = r ? r : weir_shelf_history(c->sv->shelf, use, &decisions, &decided);
	if (r)
		return r == -ENOENT ? -EINVAL : r;
	item = item_of(items, n, hash);
	if (!item) /* gone since */
		return weir_err_set(&c->err, -EINVAL, "%.60s: there is no model '%.70s' any more", use, hash);
	card.hash = item->hash;
	card.state = item->state;
	card.model = &m;
	card.decision = decision_of(decisions, decided, item->hash);
	return make_card(&card, ret);
}

/* Whoever may write to the socket may order it; that is put down. */
static void who_asks(const struct api_call *c, char ret[32])
{
	unsigned int uid;

	if (c->request && !weir_http_peer(c->request, &uid))
		snprintf(ret, 32, "uid %u", uid);
	else
		snprintf(ret, 32, "unknown");
}

int api_models_rollback(struct api_call *c, json_t **ret)
{
	api_auto_json json_t *body = json_loadb(c->body, c->body_len, JSON_REJECT_DUPLICATES, NULL);
	const char *use = json_string_value(json_object_get(body, "use"));
	struct weir_shelf_decision d;
	char who[32];
	int r;

	if (!use)
		return weir_err_set(&c->err, -EINVAL, "the body must be {\"use\": \"NAME\"}");
	who_asks(c, who);
	r = weir_shelf_rollback(c->sv->shelf, use, (int64_t)(c->now_ns / 1000000000ull), who, &d, &c->err);
	if (r)
		return r == -ENOENT ? -EINVAL : r;
	weir_log(WEIR_LOG_WARN, "models: %s: %s (%s)", use, d.why, who);
	service_audited(audit_add(c->sv->audit, c->now_ns, "model-rolled-back", "use", use, "from", d.hash, "to", d.champion, "by", who, NULL));
	*ret = decision_value(&d);
	return *ret ? 0 : -ENOMEM;
}
