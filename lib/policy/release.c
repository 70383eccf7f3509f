/* SPDX-License-Identifier: Apache-2.0 */
/* All bundles of a revision and the manifest that names them. */
#include "lib/policy/repo.h"

void weir_release_free(struct weir_release *r)
{
	if (!r)
		return;
	for (size_t i = 0; r->bundles && i < r->manifest.class_count; i++)
		weir_buf_fini(&r->bundles[i]);
	free(r->bundles);
	weir_buf_fini(&r->manifest_text);
	weir_manifest_fini(&r->manifest);
	free(r);
}

static void release_freep(struct weir_release **r)
{
	weir_release_free(*r);
}

static int add_class(const struct weir_repo *r, const char *name, struct weir_release *out,
		     size_t i, struct weir_err *err)
{
	struct weir_class_ref *ref = &out->manifest.classes[i];
	int e;

	if (weir_strcpy(ref->name, sizeof(ref->name), name) < 0)
		return weir_err_set(err, -EINVAL, "node class '%s' is longer than %d characters",
				    name, WEIR_CLASS_MAX - 1);
	if (strpbrk(name, " \t\r\n"))
		return weir_err_set(err, -EINVAL, "node class '%s' has a blank in it", name);
	e = weir_bundle_compile(r->policies, r->topology, name, r->failsafe, r->failsafe_count,
				&out->bundles[i], err);
	if (e < 0)
		return e;
	ref->bytes = out->bundles[i].len;
	return weir_sha256(out->bundles[i].data, out->bundles[i].len, ref->digest);
}

int weir_release_make(const struct weir_repo *r, uint64_t serial, uint64_t not_before_s,
		      struct weir_release **ret, struct weir_err *err)
{
	weir_cleanup(release_freep) struct weir_release *out = calloc(1, sizeof(*out));
	size_t n = weir_topology_class_count(r->topology);
	int e = 0;

	if (!out)
		return -ENOMEM;
	if (n == 0)
		return weir_err_set(err, -EINVAL, "no node class: the topology has no subnet");
	out->manifest.serial = serial;
	out->manifest.not_before_s = not_before_s;
	out->manifest.not_after_s = not_before_s + r->validity_s;
	memcpy(out->manifest.source, r->source, sizeof(r->source));
	out->manifest.classes = calloc(n, sizeof(*out->manifest.classes));
	out->bundles = calloc(n, sizeof(*out->bundles));
	if (!out->manifest.classes || !out->bundles)
		return -ENOMEM;
	out->manifest.class_count = n;
	for (size_t i = 0; e == 0 && i < n; i++)
		e = add_class(r, weir_topology_class(r->topology, i), out, i, err);
	if (e == 0)
		e = weir_manifest_text(&out->manifest, &out->manifest_text);
	if (e == -EFBIG)
		weir_err_set(err, e, "the manifest of %zu node classes is over %u bytes", n,
			     WEIR_MANIFEST_MAX);
	if (e < 0)
		return e;
	*ret = weir_take_ptr(out);
	return 0;
}
