/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit of a rule:
 *
 *   limit: {rate: 200Mbit, burst: 4MiB, mode: pace, per: workload, direction: egress}
 *
 * mode       police drops what is over the rate. pace slows TCP at its sender instead: each active
 *            socket gets its share, and only what is over even so is dropped (other protocols too).
 * per        node, workload or flow: who shares one rate
 * direction  of the packets that it holds, seen from the workload and whoever opened the connection:
 *            egress, ingress or both (each direction has the rate for itself). Default: egress for
 *            pace, which can be nothing else; for police the direction of the rule.
 * burst      default 250 ms at the rate, and 128 KiB at least: a TCP that ran into its rate may wait
 *            for its timer, 200 ms, and finds the credit of that time when it comes back
 */
#include "lib/policy/model.h"

#define RATE_MIN 1000ull	  /* 1 kbit/s: below it a packet takes longer than a TCP timeout */
#define RATE_MAX 1000000000000ull /* 1 Tbit/s */
#define BURST_MIN 1500ull	  /* one packet must fit */
#define BURST_MAX (1ull << 30)	  /* times 8e9 stays below 2^63 */
#define BURST_DEFAULT (128ull << 10) /* two GSO super-packets */

static const char *const modes[] = {[WEIR_POLICE] = "police", [WEIR_PACE] = "pace", NULL};
static const char *const pers[] = {
	[WEIR_PER_NODE] = "node", [WEIR_PER_WORKLOAD] = "workload", [WEIR_PER_FLOW] = "flow", NULL};
/* In the order of the bits 1 << weir_dir. */
static const char *const directions[] = {"ingress", "egress", "both", NULL};

/* The identity of a rate survives recompilation: FNV-1a of policy name, direction and place. */
static uint32_t limit_id(const struct weir_rule *rule)
{
	uint32_t h = 2166136261u;

	for (const char *c = rule->policy->name; *c; c++)
		h = (h ^ (uint8_t)*c) * 16777619u;
	h = (h ^ (uint8_t)rule->dir) * 16777619u;
	for (unsigned int i = 0; i < 32; i += 8)
		h = (h ^ (uint8_t)(rule->index >> i)) * 16777619u;
	return h;
}

/* Reads rate and burst into the GCRA terms of struct weir_limit. */
static int parse_rate(struct weir_y *y, struct weir_limit *l, struct weir_err *err)
{
	struct weir_y *rate, *burst = weir_y_find(y, "burst");
	uint64_t bits, bytes;
	int r = weir_y_get(y, "rate", &rate, err);

	if (r == 0)
		r = weir_y_rate(rate, &bits, err);
	if (r < 0)
		return r;
	if (bits < RATE_MIN || bits > RATE_MAX)
		return weir_y_err(rate, err, "rate must be from 1kbit to 1000Gbit");
	bytes = WEIR_MAX(BURST_DEFAULT, WEIR_MIN(bits / 32, BURST_MAX)); /* 250 ms at the rate */
	if (burst) {
		r = weir_y_size(burst, &bytes, err);
		if (r < 0)
			return r;
		if (bytes < BURST_MIN || bytes > BURST_MAX)
			return weir_y_err(burst, err, "burst must be from 1500B to 1GiB");
	}
	l->ns_per_byte_q20 = (8000000000ull << 20) / bits;
	l->burst_ns = bytes * 8000000000ull / bits;
	return 0;
}

static int parse_enum(struct weir_y *y, const char *key, const char *const *names, uint8_t *ret,
		      struct weir_err *err)
{
	struct weir_y *value;
	unsigned int n;
	int r = weir_y_get(y, key, &value, err);

	if (r == 0)
		r = weir_y_enum(value, names, &n, err);
	if (r == 0)
		*ret = (uint8_t)n;
	return r;
}

static int parse_direction(struct weir_y *y, const struct weir_rule *rule, struct weir_limit *l,
			   struct weir_err *err)
{
	struct weir_y *direction = weir_y_find(y, "direction");
	unsigned int n;
	int r;

	l->dirs = (uint8_t)(1 << (l->mode == WEIR_PACE ? WEIR_EGRESS : rule->dir));
	if (!direction)
		return 0;
	r = weir_y_enum(direction, directions, &n, err);
	if (r < 0)
		return r;
	if (l->mode == WEIR_PACE && n != WEIR_EGRESS)
		return weir_y_err(direction, err,
				  "mode pace slows what the workload sends: direction egress; use "
				  "police for what it receives");
	l->dirs = (uint8_t)(n + 1);
	return 0;
}

int weir_rule_limit_parse(struct weir_y *y, struct weir_rule *rule, struct weir_err *err)
{
	struct weir_limit *l = &rule->limit;
	int r = weir_y_map(y, err);

	if (r < 0)
		return r;
	if (rule->action != WEIR_ACT_ACCEPT)
		return weir_y_err(y, err, "a limit stands only with action: accept");
	if (rule->policy->audit)
		return weir_y_err(y, err,
				  "a limit cannot be tried in mode: audit, which counts denials");
	r = parse_enum(y, "mode", modes, &l->mode, err);
	if (r == 0)
		r = parse_enum(y, "per", pers, &l->per, err);
	if (r == 0)
		r = parse_direction(y, rule, l, err);
	if (r == 0)
		r = parse_rate(y, l, err);
	if (r == 0)
		r = weir_y_end(y, err);
	if (r < 0)
		return r;
	l->id = limit_id(rule);
	rule->limited = true;
	return 0;
}

void weir_limit_print(const struct weir_limit *l, FILE *f)
{
	/* Inverse of how the rule was read; rounded to the kilobit it was written in. */
	uint64_t bits = (8000000000ull << 20) / l->ns_per_byte_q20;

	fprintf(f, " limit %llu kbit/s, %s per %s, %s", (unsigned long long)((bits + 500) / 1000),
		modes[l->mode], pers[l->per], directions[l->dirs - 1]);
}
