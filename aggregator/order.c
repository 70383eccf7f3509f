/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emergencies: an operator's signed order comes in over the API, is kept, and goes out with the next answer to
 * each node's poll for as long as it is valid. Nodes judge it themselves; that it is judged here too is for the
 * operator, who hears at once what is wrong with it.
 */
#include "aggregator/service.h"

#include "lib/base/log.h"

#include <inttypes.h>

int order_load(struct service *sv, struct weir_err *err)
{
	struct emergency e = {0};
	int r = store_order_last(sv->store, e.text, sizeof(e.text), &e.len, &e.sig);

	if (r == -ENOENT)
		return 0;
	if (!r)
		r = weir_order_parse(e.text, e.len, &e.order, err);
	if (r)
		return weir_err_set(err, r, "store: the last emergency order cannot be read: %s", strerror(-r));
	sv->emergency = e;
	return 0;
}

/* "...order...ed25519:<key> <base64>\n" */
static int parse_body(const char *body, size_t len, struct emergency *e, struct weir_signature *sig)
{
	weir_auto_free char *copy = strndup(body, len);
	weir_auto_free uint8_t *bytes = NULL;
	char *line = copy ? strstr(copy, "\ned25519:") : NULL, *space;
	size_t n;

	if (!line || strlen(copy) != len)
		return -EINVAL;
	line++;
	e->len = (size_t)(line - copy);
	line[strcspn(line, "\n")] = 0;
	space = strchr(line, ' ');
	if (!space || e->len > sizeof(e->text))
		return -EINVAL;
	*space = 0;
	if (weir_pub_parse(line, sig->key) || weir_unbase64(space + 1, &bytes, &n) || n != sizeof(sig->sig))
		return -EINVAL;
	memcpy(sig->sig, bytes, n);
	memcpy(e->text, body, e->len);
	memcpy(e->sig.key, sig->key, sizeof(sig->key));
	memcpy(e->sig.sig, sig->sig, sizeof(sig->sig));
	return 0;
}

int order_take(struct service *sv, const char *body, size_t len, uint64_t now_ns, struct weir_err *err)
{
	const struct weir_repo *repo = gitops_repo(sv->gitops);
	struct emergency e = {0};
	struct weir_signature sig;
	char serial[24], id[17];
	int r = parse_body(body, len, &e, &sig);

	if (r)
		return weir_err_set(err, r, "not a signed order");
	if (!repo)
		return weir_err_set(err, -EINVAL, "no policy was ever good: it is not known who an operator is");
	r = weir_order_verify((const uint8_t(*)[WEIR_KEY_LEN])repo->operators, repo->operator_count, e.text, e.len, &sig,
			      sv->emergency.order.number, now_ns / 1000000000ull, &e.order, err);
	if (r == WEIR_REFUSE_UNSIGNED)
		*err = (struct weir_err){"the key is not in spec.operators of weir.yaml"};
	if (r)
		return -EINVAL;
	r = store_order_add(sv->store, e.order.number, e.text, e.len, &e.sig);
	if (r)
		return weir_err_set(err, r, "the store failed: %s", store_error(sv->store));
	sv->emergency = e;
	snprintf(serial, sizeof(serial), "%" PRIu64, e.order.serial);
	weir_log(WEIR_LOG_WARN, "emergency: operator %s orders serial %s to be taken back", weir_pub_id(sig.key, id), serial);
	service_audited(audit_add(sv->audit, now_ns, "emergency-ordered", "serial", serial, "operator",
				  weir_pub_id(sig.key, id), NULL));
	control_sweep(sv->control, now_ns);
	return 0;
}

const struct emergency *order_for(const struct service *sv, uint64_t have, uint64_t now_ns)
{
	const struct emergency *e = &sv->emergency;

	return e->order.number > have && now_ns / 1000000000ull < e->order.not_after_s ? e : NULL;
}
