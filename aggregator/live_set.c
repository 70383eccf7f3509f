/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live_set.h"

#include "lib/ds/grow.h"
#include "lib/model/finding.h"

#include <math.h>

#define HOUR_S 3600u
#define WEEK 168 /* hours */
/* Longer texts are cut; what differs behind that is one. */
#define TEXT_MAX 256
#define KEY_MAX (5 * TEXT_MAX)
/* Workloads whose names are known without asking; beyond, all are asked for again. */
#define KNOWN_MAX 65536

struct live_set {
	struct live_series **series;
	size_t count, cap, max;
	struct weir_map *by_key;   /* owner, measure and way -> live_series */
	struct weir_map *owners;   /* texts -> live_owner */
	struct weir_map *known;	   /* id of a workload -> live_owner (of owners) */
	uint64_t left_out;
};

/* What a pod's controller appends: letters and digits that make no words. */
static bool random_part(const char *s, size_t len)
{
	return len && strspn(s, "bcdfghjklmnpqrstvwxz2456789") >= len;
}

static bool number_part(const char *s, size_t len)
{
	return len && strspn(s, "0123456789") >= len;
}

static size_t cut_last(const char *name, size_t len, const char **ret_part)
{
	while (len && name[len - 1] != '-')
		len--;
	*ret_part = name + len;
	return len ? len - 1 : 0;
}

void live_name(const char *kind, const char *name, char *ret, size_t size)
{
	size_t len = strlen(name), left;
	const char *part;

	if (ret != name)
		weir_finding_text(ret, size, name);
	if (strcmp(kind, "pod") || len >= size)
		return;
	left = cut_last(name, len, &part);
	if (left && number_part(part, len - left - 1) && len - left - 1 <= 4) {
		len = left;
	} else if (left && random_part(part, len - left - 1) && len - left - 1 == 5) {
		size_t before = cut_last(name, left, &part), n = left - before - 1;

		len = left;
		if (before && n >= 6 && n <= 10 && (random_part(part, n) || number_part(part, n)))
			len = before;
	}
	ret[len] = '\0';
}

static void owner_free(void *p)
{
	struct live_owner *o = p;

	free(o->domain);
	free(o->namespace);
	free(o->name);
	free(o->kind);
	free(o->team);
	free(o->labels);
	free(o);
}

static void series_free(struct live_series *s)
{
	if (!s)
		return;
	weir_detect_free(s->detect);
	free(s->hours);
	free(s->forecast);
	free(s);
}

void live_set_free(struct live_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		series_free(s->series[i]);
	free(s->series);
	weir_map_free(s->by_key, NULL);
	weir_map_free(s->known, NULL);
	weir_map_free(s->owners, owner_free);
	free(s);
}

int live_set_new(size_t max, struct live_set **ret)
{
	struct live_set *s = calloc(1, sizeof(*s));

	if (!s || weir_map_new(&s->by_key) || weir_map_new(&s->owners) || weir_map_new(&s->known)) {
		live_set_free(s);
		return -ENOMEM;
	}
	s->max = max;
	*ret = s;
	return 0;
}

size_t live_set_count(const struct live_set *s)
{
	return s->count;
}

struct live_series *live_set_at(struct live_set *s, size_t i)
{
	return s->series[i];
}

uint64_t live_set_left_out(const struct live_set *s)
{
	return s->left_out;
}

struct naming {
	struct live_set *set;
	int64_t workload;
	struct live_owner *found;
};

enum { DOMAIN_TEXT, NAMESPACE_TEXT, NAME_TEXT, KIND_TEXT, TEAM_TEXT, TEXTS };

static int owner_new(char texts[TEXTS][TEXT_MAX], const char *labels, struct live_owner **ret)
{
	struct live_owner *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->domain = strdup(texts[DOMAIN_TEXT]);
	o->namespace = strdup(texts[NAMESPACE_TEXT]);
	o->name = strdup(texts[NAME_TEXT]);
	o->kind = strdup(texts[KIND_TEXT]);
	o->team = strdup(texts[TEAM_TEXT]);
	o->labels = strdup(labels);
	if (!o->domain || !o->namespace || !o->name || !o->kind || !o->team || !o->labels) {
		owner_free(o);
		return -ENOMEM;
	}
	*ret = o;
	return 0;
}

static int name_owner(const struct query_live_who *w, void *arg)
{
	const char *from[TEXTS] = {w->domain, w->namespace, w->name, w->kind, w->team}, *key_of[TEXTS];
	char texts[TEXTS][TEXT_MAX], key[KEY_MAX];
	struct naming *n = arg;
	struct live_owner *o;
	size_t len = 0;
	int r;

	for (int i = 0; i < TEXTS; i++) {
		weir_finding_text(texts[i], sizeof(texts[i]), from[i]);
		key_of[i] = texts[i];
	}
	live_name(w->kind, texts[NAME_TEXT], texts[NAME_TEXT], TEXT_MAX);
	r = weir_map_key(key, sizeof(key), &len, key_of, TEXTS);
	if (r)
		return r;
	o = weir_map_find(n->set->owners, key, len);
	if (!o) {
		r = owner_new(texts, w->labels, &o);
		if (!r && (r = weir_map_put(n->set->owners, key, len, o, NULL)))
			owner_free(o);
		if (r)
			return r;
	}
	n->found = o;
	return weir_map_put(n->set->known, &n->workload, sizeof(n->workload), o, NULL);
}

static int owner_of(struct live_set *s, struct store *from, int64_t workload, struct live_owner **ret)
{
	struct naming n = {.set = s, .workload = workload, .found = weir_map_find(s->known, &workload, sizeof(workload))};
	int r = 0;

	if (!n.found && weir_map_count(s->known) >= KNOWN_MAX) {
		weir_map_free(weir_take_ptr(s->known), NULL);
		r = weir_map_new(&s->known);
	}
	if (!r && !n.found)
		r = query_live_who(from, workload, name_owner, &n);
	*ret = n.found;
	return r;
}

struct series_key {
	const struct live_owner *owner;
	uint32_t measure, way;
};

static struct series_key key_of(const struct live_owner *o, enum live_measure m, uint32_t way)
{
	return (struct series_key){o, (uint32_t)m, way};
}

static void drop(struct live_set *s, size_t i)
{
	struct series_key k = key_of(s->series[i]->owner, s->series[i]->measure, s->series[i]->way);

	weir_map_take(s->by_key, &k, sizeof(k));
	series_free(s->series[i]);
	s->series[i] = s->series[--s->count];
}

/* Room for one more: what has been quiet for longest goes, if anything is quiet. A pass over all, when the set is full. */
static bool make_room(struct live_set *s, uint64_t now_s)
{
	size_t oldest = 0;

	if (s->count < s->max)
		return true;
	for (size_t i = 1; i < s->count; i++)
		if (s->series[i]->seen_s < s->series[oldest]->seen_s)
			oldest = i;
	if (s->series[oldest]->seen_s + LIVE_QUIET_S > now_s)
		return false;
	drop(s, oldest);
	return true;
}

static int add(struct live_set *s, const struct series_key *k, struct live_series **ret)
{
	struct live_series *e = calloc(1, sizeof(*e));
	int r = e ? weir_grow(&s->series, s->count, &s->cap, sizeof(*s->series)) : -ENOMEM;

	if (!r)
		r = weir_map_put(s->by_key, k, sizeof(*k), e, NULL);
	if (r) {
		free(e);
		return r;
	}
	e->owner = k->owner;
	e->measure = (enum live_measure)k->measure;
	e->way = k->way;
	e->value = NAN;
	s->series[s->count++] = e;
	*ret = e;
	return 0;
}

int live_set_find(struct live_set *s, struct store *from, const struct query_live *q, struct live_series **ret)
{
	struct live_owner *owner;
	struct live_series *found;
	struct series_key k;
	int r = owner_of(s, from, q->workload, &owner);

	if (r)
		return r;
	k = key_of(owner, q->measure, q->way);
	found = weir_map_find(s->by_key, &k, sizeof(k));
	if (!found && !make_room(s, q->time_s))
		s->left_out++;
	else if (!found)
		r = add(s, &k, &found);
	*ret = found;
	return r;
}

struct live_series *live_set_beside(struct live_set *s, const struct live_series *of, enum live_measure m)
{
	struct series_key k = key_of(of->owner, m, of->way);

	return weir_map_find(s->by_key, &k, sizeof(k));
}

void live_set_forget(struct live_set *s, uint64_t now_s)
{
	for (size_t i = s->count; i-- > 0;)
		if (s->series[i]->seen_s + (uint64_t)LIVE_HOURS * HOUR_S < now_s)
			drop(s, i);
}

int live_series_hour(struct live_series *s, uint64_t time_s, double value)
{
	size_t at;

	if (!s->hour_count)
		s->first_s = time_s;
	if (time_s < s->first_s)
		return 0;
	at = (time_s - s->first_s) / HOUR_S;
	if (at >= LIVE_HOURS) {
		/* In weeks: a series that is whole moves its values once in a while only. */
		size_t gone = (at - LIVE_HOURS) / WEEK * WEEK + WEEK;

		s->hour_count -= WEIR_MIN(gone, s->hour_count);
		memmove(s->hours, s->hours + gone, s->hour_count * sizeof(*s->hours));
		s->first_s = s->hour_count ? s->first_s + gone * HOUR_S : time_s;
		at = (time_s - s->first_s) / HOUR_S;
	}
	while (s->hour_count <= at) {
		int r = weir_grow(&s->hours, s->hour_count, &s->hour_cap, sizeof(*s->hours));

		if (r)
			return r;
		s->hours[s->hour_count++] = s->measure == LIVE_RTT ? NAN : 0;
	}
	s->hours[at] = (float)value;
	return 0;
}
