/* SPDX-License-Identifier: Apache-2.0 */
/* What could be saved of what was assessed: the rules over the same traffic, topology and prices. */
#include <inttypes.h>

#include "cli/assess.h"
#include "cli/table.h"

/* Whoever assesses has few hours yet. How much they are worth is said by each one's confidence. */
#define EVIDENCE_H 1
#define FLOOR_NANOS 1000000000 /* a month: one unit of the currency */
#define NANOS 1000000000

int assess_save(struct assess *a)
{
	const struct weir_savings_in in = {
		.topology = a->topology, .book = a->settle.book, .traffic = a->traffic, .before = a->before, .before_count = a->before_count,
		.window_h = EVIDENCE_H, .floor_nanos = FLOOR_NANOS,
	};
	int r = weir_savings_new(&in, &a->savings, a->err);

	return r ? r : weir_savings_choose(a->savings, a->err);
}

static json_int_t money(const struct assess *a, int64_t nanos)
{
	return (json_int_t)((__int128)nanos * a->settle.rate / NANOS);
}

static json_t *proposed_json(const struct assess *a, const struct weir_proposed *p)
{
	const struct weir_candidate *c = p->candidate;

	if (!c)
		return json_pack("{s:s,s:s,s:I,s:I,s:I}", "saving", "all together", "what", "", "month_nanos", money(a, p->month_nanos),
				 "low_nanos", money(a, p->low_nanos), "high_nanos", money(a, p->high_nanos));
	return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:s,s:s,s:s}", "saving", c->id, "rule", c->rule->name, "what", c->what, "note", c->note,
			 "month_nanos", money(a, p->month_nanos), "low_nanos", money(a, p->low_nanos), "high_nanos",
			 money(a, p->high_nanos), "confidence", weir_level_name(p->confidence), "effort",
			 weir_level_name(c->rule->effort), "risk", weir_level_name(c->rule->risk));
}

/* Found, and held back by a guard. */
static int held_json(const struct assess *a, json_t *held)
{
	for (size_t i = 0; i < weir_savings_candidates(a->savings); i++) {
		const struct weir_candidate *c = weir_savings_candidate(a->savings, i);

		if (c->held && json_array_append_new(held, json_pack("{s:s,s:s,s:s}", "saving", c->id, "what", c->what, "held", c->held)))
			return -ENOMEM;
	}
	return 0;
}

int assess_savings_json(const struct assess *a, json_t **ret)
{
	view_auto_json json_t *items = json_array(), *held = json_array(), *total = NULL;
	int r = items && held ? held_json(a, held) : -ENOMEM;
	json_t *root;

	for (size_t i = 0; !r && i < weir_savings_count(a->savings); i++)
		if (json_array_append_new(items, proposed_json(a, weir_savings_at(a->savings, i))))
			r = -ENOMEM;
	if (!r)
		total = proposed_json(a, weir_savings_total(a->savings));
	root = total ? json_pack("{s:I,s:O,s:O,s:O}", "hours", (json_int_t)weir_savings_hours(a->savings), "total", total, "items", items,
				 "held", held) : NULL;
	if (!root)
		return r ? r : -ENOMEM;
	*ret = root;
	return 0;
}

int assess_savings_print(struct assess *a, const json_t *savings)
{
	static const struct view_column columns[] = {{"saving", "saving"}, {"month_nanos", "a month"}, {"low_nanos", "at least"},
						     {"high_nanos", "at most"}, {"confidence", "confidence"}, {"effort", "effort"},
						     {"risk", "risk"}, {"what", "what"}, {0}};
	static const struct view_column held[] = {{"saving", "held back"}, {"held", "because"}, {"what", "what"}, {0}};
	view_auto_json json_t *list = json_pack("{s:O}", "items", json_object_get(savings, "held"));
	bool some = json_array_size(json_object_get(savings, "items"));
	int r = 0;

	fprintf(a->c->out, "\nWhat could be saved (%s), by replay of %" PRId64 " hours\n", a->settle.currency,
		(int64_t)json_integer_value(json_object_get(savings, "hours")));
	if (some)
		r = view_items(a->c, savings, columns, json_object_get(savings, "total"), a->err);
	else
		fputs("nothing that any rule knows\n", a->c->out);
	if (r || !json_array_size(json_object_get(savings, "held")))
		return r;
	fputc('\n', a->c->out);
	return list ? view_items(a->c, list, held, NULL, a->err) : -ENOMEM;
}

static int show(const struct assess *a, const struct weir_candidate *c)
{
	FILE *f = a->c->out;

	fprintf(f, "%s\n%s%s", c->what, c->note, *c->note ? "\n" : "");
	for (size_t i = 0; i < c->file_count; i++)
		fprintf(f, "\n--- %s\n%s%s", c->files[i].name, c->files[i].text, strlen(c->files[i].text) &&
			c->files[i].text[strlen(c->files[i].text) - 1] == '\n' ? "" : "\n");
	fprintf(f, "\nBack: %s\n", c->undo);
	return 0;
}

int assess_show(const struct assess *a)
{
	for (size_t i = 0; i < weir_savings_candidates(a->savings); i++)
		if (!strcmp(weir_savings_candidate(a->savings, i)->id, a->q.show))
			return show(a, weir_savings_candidate(a->savings, i));
	return weir_err_set(a->err, -ENOENT, "--show: nothing was found that is called '%.60s'", a->q.show);
}
