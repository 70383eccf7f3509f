/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups.h"

#include <dirent.h>
#include <sys/inotify.h>

#include "lib/ds/map.h"
#include "lib/os/file.h"

#define DEPTH_MAX 32

struct cgroups {
	char *root;
	size_t max;
	int inotify;
	struct weir_map *by_id;	  /* id -> struct cgroup, owned */
	struct weir_map *by_path; /* path -> the same, while it is not gone */
	struct weir_map *watches; /* inotify watch -> path, owned */
};

static void cgroup_free(void *p)
{
	struct cgroup *g = p;

	if (g)
		free(g->path);
	free(g);
}

void cgroups_free(struct cgroups *c)
{
	if (!c)
		return;
	weir_closep(&c->inotify);
	weir_map_free(c->by_path, NULL);
	weir_map_free(c->by_id, cgroup_free);
	weir_map_free(c->watches, free);
	free(c->root);
	free(c);
}

static void cgroups_freep(struct cgroups **c)
{
	cgroups_free(*c);
}

static void mark_gone(struct cgroups *c, const char *path)
{
	struct cgroup *g = weir_map_take(c->by_path, path, strlen(path));

	if (g)
		g->gone = true;
}

static int remember(struct cgroups *c, uint64_t id, const char *path)
{
	struct cgroup *g = weir_map_find(c->by_id, &id, sizeof(id)), *old;
	int r;

	if (g)
		return 0;
	if (weir_map_count(c->by_id) >= c->max)
		return -E2BIG;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->id = id;
	g->path = strdup(path);
	r = g->path ? weir_map_put(c->by_id, &id, sizeof(id), g, NULL) : -ENOMEM;
	if (r < 0) {
		cgroup_free(g);
		return r;
	}
	/* The same path again: the one before was removed, whatever inotify said. */
	old = weir_map_find(c->by_path, path, strlen(path));
	if (old)
		old->gone = true;
	return weir_map_put(c->by_path, path, strlen(path), g, NULL);
}

/* Without a watch (limits of the user) names still come from walks. */
static void watch(struct cgroups *c, const char *full, const char *path)
{
	int wd = inotify_add_watch(c->inotify, full, IN_CREATE | IN_DELETE | IN_MOVE | IN_ONLYDIR);
	void *old = NULL;
	char *copy;

	if (wd < 0)
		return;
	copy = strdup(path);
	if (!copy || weir_map_put(c->watches, &wd, sizeof(wd), copy, &old) < 0)
		free(copy);
	free(old);
}

/* The watch comes before the listing, so that no child is missed between the two. */
static void visit(struct cgroups *c, const char *path, int depth)
{
	weir_auto_free char *full = weir_strf("%s%s", c->root, path);
	struct dirent *e;
	uint64_t id;
	DIR *d;

	if (!full || depth > DEPTH_MAX || weir_cgroup_id(full, &id) < 0 ||
	    remember(c, id, path) < 0)
		return;
	watch(c, full, path);
	d = opendir(full);
	while (d && (e = readdir(d))) {
		weir_auto_free char *child = NULL;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		child = weir_strf("%s/%s", strcmp(path, "/") ? path : "", e->d_name);
		if (child)
			visit(c, child, depth + 1);
	}
	if (d)
		closedir(d);
}

void cgroups_walk(struct cgroups *c)
{
	visit(c, "/", 0);
}

int cgroups_new(const char *root, size_t max, struct cgroups **ret, struct weir_err *err)
{
	weir_cleanup(cgroups_freep) struct cgroups *c = calloc(1, sizeof(*c));
	int r = 0;

	if (!c)
		return -ENOMEM;
	c->max = max;
	c->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (c->inotify < 0)
		return weir_err_set(err, -errno, "inotify: %s", strerror(errno));
	if (*root) {
		c->root = strdup(root);
		r = c->root ? 0 : -ENOMEM;
	} else {
		r = weir_cgroup2_mount(&c->root);
		if (r < 0)
			return weir_err_set(
				err, r,
				"bpf.cgroup_root: no cgroup v2 mount; mount one or name it");
	}
	if (r == 0)
		r = weir_map_new(&c->by_id);
	if (r == 0)
		r = weir_map_new(&c->by_path);
	if (r == 0)
		r = weir_map_new(&c->watches);
	if (r < 0)
		return r;
	cgroups_walk(c);
	*ret = weir_take_ptr(c);
	return 0;
}

int cgroups_fd(const struct cgroups *c)
{
	return c->inotify;
}

static void event(struct cgroups *c, const struct inotify_event *e)
{
	weir_auto_free char *path = NULL;
	const char *parent;

	if (e->mask & IN_Q_OVERFLOW)
		return cgroups_walk(c);
	if (e->mask & IN_IGNORED) {
		free(weir_map_take(c->watches, &e->wd, sizeof(e->wd)));
		return;
	}
	parent = weir_map_find(c->watches, &e->wd, sizeof(e->wd));
	if (!parent || !(e->mask & IN_ISDIR) || !e->len)
		return;
	path = weir_strf("%s/%s", strcmp(parent, "/") ? parent : "", e->name);
	if (!path)
		return;
	if (e->mask & (IN_DELETE | IN_MOVED_FROM))
		mark_gone(c, path);
	else
		visit(c, path, 0);
}

void cgroups_events(struct cgroups *c)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(c->inotify, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)p;

			event(c, e);
			p += sizeof(*e) + e->len;
		}
	}
}

const struct cgroup *cgroups_find(const struct cgroups *c, uint64_t id)
{
	return weir_map_find(c->by_id, &id, sizeof(id));
}

void cgroups_each(const struct cgroups *c, void (*fn)(struct cgroup *g, void *arg), void *arg)
{
	size_t pos = 0;
	void *value;

	while (weir_map_next(c->by_id, &pos, NULL, NULL, &value))
		fn(value, arg);
}

static void check_there(struct cgroups *c, struct cgroup *g)
{
	weir_auto_free char *full = weir_strf("%s%s", c->root, g->path);

	if (full && access(full, F_OK) < 0 && errno == ENOENT)
		mark_gone(c, g->path);
}

void cgroups_sweep(struct cgroups *c, bool (*keep)(const struct cgroup *g, void *arg), void *arg)
{
	size_t n = 0, count = weir_map_count(c->by_id), pos = 0;
	weir_auto_free uint64_t *drop = calloc(count + 1, sizeof(*drop));
	void *value;

	while (drop && weir_map_next(c->by_id, &pos, NULL, NULL, &value)) {
		struct cgroup *g = value;

		if (!g->gone)
			check_there(c, g);
		if (g->gone && !keep(g, arg) && ++g->sweeps > 2)
			drop[n++] = g->id;
	}
	while (n--)
		cgroup_free(weir_map_take(c->by_id, &drop[n], sizeof(drop[n])));
}
