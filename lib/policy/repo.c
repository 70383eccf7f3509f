/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a policy repository. Every file is read through descriptors below one O_PATH descriptor,
 * in a fixed order, hashed as read and parsed from the same bytes; errors are collected over all
 * files.
 */
#include <endian.h>
#include <fcntl.h>

#include "lib/os/file.h"
#include "lib/policy/model.h"
#include "lib/policy/repo_settings.h"

#define FILE_MAX (1u << 20)
#define LIST_FILE_MAX (64u << 20) /* 2^20 lines of the longest prefix, and room for notes */
#define FILES_MAX 1000
#define TOTAL_MAX (16u << 20)

struct loader {
	const char *dir;
	int fd;
	struct weir_repo *repo;
	struct weir_sha256 *hash;
	size_t files, bytes, list_bytes;
	bool failed;
	struct weir_err *err;
	void (*on_error)(const char *line, void *arg);
	void *arg;
};

/* A folder holds one kind, or what belongs together. */
struct folder {
	const char *name, *kind;
	const char *also[2]; /* other kinds; NULL: none */
	int (*add)(struct weir_repo *repo, struct weir_y *doc, struct weir_err *err);
};

static int add_topology(struct weir_repo *repo, struct weir_y *doc, struct weir_err *err)
{
	return weir_topology_add(repo->topology, doc, err);
}

static int add_prices(struct weir_repo *repo, struct weir_y *doc, struct weir_err *err)
{
	return weir_pricebook_add(repo->prices, doc, err);
}

static int add_policy(struct weir_repo *repo, struct weir_y *doc, struct weir_err *err)
{
	return weir_policy_set_add(repo->policies, doc, err);
}

static int add_allocation(struct weir_repo *repo, struct weir_y *doc, struct weir_err *err)
{
	return weir_allocation_add(repo->allocation, doc, err);
}

static int add_budget(struct weir_repo *repo, struct weir_y *doc, struct weir_err *err)
{
	return weir_budget_set_add(repo->budgets, doc, err);
}

static const struct folder settings_file = {"", "Settings", {NULL}, weir_repo_settings};
static const struct folder folders[] = {
	{"topology", "Topology", {NULL}, add_topology},
	{"prices", "PriceBook", {"PriceContract", "PriceCalibration"}, add_prices},
	{"allocation", "Allocation", {NULL}, add_allocation},
	{"budgets", "Budget", {NULL}, add_budget},
	{"policies", "FlowPolicy", {NULL}, add_policy},
};

static void loader_fini(struct loader *l)
{
	weir_repo_free(l->repo);
	weir_sha256_free(l->hash);
	if (l->fd >= 0)
		close(l->fd);
}

static void report(const char *line, void *arg)
{
	struct loader *l = arg;

	l->failed = true;
	weir_err_set(l->err, -EINVAL, "%s", line);
	if (l->on_error)
		l->on_error(line, l->arg);
}

/* -EINVAL becomes a reported line and the load goes on; anything else (no memory) ends it. */
static int settle(struct loader *l, int r, const struct weir_err *err)
{
	if (r == 0 || r == -ENOMEM)
		return r;
	report(err->text[0] ? err->text : strerror(-r), l);
	return 0;
}

static bool belongs(const struct folder *f, const char *kind)
{
	if (!strcmp(kind, f->kind))
		return true;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(f->also); i++)
		if (f->also[i] && !strcmp(kind, f->also[i]))
			return true;
	return false;
}

static int add_document(struct loader *l, const struct folder *f, struct weir_y *doc,
			struct weir_err *err)
{
	struct weir_y *version, *kind;
	const char *text;
	int r = weir_y_map(doc, err);

	if (r == 0)
		r = weir_y_get(doc, "apiVersion", &version, err);
	if (r == 0)
		r = weir_y_str(version, &text, err);
	if (r < 0)
		return r;
	if (strcmp(text, "weir.dev/v1alpha1") != 0)
		return weir_y_err(version, err,
				  "unknown apiVersion '%s'; this is weir.dev/v1alpha1", text);
	r = weir_y_get(doc, "kind", &kind, err);
	if (r == 0)
		r = weir_y_str(kind, &text, err);
	if (r < 0)
		return r;
	if (!belongs(f, text))
		return weir_y_err(kind, err, "kind '%s' does not belong here; expected %s", text,
				  f->kind);
	return f->add(l->repo, doc, err);
}

static int add_text(struct loader *l, const struct folder *f, const char *shown, const char *text,
		    size_t len)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_err err = {0};
	int r = weir_ydoc_parse(text, len, shown, &doc, &err);

	if (r < 0)
		return settle(l, r, &err);
	for (size_t i = 0; i < weir_ydoc_count(doc); i++) {
		struct weir_err one = {0};

		r = settle(l, add_document(l, f, weir_ydoc_root(doc, i), &one), &one);
		if (r < 0)
			return r;
	}
	return 0;
}

static int hash_file(struct loader *l, const char *relative, const char *text, size_t len)
{
	uint64_t size = htole64(len);
	int r = weir_sha256_add(l->hash, relative, strlen(relative) + 1);

	if (r == 0)
		r = weir_sha256_add(l->hash, &size, sizeof(size));
	return r < 0 ? r : weir_sha256_add(l->hash, text, len);
}

static int load_file(struct loader *l, int dirfd, const struct folder *f, const char *name)
{
	weir_auto_free char *relative = NULL, *shown = NULL, *text = NULL;
	struct weir_err err = {0};
	size_t len;
	int r;

	relative = weir_strf("%s%s%s", f->name, *f->name ? "/" : "", name);
	shown = relative ? weir_strf("%s/%s", l->dir, relative) : NULL;
	if (!shown)
		return -ENOMEM;
	r = weir_file_read_at(dirfd, name, FILE_MAX, &text, &len);
	if (r < 0 && r != -ENOMEM)
		weir_err_set(&err, r, "%s: cannot read: %s", shown, strerror(-r));
	if (r < 0)
		return settle(l, r, &err);
	l->bytes += len;
	if (++l->files > FILES_MAX || l->bytes > TOTAL_MAX)
		return weir_err_set(l->err, -E2BIG, "%s: more than %d files or %u bytes", l->dir,
				    FILES_MAX, TOTAL_MAX);
	r = hash_file(l, relative, text, len);
	if (r == 0)
		r = add_text(l, f, shown, text, len);
	if (r == 0 && f == &settings_file && !l->failed && !l->repo->validity_s)
		r = settle(l, weir_err_set(&err, -EINVAL, "%s: no Settings document", shown), &err);
	return r;
}

/* lists/blocked.txt is list "blocked". */
static int load_list(struct loader *l, int dirfd, const char *file)
{
	weir_auto_free char *relative = weir_strf("lists/%s", file), *text = NULL;
	weir_auto_free char *shown = weir_strf("%s/lists/%s", l->dir, file);
	weir_auto_free char *name = strndup(file, strlen(file) - strlen(".txt"));
	struct weir_err err = {0};
	size_t len;
	int r;

	if (!relative || !shown || !name)
		return -ENOMEM;
	r = weir_file_read_at(dirfd, file, LIST_FILE_MAX, &text, &len);
	if (r < 0)
		return settle(l, r == -ENOMEM ? r : weir_err_set(&err, r, "%s: cannot read: %s", shown, strerror(-r)),
			      &err);
	l->list_bytes += len;
	if (++l->files > FILES_MAX || l->list_bytes > LIST_FILE_MAX)
		return weir_err_set(l->err, -E2BIG, "%s: more than %d files, or %u bytes of lists", l->dir,
				    FILES_MAX, LIST_FILE_MAX);
	r = hash_file(l, relative, text, len);
	return r < 0 ? r : settle(l, weir_policy_set_list(l->repo->policies, name, shown, text, len, &err), &err);
}

static int load_lists(struct loader *l)
{
	weir_auto_close int fd = openat(l->fd, "lists", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weir_auto_strv char **names = NULL;
	int r;

	if (fd < 0 && errno == ENOENT)
		return 0;
	r = fd < 0 ? -errno : weir_dir_list(fd, ".txt", FILES_MAX, &names);
	if (r < 0)
		return weir_err_set(l->err, r, "%s/lists: cannot read: %s", l->dir, strerror(-r));
	for (size_t i = 0; r == 0 && names[i]; i++)
		r = load_list(l, fd, names[i]);
	return r;
}

static int load_folder(struct loader *l, const struct folder *f)
{
	weir_auto_close int fd = openat(l->fd, f->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weir_auto_strv char **names = NULL;
	int r;

	if (fd < 0 && errno == ENOENT)
		return 0;
	r = fd < 0 ? -errno : weir_dir_list(fd, NULL, FILES_MAX, &names);
	if (r < 0)
		return weir_err_set(l->err, r, "%s/%s: cannot read: %s", l->dir, f->name,
				    strerror(-r));
	for (size_t i = 0; r == 0 && names[i]; i++) {
		size_t len = strlen(names[i]);
		struct weir_err err = {0};

		if (len > 5 && strcmp(names[i] + len - 5, ".yaml") == 0)
			r = load_file(l, fd, f, names[i]);
		else if (len > 4 && strcmp(names[i] + len - 4, ".yml") == 0)
			r = settle(l,
				   weir_err_set(&err, -EINVAL, "%s/%s/%s: rename it to .yaml",
						l->dir, f->name, names[i]),
				   &err);
	}
	return r;
}

/* Files of providers' ranges that topology documents name; of their size, lists are the measure. */
static int load_ranges(struct loader *l)
{
	for (size_t i = 0; i < weir_topology_range_files(l->repo->topology); i++) {
		const char *relative = weir_topology_range_file(l->repo->topology, i);
		weir_auto_free char *shown = weir_strf("%s/%s", l->dir, relative), *data = NULL;
		struct weir_err err = {0};
		size_t len;
		int r = shown ? weir_file_read_at(l->fd, relative, WEIR_RANGES_MAX, &data, &len) : -ENOMEM;

		if (r < 0 && r != -ENOMEM)
			weir_err_set(&err, r, "%s: cannot read: %s", shown, strerror(-r));
		if (r == 0)
			r = hash_file(l, relative, data, len);
		if (r == 0)
			r = weir_topology_add_ranges(l->repo->topology, shown, data, len, &err);
		r = settle(l, r, &err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Cross-references make sense only when every file was read. */
static int seal(struct loader *l)
{
	struct weir_repo *repo = l->repo;
	struct weir_err topology = {0}, prices = {0}, policies = {0}, budgets = {0};
	int r = settle(l, weir_topology_seal(repo->topology, &topology), &topology);

	if (r == 0)
		r = settle(l, weir_pricebook_seal(repo->prices, &prices), &prices);
	if (r == 0)
		r = settle(l, weir_budget_set_seal(repo->budgets, weir_pricebook_currency(repo->prices), &budgets), &budgets);
	if (r == 0)
		r = settle(l, weir_policy_set_seal(repo->policies, &policies), &policies);
	if (r < 0 || l->failed)
		return r;
	r = weir_policy_set_resolve(repo->policies, repo->topology, report, l);
	return r < 0 ? r : 0;
}

static int repo_new(struct weir_repo **ret)
{
	struct weir_repo *repo = calloc(1, sizeof(*repo));
	int r;

	if (!repo)
		return -ENOMEM;
	repo->threshold = 1;
	r = weir_topology_new(&repo->topology);
	if (r == 0)
		r = weir_compiled_new(&repo->compiled);
	if (r == 0)
		r = weir_pricebook_new(&repo->prices);
	if (r == 0)
		r = weir_allocation_new(&repo->allocation);
	if (r == 0)
		r = weir_budget_set_new(&repo->budgets);
	if (r == 0)
		r = weir_policy_set_new(&repo->policies);
	if (r < 0) {
		weir_repo_free(repo);
		return r;
	}
	*ret = repo;
	return 0;
}

int weir_repo_load(const char *dir, struct weir_repo **ret, struct weir_err *err,
		   void (*on_error)(const char *line, void *arg), void *arg)
{
	struct weir_err own = {0};
	weir_cleanup(loader_fini) struct loader l = {
		.dir = dir, .fd = -1, .err = err ? err : &own, .on_error = on_error, .arg = arg};
	int r;

	l.fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l.fd < 0) {
		r = -errno;
		return weir_err_set(err, r, "%s: cannot open: %s", dir, strerror(-r));
	}
	r = repo_new(&l.repo);
	if (r == 0)
		r = weir_sha256_new(&l.hash);
	if (r == 0)
		r = load_file(&l, l.fd, &settings_file, "weir.yaml");
	if (r == 0)
		r = load_lists(&l);
	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(folders); i++)
		r = load_folder(&l, &folders[i]);
	if (r == 0)
		r = load_ranges(&l);
	if (r == 0 && !l.failed)
		r = seal(&l);
	if (r == 0 && l.failed)
		r = -EINVAL;
	if (r == 0)
		r = weir_sha256_end(l.hash, l.repo->source);
	if (r < 0)
		return r;
	*ret = weir_take_ptr(l.repo);
	return 0;
}

void weir_repo_free(struct weir_repo *r)
{
	if (!r)
		return;
	weir_topology_free(r->topology);
	weir_pricebook_free(r->prices);
	weir_allocation_free(r->allocation);
	weir_budget_set_free(r->budgets);
	weir_policy_set_free(r->policies);
	weir_compiled_free(r->compiled);
	free(r->approvers);
	free(r->operators);
	free(r);
}
