/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/settle.h"

#include <inttypes.h>

#include "cli/prices.h"
#include "lib/money/allocation.h"

#define NANOS 1000000000
#define BY "class,team,path,meter"
#define BY_WORKLOAD "class,namespace,workload,path,meter"

void settle_close(struct settle *s)
{
	weir_settlement_free(s->settlement);
	if (s->accounts)
		weir_map_free(s->accounts, NULL);
	weir_charges_free(s->charges);
	weir_repo_free(s->repo);
	weir_pricebook_free(s->book);
	weir_bills_close(s->bills);
	*s = (struct settle){0};
}

int settle_rate(const char *text, int64_t *ret, struct weir_err *err)
{
	__int128 rate = 0;
	bool rounded = false;

	if (weir_bill_decimal(text, strlen(text), 1, &rate, &rounded) || rate <= 0 || rate > (__int128)1000000 * NANOS)
		return weir_err_set(err, -EINVAL, "--rate: '%.40s' is no rate such as 0.92, of the bill's currency for one of the prices'",
				    text);
	*ret = (int64_t)rate;
	return 0;
}

static int check_payer(const char *payer, struct weir_err *err)
{
	enum weir_payer p;

	return weir_payer_parse(payer, &p) ? weir_err_set(err, -EINVAL, "--payer: '%.64s' is none of sender, receiver, initiator", payer) : 0;
}

int settle_open(struct settle *s, const struct cli *c, const struct settle_question *q, weir_settled_fn fn, void *arg,
		struct weir_err *err)
{
	const char *dir = q->dir ? q->dir : PRICES_REPOSITORY;
	weir_auto_free char *topology = weir_strf("%s/topology", dir);
	int r = topology ? bill_period(q->period ? q->period : "", &s->from_s, &s->to_s, err) : -ENOMEM;

	s->c = c;
	s->q = q;
	s->err = err;
	s->rate = NANOS;
	if (!r && q->payer)
		r = check_payer(q->payer, err);
	if (!r && q->rate)
		r = settle_rate(q->rate, &s->rate, err);
	if (!r)
		r = prices_load(dir, &s->book, prices_complain, NULL);
	if (!r && !access(topology, R_OK))
		r = weir_repo_load(dir, &s->repo, err, NULL, NULL);
	if (!r)
		r = weir_bills_open(q->bills, false, &s->bills, err);
	if (!r)
		r = weir_charges_new(s->book, &s->charges);
	if (!r && q->account)
		r = weir_map_new(&s->accounts);
	return r ? r : weir_settlement_new(fn, arg, &s->settlement);
}

int settle_add_line(struct settle *s, const struct weir_bill_line *l)
{
	if (*s->currency && strcmp(s->currency, l->currency) != 0)
		return weir_err_set(s->err, -EINVAL, "the bill has charges in %s and in %s: choose one with --account", s->currency,
				    l->currency);
	(void)weir_strcpy(s->currency, sizeof(s->currency), l->currency);
	if (s->accounts) {
		const char *account = weir_settlement_account(l->account);
		int r = weir_map_put(s->accounts, account, strlen(account), s, NULL);

		if (r)
			return r;
	}
	return weir_settlement_bill(s->settlement, s->charges, l, s->err);
}

static const char *text_at(const json_t *item, const char *name)
{
	const char *text = json_string_value(json_object_get(item, name));

	return text ? text : "";
}

/* Account and region of a node's class, or of a domain, which resources have alone; a domain may be in many regions. */
static void place_of(const struct weir_topology *t, const char *class, const char **ret_account, const char **ret_region)
{
	const struct weir_subnet *subnet = weir_topology_class_subnet(t, class);
	const char *name;
	bool any = false;

	if (subnet) {
		*ret_account = subnet->account;
		*ret_region = subnet->region;
		return;
	}
	for (size_t i = 0; (name = weir_topology_class(t, i)); i++) {
		subnet = weir_topology_class_subnet(t, name);
		if (strcmp(subnet->domain, class) != 0)
			continue;
		*ret_account = subnet->account;
		*ret_region = !any || !strcmp(*ret_region, subnet->region) ? subnet->region : "";
		any = true;
	}
}

/* What costs by the hour has no bytes in the ledger: for how many seconds it paid so much, by its price then. */
static uint64_t seconds_of(const struct settle *s, const struct weir_settlement_claim *c, int64_t nanos)
{
	const struct weir_meter *m;

	for (size_t i = 0; (m = weir_pricebook_at(s->book, i)); i++) {
		const struct weir_meter *paid;

		if (!m->by_hour || strcmp(m->name, c->name) != 0 || (*c->region && strcmp(m->region, c->region) != 0) ||
		    (uint64_t)c->from_s < m->valid_from || (uint64_t)c->from_s >= m->valid_to)
			continue;
		paid = weir_meter_effective(m, c->account, (uint64_t)c->from_s);
		if (paid->tiers[0].nanos_per_unit > 0)
			return (uint64_t)((__int128)nanos * (__int128)paid->unit_bytes / paid->tiers[0].nanos_per_unit);
	}
	return 0;
}

int settle_add_claim(struct settle *s, const struct weir_settlement_claim *c)
{
	if (s->accounts && *c->account && !weir_map_find(s->accounts, c->account, strlen(c->account)))
		return 0;
	return weir_settlement_claim(s->settlement, c, s->err);
}

static int add_measured(struct settle *s, const json_t *item, int64_t from_s, int64_t to_s)
{
	const char *class = text_at(item, "class"), *name = text_at(item, "meter");
	const char *by = s->q->by_workload ? "workload" : "team", *space = text_at(item, "namespace"), *who = text_at(item, by);
	weir_auto_free char *owner = s->q->by_workload && *space ? weir_strf("%s/%s", space, who) : NULL;
	json_int_t bytes = json_integer_value(json_object_get(item, "bytes")), nanos = json_integer_value(json_object_get(item, "nanos"));
	struct weir_settlement_claim claim = {
		.meter = weir_charges_meter(s->charges, name), .name = name, .path = text_at(item, "path"),
		.account = text_at(item, "account"), .region = text_at(item, "region"), .team = owner ? owner : *who ? who : SETTLE_NO_TEAM,
		.from_s = from_s, .to_s = to_s, .bytes = (uint64_t)bytes,
	};

	if (!json_object_get(item, by) || !*name || bytes < 0 || nanos < 0 || !json_is_integer(json_object_get(item, "nanos")))
		return weir_err_set(s->err, -EINVAL, "measured: an item without %s, meter, bytes and nanos; it must be by %s", by,
				    s->q->by_workload ? BY_WORKLOAD : BY " or by team,meter");
	if ((__int128)nanos * s->rate / NANOS > INT64_MAX / 4)
		return weir_err_set(s->err, -ERANGE, "measured: an item of more money than fits");
	if (!strcmp(text_at(item, "kind"), "idle")) /* of an allocation: a resource that nobody used */
		claim.team = SETTLE_IDLE;
	if (s->repo && *class)
		place_of(s->repo->topology, class, &claim.account, &claim.region);
	claim.account = weir_settlement_account(claim.account);
	claim.measured = (int64_t)((__int128)nanos * s->rate / NANOS);
	claim.by_hour = !bytes && nanos;
	if (claim.by_hour)
		claim.bytes = seconds_of(s, &claim, nanos);
	return settle_add_claim(s, &claim);
}

int settle_currency(struct settle *s, const char *currency)
{
	if (strcmp(currency, s->currency) != 0 && (!s->q->rate || !*currency))
		return weir_err_set(s->err, -EINVAL, "measured in %s, billed in %s; say with --rate what one %s is in %s",
				    *currency ? currency : "nothing", s->currency, *currency ? currency : "unit", s->currency);
	if (!strcmp(currency, s->currency) && s->q->rate)
		return weir_err_set(s->err, -EINVAL, "--rate: measured and billed are both in %s", currency);
	(void)weir_strcpy(s->measured_in, sizeof(s->measured_in), currency);
	return 0;
}

/* One answer of the ledger: what the list has is of [from, to). */
static int add_answer(struct settle *s, const json_t *root, const char *list, int64_t from_s, int64_t to_s)
{
	const json_t *items = json_object_get(root, list);
	json_t *item;
	size_t i;
	int r;

	if (!json_array_size(items))
		return 0;
	r = settle_currency(s, text_at(root, "currency"));
	if (r)
		return r;
	json_array_foreach (items, i, item)
		if ((r = add_measured(s, item, from_s, to_s)))
			return r;
	return 0;
}

static int read_file(struct settle *s, const char *file)
{
	view_auto_json json_t *root = NULL;
	int64_t from, to;
	json_error_t je;

	root = json_load_file(file, 0, &je);
	if (!root)
		return weir_err_set(s->err, -EINVAL, "%s:%d: %s", file, je.line, je.text);
	from = json_integer_value(json_object_get(root, "from"));
	to = json_integer_value(json_object_get(root, "to"));
	if (s->q->months && from < to && (to <= s->from_s || from >= s->to_s))
		return 0;
	if (from >= to || from < s->from_s || to > s->to_s) { /* it does not say, or says more than the month */
		from = s->from_s;
		to = s->to_s;
	}
	return add_answer(s, root, "items", from, to);
}

/* Who pays for [from, to): in pages of hours. */
static int ask_payer(struct settle *s, const struct cli *quiet, int64_t from_s, int64_t to_s)
{
	int r = 0;

	for (int64_t at = from_s; !r && at < to_s;) {
		view_auto_json json_t *root = NULL;
		json_int_t next;

		r = view_fetch_made(quiet, weir_strf("/api/v1/allocation?by=team&claims=1&payer=%s&from=%" PRId64 "&to=%" PRId64, s->q->payer,
						     at, to_s), &root, s->err);
		if (r)
			return r;
		if (json_integer_value(json_object_get(root, "from")) > at)
			return weir_err_set(s->err, -EINVAL, "--payer: the ledger does not have the hours of the month any more (store.retain_1h)");
		next = json_integer_value(json_object_get(root, "next"));
		r = add_answer(s, root, "claims", from_s, to_s);
		at = next > at ? next : to_s;
	}
	return r;
}

/* Of [from, to) in steps. -EAGAIN: the ledger is not as fine any more. */
static int ask(struct settle *s, int64_t step)
{
	struct cli quiet = *s->c;
	int r = 0;

	quiet.json = false;
	for (int64_t at = s->from_s; !r && at < s->to_s; at += step) {
		int64_t end = WEIR_MIN(at + step, s->to_s);
		view_auto_json json_t *root = NULL;

		if (s->q->payer) {
			r = ask_payer(s, &quiet, at, end);
			continue;
		}
		r = view_fetch_made(&quiet, weir_strf("/api/v1/cost?by=%s&from=%" PRId64 "&to=%" PRId64, s->q->by_workload ? BY_WORKLOAD : BY, at, end),
				    &root, s->err);
		if (!r && at == s->from_s && json_integer_value(json_object_get(root, "bucket_s")) > step)
			return -EAGAIN;
		if (!r)
			r = add_answer(s, root, "items", at, end);
	}
	return r;
}

int settle_measured(struct settle *s)
{
	bool files = s->q->measured[0], traffic = s->q->traffic[0];
	int64_t step = weir_settlement_step(s->settlement);
	int r = 0;

	if (files && traffic)
		return weir_err_set(s->err, -EINVAL, "--measured and --traffic: choose one");
	if (s->q->payer && (files || traffic))
		return weir_err_set(s->err, -EINVAL, "--payer is of the ledger: not with --measured or --traffic");
	if (s->q->payer && s->q->by_workload)
		return weir_err_set(s->err, -EINVAL, "--payer is of teams: not by workload");
	if (traffic)
		return settle_traffic(s);
	for (size_t i = 0; !r && s->q->measured[i]; i++)
		r = read_file(s, s->q->measured[i]);
	if (r || files)
		return r;
	r = ask(s, step ? step : s->to_s - s->from_s);
	return r == -EAGAIN ? ask(s, 86400) : r;
}

static int add_line(const struct weir_bill_line *l, void *arg)
{
	return settle_add_line(arg, l);
}

int settle_bill(struct settle *s)
{
	struct weir_bill_query q = {.account = s->q->account, .period_start_s = s->from_s};

	return weir_bills_lines(s->bills, &q, add_line, s, s->err);
}

int settle_run(struct settle *s)
{
	int r = settle_bill(s);

	if (!r)
		r = settle_measured(s);
	return r ? r : weir_settlement_run(s->settlement, s->err);
}
