/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of rows, and candidates as rules make them. */
#include <stdarg.h>

#include "lib/money/rules_impl.h"

void rules_tallies_fini(struct rules_tallies *t)
{
	for (size_t i = 0; i < t->count; i++) {
		free(t->list[i]->key);
		free(t->list[i]->subnets);
		free(t->list[i]->members);
		free(t->list[i]);
	}
	weir_map_free(t->by_key, NULL);
	free(t->list);
}

static struct rules_tally *tally_new(struct rules_tallies *t, const char *key, size_t sample)
{
	struct rules_tally *y = calloc(1, sizeof(*y)), **slot;

	if (!y)
		return NULL;
	y->key = strdup(key);
	y->sample = sample;
	slot = y->key && weir_map_put(t->by_key, key, strlen(key), y, NULL) == 0 ?
		topo_grow(&t->list, &t->count, sizeof(*slot)) : NULL;
	if (!slot) {
		free(y->key);
		free(y);
		return NULL;
	}
	*slot = y;
	return y;
}

static int add_subnet(struct rules_tally *y, uint32_t subnet)
{
	uint32_t *slot;

	for (size_t i = 0; i < y->subnet_count; i++)
		if (y->subnets[i] == subnet)
			return 0;
	slot = topo_grow(&y->subnets, &y->subnet_count, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = subnet;
	return 0;
}

static int add_member(struct rules_tally *y, size_t i)
{
	size_t *slot = topo_grow(&y->members, &y->member_count, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	*slot = i;
	return 0;
}

struct rules_tally *rules_tally(struct rules_tallies *t, size_t i, const char *fmt, ...)
{
	const struct rules_row *row = &t->s->rows[i];
	struct rules_tally *y = NULL;
	char key[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(key, sizeof(key), fmt, ap);
	va_end(ap);
	if (!t->by_key)
		t->s->r = weir_map_new(&t->by_key);
	if (t->s->r == 0)
		y = weir_map_find(t->by_key, key, strlen(key));
	if (t->s->r == 0 && !y)
		y = tally_new(t, key, i);
	if (!y || add_member(y, i) < 0 || (row->subnet && add_subnet(y, (uint32_t)(row->subnet - t->s->now->subnets)) < 0)) {
		t->s->r = -ENOMEM;
		return NULL;
	}
	y->rows++;
	y->bytes[row->t.dir & 1] += row->t.bytes;
	if (row->route.cross_zone_hop)
		y->hop[row->t.dir & 1] += row->t.bytes;
	return y;
}

static const struct weir_saving_rule *rule_named(const char *id)
{
	for (size_t i = 0; i < weir_saving_rules(); i++)
		if (!strcmp(weir_saving_rule_at(i)->id, id))
			return weir_saving_rule_at(i);
	return NULL;
}

/* FNV-1a. */
static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h;
}

struct rules_draft *rules_draft(struct weir_savings *s, const char *rule, const char *key)
{
	const char *id = rules_text(s, "%s-%08x", rule, hash(key));
	struct rules_draft *d, **slot;

	if (s->r < 0)
		return NULL;
	for (size_t i = 0; i < s->draft_count; i++)
		if (!strcmp(s->drafts[i]->pub.id, id))
			return NULL;
	if (s->draft_count == WEIR_SAVING_CANDIDATES_MAX) {
		s->dropped++;
		return NULL;
	}
	d = calloc(1, sizeof(*d));
	slot = d ? topo_grow(&s->drafts, &s->draft_count, sizeof(*slot)) : NULL;
	if (!slot) {
		free(d);
		s->r = -ENOMEM;
		return NULL;
	}
	*slot = d;
	d->pub = (struct weir_candidate){.rule = rule_named(rule), .id = id, .what = "", .note = "", .undo = ""};
	d->pub.undo = d->pub.rule->rollback;
	if (s->seen_hours < (s->in.window_h ? s->in.window_h : d->pub.rule->window_h))
		rules_hold(s, d, "%llu of %u hours of evidence", (unsigned long long)s->seen_hours,
			   s->in.window_h ? s->in.window_h : d->pub.rule->window_h);
	return d;
}

struct weir_edit *rules_edit(struct weir_savings *s, struct rules_draft *d, enum weir_edit_kind kind)
{
	struct weir_edit *e = topo_grow(&d->edits, &d->edit_count, sizeof(*e));

	if (!e) {
		s->r = -ENOMEM;
		e = &s->nobody;
	}
	e->kind = kind;
	return e;
}

void rules_file(struct weir_savings *s, struct rules_draft *d, enum weir_saving_format format, const char *text)
{
	static const char *const ends[] = {".tf.json", ".patch.yaml", ".policy.yaml"};
	struct weir_saving_file *f = topo_grow(&d->files, &d->file_count, sizeof(*f));
	size_t same = 0;

	if (!f) {
		s->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i + 1 < d->file_count; i++)
		same += d->files[i].format == format;
	*f = (struct weir_saving_file){.format = format, .text = text};
	f->name = same ? rules_text(s, "weir-%s-%zu%s", d->pub.id, same + 1, ends[format]) :
			 rules_text(s, "weir-%s%s", d->pub.id, ends[format]);
}

void rules_hold(struct weir_savings *s, struct rules_draft *d, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	if (d->pub.held)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	d->pub.held = n < 0 ? "" : rules_text(s, "%s", text);
	if (n >= 0)
		free(text);
}
