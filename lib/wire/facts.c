/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/wire/facts.h"

#include "lib/os/crypto.h"

#define NS_S 1e9
#define AT(m) offsetof(struct weir_facts, m)

const char *weir_mode_name(uint32_t mode)
{
	static const char *const names[WEIR_MODES] = {"observe", "shadow", "enforce"};

	return mode < WEIR_MODES ? names[mode] : "?";
}

const char *weir_dir_name(uint32_t dir)
{
	return dir == WEIR_EGRESS ? "egress" : "ingress";
}

const char *weir_term_name(uint32_t term)
{
	static const char *const names[WEIR_TERMS] = {
		[WEIR_T_INTERFACE] = "interface",
		[WEIR_T_NON_IP] = "non_ip",
		[WEIR_T_TIME_WAIT] = "time_wait",
		[WEIR_T_NO_SOCKET] = "no_socket",
		[WEIR_T_ICMP] = "icmp",
		[WEIR_T_OTHER_PROTO] = "other_proto",
		[WEIR_T_KERNEL] = "kernel",
		[WEIR_T_FORWARDED] = "forwarded",
		[WEIR_T_FRAGMENTATION] = "fragmentation",
		[WEIR_T_ENCAPSULATION] = "encapsulation",
		[WEIR_T_DROPPED_IN] = "dropped_in",
		[WEIR_T_DROPPED_OUT] = "dropped_out",
		[WEIR_T_DENIED_EARLY] = "denied_early",
	};

	if (term == WEIR_TERM_SOCKETS)
		return "sockets";
	if (term == WEIR_TERM_UNEXPLAINED)
		return "unexplained";
	return term < WEIR_TERMS ? names[term] : "unknown";
}

const char *weir_drop_name(uint32_t reason)
{
	static const char *const names[WEIR_DROPS] = {
		[WEIR_D_NOT_IP] = "not_ip",
		[WEIR_D_FOLDED] = "folded",
		[WEIR_D_SPILLED] = "spilled",
		[WEIR_D_NO_WORKLOAD] = "no_workload",
		[WEIR_D_NO_BUCKET] = "no_bucket",
		[WEIR_D_NO_TERM] = "no_term",
		[WEIR_D_NO_DECISION] = "no_decision",
		[WEIR_D_TRUNCATED] = "truncated",
		[WEIR_D_BAD_HEADER] = "bad_header",
		[WEIR_D_EXTENSIONS] = "extensions",
		[WEIR_D_TRANSPORT] = "transport",
		[WEIR_D_FRAGMENT] = "fragment",
		[WEIR_D_NO_HEALTH] = "no_health",
		[WEIR_D_NO_NAT] = "no_nat",
	};

	return reason < WEIR_DROPS && names[reason] ? names[reason] : "unknown";
}

enum fact_kind { FACT_U64, FACT_I64, FACT_BOOL, FACT_S, FACT_NS, FACT_SIGNED_NS, FACT_PS };
enum fact_rule {
	ALWAYS,
	NOT_ZERO,   /* 0 = not known: then there is no sample */
	SKEW_KNOWN, /* a skew may be 0 */
	SERVER = 8, /* from the aggregator alone */
};

static const struct fact {
	enum weir_metric_type type;
	const char *name, *unit, *help;
	enum fact_kind kind;
	size_t offset;
	unsigned int rule;
} table[] = {
	{WEIR_GAUGE, "weir_agent_connected", "", "1 while the agent's session lives and it speaks.", FACT_BOOL,
	 AT(connected), SERVER},
	{WEIR_GAUGE, "weir_agent_connected_since_timestamp_seconds", "seconds", "When the session began.", FACT_NS,
	 AT(connected_since_ns), SERVER | NOT_ZERO},
	{WEIR_GAUGE, "weir_agent_last_seen_timestamp_seconds", "seconds", "Last message of the agent.", FACT_NS,
	 AT(last_seen_ns), SERVER | NOT_ZERO},
	{WEIR_GAUGE, "weir_agent_lag_seconds", "seconds",
	 "Age of the end of the last window that the aggregator has.", FACT_NS, AT(lag_ns), ALWAYS},
	{WEIR_GAUGE, "weir_agent_window_seconds", "seconds", "Length of a window.", FACT_NS, AT(window_ns), NOT_ZERO},
	{WEIR_COUNTER, "weir_agent_gaps", "", "Summaries of this agent that are gone for good.", FACT_U64, AT(gaps),
	 SERVER},
	{WEIR_GAUGE, "weir_agent_lost_bytes", "bytes", "Bytes that the node counted and the store does not have.",
	 FACT_I64, AT(lost_bytes), SERVER},
	{WEIR_GAUGE, "weir_agent_lost_packets", "", "The same in packets.", FACT_I64, AT(lost_packets), SERVER},
	{WEIR_COUNTER, "weir_agent_folded_bytes", "bytes",
	 "Bytes in rows without addresses and ports: detail given up, totals kept.", FACT_U64, AT(folded_bytes), SERVER},
	{WEIR_COUNTER, "weir_agent_folded_rows", "", "Such rows.", FACT_U64, AT(folded_rows), SERVER},
	{WEIR_GAUGE, "weir_agent_clock_skew_seconds", "seconds", "The node's clock less the aggregator's.",
	 FACT_SIGNED_NS, AT(skew_ns), SKEW_KNOWN},
	{WEIR_GAUGE, "weir_agent_clock_error_seconds", "seconds", "The skew is at most so far off: half a round trip.",
	 FACT_NS, AT(skew_error_ns), NOT_ZERO},
	{WEIR_GAUGE, "weir_agent_spool_bytes", "bytes", "What waits on the node's disk.", FACT_U64, AT(spool_bytes),
	 ALWAYS},
	{WEIR_GAUGE, "weir_agent_spool_max_bytes", "bytes", "What may wait there before detail is folded.", FACT_U64,
	 AT(spool_max), ALWAYS},
	{WEIR_GAUGE, "weir_agent_flow_rows_used", "", "Rows of the kernel's flow tables in use.", FACT_U64,
	 AT(flow_rows_used), ALWAYS},
	{WEIR_GAUGE, "weir_agent_flow_rows", "", "Rows that there are.", FACT_U64, AT(flow_rows), ALWAYS},
	{WEIR_GAUGE, "weir_agent_packet_seconds", "seconds",
	 "Time of weir's programs for one packet, as the kernel measures it in a sample.", FACT_PS, AT(packet_ps),
	 NOT_ZERO},
	{WEIR_GAUGE, "weir_agent_policy_serial", "", "Bundle in force; 0 = none.", FACT_U64, AT(serial), ALWAYS},
	{WEIR_GAUGE, "weir_agent_policy_wanted_serial", "", "Bundle that is served to the node's class; 0 = none.",
	 FACT_U64, AT(wanted_serial), SERVER},
	{WEIR_GAUGE, "weir_agent_policy_applied_timestamp_seconds", "seconds", "When it came in force.", FACT_NS,
	 AT(applied_ns), NOT_ZERO},
	{WEIR_GAUGE, "weir_agent_policy_refused_serial", "", "Bundle that the agent refused last; 0 = none.", FACT_U64,
	 AT(refused_serial), ALWAYS},
	{WEIR_COUNTER, "weir_agent_policy_drifts", "",
	 "Times that the kernel held other tables than the agent had put there; each was repaired.", FACT_U64,
	 AT(drifts), ALWAYS},
	{WEIR_GAUGE, "weir_agent_policy_threshold", "", "Approvers that must have signed a bundle.", FACT_U64,
	 AT(threshold), NOT_ZERO},
	{WEIR_GAUGE, "weir_agent_policy_approvers", "", "Approvers that the agent trusts; 0 = it takes no bundle.",
	 FACT_U64, AT(approvers), ALWAYS},
	{WEIR_GAUGE, "weir_agent_certificate_expires_timestamp_seconds", "seconds",
	 "When the node's certificate ends, or that of the authority behind it.", FACT_S, AT(cert_expires_s), SERVER | NOT_ZERO},
	{WEIR_GAUGE, "weir_agent_lease_until_timestamp_seconds", "seconds",
	 "When enforcement ends without an agent; absent = never.", FACT_NS, AT(lease_until_ns), NOT_ZERO},
	{WEIR_COUNTER, "weir_agent_lapsed_seconds", "seconds", "Seconds for which enforcement was over by its lease.", FACT_U64,
	 AT(lapsed_s), ALWAYS},
};

static void write_fact(struct weir_metrics *m, const struct fact *row, const struct weir_facts *f)
{
	const struct weir_metric_label *node = WEIR_LABELS({"node", f->node});
	const void *at = (const char *)f + row->offset;
	unsigned int rule = row->rule & ~(unsigned int)SERVER;

	if ((rule == NOT_ZERO && !*(const uint64_t *)at) || (rule == SKEW_KNOWN && !f->skew_error_ns))
		return;
	switch (row->kind) {
	case FACT_U64:
	case FACT_S:
		weir_sample_u64(m, node, *(const uint64_t *)at);
		break;
	case FACT_I64:
		weir_sample_i64(m, node, *(const int64_t *)at);
		break;
	case FACT_BOOL:
		weir_sample_u64(m, node, *(const bool *)at);
		break;
	case FACT_NS:
		weir_sample(m, node, (double)*(const uint64_t *)at / NS_S);
		break;
	case FACT_SIGNED_NS:
		weir_sample(m, node, (double)*(const int64_t *)at / NS_S);
		break;
	case FACT_PS:
		weir_sample(m, node, (double)*(const uint64_t *)at / 1e12);
		break;
	}
}

static void write_infos(struct weir_metrics *m, const struct weir_facts *facts, size_t n)
{
	char digest[2 * sizeof(facts->digest) + 1];

	weir_family(m, WEIR_INFO, "weir_agent", "", "What runs on the node, and how.");
	for (const struct weir_facts *f = facts; f < facts + n; f++)
		weir_sample_u64(m, WEIR_LABELS({"node", f->node}, {"domain", f->domain}, {"class", f->class},
					       {"version", f->version}, {"kernel", f->kernel}, {"hooks", f->hooks},
					       {"mode", weir_mode_name(f->mode)}), 1);
	weir_family(m, WEIR_INFO, "weir_agent_policy", "", "Digest of the tables in force, read back from the kernel.");
	for (const struct weir_facts *f = facts; f < facts + n; f++) {
		if (!f->has_digest)
			continue;
		weir_hex(f->digest, sizeof(f->digest), digest);
		weir_sample_u64(m, WEIR_LABELS({"node", f->node}, {"digest", digest}), 1);
	}
}

static void write_unexplained(struct weir_metrics *m, const struct weir_facts *f)
{
	int64_t others[WEIR_DIRS] = {0};
	bool any[WEIR_DIRS] = {0};

	for (size_t i = 0; i < f->unexplained_count; i++) {
		const struct weir_fact_unexplained *u = &f->unexplained[i];

		if (i >= WEIR_FACTS_LINES) {
			others[u->dir == WEIR_EGRESS] += u->bytes;
			any[u->dir == WEIR_EGRESS] = true;
			continue;
		}
		weir_sample_i64(m, WEIR_LABELS({"node", f->node}, {"interface", u->interface},
					       {"dir", weir_dir_name(u->dir)}), u->bytes);
	}
	for (uint32_t d = 0; d < WEIR_DIRS; d++)
		if (any[d])
			weir_sample_i64(m, WEIR_LABELS({"node", f->node}, {"interface", "others"},
						       {"dir", weir_dir_name(d)}), others[d]);
}

static void write_drops(struct weir_metrics *m, const struct weir_facts *facts, size_t n, bool bytes)
{
	for (const struct weir_facts *f = facts; f < facts + n; f++)
		for (size_t i = 0; i < WEIR_MIN(f->drop_count, (size_t)WEIR_DROPS); i++)
			weir_sample_u64(m, WEIR_LABELS({"node", f->node},
						       {"reason", weir_drop_name(f->drops[i].reason)}),
					bytes ? f->drops[i].bytes : f->drops[i].packets);
}

static void write_lists(struct weir_metrics *m, const struct weir_facts *facts, size_t n)
{
	weir_family(m, WEIR_COUNTER, "weir_agent_counted_bytes", "bytes", "Bytes in rows since the node booted.");
	for (const struct weir_facts *f = facts; f < facts + n; f++)
		for (uint32_t d = 0; d < WEIR_DIRS; d++)
			weir_sample_u64(m, WEIR_LABELS({"node", f->node}, {"dir", weir_dir_name(d)}), f->bytes[d]);
	weir_family(m, WEIR_GAUGE, "weir_agent_unexplained_bytes", "bytes",
		    "Interface bytes less sockets and named terms; 0 once traffic rests.");
	for (const struct weir_facts *f = facts; f < facts + n; f++)
		write_unexplained(m, f);
	weir_family(m, WEIR_COUNTER, "weir_agent_drop_packets", "", "Packets that were not fully accounted, by reason.");
	write_drops(m, facts, n, false);
	weir_family(m, WEIR_COUNTER, "weir_agent_drop_bytes", "bytes", "The same in bytes.");
	write_drops(m, facts, n, true);
}

void weir_facts_write(struct weir_metrics *m, const struct weir_facts *facts, size_t n,
		      enum weir_facts_from from)
{
	write_infos(m, facts, n);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(table); i++) {
		if ((table[i].rule & SERVER) && from != WEIR_FACTS_AGGREGATOR)
			continue;
		weir_family(m, table[i].type, table[i].name, table[i].unit, table[i].help);
		for (size_t k = 0; k < n; k++)
			write_fact(m, &table[i], &facts[k]);
	}
	write_lists(m, facts, n);
}
