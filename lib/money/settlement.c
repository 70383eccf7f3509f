/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/settlement_impl.h"

#include <strings.h>

#include "lib/ds/grow.h"
#include "lib/money/price.h"

int weir_settlement_new(weir_settled_fn fn, void *arg, struct weir_settlement **ret)
{
	struct weir_settlement *s = calloc(1, sizeof(*s));
	int r = s ? weir_map_new(&s->names) : -ENOMEM;

	if (r) {
		free(s);
		return r;
	}
	s->fn = fn;
	s->arg = arg;
	*ret = s;
	return 0;
}

static void run_free(struct weir_settlement *s)
{
	void *const all[] = {s->quantity, s->dealt,    s->groups,  s->classes, s->deals,  s->deal_first, s->left,
			     s->left_nanos, s->in_group, s->touched, s->parts,	 s->shares, s->weights,	   s->amounts};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(all); i++)
		free(all[i]);
}

void weir_settlement_free(struct weir_settlement *s)
{
	if (!s)
		return;
	run_free(s);
	weir_map_free(s->names, free);
	free(s->lines);
	free(s->claims);
	free(s);
}

/* One copy of each text, so that equal ones are one pointer. */
static int name_take(struct weir_settlement *s, const char **name)
{
	size_t len = strlen(*name);
	char *copy = weir_map_find(s->names, *name, len);
	int r;

	if (!copy) {
		copy = strdup(*name);
		r = copy ? weir_map_put(s->names, *name, len, copy, NULL) : -ENOMEM;
		if (r) {
			free(copy);
			return r;
		}
	}
	*name = copy;
	return 0;
}

static int names_take(struct weir_settlement *s, const char **const *names, size_t n)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = name_take(s, names[i]);
	return r;
}

int weir_settlement_line(struct weir_settlement *s, const struct weir_settlement_line *line, struct weir_err *err)
{
	struct weir_settlement_line l = *line;
	const char **const names[] = {&l.meter, &l.account, &l.region, &l.service};
	const struct weir_settled told = {.line = line, .meter = line->meter, .parts.unattributed = line->billed};
	int r;

	if (line->kind == WEIR_CHARGE_ALONE)
		return s->fn(&told, s->arg);
	if (s->line_count == WEIR_SETTLEMENT_LINES_MAX)
		return weir_err_set(err, -E2BIG, "the bill has more than %u lines of network usage; choose with --account",
				    WEIR_SETTLEMENT_LINES_MAX);
	r = names_take(s, names, WEIR_ARRAY_SIZE(names));
	if (!r)
		r = weir_grow(&s->lines, s->line_count, &s->line_cap, sizeof(*s->lines));
	if (!r)
		s->lines[s->line_count++] = l;
	return r;
}

const char *weir_settlement_account(const char *text)
{
	static const char prefix[] = "/subscriptions/";

	return strncasecmp(text, prefix, sizeof(prefix) - 1) ? text : text + sizeof(prefix) - 1;
}

int weir_settlement_bill(struct weir_settlement *s, struct weir_charges *charges, const struct weir_bill_line *l, struct weir_err *err)
{
	struct weir_charge charge;
	struct weir_settlement_line line;
	int r = weir_charges_of(charges, l, &charge);

	if (r)
		return r;
	line = (struct weir_settlement_line){
		.id = l->id, .meter = charge.meter, .account = weir_settlement_account(l->account), .region = charge.region,
		.service = l->service, .kind = charge.kind, .rest = charge.rest, .from_s = l->from_s, .to_s = l->to_s,
		.quantity = charge.quantity, .billed = l->nanos[WEIR_BILL_BILLED], .list = l->nanos[WEIR_BILL_LIST],
		.has_list = l->has_cost[WEIR_BILL_LIST],
	};
	return weir_settlement_line(s, &line, err);
}

int weir_settlement_claim(struct weir_settlement *s, const struct weir_settlement_claim *claim, struct weir_err *err)
{
	struct weir_settlement_claim c = *claim;
	const char **const names[] = {&c.meter, &c.account, &c.region, &c.team, &c.path, &c.name};
	int r;

	if (!c.bytes && !c.measured)
		return 0;
	if (s->claim_count == WEIR_SETTLEMENT_CLAIMS_MAX)
		return weir_err_set(err, -E2BIG, "more than %u kinds of what was measured; choose with --account",
				    WEIR_SETTLEMENT_CLAIMS_MAX);
	r = names_take(s, names, WEIR_ARRAY_SIZE(names));
	if (!r)
		r = weir_grow(&s->claims, s->claim_count, &s->claim_cap, sizeof(*s->claims));
	if (!r)
		s->claims[s->claim_count++] = c;
	return r;
}

int64_t weir_settlement_step(const struct weir_settlement *s)
{
	int64_t step = 0;

	for (size_t i = 0; i < s->line_count; i++) {
		int64_t span = s->lines[i].to_s - s->lines[i].from_s;

		if (s->lines[i].kind != WEIR_CHARGE_USAGE)
			continue;
		if (span < 86400)
			return 3600;
		if (span < 27 * 86400)
			step = 86400;
	}
	return step;
}

static int cmp_text(const char *a, const char *b)
{
	return a == b ? 0 : strcmp(a, b);
}

static int cmp_number(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int cmp_line(const void *a, const void *b)
{
	const struct weir_settlement_line *x = a, *y = b;
	const int by[] = {
		cmp_text(x->meter, y->meter), cmp_text(x->account, y->account), cmp_text(x->region, y->region),
		cmp_number(x->from_s, y->from_s), cmp_number(x->to_s, y->to_s), cmp_number(x->id, y->id),
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(by); i++)
		if (by[i])
			return by[i];
	return 0;
}

static int known(const struct weir_settlement_claim *c)
{
	return !!*c->account + !!*c->region;
}

static int cmp_claim(const void *a, const void *b)
{
	const struct weir_settlement_claim *x = a, *y = b;
	const int by[] = {
		cmp_text(x->meter, y->meter), known(y) - known(x), cmp_text(x->account, y->account),
		cmp_text(x->region, y->region), cmp_number(x->from_s, y->from_s), cmp_number(x->to_s, y->to_s),
		cmp_text(x->path, y->path), cmp_text(x->team, y->team), cmp_text(x->name, y->name),
		cmp_number((int64_t)x->bytes, (int64_t)y->bytes), cmp_number(x->measured, y->measured),
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(by); i++)
		if (by[i])
			return by[i];
	return 0;
}

static int run_alloc(struct weir_settlement *s)
{
	size_t lines = s->line_count + 1, claims = s->claim_count + 1, most = WEIR_MAX(lines, claims);

	s->quantity = calloc(lines, sizeof(*s->quantity));
	s->dealt = calloc(lines, sizeof(*s->dealt));
	s->groups = calloc(lines, sizeof(*s->groups));
	s->deal_first = calloc(lines + 1, sizeof(*s->deal_first));
	s->classes = calloc(claims, sizeof(*s->classes));
	s->left = calloc(claims, sizeof(*s->left));
	s->left_nanos = calloc(claims, sizeof(*s->left_nanos));
	s->in_group = calloc(claims, sizeof(*s->in_group));
	s->parts = calloc(claims, sizeof(*s->parts));
	s->shares = calloc(claims, sizeof(*s->shares));
	s->touched = calloc(most, sizeof(*s->touched));
	s->weights = calloc(most, sizeof(*s->weights));
	s->amounts = calloc(most, sizeof(*s->amounts));
	return s->quantity && s->dealt && s->groups && s->deal_first && s->classes && s->left && s->left_nanos && s->in_group &&
			       s->parts && s->shares && s->touched && s->weights && s->amounts ?
		       0 :
		       -ENOMEM;
}

/* A claim's part of the line: its last bytes take all that is left of its money. */
static void part_take(struct weir_settlement *s, size_t claim, uint64_t bytes, size_t at)
{
	int64_t nanos = s->left_nanos[claim];

	if (bytes < s->left[claim])
		nanos = (int64_t)((__int128)nanos * bytes / s->left[claim]);
	s->left[claim] -= bytes;
	s->left_nanos[claim] -= nanos;
	if (!s->in_group[claim])
		s->touched[s->touched_count++] = (uint32_t)claim;
	s->in_group[claim] += bytes;
	s->parts[at] = (struct weir_claim){.bytes = bytes, .measured = nanos};
	s->shares[at] = (struct weir_settled_share){.claim = &s->claims[claim], .bytes = bytes, .measured = nanos};
}

/* What was dealt to a line, of which claims it is: by what is left of each in its class. */
static size_t parts_find(struct weir_settlement *s, size_t line)
{
	size_t n = 0;

	for (size_t d = s->deal_first[line]; d < s->deal_first[line + 1]; d++) {
		const struct group *k = &s->classes[s->deals[d].class];

		weir_split((int64_t)s->deals[d].bytes, s->left + k->first, k->count, s->amounts);
		for (size_t i = 0; i < k->count; i++)
			if (s->amounts[i])
				part_take(s, k->first + i, (uint64_t)s->amounts[i], n++);
	}
	return n;
}

static int tell(struct weir_settlement *s, const struct weir_settled *told, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		s->shares[i].adjusted = s->parts[i].adjusted;
		s->claims[s->shares[i].claim - s->claims].adjusted += s->parts[i].adjusted;
	}
	return s->fn(told, s->arg);
}

static int line_settle(struct weir_settlement *s, size_t i, size_t n, uint64_t quantity, bool follows)
{
	const struct weir_settlement_line *l = &s->lines[i];
	/* What follows has no list price of its own: all of it is the bill's own difference. */
	const struct weir_billed line = {.billed = l->billed, .list = follows ? 0 : l->list, .has_list = follows || l->has_list,
				       .bytes = quantity};
	struct weir_settled told = {.line = l, .meter = l->meter, .shares = s->shares, .share_count = n};
	int r = weir_reconcile(&line, s->parts, n, &told.parts);

	return r ? r : tell(s, &told, n);
}

static int group_settle(struct weir_settlement *s, const struct group *g)
{
	uint64_t quantity = 0;
	int r = 0;

	s->touched_count = 0;
	for (size_t i = g->first; !r && i < g->first + g->count; i++) {
		quantity += s->quantity[i];
		if (s->lines[i].kind == WEIR_CHARGE_USAGE)
			r = line_settle(s, i, parts_find(s, i), s->quantity[i], false);
	}
	for (size_t i = g->first; !r && i < g->first + g->count; i++) {
		if (s->lines[i].kind == WEIR_CHARGE_USAGE)
			continue;
		for (size_t t = 0; t < s->touched_count; t++) {
			s->parts[t] = (struct weir_claim){.bytes = s->in_group[s->touched[t]]};
			s->shares[t] = (struct weir_settled_share){.claim = &s->claims[s->touched[t]], .bytes = 0};
		}
		r = line_settle(s, i, s->touched_count, quantity, true);
	}
	for (size_t t = 0; t < s->touched_count; t++)
		s->in_group[s->touched[t]] = 0;
	return r;
}

/* What is left of a class is of no line. */
static int rest_settle(struct weir_settlement *s, const struct group *k)
{
	struct weir_settled told = {.meter = s->claims[k->first].meter, .shares = s->shares};

	for (size_t i = k->first; i < k->first + k->count; i++) {
		if (!s->left_nanos[i])
			continue;
		s->parts[told.share_count] = (struct weir_claim){.adjusted = -s->left_nanos[i]};
		s->shares[told.share_count++] =
			(struct weir_settled_share){.claim = &s->claims[i], .bytes = s->left[i], .measured = s->left_nanos[i]};
		told.parts.measured += s->left_nanos[i];
	}
	told.parts.adjusted = told.parts.reasons[WEIR_ADJUST_OVER] = -told.parts.measured;
	return told.share_count ? tell(s, &told, told.share_count) : 0;
}

static int sums_check(const struct weir_settlement *s, struct weir_err *err)
{
	__int128 billed = 0, measured = 0;

	for (size_t i = 0; i < s->line_count; i++)
		billed += s->lines[i].billed < 0 ? -(__int128)s->lines[i].billed : s->lines[i].billed;
	for (size_t i = 0; i < s->claim_count; i++)
		measured += s->claims[i].measured;
	return billed > INT64_MAX / 4 || measured > INT64_MAX / 4 ?
		       weir_err_set(err, -ERANGE, "more is billed or was measured than fits; choose with --account") :
		       0;
}

int weir_settlement_run(struct weir_settlement *s, struct weir_err *err)
{
	int r = run_alloc(s);

	if (!r)
		r = sums_check(s, err);
	if (r)
		return r;
	if (s->line_count)
		qsort(s->lines, s->line_count, sizeof(*s->lines), cmp_line);
	if (s->claim_count)
		qsort(s->claims, s->claim_count, sizeof(*s->claims), cmp_claim);
	for (size_t i = 0; i < s->claim_count; i++) {
		s->left[i] = s->claims[i].bytes;
		s->left_nanos[i] = s->claims[i].measured;
	}
	r = settlement_deal(s, err);
	for (size_t g = 0; !r && g < s->group_count; g++)
		r = group_settle(s, &s->groups[g]);
	for (size_t k = 0; !r && k < s->class_count; k++)
		r = rest_settle(s, &s->classes[k]);
	return r;
}

const struct weir_settlement_claim *weir_settlement_claims(const struct weir_settlement *s, size_t *ret_n)
{
	*ret_n = s->claim_count;
	return s->claims;
}
