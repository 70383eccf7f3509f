/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving up what a program no longer needs: its user, capabilities, system calls. All of it is a thread's
 * own: call it before the first thread is started, whose like all later ones will be.
 */
#ifndef WEIR_PRIVILEGE_H
#define WEIR_PRIVILEGE_H

#include <sys/types.h>

#include "lib/base/base.h"

struct weir_user {
	char name[64];
	uid_t uid;
	gid_t gid;
	bool listed; /* in the database of users: has groups of its own */
};
/* A name, or a number for somebody who has none. -ENOENT. */
int weir_user_find(const char *name, struct weir_user *ret);
/* Whether this user may read a file; as root only. -EACCES, or whatever opening it would give. */
int weir_user_reads(const struct weir_user *u, const char *path);
/* Real, effective and saved, with the user's groups. Permitted capabilities stay, and are in effect; nothing
 * has changed on failure. */
int weir_user_become(const struct weir_user *u);
/* A directory and all below it becomes the user's. */
int weir_tree_give(const char *path, const struct weir_user *u);

/* Bits are 1 << CAP_...; what is not permitted cannot be kept. After it no program that is executed can
 * give more. Returns 1 when the bounding set could not be narrowed (it takes CAP_SETPCAP): without more
 * privileges to gain, that is of no consequence. */
int weir_caps_keep(uint64_t keep);
uint64_t weir_caps_permitted(void);
/* "BPF NET_ADMIN", "none"; a buffer of 256 holds all that this program names, others are numbers. */
char *weir_caps_text(uint64_t caps, char *buf, size_t size);

/* From now on only system calls of the table in seccomp.c, and those of extra, do anything; others fail with
 * EPERM. Needs weir_caps_keep() before. */
int weir_seccomp(const int *extra, size_t count);

#endif
