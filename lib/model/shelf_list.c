/* SPDX-License-Identifier: Apache-2.0 */
/* What stands on the shelf, for people. */
#include <math.h>

#include "lib/model/shelf_impl.h"

static int rank(const char *state)
{
	static const char *const order[] = {"champion", "previous", "former", "challenger"};
	int i = 0;

	while (strcmp(order[i], state))
		i++;
	return i;
}

static const char *state_of(const struct shelf_use *u, const char *hash)
{
	return !strcmp(hash, u->champion) ? "champion" :
	       !strcmp(hash, u->previous) ? "previous" :
	       shelf_was_champion(u, hash) ? "former" :
					     "challenger";
}

static struct weir_shelf_item item_of(const struct shelf_use *u, const struct shelf_entry *e)
{
	struct weir_shelf_item t = {.state = state_of(u, e->hash), .version = e->version, .from_s = e->from_s, .to_s = e->to_s,
				    .series = e->series, .points = e->points, .bytes = e->bytes, .error = NAN};

	memcpy(t.use, u->name, sizeof(t.use));
	memcpy(t.hash, e->hash, sizeof(t.hash));
	memcpy(t.name, e->name, sizeof(t.name));
	for (size_t i = u->decisions; i > 0; i--)
		if (!strcmp(u->decision[i - 1].hash, e->hash) && u->decision[i - 1].verdict != WEIR_SHELF_ROLLED_BACK) {
			t.made_s = u->decision[i - 1].time_s;
			t.error = u->decision[i - 1].after;
			break;
		}
	return t;
}

static int by_use(const void *a, const void *b)
{
	const struct weir_shelf_item *x = a, *y = b;
	int r = strcmp(x->use, y->use);

	if (!r)
		r = rank(x->state) - rank(y->state);
	if (!r)
		r = (x->made_s < y->made_s) - (x->made_s > y->made_s);
	return r ? r : strcmp(x->hash, y->hash);
}

int weir_shelf_list(struct weir_shelf *s, const char *use, struct weir_shelf_item **ret, size_t *ret_count)
{
	struct weir_shelf_item *list;
	size_t n = 0, most = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->uses; i++)
		most += s->use[i].entries;
	list = malloc((most ? most : 1) * sizeof(*list));
	for (size_t i = 0; list && i < s->uses; i++)
		for (size_t k = 0; k < s->use[i].entries; k++)
			if (s->use[i].entry[k].whole && (!use || !strcmp(use, s->use[i].name)))
				list[n++] = item_of(&s->use[i], &s->use[i].entry[k]);
	pthread_mutex_unlock(&s->lock);
	if (!list)
		return -ENOMEM;
	qsort(list, n, sizeof(*list), by_use);
	*ret = list;
	*ret_count = n;
	return 0;
}

int weir_shelf_history(struct weir_shelf *s, const char *use, struct weir_shelf_decision **ret, size_t *ret_count)
{
	struct weir_shelf_decision *list = NULL;
	int r = -ENOENT;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->uses; i++) {
		const struct shelf_use *u = &s->use[i];

		if (strcmp(u->name, use))
			continue;
		list = malloc((u->decisions ? u->decisions : 1) * sizeof(*list));
		r = list ? 0 : -ENOMEM;
		if (!list)
			break;
		memcpy(list, u->decision, u->decisions * sizeof(*list));
		*ret_count = u->decisions;
	}
	pthread_mutex_unlock(&s->lock);
	if (!r)
		*ret = list;
	return r;
}
