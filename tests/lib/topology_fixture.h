/* SPDX-License-Identifier: Apache-2.0 */
/* Topologies of a text and price books of files, for tests that look at paths and meters. */
#ifndef WEIR_TEST_TOPOLOGY_FIXTURE_H
#define WEIR_TEST_TOPOLOGY_FIXTURE_H

#include <fcntl.h>
#include <time.h>

#include "lib/money/price.h"

struct topology_fixture {
	struct weir_topology *topology;
	struct weir_pricebook *prices;
};

static inline int topology_fixture_add(struct topology_fixture *w, const char *text, const char *name,
				       struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = weir_ydoc_parse(text, strlen(text), name, &d, err);

	for (size_t i = 0; r == 0 && i < weir_ydoc_count(d); i++)
		r = weir_topology_add(w->topology, weir_ydoc_root(d, i), err);
	return r;
}

/* Free after an error too. */
static inline int topology_fixture_load(struct topology_fixture *ret, const char *text, const char *name,
					struct weir_err *err)
{
	int r = weir_topology_new(&ret->topology);

	if (r == 0)
		r = weir_pricebook_new(&ret->prices);
	if (r == 0)
		r = topology_fixture_add(ret, text, name, err);
	return r < 0 ? r : weir_topology_seal(ret->topology, err);
}

static inline int topology_fixture_prices(struct topology_fixture *w, const char *path, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = weir_ydoc_load(path, &d, err);

	for (size_t i = 0; r == 0 && i < weir_ydoc_count(d); i++)
		r = weir_pricebook_add(w->prices, weir_ydoc_root(d, i), err);
	return r < 0 ? r : weir_pricebook_seal(w->prices, err);
}

static inline void topology_fixture_free(struct topology_fixture *w)
{
	weir_topology_free(w->topology);
	weir_pricebook_free(w->prices);
}

#endif
