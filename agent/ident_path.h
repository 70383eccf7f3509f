/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cgroup path says about who lives there. Pure. Knows kubelet (cgroupfs and systemd
 * drivers), containerd, CRI-O, Docker, libpod and systemd units; anything else is a group named by
 * its path. The deepest container, pod or unit of the path wins (a pod of a cluster inside a
 * container is a pod).
 */
#ifndef WEIR_AGENT_IDENT_PATH_H
#define WEIR_AGENT_IDENT_PATH_H

#include "lib/base/base.h"

#define IDENT_NAME_MAX 256

struct ident_path {
	const char *kind;	   /* "pod", "container", "unit", "group" */
	char name[IDENT_NAME_MAX]; /* pod uid, 12 hex of the container, unit, or the (cut) path */
	char container[65];	   /* 64 hex, "" = none */
	char pod_uid[37];	   /* with dashes, or 32 hex of a static pod; "" = none */
};

/* path is below the cgroup root and starts with '/'. */
void ident_path_parse(const char *path, struct ident_path *ret);

#endif
