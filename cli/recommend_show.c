/* SPDX-License-Identifier: Apache-2.0 */
/* What weirctl recommend prints: the list, and one change whole. */
#include <inttypes.h>

#include "cli/recommend.h"
#include "cli/table.h"
#include "cli/view.h"

char *recommend_money(int64_t nanos, char *buf)
{
	uint64_t cents = ((uint64_t)llabs(nanos) + 5000000) / 10000000;

	snprintf(buf, HUMAN_MAX, "%s%" PRIu64 ".%02u", nanos < 0 && cents ? "-" : "", cents / 100, (unsigned int)(cents % 100));
	return buf;
}

static char *interval(const struct weir_proposed *p, char *buf)
{
	char low[HUMAN_MAX], high[HUMAN_MAX];

	snprintf(buf, 2 * HUMAN_MAX, "%s to %s", recommend_money(p->low_nanos, low), recommend_money(p->high_nanos, high));
	return buf;
}

static char *evidence(const struct recommend *r, const struct weir_candidate *c, char *buf)
{
	char bytes[HUMAN_MAX], span[HUMAN_MAX];

	snprintf(buf, 3 * HUMAN_MAX, "%s in %s", human_bytes(c->bytes, bytes), human_seconds(weir_savings_seen(r->savings) * 3600, span));
	return buf;
}

static int new_table(const char *const *titles, struct table **ret)
{
	int e = table_new(ret);

	for (size_t i = 0; !e && titles[i]; i++)
		e = table_column(*ret, titles[i] + (*titles[i] == '>'), *titles[i] == '>');
	return e;
}

static int print_proposed(const struct recommend *r)
{
	static const char *const titles[] = {"ID", ">SAVES A MONTH", ">9 OF 10 MONTHS", "CONFIDENCE", "EFFORT", "RISK", "EVIDENCE",
					     "WHAT", NULL};
	table_auto struct table *t = NULL;
	int e = new_table(titles, &t);

	for (size_t i = 0; !e && i < weir_savings_count(r->savings); i++) {
		const struct weir_proposed *p = weir_savings_at(r->savings, i);
		const struct weir_candidate *c = p->candidate;
		char money[HUMAN_MAX], between[2 * HUMAN_MAX], seen[3 * HUMAN_MAX];
		const char *const cells[] = {c->id, recommend_money(p->month_nanos, money), interval(p, between),
					     weir_level_name(p->confidence), weir_level_name(c->rule->effort),
					     weir_level_name(c->rule->risk), evidence(r, c, seen), c->what};

		for (size_t k = 0; !e && k < WEIR_ARRAY_SIZE(cells); k++)
			e = table_cell(t, cells[k]);
	}
	return e ? e : table_print(t, r->c->out, r->c->colour);
}

static size_t count_held(const struct recommend *r)
{
	size_t n = 0;

	for (size_t i = 0; i < weir_savings_candidates(r->savings); i++)
		n += weir_savings_candidate(r->savings, i)->held != NULL;
	return n;
}

static int print_held(const struct recommend *r)
{
	static const char *const titles[] = {"ID", "HELD BACK", "WHAT", NULL};
	table_auto struct table *t = NULL;
	int e = new_table(titles, &t);

	for (size_t i = 0; !e && i < weir_savings_candidates(r->savings); i++) {
		const struct weir_candidate *c = weir_savings_candidate(r->savings, i);
		const char *const cells[] = {c->id, c->held, c->what};

		for (size_t k = 0; !e && c->held && k < WEIR_ARRAY_SIZE(cells); k++)
			e = table_cell(t, cells[k]);
	}
	return e ? e : table_print(t, r->c->out, r->c->colour);
}

static json_t *candidate_json(const struct weir_candidate *c)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:b,s:s?,s:s}", "id", c->id, "rule", c->rule->id, "what", c->what, "effort",
			 weir_level_name(c->rule->effort), "risk", weir_level_name(c->rule->risk), "bytes", (json_int_t)c->bytes,
			 "rows", (json_int_t)c->rows, "behavioural", c->rule->behavioural, "held", c->held, "note", c->note);
}

static void put_proposed(json_t *o, const struct weir_proposed *p)
{
	json_object_set_new(o, "month_nanos", json_integer(p->month_nanos));
	json_object_set_new(o, "low_nanos", json_integer(p->low_nanos));
	json_object_set_new(o, "high_nanos", json_integer(p->high_nanos));
	json_object_set_new(o, "confidence", json_string(weir_level_name(p->confidence)));
}

static json_t *head_json(const struct recommend *r)
{
	uint64_t hours = weir_savings_hours(r->savings), from_s, to_s;
	json_t *o;

	weir_traffic_span(r->traffic, &from_s, &to_s);
	o = json_pack("{s:s,s:I,s:I,s:I,s:I,s:I}", "currency", weir_pricebook_currency(r->prices), "from_s", (json_int_t)from_s,
		      "to_s", (json_int_t)to_s + 3600, "hours", (json_int_t)hours, "seen_hours",
		      (json_int_t)weir_savings_seen(r->savings), "cost_nanos", (json_int_t)weir_savings_cost(r->savings));
	return o;
}

static int list_json(const struct recommend *r)
{
	view_auto_json json_t *root = head_json(r);
	json_t *items = json_array(), *held = json_array(), *total = json_object();

	for (size_t i = 0; i < weir_savings_count(r->savings); i++) {
		json_t *o = candidate_json(weir_savings_at(r->savings, i)->candidate);

		put_proposed(o, weir_savings_at(r->savings, i));
		json_array_append_new(items, o);
	}
	for (size_t i = 0; i < weir_savings_candidates(r->savings); i++)
		if (weir_savings_candidate(r->savings, i)->held)
			json_array_append_new(held, candidate_json(weir_savings_candidate(r->savings, i)));
	put_proposed(total, weir_savings_total(r->savings));
	json_object_set_new(root, "items", items);
	json_object_set_new(root, "held", held);
	json_object_set_new(root, "dropped", json_integer((json_int_t)weir_savings_dropped(r->savings)));
	if (!root || json_object_set_new(root, "total", total))
		return -ENOMEM;
	prices_print_json(r->c, root);
	return 0;
}

int recommend_list(const struct recommend *r, struct weir_err *err)
{
	const struct weir_proposed *total = weir_savings_total(r->savings);
	const char *currency = weir_pricebook_currency(r->prices);
	size_t held = count_held(r), n = weir_savings_count(r->savings);
	char money[HUMAN_MAX], between[2 * HUMAN_MAX], cost[HUMAN_MAX], span[HUMAN_MAX];
	int e = 0;

	if (r->c->json)
		return list_json(r) ? weir_err_set(err, -ENOMEM, "out of memory") : 0;
	if (n)
		e = print_proposed(r);
	fprintf(r->c->out, "%s%s of traffic cost %s %s. ", n ? "\n" : "",
		human_seconds(weir_savings_hours(r->savings) * 3600, span), recommend_money(weir_savings_cost(r->savings), cost),
		currency);
	if (n)
		fprintf(r->c->out, "Together these save %s %s a month (%s), by replay of all of them at once.\n",
			recommend_money(total->month_nanos, money), currency, interval(total, between));
	else
		fprintf(r->c->out, "Nothing was found that saves.\n");
	if (!e && held && r->all) {
		fputc('\n', r->c->out);
		e = print_held(r);
	} else if (held) {
		fprintf(r->c->out, "%zu more %s held back by what is not known yet: weirctl recommend --all\n", held,
			held == 1 ? "is" : "are");
	}
	if (weir_savings_dropped(r->savings))
		fprintf(r->c->out, "%zu more were found than the %u that are looked at: name fewer networks\n",
			weir_savings_dropped(r->savings), WEIR_SAVING_CANDIDATES_MAX);
	return e ? weir_err_set(err, e, "%s", strerror(-e)) : 0;
}

/* Chosen or held. */
static const struct weir_candidate *find(const struct recommend *r, const struct weir_proposed **ret_p)
{
	*ret_p = NULL;
	for (size_t i = 0; i < weir_savings_count(r->savings); i++)
		if (!strcmp(weir_savings_at(r->savings, i)->candidate->id, r->show))
			*ret_p = weir_savings_at(r->savings, i);
	for (size_t i = 0; i < weir_savings_candidates(r->savings); i++)
		if (!strcmp(weir_savings_candidate(r->savings, i)->id, r->show))
			return weir_savings_candidate(r->savings, i);
	return NULL;
}

static int show_json(const struct recommend *r, const struct weir_candidate *c, const struct weir_proposed *p)
{
	static const char *const formats[] = {"terraform", "kubernetes", "flowpolicy"};
	view_auto_json json_t *root = head_json(r);
	json_t *o = candidate_json(c), *files = json_array();

	for (size_t i = 0; i < c->file_count; i++)
		json_array_append_new(files, json_pack("{s:s,s:s,s:s}", "name", c->files[i].name, "format",
						       formats[c->files[i].format], "text", c->files[i].text));
	if (p)
		put_proposed(o, p);
	json_object_set_new(o, "formula", json_string(c->rule->formula));
	json_object_set_new(o, "guard", json_string(c->rule->guard));
	json_object_set_new(o, "formula_nanos", json_integer(c->formula_nanos));
	json_object_set_new(o, "undo", json_string(c->undo));
	json_object_set_new(o, "files", files);
	if (!root || json_object_set_new(root, "item", o))
		return -ENOMEM;
	prices_print_json(r->c, root);
	return 0;
}

static void print_change(const struct recommend *r, const struct weir_candidate *c)
{
	fprintf(r->c->out, "undo       %s\n", c->undo);
	for (size_t i = 0; i < c->file_count; i++)
		fprintf(r->c->out, "\n==> %s <==\n%s", c->files[i].name, c->files[i].text);
}

int recommend_show(const struct recommend *r, struct weir_err *err)
{
	const struct weir_proposed *p;
	const struct weir_candidate *c = find(r, &p);
	const char *currency = weir_pricebook_currency(r->prices);
	char money[HUMAN_MAX], between[2 * HUMAN_MAX], seen[3 * HUMAN_MAX], span[HUMAN_MAX];

	if (!c)
		return weir_err_set(err, -EINVAL, "--show: nothing found here is '%.40s'; weirctl recommend --all lists what is", r->show);
	if (r->c->json)
		return show_json(r, c, p) ? weir_err_set(err, -ENOMEM, "out of memory") : 0;
	fprintf(r->c->out, "%s  %s\nrule       %s: %s\n", c->id, c->what, c->rule->id, c->rule->name);
	if (p)
		fprintf(r->c->out, "saves      %s %s a month (%s in 9 of 10 months), by replay; confidence %s\n",
			recommend_money(p->month_nanos, money), currency, interval(p, between), weir_level_name(p->confidence));
	else
		fprintf(r->c->out, "saves      not proposed: %s\n",
			c->held ? c->held : "replay says that it saves nothing, or less than what goes in its place");
	fprintf(r->c->out, "formula    %s\n           here %s %s in %s%s\n", c->rule->formula, recommend_money(c->formula_nanos, money),
		currency, human_seconds(weir_savings_hours(r->savings) * 3600, span),
		c->rule->behavioural ? "; what programs do decides" : "");
	fprintf(r->c->out, "evidence   %s, %" PRIu64 " rows\nguard      %s\n", evidence(r, c, seen), c->rows, c->rule->guard);
	fprintf(r->c->out, "effort     %s\nrisk       %s%s%s\n", weir_level_name(c->rule->effort), weir_level_name(c->rule->risk),
		*c->note ? ": " : "", c->note);
	print_change(r, c);
	return 0;
}
