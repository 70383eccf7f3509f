/* SPDX-License-Identifier: Apache-2.0 */
/* weir.yaml: who approves, how long an approval holds, what no policy can cut off. */
#include "lib/policy/repo_settings.h"
#include "lib/base/clock.h"
#include "lib/policy/model.h"

#define MAX_APPROVERS 64
#define VALIDITY_DEFAULT_S (365ull * 86400)
#define VALIDITY_MIN_S 60ull
#define VALIDITY_MAX_S (3650ull * 86400)

static int parse_approvers(struct weir_repo *repo, struct weir_y *seq, struct weir_err *err)
{
	int r = weir_y_seq(seq, err);

	if (r < 0)
		return r;
	if (weir_y_count(seq) > MAX_APPROVERS)
		return weir_y_err(seq, err, "more than %d approvers", MAX_APPROVERS);
	repo->approvers = calloc(MAX_APPROVERS, sizeof(*repo->approvers));
	if (!repo->approvers)
		return -ENOMEM;
	for (size_t i = 0; i < weir_y_count(seq); i++) {
		struct weir_y *y = weir_y_item(seq, i);
		const char *text;

		r = weir_y_str(y, &text, err);
		if (r < 0)
			return r;
		if (weir_pub_parse(text, repo->approvers[i]) < 0)
			return weir_y_err(y, err, "not a public key \"ed25519:...\"");
		for (size_t k = 0; k < i; k++)
			if (memcmp(repo->approvers[k], repo->approvers[i], WEIR_KEY_LEN) == 0)
				return weir_y_err(y, err, "the same approver twice");
		repo->approver_count++;
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

static int parse_spec(struct weir_repo *repo, struct weir_y *spec, struct weir_err *err)
{
	struct weir_y *approvers = weir_y_find(spec, "approvers");
	struct weir_y *threshold = weir_y_find(spec, "threshold");
	struct weir_y *validity = weir_y_find(spec, "validity");
	struct weir_y *failsafe = weir_y_find(spec, "failsafe");
	uint64_t k = 1, ns = VALIDITY_DEFAULT_S * WEIR_NS_PER_S;
	int r = weir_y_end(spec, err);

	if (r == 0 && approvers)
		r = parse_approvers(repo, approvers, err);
	if (r == 0 && threshold)
		r = weir_y_u64(threshold, 1, WEIR_MAX(repo->approver_count, 1u), &k, err);
	if (r == 0 && validity)
		r = weir_y_duration(validity, &ns, err);
	if (r < 0)
		return r;
	repo->threshold = (uint32_t)k;
	repo->validity_s = ns / WEIR_NS_PER_S;
	if (repo->validity_s < VALIDITY_MIN_S || repo->validity_s > VALIDITY_MAX_S)
		return weir_y_err(validity, err, "validity must be from 60s to 3650d");
	if (!failsafe)
		return 0;
	r = weir_y_seq(failsafe, err);
	if (r == 0 && weir_y_count(failsafe) > WEIR_MAX_FAILSAFE)
		return weir_y_err(failsafe, err, "more than %d failsafe entries",
				  WEIR_MAX_FAILSAFE);
	for (size_t i = 0; r == 0 && i < weir_y_count(failsafe); i++) {
		r = parse_failsafe(weir_y_item(failsafe, i), &repo->failsafe[i], err);
		repo->failsafe_count += r == 0;
	}
	return r;
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
