/* SPDX-License-Identifier: Apache-2.0 */
/*
 * High-water marks: what a node must not forget of the bundles it has had. They stand twice: pinned in the
 * kernel, and in a file. After a reboot only the file is left. While the kernel lives its word counts,
 * because a file can be restored from a backup; of marks that only rise the higher one counts in any case.
 */
#ifndef WEIR_AGENT_MARKS_H
#define WEIR_AGENT_MARKS_H

#include "bpf/abi/weir_abi.h"
#include "lib/base/base.h"

struct marks {
	struct weir_marks *at; /* lent, as is serial: the kernel's memory */
	__u64 *serial;	       /* weir_ctl.serial_high: highest that came in force */
	char *path;
};

/* Takes in what the file says. -EBADMSG: it is none of ours, and counts for nothing; err says which line. */
int marks_load(struct marks *m, struct weir_err *err);
int marks_save(const struct marks *m); /* durable */

#endif
