/* SPDX-License-Identifier: Apache-2.0 */
/* All bundles of a revision and the manifest that names them. */
#include "lib/policy/repo.h"

struct weir_compiled {
	uint32_t shares;
	struct weir_class_ref *classes; /* NULL = not compiled yet */
	struct weir_buf *bundles;
	size_t count;
};

int weir_compiled_new(struct weir_compiled **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	(*ret)->shares = 1;
	return 0;
}

static void forget(struct weir_compiled *c)
{
	for (size_t i = 0; c->bundles && i < c->count; i++)
		weir_buf_fini(&c->bundles[i]);
	free(c->bundles);
	free(c->classes);
	c->bundles = NULL;
	c->classes = NULL;
}

void weir_compiled_free(struct weir_compiled *c)
{
	if (!c || --c->shares)
		return;
	forget(c);
	free(c);
}

void weir_release_free(struct weir_release *r)
{
	if (!r)
		return;
	weir_compiled_free(r->compiled);
	weir_buf_fini(&r->manifest_text);
	weir_manifest_fini(&r->manifest);
	free(r);
}

static void release_freep(struct weir_release **r)
{
	weir_release_free(*r);
}

static int add_class(const struct weir_repo *r, const char *name, struct weir_class_ref *ref,
		     struct weir_buf *bundle, struct weir_err *err)
{
	int e;

	if (weir_strcpy(ref->name, sizeof(ref->name), name) < 0)
		return weir_err_set(err, -EINVAL, "node class '%s' is longer than %d characters",
				    name, WEIR_CLASS_MAX - 1);
	if (strpbrk(name, " \t\r\n"))
		return weir_err_set(err, -EINVAL, "node class '%s' has a blank in it", name);
	e = weir_bundle_compile(r->policies, r->topology, name, r->failsafe, r->failsafe_count, bundle, err);
	if (e < 0)
		return e;
	ref->bytes = bundle->len;
	return weir_sha256(bundle->data, bundle->len, ref->digest);
}

static int compile(const struct weir_repo *r, struct weir_err *err)
{
	struct weir_compiled *c = r->compiled;
	int e = 0;

	if (c->classes)
		return 0;
	c->count = weir_topology_class_count(r->topology);
	if (c->count == 0)
		return weir_err_set(err, -EINVAL, "no node class: the topology has no subnet");
	c->classes = calloc(c->count, sizeof(*c->classes));
	c->bundles = calloc(c->count, sizeof(*c->bundles));
	if (!c->classes || !c->bundles)
		e = -ENOMEM;
	for (size_t i = 0; e == 0 && i < c->count; i++)
		e = add_class(r, weir_topology_class(r->topology, i), &c->classes[i], &c->bundles[i], err);
	if (e < 0)
		forget(c);
	return e;
}

int weir_release_make(const struct weir_repo *r, uint64_t serial, uint64_t not_before_s, bool shadow,
		      struct weir_release **ret, struct weir_err *err)
{
	weir_cleanup(release_freep) struct weir_release *out = calloc(1, sizeof(*out));
	size_t n;
	int e;

	if (!out)
		return -ENOMEM;
	e = compile(r, err);
	if (e < 0)
		return e;
	out->compiled = r->compiled;
	out->compiled->shares++;
	out->bundles = r->compiled->bundles;
	n = r->compiled->count;
	out->manifest.serial = serial;
	out->manifest.shadow = shadow;
	out->manifest.key_epoch = r->key_epoch;
	out->manifest.confirm_ms = shadow ? 0 : r->confirm_ms; /* nothing comes in force */
	out->manifest.not_before_s = not_before_s;
	out->manifest.not_after_s = not_before_s + r->validity_s;
	memcpy(out->manifest.source, r->source, sizeof(r->source));
	out->manifest.classes = calloc(n, sizeof(*out->manifest.classes));
	if (!out->manifest.classes)
		return -ENOMEM;
	out->manifest.class_count = n;
	memcpy(out->manifest.classes, r->compiled->classes, n * sizeof(*out->manifest.classes));
	e = weir_manifest_text(&out->manifest, &out->manifest_text);
	if (e == -EFBIG)
		weir_err_set(err, e, "the manifest of %zu node classes is over %u bytes", n,
			     WEIR_MANIFEST_MAX);
	if (e < 0)
		return e;
	*ret = weir_take_ptr(out);
	return 0;
}
