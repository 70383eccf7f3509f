/* SPDX-License-Identifier: Apache-2.0 */
/* The networks before and after a plan. */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "lib/money/import.h"
#include "lib/money/model.h"
#include "lib/money/plan.h"
#include "lib/os/file.h"

#define FILES_MAX 1000
#define TOLD_MAX 64 /* services that nothing is known of, each once */

struct reading {
	const char *dir;		/* a repository, or documents; NULL = none */
	const char *const *others;	/* files of what the plan leaves alone */
	struct weir_ydoc *documents[2]; /* of the plan: before, after; NULL = no network */
	void (*note)(const char *line, void *arg);
	void *arg;
	struct weir_err *err;
};

static void note(const struct reading *rd, const char *fmt, ...) WEIR_PRINTF(2, 3);
static void note(const struct reading *rd, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (!rd->note)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	rd->note(line, rd->arg);
}

static void import_freep(struct weir_import **m)
{
	weir_import_free(*m);
}

static int add_others(const struct reading *rd, struct weir_import *m)
{
	int r = 0;

	for (size_t i = 0; rd->others && rd->others[i] && !r; i++) {
		weir_auto_free char *data = NULL;
		size_t len;

		r = weir_file_read(rd->others[i], WEIR_IMPORT_MAX, &data, &len);
		if (r)
			return weir_err_set(rd->err, r, "%s: cannot read: %s", rd->others[i], strerror(-r));
		r = weir_import_add_any(m, rd->others[i], data, len, rd->err);
	}
	return r;
}

/* One state of the plan as documents; what cannot be placed is said of the outcome alone. */
static int import_state(const struct reading *rd, const char *plan, const char *data, size_t len, bool after,
			struct weir_ydoc **ret)
{
	weir_cleanup(import_freep) struct weir_import *m = NULL;
	weir_auto_free char *text = NULL;
	struct weir_err why = {0};
	int r = weir_import_new(WEIR_IMPORT_TERRAFORM, after ? rd->note : NULL, rd->arg, &m);

	if (!r)
		r = add_others(rd, m);
	if (!r)
		r = after ? weir_import_add(m, plan, data, len, rd->err) : weir_import_add_prior(m, plan, data, len, rd->err);
	if (r)
		return r;
	r = weir_import_write(m, &text, &why);
	if (r == -ENODATA) /* a network that is made, or goes, as a whole */
		return 0;
	return r ? weir_err_set(rd->err, r, "%s: %s", plan, why.text) :
		   weir_ydoc_parse(text, strlen(text), after ? "the plan's outcome" : "the plan's prior state", ret, rd->err);
}

static int import_plan(struct reading *rd, const char *plan)
{
	weir_auto_free char *data = NULL;
	size_t len;
	int r = weir_file_read(plan, WEIR_IMPORT_MAX, &data, &len);

	if (r)
		return weir_err_set(rd->err, r, "%s: cannot read: %s", plan, strerror(-r));
	for (int after = 0; after < 2 && !r; after++)
		r = import_state(rd, plan, data, len, after, &rd->documents[after]);
	if (!r && !rd->documents[0] && !rd->documents[1])
		return weir_err_set(rd->err, -EINVAL, "%s: no network in this plan, neither before nor after: name the state that has its subnets (--state FILE)", plan);
	return r;
}

/* "" = the document is of no domain: ranges. */
static const char *domain_of(struct weir_y *doc)
{
	struct weir_y *spec = weir_y_find(doc, "spec"), *domain = spec ? weir_y_find(spec, "domain") : NULL;
	const char *s = "";

	return domain && !weir_y_str(domain, &s, NULL) ? s : "";
}

static bool of_plan(const struct reading *rd, const char *domain)
{
	for (int k = 0; k < 2; k++)
		for (size_t i = 0; rd->documents[k] && i < weir_ydoc_count(rd->documents[k]); i++)
			if (*domain && !strcmp(domain_of(weir_ydoc_root(rd->documents[k], i)), domain))
				return true;
	return false;
}

static int add_documents(const struct reading *rd, struct weir_topology *t, struct weir_ydoc *d, bool all)
{
	int r = 0;

	for (size_t i = 0; d && i < weir_ydoc_count(d) && !r; i++)
		if (all || !of_plan(rd, domain_of(weir_ydoc_root(d, i))))
			r = weir_topology_add(t, weir_ydoc_root(d, i), rd->err);
	return r;
}

static int add_ranges(const struct reading *rd, struct weir_topology *t, const char *root)
{
	int r = 0;

	for (size_t i = 0; i < weir_topology_range_files(t) && !r; i++) {
		weir_auto_free char *path = weir_strf("%s/%s", root, weir_topology_range_file(t, i)), *data = NULL;
		size_t len;

		r = path ? weir_file_read(path, WEIR_RANGES_MAX, &data, &len) : -ENOMEM;
		if (r)
			return weir_err_set(rd->err, r, "%s: cannot read: %s", path ? path : root, strerror(-r));
		r = weir_topology_add_ranges(t, path, data, len, rd->err);
	}
	return r;
}

/* The documents of the directory but for the plan's domains, and the ranges that they name. */
static int add_directory(const struct reading *rd, struct weir_topology *t)
{
	weir_auto_free char *inner = weir_strf("%s/topology", rd->dir), *outer = weir_strf("%s/..", rd->dir);
	weir_auto_strv char **names = NULL;
	struct stat st;
	bool is_repository = inner && !stat(inner, &st) && S_ISDIR(st.st_mode);
	const char *dir = is_repository ? inner : rd->dir;
	weir_auto_close int fd = open(dir ? dir : "", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : weir_dir_list(fd, ".yaml", FILES_MAX, &names);

	if (r || !inner || !outer)
		return weir_err_set(rd->err, r ? r : -ENOMEM, "--topology: %s: %s", rd->dir, strerror(r ? -r : ENOMEM));
	for (size_t i = 0; names[i] && !r; i++) {
		weir_auto_free char *path = weir_strf("%s/%s", dir, names[i]);
		weir_auto_ydoc struct weir_ydoc *d = NULL;

		r = path ? weir_ydoc_load(path, &d, rd->err) : -ENOMEM;
		if (!r)
			r = add_documents(rd, t, d, false);
	}
	return r ? r : add_ranges(rd, t, is_repository ? rd->dir : outer);
}

static int make_topology(const struct reading *rd, bool after, struct weir_topology **ret)
{
	struct weir_topology *t = NULL;
	int r = weir_topology_new(&t);

	if (!r && rd->dir)
		r = add_directory(rd, t);
	if (!r)
		r = add_documents(rd, t, rd->documents[after], true);
	if (!r)
		r = weir_topology_seal(t, rd->err);
	if (r) {
		weir_topology_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

static bool has_range(const struct weir_topology *t, const char *service, const char *region)
{
	for (size_t i = 0; i < t->range_count; i++)
		if (!strcmp(t->ranges[i].service, service) && !strcmp(t->ranges[i].region, region))
			return true;
	return false;
}

/* A way to a service whose addresses nobody knows changes nothing. */
static void note_services(const struct reading *rd, const struct weir_topology *t)
{
	const char *told[TOLD_MAX];
	size_t n = 0;

	for (size_t i = 1; i < t->route_count && n < TOLD_MAX; i++) {
		const struct topo_route *rt = &t->routes[i];
		const char *region = t->subnets[rt->subnet].pub.region;
		size_t k = 0;

		if (!rt->to_service || !of_plan(rd, t->subnets[rt->subnet].pub.domain) || has_range(t, rt->to_service, region))
			continue;
		while (k < n && strcmp(told[k], rt->to_service))
			k++;
		if (k < n)
			continue;
		told[n++] = rt->to_service;
		note(rd, "service %s: no prefix of it in %s is known, so its traffic keeps its way: name some by ranges or range_files "
			 "of a Topology document (--topology DIR)", rt->to_service, region);
	}
}

static void note_balancers(const struct reading *rd, const struct weir_topology *before, const struct weir_topology *after)
{
	for (size_t i = 0; i < before->balancer_count; i++) {
		const struct topo_balancer *b = &before->balancers[i];
		const char *domain = before->domains[b->domain].name;
		bool stays = false;

		for (size_t k = 0; k < after->balancer_count; k++)
			stays |= !strcmp(after->balancers[k].pub.name, b->pub.name) &&
				 !strcmp(after->domains[after->balancers[k].domain].name, domain);
		if (!stays)
			note(rd, "load balancer %s of %s goes: what passed it is taken to go to the addresses that it had", b->pub.name,
			     domain);
	}
}

int weir_plan_networks(const char *plan, const char *const *others, const char *topology_dir,
		       void (*note_fn)(const char *line, void *arg), void *arg, struct weir_topology **ret_before,
		       struct weir_topology **ret_after, struct weir_err *err)
{
	struct reading rd = {.dir = topology_dir, .others = others, .note = note_fn, .arg = arg, .err = err};
	struct weir_topology *before = NULL, *after = NULL;
	int r = import_plan(&rd, plan);

	if (!r)
		r = make_topology(&rd, false, &before);
	if (!r)
		r = make_topology(&rd, true, &after);
	if (!r) {
		note_services(&rd, after);
		note_balancers(&rd, before, after);
		*ret_before = weir_take_ptr(before);
		*ret_after = weir_take_ptr(after);
	}
	weir_topology_free(before);
	weir_topology_free(after);
	weir_ydoc_free(rd.documents[0]);
	weir_ydoc_free(rd.documents[1]);
	return r;
}
