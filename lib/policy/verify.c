/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between a push and the kernel. Sizes first, then signatures over the bytes as they
 * came, and only then is anything parsed that will be used. Each refusal has its own name.
 */
#include "lib/policy/format.h"

const char *weir_refusal_name(enum weir_refusal r)
{
	static const char *const names[] = {
		"none",	 "malformed", "oversized",     "unsigned", "stripped",	  "tampered", "future-key-epoch",
		"older", "replayed",  "not-yet-valid", "expired",  "wrong-class", "mixed",    "tables",
		"unconfirmed", "rolled-back",
	};

	_Static_assert(WEIR_ARRAY_SIZE(names) == WEIR_REFUSALS, "a name for each refusal");

	return r < WEIR_REFUSALS ? names[r] : "unknown";
}

/* Distinct trusted keys with a valid signature: each key counts once, however often it signed. *ret_wrong:
 * how many of them have signed something else. */
static uint32_t count_approvals(const struct weir_trust *t, const void *manifest, size_t len,
				const struct weir_signature *sigs, size_t sig_count, uint32_t *ret_wrong)
{
	uint32_t good = 0, wrong = 0;

	for (size_t k = 0; k < t->key_count; k++) {
		bool repeated = false, signed_by = false, named = false;

		for (size_t i = 0; i < k; i++)
			repeated |= memcmp(t->keys[i], t->keys[k], WEIR_KEY_LEN) == 0;
		for (size_t i = 0; i < sig_count && !repeated && !signed_by; i++) {
			if (memcmp(sigs[i].key, t->keys[k], WEIR_KEY_LEN) != 0)
				continue;
			named = true;
			signed_by = weir_sig_verify(t->keys[k], manifest, len, sigs[i].sig) == 0;
		}
		good += signed_by;
		wrong += named && !signed_by;
	}
	*ret_wrong = wrong;
	return good;
}

/* Approvers that are not pinned here, of a later set: then it is this node that lags behind. The manifest is
 * nobody's word yet, and gives a refusal its name, no more. */
static bool is_future_epoch(const struct weir_trust *t, const void *manifest, size_t len)
{
	weir_cleanup(weir_manifest_fini) struct weir_manifest m = {0};

	return weir_manifest_parse(manifest, len, &m, NULL) == 0 && m.key_epoch > t->key_epoch;
}

static int refuse_epoch(const struct weir_trust *t, struct weir_err *err)
{
	return weir_err_set(err, WEIR_REFUSE_KEY_EPOCH,
			    "approved under a later key epoch than this node's %llu; give it the new "
			    "trust.approvers and trust.key_epoch",
			    (unsigned long long)t->key_epoch);
}

static int check_signatures(const struct weir_trust *t, const void *manifest, size_t len,
			    const struct weir_signature *sigs, size_t sig_count, struct weir_err *err)
{
	uint32_t wrong, good = count_approvals(t, manifest, len, sigs, sig_count, &wrong);
	uint32_t need = WEIR_MAX(t->threshold, 1u);

	if (good >= need)
		return 0;
	if (wrong)
		return weir_err_set(err, WEIR_REFUSE_TAMPERED,
				    "the manifest is not what %u of its approvers signed", wrong);
	if (is_future_epoch(t, manifest, len))
		return refuse_epoch(t, err);
	return weir_err_set(err, good ? WEIR_REFUSE_STRIPPED : WEIR_REFUSE_UNSIGNED,
			    "%u valid signatures by trusted approvers, %u are needed", good, need);
}

static int check_sizes(const struct weir_trust *t, size_t manifest_len, size_t sig_count,
		       size_t bundle_len, struct weir_err *err)
{
	size_t max = t->max_bundle ? WEIR_MIN(t->max_bundle, (size_t)WEIR_BUNDLE_MAX) :
				     WEIR_BUNDLE_MAX;

	if (manifest_len <= WEIR_MANIFEST_MAX && bundle_len <= max && sig_count <= WEIR_MAX_SIGNERS)
		return 0;
	return weir_err_set(err, WEIR_REFUSE_OVERSIZED,
			    "manifest %zu, bundle %zu bytes, %zu signatures: at most %u, %zu and %d%s",
			    manifest_len, bundle_len, sig_count, WEIR_MANIFEST_MAX, max, WEIR_MAX_SIGNERS,
			    bundle_len > max && max < WEIR_BUNDLE_MAX ? "; raise trust.max_bundle" : "");
}

static bool was_in_force(const struct weir_trust *t, const void *manifest, size_t len)
{
	uint8_t digest[WEIR_SHA256_LEN];

	if (weir_sha256(manifest, len, digest) < 0)
		return false;
	for (size_t i = 0; i < t->had_count; i++)
		if (memcmp(t->had[i], digest, sizeof(digest)) == 0)
			return true;
	return false;
}

static int check_marks(const struct weir_trust *t, const struct weir_manifest *m, const void *manifest,
		       size_t len, struct weir_err *err)
{
	if (m->key_epoch > t->key_epoch)
		return refuse_epoch(t, err);
	if (m->serial > t->serial_high && m->key_epoch >= t->key_epoch_high)
		return 0;
	if (was_in_force(t, manifest, len))
		return weir_err_set(err, WEIR_REFUSE_REPLAYED,
				    "serial %llu was in force here before, up to %llu was seen since",
				    (unsigned long long)m->serial, (unsigned long long)t->serial_high);
	if (m->serial <= t->serial_high)
		return weir_err_set(err, WEIR_REFUSE_OLDER, "serial %llu is not above %llu",
				    (unsigned long long)m->serial,
				    (unsigned long long)t->serial_high);
	return weir_err_set(err, WEIR_REFUSE_OLDER, "serial %llu is of key epoch %llu, this node is at %llu",
			    (unsigned long long)m->serial, (unsigned long long)m->key_epoch,
			    (unsigned long long)t->key_epoch_high);
}

static int check_validity(const struct weir_trust *t, const struct weir_manifest *m,
			  struct weir_err *err)
{
	if (t->now_s < m->not_before_s)
		return weir_err_set(err, WEIR_REFUSE_NOT_YET, "serial %llu is valid in %llu s only",
				    (unsigned long long)m->serial,
				    (unsigned long long)(m->not_before_s - t->now_s));
	if (t->now_s >= m->not_after_s)
		return weir_err_set(err, WEIR_REFUSE_EXPIRED, "serial %llu expired %llu s ago",
				    (unsigned long long)m->serial,
				    (unsigned long long)(t->now_s - m->not_after_s));
	return 0;
}

static int check_class(const struct weir_trust *t, const struct weir_manifest *m,
		       const uint8_t digest[WEIR_SHA256_LEN], size_t len, struct weir_err *err)
{
	const struct weir_class_ref *mine = NULL;

	for (size_t i = 0; i < m->class_count; i++)
		if (strcmp(m->classes[i].name, t->class) == 0)
			mine = &m->classes[i];
	if (!mine)
		return weir_err_set(err, WEIR_REFUSE_WRONG_CLASS,
				    "serial %llu has no bundle for node class '%s'",
				    (unsigned long long)m->serial, t->class);
	if (mine->bytes == len && memcmp(mine->digest, digest, WEIR_SHA256_LEN) == 0)
		return 0;
	for (size_t i = 0; i < m->class_count; i++)
		if (memcmp(m->classes[i].digest, digest, WEIR_SHA256_LEN) == 0)
			return weir_err_set(err, WEIR_REFUSE_WRONG_CLASS,
					    "the bundle is for node class '%s', this node is '%s'",
					    m->classes[i].name, t->class);
	if (mine->bytes == len)
		return weir_err_set(err, WEIR_REFUSE_TAMPERED,
				    "the bundle's bytes are not the ones that serial %llu names",
				    (unsigned long long)m->serial);
	return weir_err_set(err, WEIR_REFUSE_MIXED,
			    "the bundle is another one than serial %llu names: %zu bytes, not %llu",
			    (unsigned long long)m->serial, len, (unsigned long long)mine->bytes);
}

static int parse_bundle(const struct weir_trust *t, const void *data, size_t len, const uint8_t digest[WEIR_SHA256_LEN],
			struct weir_bundle **ret, struct weir_err *err)
{
	struct weir_bundle *b;
	int r = weir_bundle_parse_known(data, len, digest, &b, err);

	if (r == -EBADMSG)
		return WEIR_REFUSE_MALFORMED;
	if (r < 0)
		return r;
	if (strcmp(weir_bundle_class(b), t->class) != 0) {
		weir_err_set(err, 0, "the bundle says node class '%s', this node is '%s'",
			     weir_bundle_class(b), t->class);
		weir_bundle_free(b);
		return WEIR_REFUSE_WRONG_CLASS;
	}
	*ret = b;
	return 0;
}

int weir_bundle_verify(const struct weir_trust *trust, const void *manifest, size_t manifest_len,
		       const struct weir_signature *sigs, size_t sig_count, const void *bundle,
		       size_t bundle_len, struct weir_manifest *ret_manifest,
		       struct weir_bundle **ret_bundle, struct weir_err *err)
{
	weir_cleanup(weir_manifest_fini) struct weir_manifest m = {0};
	uint8_t digest[WEIR_SHA256_LEN];
	int r = check_sizes(trust, manifest_len, sig_count, bundle_len, err);

	if (r == 0)
		r = check_signatures(trust, manifest, manifest_len, sigs, sig_count, err);
	if (r != 0)
		return r;
	r = weir_manifest_parse(manifest, manifest_len, &m, err);
	if (r < 0)
		return r == -EBADMSG ? WEIR_REFUSE_MALFORMED : r;
	r = check_marks(trust, &m, manifest, manifest_len, err);
	if (r == 0)
		r = check_validity(trust, &m, err);
	if (r == 0)
		r = weir_sha256(bundle, bundle_len, digest);
	if (r == 0)
		r = check_class(trust, &m, digest, bundle_len, err);
	if (r == 0)
		r = parse_bundle(trust, bundle, bundle_len, digest, ret_bundle, err);
	if (r != 0)
		return r;
	*ret_manifest = m;
	m = (struct weir_manifest){0};
	return 0;
}
