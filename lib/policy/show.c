/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle as text for people. */
#include "lib/policy/format.h"
#include "lib/policy/model.h"

static const char *const tiers[] = {"admin", "namespace", "baseline"};
static const char *const actions[] = {"accept", "deny", "pass"};
static const char *const dirs[] = {"ingress", "egress"};

static void print_subject(const struct weir_bundle *b, const struct weir_b_policy *p, FILE *f)
{
	if (p->namespace != WEIR_B_NONE)
		fprintf(f, " namespace=%s", b->strings + p->namespace);
	for (uint32_t i = 0; i < p->label_count; i++) {
		const struct weir_b_label *l = &b->labels[p->label_first + i];

		fprintf(f, " %s=%s", b->strings + l->key, b->strings + l->value);
	}
	if (p->namespace == WEIR_B_NONE && p->label_count == 0)
		fputs(" every workload", f);
}

static void print_span(uint16_t lo, uint16_t hi, FILE *f)
{
	if (lo == hi)
		fprintf(f, "/%u", lo);
	else if (lo > 0 || hi < UINT16_MAX)
		fprintf(f, "/%u-%u", lo, hi);
}

static void print_rule(const struct weir_bundle *b, size_t i, FILE *f)
{
	const struct weir_b_rule *r = &b->rules[i];
	const struct weir_b_policy *p = &b->policies[r->policy];

	fprintf(f, "%5zu  %-9s %7u  %-7s %-7s %-6s %s ", i, tiers[p->tier], p->priority,
		p->audit ? "audit" : "enforce", dirs[r->dir], actions[r->action], b->rule_names[i]);
	fprintf(f, "(%s", r->dir == WEIR_EGRESS ? "of" : "to");
	print_subject(b, p, f);
	fputs("; peer classes", f);
	if (r->any_peer)
		fputs(" any", f);
	else if (r->peer_count == 0)
		fputs(" none", f);
	for (uint32_t k = 0; k < r->peer_count && !r->any_peer; k++)
		fprintf(f, " %u", b->peers[r->peer_first + k]);
	fputs("; ports", f);
	for (uint32_t k = 0; k < r->port_count; k++) {
		const struct weir_b_port *q = &b->ports[r->port_first + k];

		fprintf(f, " %s", weir_rule_proto_name(q->proto));
		print_span(q->lo, q->hi, f);
	}
	fputs(r->port_count ? ")" : " any)", f);
	if (r->limit)
		weir_limit_print(&b->limits[r->limit - 1], f);
	fputc('\n', f);
}

int weir_bundle_print(const struct weir_bundle *b, FILE *f)
{
	char hex[2 * WEIR_SHA256_LEN + 1], text[64];

	fprintf(f,
		"node class %s\ndigest %s\n%zu policies, %zu rules, %zu limits, %u peer classes, "
		"%zu "
		"prefixes\n\nrules\n",
		weir_bundle_class(b), weir_hex(b->digest, sizeof(b->digest), hex), b->policy_count,
		b->rule_count, b->limit_count, b->peer_classes, b->prefix_count);
	for (size_t i = 0; i < b->rule_count; i++)
		print_rule(b, i, f);
	fputs("\nfailsafe\n", f);
	for (size_t i = 0; i < b->failsafe_count; i++) {
		const struct weir_failsafe *s = &b->failsafe[i];
		struct weir_prefix p = {.len = s->prefixlen};

		memcpy(p.addr.b, s->prefix, sizeof(p.addr.b));
		fprintf(f, "  %-7s %s %s", dirs[s->dir], weir_prefix_text(&p, text),
			weir_rule_proto_name(s->proto));
		print_span(s->lo, s->hi, f);
		fputc('\n', f);
	}
	fputs("\nprefixes\n", f);
	for (size_t i = 0; i < b->prefix_count; i++)
		fprintf(f, "  %s class %u\n", weir_prefix_text(&b->prefixes[i].prefix, text),
			b->prefixes[i].class);
	return ferror(f) ? -EIO : 0;
}
