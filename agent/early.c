/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/early.h"

#define WAYS (WEIR_DIRS * WEIR_PROTOS)

static bool denies_all(const struct weir_tables *t, const struct weir_decision *d)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (t->ranges[d->first + i].verdict != WEIR_V_DENY)
			return false;
	return d->count > 0;
}

int early_denied(const struct weir_tables *t, uint64_t *ret, size_t words)
{
	weir_auto_free bool *passes = calloc(t->peer_classes + 1ul, sizeof(*passes)); /* for one subject, one way */

	if (!passes)
		return -ENOMEM;
	for (size_t i = 0; i < t->decision_count; i++) /* WEIR_DECISION_AT */
		passes[i / WAYS % t->peer_classes] |= !denies_all(t, &t->decisions[i]);
	memset(ret, 0, words * sizeof(*ret));
	for (uint32_t c = 1; t->decision_count && c < t->peer_classes && c / 64 < words; c++)
		if (!passes[c])
			ret[c / 64] |= 1ull << (c % 64);
	return 0;
}
