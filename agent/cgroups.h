/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup ids and their paths: a walk of the hierarchy, then inotify. */
#ifndef WEIR_AGENT_CGROUPS_H
#define WEIR_AGENT_CGROUPS_H

#include "lib/base/base.h"

struct cgroup {
	uint64_t id;
	char *path;	/* below the root, "/" = the root itself */
	bool gone;	/* removed; kept for its name */
	bool offered;	/* for an index before its first packet */
	uint8_t sweeps; /* since it went */
};

struct cgroups;
int cgroups_new(const char *root, size_t max, struct cgroups **ret, struct weir_err *err);
void cgroups_free(struct cgroups *c);
int cgroups_fd(const struct cgroups *c);
void cgroups_events(struct cgroups *c);
void cgroups_walk(struct cgroups *c);
const struct cgroup *cgroups_find(const struct cgroups *c, uint64_t id);
void cgroups_each(const struct cgroups *c, void (*fn)(struct cgroup *g, void *arg), void *arg);
/* Marks those whose directory went without an event; then drops the gone ones that keep() does not
 * want, two calls after they went. */
void cgroups_sweep(struct cgroups *c, bool (*keep)(const struct cgroup *g, void *arg), void *arg);

#endif
