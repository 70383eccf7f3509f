/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a FlowPolicy as YAML: action, peers, ports; the limit is limit.c's. */
#include "lib/policy/model.h"

static const char *const proto_names[] = {"OTHER", "TCP", "UDP", "SCTP", "ICMP", NULL};

const char *weir_rule_proto_name(enum weir_proto p)
{
	return proto_names[p];
}

void *weir_grow(void *items_pp, size_t count, size_t size)
{
	void **items = items_pp;
	char *grown = reallocarray(*items, count + 1, size);

	if (!grown)
		return NULL;
	*items = grown;
	return memset(grown + count * size, 0, size);
}

static void peer_fini(struct weir_rule_peer *p)
{
	free(p->service);
	free(p->region);
	free(p->zone);
	free(p->except);
	free(p->unknown);
}

void weir_rule_fini(struct weir_rule *r)
{
	for (size_t i = 0; i < r->peer_count; i++)
		peer_fini(&r->peers[i]);
	free(r->peers);
	free(r->ports);
}

/* The error to give later, when the topology is known and has nothing of that name. */
static int peer_unknown(struct weir_y *y, struct weir_rule_peer *p)
{
	struct weir_err e = {0};

	if (p->service && p->region)
		weir_y_err(y, &e, "no topology file knows service '%s' in region '%s'", p->service,
			   p->region);
	else if (p->service)
		weir_y_err(y, &e, "no topology file knows service '%s'", p->service);
	else if (p->region)
		weir_y_err(y, &e, "no topology file knows region '%s'", p->region);
	else
		weir_y_err(y, &e, "no topology file knows zone '%s'", p->zone);
	p->unknown = strdup(e.text);
	return p->unknown ? 0 : -ENOMEM;
}

static bool is_v4(const struct weir_prefix *p)
{
	return p->len >= 96 && weir_addr_is_v4(&p->addr);
}

static int parse_cidr(struct weir_y *cidr, struct weir_y *except, struct weir_rule_peer *p,
		      struct weir_err *err)
{
	int r = weir_y_prefix(cidr, &p->cidr, err);

	if (r < 0)
		return r;
	p->has_cidr = true;
	if (!except)
		return 0;
	r = weir_y_seq(except, err);
	for (size_t i = 0; r == 0 && i < weir_y_count(except); i++) {
		struct weir_y *y = weir_y_item(except, i);
		struct weir_prefix *e = weir_grow(&p->except, p->except_count, sizeof(*e));

		if (!e)
			return -ENOMEM;
		r = weir_y_prefix(y, e, err);
		if (r < 0)
			return r;
		p->except_count++;
		if (is_v4(e) != is_v4(&p->cidr) || e->len <= p->cidr.len ||
		    !weir_prefix_covers(&p->cidr, &e->addr))
			return weir_y_err(y, err, "except is not inside the cidr");
	}
	return r;
}

static int parse_path(struct weir_y *y, struct weir_rule_peer *p, struct weir_err *err)
{
	enum weir_path path;
	const char *text;
	int r = weir_y_str(y, &text, err);

	if (r < 0)
		return r;
	if (weir_path_parse(text, &path) < 0)
		return weir_y_err(y, err,
				  "unknown path '%s'; for example internet, nat, cross-zone", text);
	p->path = (int)path;
	return 0;
}

static int parse_list(const struct weir_policy_set *s, struct weir_y *y, struct weir_rule_peer *p,
		      struct weir_err *err)
{
	const char *name;
	int r = weir_y_str(y, &name, err);

	if (r < 0)
		return r;
	p->list = weir_list_find(s, name);
	return p->list ? 0 : weir_y_err(y, err, "there is no lists/%s.txt", name);
}

static int parse_peer(const struct weir_policy_set *s, struct weir_y *y, struct weir_rule_peer *p,
		      struct weir_err *err)
{
	struct weir_y *service, *region, *path, *zone, *cidr, *except, *list;
	int kinds, r;

	p->path = -1;
	r = weir_y_map(y, err);
	if (r < 0)
		return r;
	service = weir_y_find(y, "service");
	region = weir_y_find(y, "region");
	path = weir_y_find(y, "path");
	zone = weir_y_find(y, "zone");
	cidr = weir_y_find(y, "cidr");
	except = weir_y_find(y, "except");
	list = weir_y_find(y, "list");
	r = weir_y_end(y, err);
	if (r < 0)
		return r;
	kinds = (service || region) + !!path + !!zone + !!cidr + !!list;
	if (kinds != 1)
		return weir_y_err(y, err,
				  "a peer is exactly one of {service, region}, {path}, {zone}, "
				  "{cidr, except} or {list}");
	if (except && !cidr)
		return weir_y_err(except, err, "except needs a cidr beside it");
	if (cidr)
		return parse_cidr(cidr, except, p, err);
	if (list)
		return parse_list(s, list, p, err);
	if (path)
		return parse_path(path, p, err);
	r = service ? weir_y_dup(service, &p->service, err) : 0;
	if (r == 0 && region)
		r = weir_y_dup(region, &p->region, err);
	if (r == 0 && zone)
		r = weir_y_dup(zone, &p->zone, err);
	return r < 0 ? r : peer_unknown(y, p);
}

static int parse_peers(const struct weir_policy_set *s, struct weir_y *seq, struct weir_rule *rule,
		       struct weir_err *err)
{
	int r = weir_y_seq(seq, err);

	if (r < 0)
		return r;
	if (weir_y_count(seq) == 0)
		return weir_y_err(seq, err, "an empty list; leave it out to mean any peer");
	for (size_t i = 0; i < weir_y_count(seq); i++) {
		struct weir_rule_peer *p = weir_grow(&rule->peers, rule->peer_count, sizeof(*p));

		if (!p)
			return -ENOMEM;
		rule->peer_count++;
		r = parse_peer(s, weir_y_item(seq, i), p, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int weir_rule_port_parse(struct weir_y *y, struct weir_rule_port *ret, struct weir_err *err)
{
	struct weir_y *proto = weir_y_find(y, "protocol");
	struct weir_y *port = weir_y_find(y, "port");
	struct weir_y *end = weir_y_find(y, "endPort");
	unsigned int name = WEIR_P_TCP; /* the default of Kubernetes */
	uint64_t lo = 0, hi = UINT16_MAX;
	int r = proto ? weir_y_enum(proto, proto_names, &name, err) : 0;

	if (r < 0)
		return r;
	if (port && (name == WEIR_P_ICMP || name == WEIR_P_OTHER))
		return weir_y_err(port, err, "protocol %s has no ports", proto_names[name]);
	if (end && !port)
		return weir_y_err(end, err, "endPort needs a port beside it");
	if (port) {
		r = weir_y_u64(port, 1, UINT16_MAX, &lo, err);
		hi = lo;
	}
	if (r == 0 && end)
		r = weir_y_u64(end, lo, UINT16_MAX, &hi, err);
	if (r < 0)
		return r;
	*ret = (struct weir_rule_port){.proto = name, .lo = (uint16_t)lo, .hi = (uint16_t)hi};
	return 0;
}

static int parse_ports(struct weir_y *seq, struct weir_rule *rule, struct weir_err *err)
{
	int r = weir_y_seq(seq, err);

	if (r < 0)
		return r;
	if (weir_y_count(seq) == 0)
		return weir_y_err(seq, err, "an empty list; leave it out to mean every port");
	for (size_t i = 0; i < weir_y_count(seq); i++) {
		struct weir_y *y = weir_y_item(seq, i);
		struct weir_rule_port *p = weir_grow(&rule->ports, rule->port_count, sizeof(*p));

		if (!p)
			return -ENOMEM;
		rule->port_count++;
		r = weir_y_map(y, err);
		if (r == 0)
			r = weir_rule_port_parse(y, p, err);
		if (r == 0)
			r = weir_y_end(y, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_action(struct weir_y *y, struct weir_rule *rule, struct weir_err *err)
{
	static const char *const actions[] = {"accept", "deny", "pass", NULL};
	struct weir_y *action;
	unsigned int a;
	int r = weir_y_get(y, "action", &action, err);

	if (r == 0)
		r = weir_y_enum(action, actions, &a, err);
	if (r < 0)
		return r;
	if (rule->policy->tier == WEIR_TIER_NAMESPACE && a != WEIR_ACT_ACCEPT)
		return weir_y_err(
			action, err,
			"tier namespace only accepts (what it does not accept is denied); "
			"move the rule to tier admin or baseline");
	if (rule->policy->tier == WEIR_TIER_BASELINE && a == WEIR_ACT_PASS)
		return weir_y_err(action, err, "no tier follows baseline; use accept or deny");
	rule->action = a;
	return 0;
}

static int parse_rule(const struct weir_policy_set *s, struct weir_y *y, struct weir_rule *rule,
		      struct weir_err *err)
{
	struct weir_y *peers, *ports, *limit;
	int r = weir_y_map(y, err);

	if (r == 0)
		r = parse_action(y, rule, err);
	if (r < 0)
		return r;
	peers = weir_y_find(y, rule->dir == WEIR_EGRESS ? "to" : "from");
	ports = weir_y_find(y, "ports");
	limit = weir_y_find(y, "limit");
	if (peers)
		r = parse_peers(s, peers, rule, err);
	if (r == 0 && ports)
		r = parse_ports(ports, rule, err);
	if (r == 0 && limit)
		r = weir_rule_limit_parse(limit, rule, err);
	return r < 0 ? r : weir_y_end(y, err);
}

int weir_rules_parse(const struct weir_policy_set *s, struct weir_policy *p, enum weir_dir dir,
		     struct weir_y *seq, struct weir_err *err)
{
	int r = weir_y_seq(seq, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < weir_y_count(seq); i++) {
		struct weir_rule *rule = weir_grow(&p->rules, p->rule_count, sizeof(*rule));

		if (!rule)
			return -ENOMEM;
		rule->policy = p;
		rule->dir = dir;
		rule->index = (uint32_t)++p->rule_count;
		r = parse_rule(s, weir_y_item(seq, i), rule, err);
		if (r < 0)
			return r;
	}
	return 0;
}
