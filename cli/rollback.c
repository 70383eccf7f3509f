/* SPDX-License-Identifier: Apache-2.0 */
/* An operator's order to take a bundle back: made and signed here, sent to the aggregator. */
#include "lib/policy/order.h"

#include "cli/args.h"
#include "cli/http.h"
#include "cli/view.h"

#include <inttypes.h>

#include "lib/base/clock.h"

static void key_freep(struct weir_key **k)
{
	weir_key_free(*k);
}

/* The serial that the aggregator serves. */
static int served(const struct cli *c, uint64_t *ret, struct weir_err *err)
{
	weir_auto_buf struct weir_buf body = {0};
	view_auto_json json_t *root = NULL;
	int r = http_get(c->socket, "/api/v1/policy", &body, err);

	if (r)
		return r;
	root = json_loadb((const char *)body.data, body.len, 0, NULL);
	*ret = (uint64_t)json_integer_value(json_object_get(root, "serial"));
	return *ret ? 0 : weir_err_set(err, -ENOENT, "the aggregator serves no bundle; name one with --serial");
}

static int make(const struct weir_key *key, uint64_t serial, struct weir_buf *ret)
{
	struct weir_order o = {.serial = serial, .number = weir_wall_ns()};
	weir_auto_free char *base64 = NULL;
	uint8_t pub[WEIR_KEY_LEN], sig[WEIR_SIG_LEN];
	char text[56];
	int r;

	o.not_after_s = o.number / WEIR_NS_PER_S + WEIR_ORDER_VALID_S;
	r = weir_order_text(&o, ret);
	if (!r)
		r = weir_key_public(key, pub);
	if (!r)
		r = weir_key_sign(key, ret->data, ret->len, sig);
	if (!r)
		r = weir_base64(sig, sizeof(sig), &base64);
	return r ? r : weir_buf_addf(ret, "%s %s\n", weir_pub_text(pub, text), base64);
}

int cmd_policy_rollback(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(key_freep) struct weir_key *key = NULL;
	weir_auto_buf struct weir_buf order = {0}, said = {0};
	const char *key_path = NULL;
	bool emergency = false;
	uint64_t serial = 0;
	const struct args_opt opts[] = {
		{"--emergency", ARGS_FLAG, &emergency},
		{"--key", ARGS_STR, &key_path},
		{"--serial", ARGS_U64, &serial},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r && !emergency)
		r = weir_err_set(err, -EINVAL, "without --emergency: revert the commit and sign it");
	if (!r && !key_path)
		r = weir_err_set(err, -EINVAL, "--key FILE is needed: an operator's; weirctl pki operator makes one");
	if (!r)
		r = weir_key_load(key_path, &key, err);
	if (!r && !serial)
		r = served(c, &serial, err);
	if (!r)
		r = make(key, serial, &order);
	if (!r)
		r = http_post(c->socket, "/api/v1/order", order.data, order.len, &said, err);
	if (r)
		return r;
	if (c->json)
		fprintf(c->out, "%s\n", (const char *)said.data);
	else
		fprintf(c->out, "serial %" PRIu64 " is taken back by each node that has it in force; see: weirctl agents\n",
			serial);
	return 0;
}
