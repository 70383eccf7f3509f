/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finding: something in the traffic that somebody should look at, whoever found it: a pattern of flows (pattern.h), an
 * anomaly of a series (detect.h), a drift (drift.h), a strange row (forest.h). It says who, with whom, since when, by how
 * much, what it costs, why in one sentence, and what would stop it. Plain data: copied, compared and kept by value.
 */
#ifndef WEIR_MODEL_FINDING_H
#define WEIR_MODEL_FINDING_H

#include "lib/ds/buf.h"
#include "lib/ds/lpm.h"

enum weir_finding_kind {
	WEIR_FINDING_PORT_SCAN,
	WEIR_FINDING_HORIZONTAL_SCAN,
	WEIR_FINDING_FLOOD,
	WEIR_FINDING_EXFILTRATION,
	WEIR_FINDING_BEACON,
	WEIR_FINDING_RETRY_STORM,
	WEIR_FINDING_RUNAWAY_EGRESS,
	WEIR_FINDING_CROSS_ZONE,
	WEIR_FINDING_PATTERNS, /* those before it are found by pattern.h */
	WEIR_FINDING_SERIES = WEIR_FINDING_PATTERNS,
	WEIR_FINDING_DRIFT,
	WEIR_FINDING_FOREST,
	WEIR_FINDING_KINDS,
};
const char *weir_finding_kind_name(enum weir_finding_kind k); /* "port-scan" */
int weir_finding_kind_parse(const char *s, enum weir_finding_kind *ret); /* -EINVAL */

/* What would stop it: a FlowPolicy, another change (of a Service, a setting, a program), or nothing that could be said. */
enum weir_finding_action { WEIR_ACTION_NONE, WEIR_ACTION_POLICY, WEIR_ACTION_CHANGE, WEIR_ACTIONS };
const char *weir_finding_action_name(enum weir_finding_action a); /* "none", "policy", "change" */

#define WEIR_FINDING_SPARED 8	    /* addresses or ports in use that a proposal leaves alone */
#define WEIR_FINDING_SENTENCE_MAX 400
#define WEIR_FINDING_PROPOSAL_MAX 4096
#define WEIR_FINDING_KEY_MAX 1024

/* Whose it is. labels: a JSON object of texts as the store has it, "" or "{}" = none. All "" where not known. */
struct weir_finding_subject {
	char node[128], domain[128], namespace[128], name[256], team[128], labels[512];
};

struct weir_finding {
	enum weir_finding_kind kind;
	enum weir_finding_action action;
	bool ended; /* told for the last time: it has not been seen for as long as its kind waits */
	struct weir_finding_subject subject;
	/* With whom; not known: has_peer false and peer_name "". A prefix is what the targets have in common. */
	bool has_peer;
	struct weir_prefix peer;
	char peer_name[256]; /* a workload's, or what the provider's service is called */
	struct weir_addr spared[WEIR_FINDING_SPARED]; /* inside peer, in use */
	uint16_t spared_ports[WEIR_FINDING_SPARED];   /* of the peer, in use */
	size_t spared_count, spared_port_count;
	uint16_t port; /* service port; 0 = more than one, or none */
	uint8_t proto; /* IP protocol number; 0 = not one */
	bool opened;   /* the subject opened the connections; false: they were opened to it */
	uint8_t dir;   /* weir_dir of the bytes that it is about */
	char path[24]; /* "internet"; "" = not one */
	char series[64]; /* of a series, drift or forest: what was watched, "bytes"; else "" */
	uint64_t since_s, last_s; /* Unix time: of the first bucket of it, end of the last one */
	double score;		  /* 0 to 1; a pattern that just reaches its bar has 0.5 */
	double observed, expected;
	char unit[24];		/* of both: "packets/s" */
	int64_t nanos_per_hour; /* what it costs above what is usual; 0 = nothing, or not known */
	uint64_t limit_bps;	/* bits/s that a proposed limit lets pass; 0: the proposal denies */
	char sentence[WEIR_FINDING_SENTENCE_MAX]; /* one sentence, with numbers and no line break */
};

/* Copies as much as fits, whole UTF-8 characters; NULL is "". */
void weir_finding_text(char *ret, size_t size, const char *s);

/*
 * Which event it is, as one line of text appended to ret: two findings of the same key are the same event, told again.
 * Kind, subject (node, domain, namespace, name), peer, port, protocol, path, series; no time, no number.
 */
int weir_finding_key(const struct weir_finding *f, struct weir_buf *ret);

/*
 * The proposal, appended to ret as YAML of at most WEIR_FINDING_PROPOSAL_MAX bytes: by action a FlowPolicy, the narrowest
 * that stops the finding and spares what is in use, or a change with the command that applies it. Nothing is in
 * force by it: a policy must be committed and approved. -ENODATA: action is none. -EINVAL: a policy that would be for
 * everybody, since the subject has neither namespace nor labels and the peer is not one address.
 */
int weir_finding_propose(const struct weir_finding *f, struct weir_buf *ret);

#endif
