/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/topology_source.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>

#include "lib/money/import.h"
#include "lib/os/file.h"

struct source {
	struct weir_topology *t;
	void (*note)(const char *line, void *arg);
	void *arg;
	struct weir_err *err;
};

static void import_freep(struct weir_import **m)
{
	weir_import_free(*m);
}

static int add_documents(struct source *s, struct weir_ydoc *d)
{
	int r = 0;

	for (size_t i = 0; !r && i < weir_ydoc_count(d); i++)
		r = weir_topology_add(s->t, weir_ydoc_root(d, i), s->err);
	return r;
}

static int add_yaml(struct source *s, const char *path)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = weir_ydoc_load(path, &d, s->err);

	return r ? r : add_documents(s, d);
}

static int read_json(struct source *s, const char *path, char **ret, size_t *ret_len)
{
	int r = weir_file_read(path, WEIR_IMPORT_MAX, ret, ret_len);

	return r < 0 ? weir_err_set(s->err, r, "%s: cannot read: %s", path, strerror(-r)) : 0;
}

/* By what its tool prints around it. */
static int tell_from(struct source *s, const char *path, enum weir_import_from *ret)
{
	json_error_t why;
	json_t *root = json_load_file(path, 0, &why);
	bool raw;

	if (!root)
		return weir_err_set(s->err, -EINVAL, "%s:%d: no JSON, and no .yaml: %s", path, why.line, why.text);
	*ret = json_is_array(root) || json_is_array(json_object_get(root, "value")) ? WEIR_IMPORT_AZURE :
	       json_object_get(root, "format_version")				     ? WEIR_IMPORT_TERRAFORM : WEIR_IMPORT_AWS;
	raw = json_object_get(root, "terraform_version") && json_object_get(root, "lineage");
	json_decref(root);
	return raw ? weir_err_set(s->err, -EINVAL, "%s: a state as Terraform keeps it; give what terraform show -json prints", path) : 0;
}

static int import_files(struct source *s, char *const *paths)
{
	weir_cleanup(import_freep) struct weir_import *m = NULL;
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	weir_auto_free char *text = NULL;
	enum weir_import_from from = WEIR_IMPORT_TERRAFORM;
	int r = tell_from(s, paths[0], &from);

	if (!r)
		r = weir_import_new(from, s->note, s->arg, &m);
	for (size_t i = 0; !r && paths[i]; i++) {
		weir_auto_free char *data = NULL;
		size_t len;

		r = read_json(s, paths[i], &data, &len);
		if (!r)
			r = weir_import_add(m, paths[i], data, len, s->err);
	}
	if (!r)
		r = weir_import_write(m, &text, s->err);
	if (!r)
		r = weir_ydoc_parse(text, strlen(text), "imported", &d, s->err);
	return r ? r : add_documents(s, d);
}

/* Full paths of a directory's files with the suffix; an empty list when there is none. */
static int list_files(const char *dir, const char *suffix, char ***ret, struct weir_err *err)
{
	weir_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weir_auto_strv char **names = NULL;
	int r = fd < 0 ? -errno : weir_dir_list(fd, suffix, TOPOLOGY_SOURCE_FILES_MAX, &names);

	if (r < 0)
		return weir_err_set(err, r, "%s: cannot list: %s", dir, strerror(-r));
	for (size_t i = 0; names[i]; i++) {
		char *path = weir_strf("%s/%s", dir, names[i]);

		if (!path)
			return -ENOMEM;
		free(names[i]);
		names[i] = path;
	}
	*ret = weir_take_ptr(names);
	return 0;
}

static int add_directory(struct source *s, const char *dir)
{
	weir_auto_free char *inner = weir_strf("%s/topology", dir);
	weir_auto_strv char **yaml = NULL, **json = NULL;
	const char *from = inner && !access(inner, X_OK) ? inner : dir;
	int r = inner ? list_files(from, ".yaml", &yaml, s->err) : -ENOMEM;

	for (size_t i = 0; !r && yaml[i]; i++)
		r = add_yaml(s, yaml[i]);
	if (r || yaml[0])
		return r;
	r = list_files(dir, ".json", &json, s->err);
	if (!r && !json[0])
		return weir_err_set(s->err, -ENOENT, "%s: no .yaml and no .json in it", dir);
	return r ? r : import_files(s, json);
}

static int add_ranges(struct source *s, const char *path)
{
	weir_auto_free char *data = NULL;
	size_t len;
	int r = weir_file_read(path, WEIR_RANGES_MAX, &data, &len);

	if (r < 0)
		return weir_err_set(s->err, r, "%s: cannot read: %s", path, strerror(-r));
	return weir_topology_add_ranges(s->t, path, data, len, s->err);
}

static bool is_yaml(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

static int load(struct source *s, const char *path, const char *const *ranges)
{
	char *one[] = {(char *)(uintptr_t)path, NULL};
	struct stat st;
	bool dir;
	int r = 0;

	if (stat(path, &st))
		return weir_err_set(s->err, -errno, "%s: cannot open: %s", path, strerror(errno));
	dir = S_ISDIR(st.st_mode);
	r = dir ? add_directory(s, path) : is_yaml(path) ? add_yaml(s, path) : import_files(s, one);
	for (size_t i = 0; !r && i < weir_topology_range_files(s->t); i++) {
		/* They are named from the root of a repository, which the documents' directory may be or be in. */
		weir_auto_free char *file = weir_strf("%s/%s", dir ? path : ".", weir_topology_range_file(s->t, i));

		r = file ? add_ranges(s, file) : -ENOMEM;
	}
	for (size_t i = 0; !r && ranges[i]; i++)
		r = add_ranges(s, ranges[i]);
	return r ? r : weir_topology_seal(s->t, s->err);
}

int topology_source_load(const char *path, const char *const *ranges, void (*note)(const char *line, void *arg), void *arg,
			 struct weir_topology **ret, struct weir_err *err)
{
	struct source s = {.note = note, .arg = arg, .err = err};
	int r = weir_topology_new(&s.t);

	if (!r)
		r = load(&s, path, ranges);
	if (r)
		weir_topology_free(s.t);
	else
		*ret = s.t;
	return r;
}
