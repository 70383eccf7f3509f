/* SPDX-License-Identifier: Apache-2.0 */
/* One edit of one version of a domain, for change.c and change_edit.c. */
#ifndef WEIR_MONEY_CHANGE_IMPL_H
#define WEIR_MONEY_CHANGE_IMPL_H

#include "lib/money/change.h"
#include "lib/money/model.h"

struct editing {
	struct weir_topology *t; /* the copy */
	struct topo_domain *d;
	uint32_t domain; /* its number */
	const struct weir_edit *e;
	bool *changed; /* per subnet: its routes are not those of its trie */
	struct weir_err *err;
};

/* -EINVAL with what is wrong; then nothing was changed but texts. -ENOMEM. */
int change_edit(struct editing *c);

static inline const char *change_text(const char *s)
{
	return s ? s : "";
}

#endif
