/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl topology explain: which way a byte goes, which meters it passes there, and why. Needs no aggregator. */
#include <inttypes.h>

#include "cli/args.h"
#include "cli/table.h"
#include "cli/view.h"
#include "lib/policy/repo.h"

#define PRICE_MAX 512

static void repo_freep(struct weir_repo **r)
{
	weir_repo_free(*r);
}

struct question {
	const struct weir_repo *repo;
	const char *domain, *from, *to;
	struct weir_addr local, peer;
	uint64_t time_s;
	struct weir_route route, answered;
	struct weir_route_reason why;
};

/* "0.045000" is 0.045, and "0.000000" 0. */
static size_t trimmed(char *s)
{
	size_t n = strlen(s);

	if (!strchr(s, '.'))
		return n;
	while (n && s[n - 1] == '0')
		s[--n] = 0;
	if (n && s[n - 1] == '.')
		s[--n] = 0;
	return n;
}

/* "0.09, from 10240 GiB 0.085 USD a GiB, 100 GiB of a month free" */
static char *price_text(const struct weir_pricebook *b, const struct weir_meter *m, char buf[PRICE_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < m->tier_count && n < PRICE_MAX - 64; i++) {
		char money[HUMAN_MAX];

		if (i)
			n += (size_t)snprintf(buf + n, PRICE_MAX - n, ", from %" PRIu64 " %s ",
					      m->tiers[i].from_bytes / m->unit_bytes, m->unit);
		human_money(m->tiers[i].nanos_per_unit, "", money);
		money[strcspn(money, " ")] = 0;
		trimmed(money);
		n += (size_t)snprintf(buf + n, PRICE_MAX - n, "%s", money);
	}
	n += (size_t)snprintf(buf + n, PRICE_MAX - n, " %s a %s", weir_pricebook_currency(b), m->unit);
	if (m->free_bytes && n < PRICE_MAX)
		n += (size_t)snprintf(buf + n, PRICE_MAX - n, ", %" PRIu64 " %s of a month free",
				      m->free_bytes / m->unit_bytes, m->unit);
	if (m->layer != WEIR_PRICE_LIST && n < PRICE_MAX)
		snprintf(buf + n, PRICE_MAX - n, ", %s", weir_price_layer_name(m->layer));
	return buf;
}

/* Without --domain: the one domain a subnet of which holds the address. */
static int find_domain(struct question *q, struct weir_err *err)
{
	char found[256] = "";
	const char *name, *only = NULL;
	size_t n = 0;

	for (size_t i = 0; (name = weir_topology_domain(q->repo->topology, i)); i++) {
		size_t used = strlen(found);

		if ((only && !strcmp(only, name)) || !weir_topology_subnet(q->repo->topology, name, &q->local))
			continue;
		only = name;
		n++;
		snprintf(found + used, sizeof(found) - used, "%s%s", used ? ", " : "", name);
	}
	if (n > 1)
		return weir_err_set(err, -EINVAL, "%s is an address of %zu domains; choose one with --domain: %s",
				    q->from, n, found);
	if (!n)
		return weir_err_set(err, -EINVAL, "%s is in no subnet of the topology", q->from);
	q->domain = only;
	return 0;
}

static void place_text(const struct weir_subnet *s, char *buf, size_t size)
{
	snprintf(buf, size, "subnet %s, %s%s%s", s->name, s->zone, *s->zone ? ", " : "zone not known, ", s->region);
}

static char *reason_text(const struct question *q, char *buf, size_t size)
{
	const struct weir_route_reason *w = &q->why;
	char prefix[50];
	size_t n = 0;

	buf[0] = 0;
	if (!w->local)
		snprintf(buf, size, "no subnet of domain %s holds %s at that time", q->domain, q->from);
	else if (q->route.balancer)
		snprintf(buf, size, "%s is a node of load balancer %s", q->to, q->route.balancer->name);
	else if (w->via[0])
		n += (size_t)snprintf(buf, size, "route %s via %s", w->to_service ? w->to_service :
				      weir_prefix_text(&w->to, prefix), w->via);
	else if (w->gateway[0])
		n += (size_t)snprintf(buf, size, "%s is an address of endpoint", q->to);
	else if (w->peer)
		snprintf(buf, size, "the domain holds both addresses");
	else
		n += (size_t)snprintf(buf, size, "no route of the subnet fits");
	if (n && w->target[0])
		n += (size_t)snprintf(buf + n, size - n, " to %s", w->target);
	if (n && w->gateway[0])
		n += (size_t)snprintf(buf + n, size - n, " %s%s%s%s", w->gateway, *w->gateway_zone ? " in " : "",
				      w->gateway_zone, q->route.cross_zone_hop ? ", another zone" : "");
	if (n && w->via[0] && q->route.path == WEIR_PATH_UNKNOWN)
		snprintf(buf + n, size - n, ", which does not explain this address");
	return buf;
}

/* Of one way round; dir as of the workload. */
static int print_legs(const struct cli *c, const struct question *q, const struct weir_route *r, unsigned int dir)
{
	struct weir_route_leg legs[WEIR_MAX_LEGS];
	int n = weir_pricebook_legs(q->repo->prices, r, dir, q->time_s, legs);
	const char *word = dir ? "out" : "in";
	char price[PRICE_MAX];

	for (int i = 0; i < n; i++) {
		fprintf(c->out, "%-10s %-11s %s\n", i ? "" : word, weir_leg_name(legs[i].leg),
			legs[i].meter ? legs[i].meter->name : "unpriced: no price book has a meter for it");
		if (legs[i].meter)
			fprintf(c->out, "%-22s %s (%s)\n", "", price_text(q->repo->prices, legs[i].meter, price),
				legs[i].meter->source);
	}
	if (!n)
		fprintf(c->out, "%-10s %s\n", word,
			r->path == WEIR_PATH_UNKNOWN || !r->local ? "unpriced: the path is unknown" :
			"nothing: what is processed is counted at the targets");
	return n;
}

static void print_way(const struct cli *c, const struct question *q, const struct weir_route *r)
{
	const struct weir_balancer *b = r->balancer;

	fprintf(c->out, "path       %s%s%s\n", weir_path_name(r->path), r->onward ? ", and behind it " : "",
		r->onward ? weir_path_name(r->onward_path) : "");
	if (b)
		fprintf(c->out, "balancer   %s: %s, %s%s%s; the workload is %s\n", b->name, weir_lb_kind_name(b->kind),
			b->internet ? "internet-facing" : "internal", *b->owner ? ", of team " : "", b->owner,
			r->behind ? "one of its targets" : "a client of it");
	print_legs(c, q, r, 1);
	print_legs(c, q, r, 0);
}

static void print_text(const struct cli *c, const struct question *q)
{
	char place[256] = "public", reason[512], prefix[50];
	const struct weir_route_reason *w = &q->why;

	if (w->local)
		place_text(w->local, place, sizeof(place));
	fprintf(c->out, "from       %s  %s  (%s)\n", q->from, w->local ? place : "in no subnet", q->domain);
	snprintf(place, sizeof(place), "%s", *q->route.peer_domain ? "in no subnet" : "outside the domains");
	if (w->peer)
		place_text(w->peer, place, sizeof(place));
	else if (*q->route.zone)
		snprintf(place, sizeof(place), "%s, %s", q->route.zone, q->route.region);
	fprintf(c->out, "to         %s  %s%s%s%s\n", q->to, place, *q->route.peer_domain ? "  (" : "",
		q->route.peer_domain, *q->route.peer_domain ? ")" : "");
	if (*w->range_service && !*q->route.peer_domain)
		fprintf(c->out, "service    %s%s%s, range %s\n", w->range_service, *w->range_region ? " in " : "",
			w->range_region, weir_prefix_text(&w->range, prefix));
	fprintf(c->out, "because    %s\n", reason_text(q, reason, sizeof(reason)));
	if (*w->domain_file)
		fprintf(c->out, "version    %s\n", w->domain_file);
	print_way(c, q, &q->route);
	if (!q->route.front)
		return;
	fprintf(c->out, "\nWhen %s opened the connection, it came through a load balancer:\n", q->to);
	print_way(c, q, &q->answered);
}

static json_t *legs_json(const struct question *q, const struct weir_route *r, unsigned int dir)
{
	struct weir_route_leg legs[WEIR_MAX_LEGS];
	int n = weir_pricebook_legs(q->repo->prices, r, dir, q->time_s, legs);
	json_t *list = json_array();

	for (int i = 0; i < n; i++) {
		const struct weir_meter *m = legs[i].meter;
		json_t *leg = json_pack("{s:s, s:s?}", "leg", weir_leg_name(legs[i].leg), "meter", m ? m->name : NULL);
		json_t *tiers = json_array();

		for (size_t k = 0; m && k < m->tier_count; k++)
			json_array_append_new(tiers, json_pack("{s:I, s:I}", "from_bytes", (json_int_t)m->tiers[k].from_bytes,
							       "nanos_per_unit", (json_int_t)m->tiers[k].nanos_per_unit));
		json_object_set_new(leg, "unit_bytes", json_integer(m ? (json_int_t)m->unit_bytes : 0));
		json_object_set_new(leg, "free_bytes", json_integer(m ? (json_int_t)m->free_bytes : 0));
		json_object_set_new(leg, "layer", json_string(m ? weir_price_layer_name(m->layer) : ""));
		json_object_set_new(leg, "tiers", tiers);
		json_object_set_new(leg, "source", json_string(m ? m->source : ""));
		json_array_append_new(list, leg);
	}
	return list;
}

static json_t *way_json(const struct question *q, const struct weir_route *r)
{
	return json_pack("{s:s, s:s?, s:b, s:b, s:o, s:o}", "path", weir_path_name(r->path), "balancer",
			 r->balancer ? r->balancer->name : NULL, "behind", r->behind, "cross_zone_hop",
			 r->cross_zone_hop, "out", legs_json(q, r, 1), "in", legs_json(q, r, 0));
}

static int print_json(const struct cli *c, const struct question *q)
{
	char reason[512];
	view_auto_json json_t *o = way_json(q, &q->route);

	if (!o)
		return -ENOMEM;
	json_object_set_new(o, "domain", json_string(q->domain));
	json_object_set_new(o, "from", json_string(q->from));
	json_object_set_new(o, "to", json_string(q->to));
	json_object_set_new(o, "at_s", json_integer((json_int_t)q->time_s));
	json_object_set_new(o, "currency", json_string(weir_pricebook_currency(q->repo->prices)));
	json_object_set_new(o, "service", json_string(q->route.service));
	json_object_set_new(o, "peer_domain", json_string(q->route.peer_domain));
	json_object_set_new(o, "because", json_string(reason_text(q, reason, sizeof(reason))));
	json_object_set_new(o, "version", json_string(q->why.domain_file));
	if (q->route.front)
		json_object_set_new(o, "answered", way_json(q, &q->answered));
	json_dumpf(o, c->out, JSON_COMPACT);
	fputc('\n', c->out);
	return 0;
}

int cmd_topology_explain(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(repo_freep) struct weir_repo *repo = NULL;
	struct question q = {.time_s = c->now_s};
	const char *dir = ".";
	const struct args_opt opts[] = {
		{"--from", ARGS_STR, &q.from}, {"--to", ARGS_STR, &q.to}, {"--domain", ARGS_STR, &q.domain},
		{"--at", ARGS_TIME, &q.time_s}, {"--dir", ARGS_STR, &dir},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (r)
		return r;
	if (!q.from || !q.to)
		return weir_err_set(err, -EINVAL, "--from ADDR and --to ADDR are needed");
	if (weir_addr_parse(q.from, &q.local) < 0)
		return weir_err_set(err, -EINVAL, "--from: '%.60s' is no address", q.from);
	if (weir_addr_parse(q.to, &q.peer) < 0)
		return weir_err_set(err, -EINVAL, "--to: '%.60s' is no address", q.to);
	r = weir_repo_load(dir, &repo, err, NULL, NULL);
	q.repo = repo;
	if (!r && !q.domain)
		r = find_domain(&q, err);
	if (r)
		return r;
	weir_topology_route_at(repo->topology, q.domain, &q.local, &q.peer, q.time_s, &q.route);
	weir_topology_reason(repo->topology, q.domain, &q.local, &q.peer, q.time_s, &q.why);
	weir_route_answered(&q.route, &q.answered);
	if (c->json)
		return print_json(c, &q);
	print_text(c, &q);
	return 0;
}
