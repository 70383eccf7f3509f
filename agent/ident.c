/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ident.h"

#include <inttypes.h>

#include "agent/cgroups.h"
#include "agent/ident_path.h"

struct who {
	struct weir_sum_workload w; /* strings owned, labels' strings too */
	uint64_t cgroup;
	bool noted, named;
	bool tried; /* walked for it once: a cgroup that went before we saw it stays nameless */
};

struct ident {
	struct cgroups *cgroups;
	struct labels *labels;
	struct who *whos; /* by workload index; [0] unused */
	char *gateway; /* name of what is forwarded, also the path that labels match */
	uint32_t capacity, limit;
	bool untold; /* names are new since the last ident_resolve() */
};

static const struct weir_sum_workload unidentified = {
	.name = "unidentified",
	.namespace = "",
	.kind = "unidentified",
	.cgroup = "",
};

static void who_clear(struct who *w)
{
	for (size_t i = 0; i < w->w.label_count; i++) {
		free((char *)w->w.labels[i].key);
		free((char *)w->w.labels[i].value);
	}
	free(w->w.labels);
	free((char *)w->w.name);
	free((char *)w->w.namespace);
	free((char *)w->w.cgroup);
	memset(&w->w, 0, sizeof(w->w));
	w->named = false;
}

void ident_free(struct ident *id)
{
	if (!id)
		return;
	for (uint32_t i = 0; id->whos && i < id->limit; i++)
		who_clear(&id->whos[i]);
	free(id->whos);
	free(id->gateway);
	labels_free(id->labels);
	cgroups_free(id->cgroups);
	free(id);
}

static void ident_freep(struct ident **id)
{
	ident_free(*id);
}

int ident_new(const char *root, const char *labels, uint32_t capacity, struct ident **ret,
	      struct weir_err *err)
{
	weir_cleanup(ident_freep) struct ident *id = calloc(1, sizeof(*id));
	int r;

	if (!id)
		return -ENOMEM;
	id->capacity = capacity;
	id->limit = 1;
	id->whos = calloc((size_t)capacity + 1, sizeof(*id->whos));
	if (!id->whos)
		return -ENOMEM;
	r = *labels ? labels_load(labels, &id->labels, err) : 0;
	if (r == 0)
		r = cgroups_new(root, IDENT_PATHS_MAX, &id->cgroups, err);
	if (r < 0)
		return r;
	*ret = weir_take_ptr(id);
	return 0;
}

int ident_set_node(struct ident *id, const char *node)
{
	char *name = weir_strf("gateway/%s", node);

	if (!name)
		return -ENOMEM;
	free(id->gateway);
	id->gateway = name;
	return 0;
}

int ident_fd(const struct ident *id)
{
	return cgroups_fd(id->cgroups);
}

void ident_events(struct ident *id)
{
	cgroups_events(id->cgroups);
}

int ident_note(uint64_t cgroup, struct weir_workload w, void *ident)
{
	struct ident *id = ident;
	struct who *who;

	if (w.index == 0 || w.index > id->capacity)
		return 0;
	who = &id->whos[w.index];
	if (who->noted && who->cgroup == cgroup)
		return 0;
	who_clear(who);
	who->noted = true;
	who->tried = false;
	who->cgroup = cgroup;
	id->limit = WEIR_MAX(id->limit, w.index + 1);
	return 0;
}

struct offer {
	struct ident *id;
	int (*index)(uint64_t cgroup, struct weir_workload *ret, void *arg);
	void *arg;
};

static void offer_one(struct cgroup *g, void *arg)
{
	const struct offer *o = arg;
	struct weir_workload w;

	if (g->gone || g->offered)
		return;
	g->offered = true;
	if (o->index(g->id, &w, o->arg) == 0)
		(void)ident_note(g->id, w, o->id);
}

void ident_offer(struct ident *id, int (*index)(uint64_t cgroup, struct weir_workload *ret, void *arg),
		 void *arg)
{
	struct offer o = {.id = id, .index = index, .arg = arg};

	cgroups_each(id->cgroups, offer_one, &o);
}

static int copy_labels(struct weir_sum_workload *w, const struct labels_rule *rule)
{
	w->labels = calloc(rule->count + 1, sizeof(*w->labels));
	if (!w->labels)
		return -ENOMEM;
	for (size_t i = 0; i < rule->count; i++) {
		w->labels[i].key = strdup(rule->labels[i].key);
		w->labels[i].value = strdup(rule->labels[i].value);
		w->label_count = i + 1;
		if (!w->labels[i].key || !w->labels[i].value)
			return -ENOMEM;
	}
	return 0;
}

static void name_it(const struct ident *id, struct who *who, const char *path)
{
	const struct labels_rule *rule = labels_find(id->labels, path);
	struct ident_path p = {.kind = "gateway"};

	if (who->cgroup == WEIR_GATEWAY_CGROUP)
		(void)weir_strcpy(p.name, sizeof(p.name), path);
	else
		ident_path_parse(path, &p);
	who->w.kind = p.kind;
	who->w.name = strdup(p.name);
	who->w.namespace = strdup(rule ? rule->namespace : "");
	who->w.cgroup = strdup(path);
	who->w.cgroup_id = who->cgroup;
	who->named = who->w.name && who->w.namespace && who->w.cgroup &&
		     (!rule || copy_labels(&who->w, rule) == 0);
	if (!who->named)
		who_clear(who);
}

/* NULL: not known (yet). */
static const char *path_of(const struct ident *id, const struct who *who)
{
	const struct cgroup *g;

	if (who->cgroup == WEIR_GATEWAY_CGROUP)
		return id->gateway;
	g = cgroups_find(id->cgroups, who->cgroup);
	return g ? g->path : NULL;
}

static bool name_known(struct ident *id, bool *ret_missing)
{
	bool changed = false;

	for (uint32_t i = 1; i < id->limit; i++) {
		struct who *who = &id->whos[i];
		const char *path;

		if (!who->noted || who->named)
			continue;
		path = path_of(id, who);
		if (path)
			name_it(id, who, path);
		changed |= who->named;
		*ret_missing |= !who->named && !who->tried;
	}
	return changed;
}

void ident_refresh(struct ident *id)
{
	bool missing = false;

	cgroups_events(id->cgroups);
	id->untold |= name_known(id, &missing);
	if (!missing)
		return;
	cgroups_walk(id->cgroups);
	id->untold |= name_known(id, &missing);
	for (uint32_t i = 1; i < id->limit; i++)
		id->whos[i].tried = id->whos[i].noted;
}

bool ident_resolve(struct ident *id)
{
	bool changed;

	ident_refresh(id);
	changed = id->untold;
	id->untold = false;
	return changed;
}

int ident_reload(struct ident *id, const char *labels, struct weir_err *err)
{
	struct labels *fresh = NULL;
	int r = *labels ? labels_load(labels, &fresh, err) : 0;

	if (r < 0)
		return r;
	labels_free(id->labels);
	id->labels = fresh;
	for (uint32_t i = 1; i < id->limit; i++)
		who_clear(&id->whos[i]);
	return 0;
}

const struct weir_sum_workload *ident_who(uint32_t workload, void *ident)
{
	const struct ident *id = ident;

	if (workload == 0 || workload >= id->limit || !id->whos[workload].named)
		return &unidentified;
	return &id->whos[workload].w;
}

_Static_assert(sizeof(struct weir_sum_label) == sizeof(struct weir_label) &&
		       offsetof(struct weir_sum_label, value) == offsetof(struct weir_label, value),
	       "labels of the wire and of policies are the same pairs");

bool ident_subject(const struct ident *id, uint32_t workload, struct weir_subject *ret)
{
	const struct weir_sum_workload *w;

	if (workload == 0 || workload >= id->limit || !id->whos[workload].named)
		return false;
	w = &id->whos[workload].w;
	*ret = (struct weir_subject){
		.namespace = w->namespace,
		.name = w->name,
		.labels = (const struct weir_label *)w->labels,
		.label_count = w->label_count,
	};
	return true;
}

uint32_t ident_limit(const struct ident *id)
{
	return id->limit;
}

struct sweep {
	const struct ident *id;
	const bool *used;
};

static bool keep(const struct cgroup *g, void *arg)
{
	const struct sweep *s = arg;

	for (uint32_t i = 1; i < s->id->limit; i++) {
		if (s->id->whos[i].noted && s->id->whos[i].cgroup == g->id)
			return true;
	}
	return false;
}

void ident_sweep(struct ident *id, const bool *used, void (*forget)(uint64_t cgroup, void *arg),
		 void *arg)
{
	struct sweep s = {.id = id, .used = used};

	for (uint32_t i = 1; i < id->limit; i++) {
		struct who *who = &id->whos[i];
		const struct cgroup *g = who->noted ? cgroups_find(id->cgroups, who->cgroup) : NULL;

		if (!who->noted || used[i] || (g && !g->gone) || (!g && !who->tried) ||
		    who->cgroup == WEIR_GATEWAY_CGROUP)
			continue;
		forget(who->cgroup, arg);
		who_clear(who);
		who->noted = false;
	}
	cgroups_sweep(id->cgroups, keep, &s);
}
