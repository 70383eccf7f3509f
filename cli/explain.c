/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl cost explain */
#include "cli/alloc.h"
#include "cli/args.h"
#include "cli/prices.h"
#include "cli/table.h"
#include "lib/base/clock.h"

#include <inttypes.h>

static const char *text_of(const json_t *o, const char *field)
{
	const char *s = json_string_value(json_object_get(o, field));

	return s ? s : "";
}

static json_int_t number_of(const json_t *o, const char *field)
{
	return json_integer_value(json_object_get(o, field));
}

static char *time_of(json_int_t s, char buf[HUMAN_MAX])
{
	return weir_time_text((uint64_t)s * WEIR_NS_PER_S, buf);
}

/* Who it was, by what it is known, and the addresses by which its bytes were recognised. */
static void print_identity(const struct cli *c, const json_t *id)
{
	char from[HUMAN_MAX], to[HUMAN_MAX];
	const json_t *v;
	size_t i;

	fprintf(c->out, "who      %s on node %s of %s, team %s\n", text_of(id, "kind"), *text_of(id, "node") ? text_of(id, "node") : "-",
		text_of(id, "domain"), *text_of(id, "team") ? text_of(id, "team") : "-");
	if (*text_of(id, "cgroup"))
		fprintf(c->out, "         cgroup %s\n", text_of(id, "cgroup"));
	fprintf(c->out, "         labels %s\n", text_of(id, "labels"));
	fprintf(c->out, "         paid in the hours from %s to %s\n", time_of(number_of(id, "first_s"), from), time_of(number_of(id, "last_s"), to));
	json_array_foreach (json_object_get(id, "addresses"), i, v) {
		json_int_t until = number_of(v, "until_s");

		fprintf(c->out, "         held %s since %s%s%s\n", text_of(v, "address"), time_of(number_of(v, "since_s"), from),
			until ? " until " : "", until ? time_of(until, to) : "");
	}
}

/* "0.045 USD a GiB from 0 B" */
static void print_price(const struct cli *c, const json_t *item, const char *currency)
{
	const json_t *price = json_object_get(item, "price"), *usage = json_object_get(item, "usage"), *v;
	char one[PRICES_TEXT], size[HUMAN_MAX], after[HUMAN_MAX];
	size_t i;

	if (!price && strcmp(text_of(item, "meter"), "unpriced") && strcmp(text_of(item, "meter"), "none"))
		fprintf(c->out, "  price  not in today's price book for this way\n");
	if (price)
		fprintf(c->out, "  price  %s of %s %s (%s%s%s): %s\n", text_of(item, "meter"), text_of(price, "provider"), text_of(price, "region"),
			text_of(price, "layer"), *text_of(price, "confidence") ? ", confidence " : "", text_of(price, "confidence"),
			text_of(price, "source"));
	if (number_of(price, "free_bytes"))
		fprintf(c->out, "         free: the first %s of a month\n", human_bytes((uint64_t)number_of(price, "free_bytes"), size));
	json_array_foreach (json_object_get(price, "tiers"), i, v)
		fprintf(c->out, "         %s %s a %s%s%s\n", prices_price(number_of(v, "nanos_per_unit"), one), currency, text_of(price, "unit"),
			number_of(v, "from_bytes") ? " from " : "",
			number_of(v, "from_bytes") ? human_bytes((uint64_t)number_of(v, "from_bytes"), size) : "");
	if (usage)
		fprintf(c->out, "  usage  of pool %s in %" JSON_INTEGER_FORMAT ": %s before, %s after\n", text_of(item, "pool"),
			number_of(item, "month"), human_bytes((uint64_t)number_of(usage, "before_bytes"), size),
			human_bytes((uint64_t)number_of(usage, "after_bytes"), after));
}

static void print_flow(const struct cli *c, const json_t *f)
{
	char bytes[HUMAN_MAX], money[HUMAN_MAX];
	bool out = !strcmp(text_of(f, "direction"), "egress");
	weir_auto_free char *peer = weir_strf("%s%s%s%s%s%s", *text_of(f, "peer") ? text_of(f, "peer") : "addresses not kept",
					      *text_of(f, "peer_workload") ? " (" : "", text_of(f, "peer_namespace"),
					      *text_of(f, "peer_workload") ? "/" : "", text_of(f, "peer_workload"),
					      *text_of(f, "peer_workload") ? ")" : "");

	fprintf(c->out, "  flow   %s: %s, %" JSON_INTEGER_FORMAT " packets %s %s %s port %" JSON_INTEGER_FORMAT " opened by %s\n",
		human_money(number_of(f, "nanos"), "", money), human_bytes((uint64_t)number_of(f, "bytes"), bytes), number_of(f, "packets"),
		text_of(f, "local"), out ? "->" : "<-", peer ? peer : "", number_of(f, "port"),
		strcmp(text_of(f, "opened"), "local") ? "the peer" : "the workload");
	if (*text_of(f, "because"))
		fprintf(c->out, "         because %s\n", text_of(f, "because"));
}

static void print_item(const struct cli *c, const json_t *item, const char *currency)
{
	const json_t *others = json_object_get(item, "others"), *v;
	char bytes[HUMAN_MAX], money[HUMAN_MAX];
	size_t i;

	fprintf(c->out, "\n%s by %s on path %s, %s\n", human_money(number_of(item, "nanos"), currency, money), text_of(item, "meter"),
		text_of(item, "path"), human_bytes((uint64_t)number_of(item, "bytes"), bytes));
	print_price(c, item, currency);
	json_array_foreach (json_object_get(item, "flows"), i, v)
		print_flow(c, v);
	if (others)
		fprintf(c->out, "  others %s: %" JSON_INTEGER_FORMAT " flows, %s\n", human_money(number_of(others, "nanos"), "", money),
			number_of(others, "flows"), human_bytes((uint64_t)number_of(others, "bytes"), bytes));
}

static int print(const struct cli *c, const json_t *root, struct weir_err *err)
{
	const char *currency = text_of(root, "currency"), *namespace = text_of(root, "namespace");
	char from[HUMAN_MAX], to[HUMAN_MAX], money[HUMAN_MAX];
	const json_t *v;
	size_t i;

	if (!json_is_array(json_object_get(root, "items")) || !json_is_object(json_object_get(root, "total")))
		return weir_err_set(err, -EPROTO, "%s: the answer explains nothing; is the aggregator another version?", c->socket);
	fprintf(c->out, "%s%s%s paid %s from %s to %s\n", namespace, *namespace ? "/" : "", text_of(root, "workload"),
		human_money(number_of(json_object_get(root, "total"), "nanos"), currency, money), time_of(number_of(root, "from"), from),
		time_of(number_of(root, "to"), to));
	json_array_foreach (json_object_get(root, "identity"), i, v)
		print_identity(c, v);
	json_array_foreach (json_object_get(root, "items"), i, v)
		print_item(c, v, currency);
	return 0;
}

struct asked {
	const char *workload, *path, *meter, *payer;
	uint64_t from, to, flows;
};

/* "NS/NAME"; a name without a namespace stands alone. */
static char *path_of(const struct asked *a)
{
	const char *slash = strrchr(a->workload, '/');
	weir_auto_free char *namespace = slash ? strndup(a->workload, (size_t)(slash - a->workload)) : strdup("");
	weir_auto_free char *ns = namespace ? alloc_escaped(namespace) : NULL;
	weir_auto_free char *name = alloc_escaped(slash ? slash + 1 : a->workload);
	weir_auto_free char *path = alloc_escaped(a->path ? a->path : ""), *meter = alloc_escaped(a->meter ? a->meter : "");
	weir_auto_free char *end = a->to ? weir_strf("&to=%" PRIu64, a->to) : strdup("");

	if (!ns || !name || !path || !meter || !end)
		return NULL;
	return weir_strf("/api/v1/cost/explain?namespace=%s&workload=%s%s%s%s%s&from=%" PRIu64 "%s&flows=%" PRIu64, ns, name,
			 a->path ? "&path=" : "", path, a->meter ? "&meter=" : "", meter, a->from, end, a->flows);
}

/* Its part of what passed a proxy, by the bytes between them. */
static void print_ratio(const struct cli *c, const json_t *root, const char *proxy, const char *owner)
{
	double own = 0, all = 0;
	char bytes[HUMAN_MAX];
	const json_t *v;
	size_t i;

	json_array_foreach (json_object_get(root, "proxies"), i, v) {
		weir_auto_free char *name = weir_strf("%s/%s", text_of(v, "namespace"), text_of(v, "workload"));

		if (strcmp(text_of(v, "proxy"), proxy))
			continue;
		all += (double)number_of(v, "bytes");
		own += name && !strcmp(name, owner) ? (double)number_of(v, "bytes") : 0;
	}
	if (all > 0)
		fprintf(c->out, ", %.2f %% of the bytes between it and those behind it (%s)", own / all * 100, human_bytes((uint64_t)own, bytes));
}

/* What is its in the end: its own, what others moved and it pays, and its part of what is shared. */
static int print_owned(const struct cli *c, const struct asked *a, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	const json_t *line = NULL, *v;
	char money[HUMAN_MAX], direct[HUMAN_MAX];
	size_t i;
	int r = alloc_fetch(c, "workload", a->payer, a->from, a->to, &root, err);

	if (r)
		return r;
	json_array_foreach (json_object_get(root, "items"), i, v)
		if (!strcmp(text_of(v, "owner"), a->workload) && !strcmp(text_of(v, "kind"), "owner"))
			line = v;
	fprintf(c->out, "\n%s is its when the %s pays: direct %s\n", human_money(number_of(line, "nanos"), text_of(root, "currency"), money),
		text_of(root, "payer"), human_money(number_of(line, "direct_nanos"), "", direct));
	json_array_foreach (json_object_get(root, "shares"), i, v) {
		if (strcmp(text_of(v, "owner"), a->workload) || strcmp(text_of(v, "kind"), "owner"))
			continue;
		fprintf(c->out, "  %s  %s, %s", human_money(number_of(v, "nanos"), "", money), text_of(v, "via"), text_of(v, "how"));
		if (!strcmp(text_of(v, "how"), "proxy"))
			print_ratio(c, root, text_of(v, "via"), a->workload);
		fputc('\n', c->out);
	}
	return 0;
}

int cmd_cost_explain(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	struct asked a = {.flows = 5};
	uint64_t since = 0;
	const struct args_opt opts[] = {
		{"--workload", ARGS_STR, &a.workload}, {"--path", ARGS_STR, &a.path}, {"--meter", ARGS_STR, &a.meter},
		{"--since", ARGS_DURATION, &since},    {"--from", ARGS_TIME, &a.from}, {"--to", ARGS_TIME, &a.to},
		{"--flows", ARGS_U64, &a.flows},       {"--payer", ARGS_STR, &a.payer},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r && !a.workload)
		r = weir_err_set(err, -EINVAL, "--workload NAMESPACE/NAME is needed");
	if (!r && a.payer && c->json)
		r = weir_err_set(err, -EINVAL, "--payer is for people: with --json ask weirctl cost --by workload --payer %s", a.payer);
	if (!r && a.flows > 1000)
		r = weir_err_set(err, -EINVAL, "--flows must be 0 to 1000");
	if (!r)
		r = alloc_range(c, 3600, since, &a.from, a.to, err);
	if (!r)
		r = view_fetch_made(c, path_of(&a), &root, err);
	if (!r && root)
		r = print(c, root, err);
	return r || !a.payer ? r : print_owned(c, &a, err);
}
