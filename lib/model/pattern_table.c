/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The patterns: what each is, by which numbers it is told, and why these. They were chosen on worlds of seeds 1 to 12 of
 * tests/lib/flow_world.c; docs/models.md has what other seeds gave.
 */
#include "lib/model/pattern_impl.h"

static const struct weir_pattern table[WEIR_FINDING_PATTERNS] = {
	[WEIR_FINDING_PORT_SCAN] = {
		"port-scan", "One host is tried at many ports that do not answer.",
		{[SCAN_TARGETS] = {"targets", 20, "ports", "a program that knows what it wants tries a handful; a scan of the usual services tries hundreds"},
		 [SCAN_SHARE] = {"share", 0.5, "of tries", "most ports of a host are closed: who is answered by most of what it tries knows the host"},
		 [SCAN_MEMORY] = {"memory", 600, "s", "so that one port in 25 s is seen too; twice as much is remembered at most"}}},
	[WEIR_FINDING_HORIZONTAL_SCAN] = {
		"horizontal-scan", "Many hosts that never answered before are tried at one port, and do not answer.",
		{[SCAN_TARGETS] = {"targets", 20, "hosts", "a client of a service whose instances all died knows them: they answered within the hour, and do not count"},
		 [SCAN_SHARE] = {"share", 0.5, "of new hosts", "a crawler and a resolver meet dead hosts too, among many that answer"},
		 [SCAN_MEMORY] = {"memory", 600, "s", "as above"}}},
	[WEIR_FINDING_FLOOD] = {
		"flood", "Packets that carry nothing, far more than usual: handshakes without data, or what nobody answers.",
		{[FLOOD_TIMES] = {"times", 5, "x usual", "receivers of statistics and logs, whom nobody answers either, see bursts of three times"},
		 [FLOOD_PACKETS] = {"packets", 1000, "packets/s", "less hurts no host; a burst of new connections after a release stays below"},
		 [FLOOD_UNANSWERED] = {"unanswered", 0.2, "packets back for each", "half as many acknowledgements as segments are normal"},
		 [FLOOD_ONE_PEER] = {"one peer", 0.8, "of packets", "from there on the proposal names the peer alone"}}},
	[WEIR_FINDING_EXFILTRATION] = {
		"exfiltration", "One internet peer, new to the workload, is sent far more than any before it, and answers little.",
		{[EXFIL_TIMES] = {"times", 6, "x usual", "uploads have heavy tails: the largest of the past is surpassed, rarely six times"},
		 [EXFIL_BYTES] = {"bytes", 32e6, "bytes in 10 to 20 min", "below, what people upload and crash reports look the same"},
		 [EXFIL_LOPSIDED] = {"lopsided", 4, "bytes out for one in", "who fetches from a new peer is sent more than it sends"},
		 [EXFIL_NOVEL] = {"past", 1800, "s", "the group must have been seen for so long before a peer is new to it"}}},
	[WEIR_FINDING_BEACON] = {
		"beacon", "One internet peer, new to the workload and to nobody else known, is sent a little at regular intervals.",
		{[BEACON_INTERVALS] = {"intervals", 10, "intervals", "ten random ones are as regular once in some 2,000 peers"},
		 [BEACON_SPREAD] = {"spread", 0.3, "deviation / mean", "a jitter of +-50 % has 0.29, chance 1"},
		 [BEACON_BYTES] = {"bytes", 65536, "bytes", "a call home says little; jobs that move data are regular too"},
		 [BEACON_SIZE_SPREAD] = {"size spread", 1, "deviation / mean", "what people do differs by more"},
		 [BEACON_POPULAR] = {"popular", 3, "groups", "a service that three groups call is one that somebody decided on"},
		 [BEACON_NOVEL] = {"past", 1800, "s", "as above"}}},
	[WEIR_FINDING_RETRY_STORM] = {
		"retry-storm", "Connections are tried far more often than usual, and many fail, at one destination.",
		{[RETRY_TIMES] = {"times", 4, "x usual", "load doubles by day; a client that backs off tries less, not more"},
		 [RETRY_ATTEMPTS] = {"attempts", 10, "attempts/s", "less is no load for anybody"},
		 [RETRY_FAILED] = {"failed", 0.3, "of attempts", "refused, timed out, reset: without failures it is load"},
		 [RETRY_ONE_PEER] = {"one peer", 0.5, "of what fails", "many different destinations are a scan"},
		 [RETRY_DEAD] = {"dead", 0.9, "of attempts", "when so many fail the proposal limits them; else it would slow those that succeed"}}},
	[WEIR_FINDING_RUNAWAY_EGRESS] = {
		"runaway-egress", "A workload sends far more over a path that is billed than it ever did, and goes on.",
		{[RUNAWAY_TIMES] = {"times", 4, "x usual", "of the largest bucket of a day: jobs that run each day are in it"},
		 [RUNAWAY_HISTORY] = {"history", 6, "buckets", "what began a minute ago has no usual"},
		 [RUNAWAY_FIRST] = {"first", 0.1, "of the way", "from the usual to the bar that the bucket before must have been: it may have begun near its end"},
		 [RUNAWAY_ONE_PEER] = {"one peer", 0.8, "of bytes", "from there on the proposal names the peer, else the path"}}},
	[WEIR_FINDING_CROSS_ZONE] = {
		"cross-zone-chatter", "Two workloads of one namespace or team talk across zones although the one called has members in the caller's zone.",
		{[ZONE_AGE] = {"age", 1800, "s", "sustained: a deploy or a failover is over by then"},
		 [ZONE_SAME] = {"same zone", 0.05, "of bytes", "less: there is no member nearby, or it is replication, and a nearer route would change nothing"},
		 [ZONE_ACTIVE] = {"active", 0.5, "of buckets", "a nightly copy is no chatter"}}},
};

const struct weir_pattern *weir_pattern_at(enum weir_finding_kind k)
{
	return (unsigned int)k < WEIR_FINDING_PATTERNS ? &table[k] : NULL;
}

double pattern_param(enum weir_finding_kind k, unsigned int i)
{
	return table[k].params[i].value;
}
