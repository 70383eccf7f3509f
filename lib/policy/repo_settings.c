/* SPDX-License-Identifier: Apache-2.0 */
/* weir.yaml: who approves, how long an approval holds, what no policy can cut off. */
#include "lib/policy/repo_settings.h"
#include "lib/base/clock.h"
#include "lib/policy/model.h"

#define MAX_KEYS 64
#define VALIDITY_DEFAULT_S (365ull * 86400)
#define VALIDITY_MIN_S 60ull
#define VALIDITY_MAX_S (3650ull * 86400)
#define NS_PER_MS 1000000ull

/* *ret is the repository's to free, also after a failure. */
static int parse_keys(struct weir_y *seq, const char *who, uint8_t (**ret)[WEIR_KEY_LEN], size_t *ret_count,
		      struct weir_err *err)
{
	int r = weir_y_seq(seq, err);

	if (r < 0)
		return r;
	if (weir_y_count(seq) > MAX_KEYS)
		return weir_y_err(seq, err, "more than %d %ss", MAX_KEYS, who);
	*ret = calloc(MAX_KEYS, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < weir_y_count(seq); i++) {
		struct weir_y *y = weir_y_item(seq, i);
		const char *text;

		r = weir_y_str(y, &text, err);
		if (r < 0)
			return r;
		if (weir_pub_parse(text, (*ret)[i]) < 0)
			return weir_y_err(y, err, "not a public key \"ed25519:...\"");
		for (size_t k = 0; k < i; k++)
			if (memcmp((*ret)[k], (*ret)[i], WEIR_KEY_LEN) == 0)
				return weir_y_err(y, err, "the same %s twice", who);
		++*ret_count;
	}
	return 0;
}

static int parse_failsafe(struct weir_y *y, struct weir_failsafe *ret, struct weir_err *err)
{
	static const char *const dirs[] = {"ingress", "egress", NULL};
	struct weir_prefix prefix = {0}; /* any peer, IPv4 too: the kernel compares bits only */
	struct weir_rule_port port = {0};
	struct weir_y *cidr, *dir;
	unsigned int d;
	int r = weir_y_map(y, err);

	if (r < 0)
		return r;
	cidr = weir_y_find(y, "cidr");
	if (cidr)
		r = weir_y_prefix(cidr, &prefix, err);
	if (r == 0)
		r = weir_rule_port_parse(y, &port, err);
	if (r == 0)
		r = weir_y_get(y, "direction", &dir, err);
	if (r == 0)
		r = weir_y_enum(dir, dirs, &d, err);
	if (r == 0)
		r = weir_y_end(y, err);
	if (r < 0)
		return r;
	*ret = (struct weir_failsafe){
		.prefixlen = prefix.len,
		.proto = port.proto,
		.dir = (uint8_t)d,
		.used = 1,
		.lo = port.lo,
		.hi = port.hi,
	};
	memcpy(ret->prefix, prefix.addr.b, sizeof(ret->prefix));
	return 0;
}

static int parse_failsafe_list(struct weir_repo *repo, struct weir_y *seq, struct weir_err *err)
{
	int r = weir_y_seq(seq, err);

	if (r == 0 && weir_y_count(seq) > WEIR_MAX_FAILSAFE)
		return weir_y_err(seq, err, "more than %d failsafe entries", WEIR_MAX_FAILSAFE);
	for (size_t i = 0; r == 0 && i < weir_y_count(seq); i++) {
		r = parse_failsafe(weir_y_item(seq, i), &repo->failsafe[i], err);
		repo->failsafe_count += r == 0;
	}
	return r;
}

/* A duration within bounds; y NULL: *ms stays. */
static int parse_ms(struct weir_y *y, const char *bounds, uint64_t min_ms, uint64_t max_ms, uint64_t *ms,
		    struct weir_err *err)
{
	uint64_t ns = *ms * NS_PER_MS;
	int r = y ? weir_y_duration(y, &ns, err) : 0;

	if (r == 0 && (ns < min_ms * NS_PER_MS || ns > max_ms * NS_PER_MS))
		return weir_y_err(y, err, "%s", bounds);
	if (r == 0)
		*ms = ns / NS_PER_MS;
	return r;
}

static int parse_spec(struct weir_repo *repo, struct weir_y *spec, struct weir_err *err)
{
	struct weir_y *approvers = weir_y_find(spec, "approvers");
	struct weir_y *operators = weir_y_find(spec, "operators");
	struct weir_y *threshold = weir_y_find(spec, "threshold");
	struct weir_y *epoch = weir_y_find(spec, "keyEpoch");
	struct weir_y *validity = weir_y_find(spec, "validity");
	struct weir_y *confirm = weir_y_find(spec, "confirmWithin");
	struct weir_y *failsafe = weir_y_find(spec, "failsafe");
	uint64_t k = 1, validity_ms = VALIDITY_DEFAULT_S * 1000;
	int r = weir_y_end(spec, err);

	repo->confirm_ms = WEIR_CONFIRM_MS;
	if (r == 0 && approvers)
		r = parse_keys(approvers, "approver", &repo->approvers, &repo->approver_count, err);
	if (r == 0 && operators)
		r = parse_keys(operators, "operator", &repo->operators, &repo->operator_count, err);
	if (r == 0 && threshold)
		r = weir_y_u64(threshold, 1, WEIR_MAX(repo->approver_count, 1u), &k, err);
	if (r == 0 && epoch)
		r = weir_y_u64(epoch, 0, WEIR_KEY_EPOCH_MAX, &repo->key_epoch, err);
	if (r == 0)
		r = parse_ms(validity, "validity must be from 60s to 3650d", VALIDITY_MIN_S * 1000,
			     VALIDITY_MAX_S * 1000, &validity_ms, err);
	if (r == 0)
		r = parse_ms(confirm, "confirmWithin must be from 100ms to 1h", WEIR_CONFIRM_MS_MIN,
			     WEIR_CONFIRM_MS_MAX, &repo->confirm_ms, err);
	if (r < 0)
		return r;
	repo->threshold = (uint32_t)k;
	repo->validity_s = validity_ms / 1000;
	return failsafe ? parse_failsafe_list(repo, failsafe, err) : 0;
}

int weir_repo_settings(struct weir_repo *repo, struct weir_y *doc, struct weir_err *err)
{
	struct weir_y *spec;
	int r;

	if (repo->validity_s) /* which a first document has set */
		return weir_y_err(doc, err, "a second Settings document");
	r = weir_y_get(doc, "spec", &spec, err);

	if (r == 0)
		r = weir_y_map(spec, err);
	if (r == 0)
		r = parse_spec(repo, spec, err);
	return r < 0 ? r : weir_y_end(doc, err);
}
