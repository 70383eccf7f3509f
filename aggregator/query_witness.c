/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/select.h"
#include "aggregator/witness.h"

int query_witnesses(struct store *s, int (*fn)(const char *node, const struct weir_chain_head *h, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int e = select_begin(&q,
			     "SELECT n.name,w.sequence,w.hash,w.signature FROM witness w JOIN node n ON n.id=w.node "
			     "ORDER BY w.sequence DESC,n.name",
			     "");

	while (!e && (e = select_next(&q)) == 1) {
		struct weir_chain_head h = {.seq = select_number(&q, 1)};

		e = 0;
		if (sqlite3_column_bytes(q.st, 2) != sizeof(h.hash) || sqlite3_column_bytes(q.st, 3) != sizeof(h.sig))
			continue;
		memcpy(h.hash, sqlite3_column_blob(q.st, 2), sizeof(h.hash));
		memcpy(h.sig, sqlite3_column_blob(q.st, 3), sizeof(h.sig));
		e = fn(select_text(&q, 0), &h, arg);
	}
	return e;
}
