/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl models: what stands on the aggregator's shelf, why, and back to the champion before. */
#include "cli/args.h"
#include "cli/http.h"
#include "cli/view.h"
#include "lib/model/shelf.h"

#define HASH_SHOWN 12

static const struct view_column models[] = {
	{"use", "use"},	      {"state", "state"}, {"model", "model"}, {"hash", "hash"},	  {"time_s", "made"},
	{"to_s", "data until"}, {"series", "series"}, {"bytes", "size"},  {"error", "error"}, {0},
};

static const struct view_column decisions[] = {
	{"time_s", "when"}, {"verdict", "verdict"}, {"model", "model"}, {"before", "champion's error"}, {"after", "error"},
	{"reason", "reason"}, {"champion", "champion then"}, {"why", "why"}, {0},
};

/* So much of a hash as people need; they may give as much of it back. */
static int shorten(json_t *items, const char *field)
{
	json_t *item;
	size_t i;

	json_array_foreach (items, i, item) {
		const char *hash = json_string_value(json_object_get(item, field));
		char begin[HASH_SHOWN + 1];

		snprintf(begin, sizeof(begin), "%.*s", HASH_SHOWN, hash ? hash : "");
		if (json_object_set_new(item, field, json_string(begin)))
			return -ENOMEM;
	}
	return 0;
}

static int check_use(const char *use, struct weir_err *err)
{
	return weir_shelf_is_use(use) ? 0 : weir_err_set(err, -EINVAL, "'%.60s' is no name of a use; see: weirctl models list", use);
}

static int show_models(const struct cli *c, json_t *root, struct weir_err *err)
{
	int r = shorten(json_object_get(root, "items"), "hash");

	return r ? r : view_items(c, root, models, NULL, err);
}

int cmd_models_list(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	int r = args_parse(NULL, 0, argc, argv, "", NULL, 0, 0, err);

	r = r ? r : view_fetch(c, "/api/v1/models", &root, err);
	return r || !root ? r : show_models(c, root, err);
}

int cmd_models_show(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL, *list = NULL;
	const char *use = NULL;
	int r = args_parse(NULL, 0, argc, argv, "USE", &use, 1, 1, err);

	r = r ? r : check_use(use, err);
	r = r ? r : view_fetch_made(c, weir_strf("/api/v1/models?use=%s", use), &root, err);
	if (r || !root)
		return r;
	r = show_models(c, root, err);
	list = json_pack("{s:O?}", "items", json_object_get(root, "decisions"));
	if (r || !list)
		return r ? r : -ENOMEM;
	fputc('\n', c->out);
	r = shorten(json_object_get(list, "items"), "champion");
	return r ? r : view_items(c, list, decisions, NULL, err);
}

int cmd_models_card(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	const char *use = NULL, *hash = "", *text;
	const struct args_opt opts[] = {{"--model", ARGS_STR, &hash}};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "USE", &use, 1, 1, err);

	r = r ? r : check_use(use, err);
	if (!r && hash[strspn(hash, "0123456789abcdef")])
		r = weir_err_set(err, -EINVAL, "--model: '%.70s' is no hash, nor how one begins", hash);
	r = r ? r : view_fetch_made(c, weir_strf("/api/v1/models/card?use=%s%s%s", use, *hash ? "&hash=" : "", hash), &root, err);
	if (r || !root)
		return r;
	text = json_string_value(json_object_get(root, "text"));
	if (!text)
		return weir_err_set(err, -EBADMSG, "the aggregator's answer has no card");
	/* Text of the network cannot steer the terminal. */
	for (; *text; text++)
		fputc(*text == '\n' || (*text >= 0x20 && *text < 0x7f) ? *text : '?', c->out);
	return 0;
}

int cmd_models_rollback(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_auto_buf struct weir_buf order = {0}, said = {0};
	view_auto_json json_t *root = NULL;
	const char *use = NULL, *why;
	int r = args_parse(NULL, 0, argc, argv, "USE", &use, 1, 1, err);

	r = r ? r : check_use(use, err);
	r = r ? r : weir_buf_addf(&order, "{\"use\": \"%s\"}", use);
	r = r ? r : http_post(c->socket, "/api/v1/models/rollback", order.data, order.len, &said, err);
	if (r)
		return r;
	if (c->json)
		return fprintf(c->out, "%s\n", (const char *)said.data) < 0 ? -EIO : 0;
	root = json_loadb((const char *)said.data, said.len, JSON_REJECT_DUPLICATES, NULL);
	why = json_string_value(json_object_get(root, "why"));
	if (!why)
		return weir_err_set(err, -EBADMSG, "the aggregator's answer does not say what was done");
	fprintf(c->out, "%s: %s\n", use, why);
	return 0;
}
