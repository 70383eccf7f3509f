/* SPDX-License-Identifier: Apache-2.0 */
/* The series that are kept: found by query and labels, their values at one distance and side by side. */
#include "aggregator/signals_impl.h"

#include "lib/ds/grow.h"

#include <math.h>

#define LABELS_MAX 64

static void kept_free(void *p)
{
	struct signals_kept_series *k = p;

	if (!k)
		return;
	free(k->values);
	free(k->text);
	free(k->key);
	free(k);
}

int signals_set_init(struct signals_set *set)
{
	*set = (struct signals_set){0};
	return weir_map_new(&set->by_key);
}

void signals_set_fini(struct signals_set *set)
{
	weir_map_free(set->by_key, NULL);
	for (size_t i = 0; i < set->count; i++)
		kept_free(set->list[i]);
	free(set->list);
	*set = (struct signals_set){0};
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* {a="b",c="d"}, in the order of the names, quotes and backslashes as PromQL has them. */
static int labels_text(const json_t *labels, struct weir_buf *b)
{
	const char *names[LABELS_MAX], *name;
	json_t *all = (json_t *)labels, *value;
	size_t n = 0;
	int r = weir_buf_addf(b, "{");

	json_object_foreach(all, name, value) {
		if (!strcmp(name, "__name__"))
			continue;
		if (n == LABELS_MAX)
			return -EFBIG;
		if (!json_is_string(value))
			return -EBADMSG;
		names[n++] = name;
	}
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; !r && i < n; i++) {
		r = weir_buf_addf(b, "%s%s=\"", i ? "," : "", names[i]);
		for (const char *v = signals_string(labels, names[i]); !r && *v; v++)
			r = *v == '"' || *v == '\\' ? weir_buf_add(b, (const char[]){'\\', *v}, 2) : weir_buf_add(b, v, 1);
		if (!r)
			r = weir_buf_addf(b, "\"");
	}
	return r ? r : weir_buf_addf(b, "}");
}

/* The first that there is; a name that the scrape moved aside (exported_) is the metric's own. */
static const char *first_of(const json_t *labels, const char *const *names)
{
	for (; *names; names++) {
		weir_auto_free char *exported = weir_strf("exported_%s", *names);
		const char *v = exported ? signals_string(labels, exported) : "";

		if (!*v)
			v = signals_string(labels, *names);
		if (*v)
			return v;
	}
	return "";
}

/* Texts of a series, one behind the other in k->text. */
static int describe(struct signals_kept_series *k, const char *query, const json_t *labels, const char *text)
{
	static const char *const namespaces[] = {"namespace", "kubernetes_namespace", NULL};
	static const char *const workloads[] = {"workload", "deployment", "statefulset", "daemonset", "pod", "job", NULL};
	static const char *const instances[] = {"instance", NULL};
	const char *name = signals_string(labels, "__name__");
	const char *from[] = {query, *name ? name : query, text, first_of(labels, namespaces), first_of(labels, workloads),
			      first_of(labels, instances)};
	const char **to[] = {&k->view.query, &k->view.name, &k->view.labels, &k->view.namespace, &k->view.workload, &k->view.instance};
	size_t size = 0, used = 0;
	uint16_t port;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(from); i++)
		size += WEIR_MIN(strlen(from[i]), (size_t)SIGNALS_LABELS_MAX) + 1;
	k->text = malloc(size);
	if (!k->text)
		return -ENOMEM;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(from); i++) {
		*to[i] = k->text + used;
		signals_printable(k->text + used, WEIR_MIN(strlen(from[i]), (size_t)SIGNALS_LABELS_MAX) + 1, from[i]);
		used += strlen(k->text + used) + 1;
	}
	k->view.has_address = signals_address(k->view.instance, &k->view.address, &port);
	return 0;
}

static int add(struct signals_set *set, struct signals_kept_series *k)
{
	if (weir_grow(&set->list, set->count, &set->cap, sizeof(*set->list)))
		return -ENOMEM;
	if (weir_map_put(set->by_key, k->key, k->key_len, k, NULL))
		return -ENOMEM;
	set->list[set->count++] = k;
	return 0;
}

int signals_set_find(struct signals_set *set, const char *query, uint32_t step_s, const json_t *labels,
		     struct signals_kept_series **ret, enum signals_drop *ret_why)
{
	weir_auto_buf struct weir_buf key = {.max = SIGNALS_LABELS_MAX + SIGNALS_NAME_MAX + 512};
	struct signals_kept_series *k;
	const char *name = signals_string(labels, "__name__");
	size_t labels_at;
	int r = weir_buf_add(&key, query, strlen(query) + 1);

	*ret = NULL;
	if (!r)
		r = weir_buf_add(&key, name, strlen(name) + 1);
	labels_at = key.len;
	if (!r)
		r = labels_text(labels, &key);
	*ret_why = r == -EFBIG || (!r && key.len - labels_at > SIGNALS_LABELS_MAX) ? SIGNALS_TOO_LONG : SIGNALS_BAD_VALUE;
	if (r || *ret_why == SIGNALS_TOO_LONG)
		return r == -ENOMEM ? r : 0;
	*ret = weir_map_find(set->by_key, key.data, key.len);
	*ret_why = SIGNALS_SERIES_LIMIT;
	if (*ret || set->count == SIGNALS_SERIES_MAX)
		return 0;
	k = calloc(1, sizeof(*k));
	r = k ? describe(k, query, labels, (const char *)key.data + labels_at) : -ENOMEM;
	if (!r) {
		k->key_len = key.len;
		k->key = weir_take_ptr(key.data);
		r = add(set, k);
	}
	if (r) {
		kept_free(k);
		return r;
	}
	k->view.step_s = step_s;
	*ret = k;
	return 0;
}

/* Room for n values. */
static int reserve(struct signals_kept_series *k, size_t n)
{
	size_t cap = k->cap ? k->cap : 16;
	double *p;

	while (cap < n)
		cap *= 2;
	cap = WEIR_MIN(cap, (size_t)SIGNALS_POINTS_MAX);
	if (cap <= k->cap)
		return 0;
	p = reallocarray(k->values, cap, sizeof(*p));
	if (!p)
		return -ENOMEM;
	k->values = p;
	k->view.values = p;
	k->cap = cap;
	return 0;
}

/* The oldest n values go. */
static void forget(struct signals_kept_series *k, size_t n)
{
	n = WEIR_MIN(n, k->view.n);
	k->view.n -= n;
	k->view.start_s += n * k->view.step_s;
	memmove(k->values, k->values + n, k->view.n * sizeof(*k->values));
}

int signals_set_put(struct signals_kept_series *k, uint64_t time_s, double v)
{
	struct signals_series *s = &k->view;
	uint64_t at;
	int r;

	if (!s->n)
		s->start_s = time_s;
	if (time_s < s->start_s)
		return 0;
	at = (time_s - s->start_s) / s->step_s;
	if (at >= s->n + SIGNALS_POINTS_MAX) { /* nothing of what is kept is near it */
		s->n = 0;
		s->start_s = time_s;
		at = 0;
	} else if (at >= SIGNALS_POINTS_MAX) {
		forget(k, at - SIGNALS_POINTS_MAX + 1);
		if (!s->n)
			s->start_s = time_s;
		at = (time_s - s->start_s) / s->step_s;
	}
	r = reserve(k, at + 1);
	if (r)
		return r;
	for (; s->n <= at; s->n++)
		k->values[s->n] = NAN;
	k->values[at] = v;
	return 0;
}

static uint64_t end_of(const struct signals_series *s)
{
	return s->n ? s->start_s + (s->n - 1) * s->step_s : 0;
}

void signals_set_drop(struct signals_set *set, const char *query, uint64_t time_s)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->count; i++) {
		struct signals_kept_series *k = set->list[i];

		if (strcmp(k->view.query, query) || end_of(&k->view) >= time_s) {
			set->list[kept++] = k;
			continue;
		}
		weir_map_take(set->by_key, k->key, k->key_len);
		kept_free(k);
	}
	set->count = kept;
}
