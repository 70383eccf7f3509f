/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clouds' flow logs, one flow at a time in constant memory: AWS VPC flow logs (the fields of all versions, by the header
 * line; without one the default format of version 2), Azure's of network security groups (version 2) and of virtual
 * networks, GCP's as Cloud Logging exports them (JSON, an array or one object a line). Plain or gzip, told apart by content.
 *
 * A flow log is what one interface saw in one window. weir_flow_hours below makes recorded traffic (traffic.h) of many:
 * each byte once, though both ends, a gateway between them and an agent may all have seen it.
 */
#ifndef WEIR_FLOWLOG_H
#define WEIR_FLOWLOG_H

#include "lib/money/traffic.h"

enum weir_flowlog_format {
	WEIR_FLOWLOG_AWS,
	WEIR_FLOWLOG_AZURE_NSG,
	WEIR_FLOWLOG_AZURE_VNET,
	WEIR_FLOWLOG_GCP,
	WEIR_FLOWLOG_FORMATS
};
const char *weir_flowlog_format_name(enum weir_flowlog_format f); /* "aws-vpc", "azure-nsg", "azure-vnet", "gcp-vpc" */

enum weir_flow_side { WEIR_FLOW_INGRESS, WEIR_FLOW_EGRESS, WEIR_FLOW_SIDELESS }; /* of the interface; the log may not say */
enum weir_flow_opener { WEIR_FLOW_BY_DST, WEIR_FLOW_BY_SRC, WEIR_FLOW_BY_NOBODY };

/* Who an end is; "" = not said. */
struct weir_flow_owner {
	const char *node, *namespace, *workload, *kind; /* kind: "instance", "interface", "ecs", "pod", ... */
};

/* Bytes from src to dst. Texts are the reader's, until the next flow. */
struct weir_flow {
	enum weir_flowlog_format format;
	uint64_t line;
	uint64_t start_s, end_s;
	struct weir_addr src, dst;	 /* of the packets */
	struct weir_addr at_src, at_dst; /* as the interface has them: its own first address on its side */
	uint16_t src_port, dst_port;
	uint8_t proto;
	uint8_t traffic_path; /* AWS; 0 = not said */
	enum weir_flow_side side;
	enum weir_flow_opener opener;
	bool passing; /* the interface is of neither end, says the log */
	bool sampled; /* bytes are an estimate of the provider's */
	uint64_t bytes, packets;
	const char *provider; /* "aws" */
	const char *account, *network; /* of the interface; "" */
	const char *observer;	       /* the interface, or what else says who saw it */
	const char *src_service, *dst_service; /* AWS: "S3" */
	struct weir_flow_owner self, other;    /* the end that the interface is of, and the one beyond */
};

/* What cannot be used: a row, or with line 0 a file. field is "" where it is the row as a whole. */
struct weir_flowlog_bad {
	const char *file;
	uint64_t line;
	const char *field, *reason;
};
struct weir_flowlog_stats;
struct weir_flowlog_how {
	bool strict; /* the first bad row ends it with -EBADMSG */
	void (*bad)(const struct weir_flowlog_bad *bad, void *arg); /* may be NULL */
	/* Behind each file of weir_flowlog_read(); may be NULL. */
	void (*progress)(const struct weir_flowlog_stats *sum, size_t files, void *arg);
	void *arg;
};

struct weir_flowlog_stats {
	uint64_t files, foreign_files; /* the latter are no flow logs, or broken off */
	uint64_t rows[WEIR_FLOWLOG_FORMATS]; /* that were well, whatever they say */
	uint64_t bad_rows;
	uint64_t no_data;  /* windows in which nothing passed */
	uint64_t skipped;  /* windows that the provider did not record, or not wholly: their bytes are missing */
	uint64_t rejected; /* rows of what did not pass */
	uint64_t foreign_rows; /* of other logs in the same file */
	uint64_t sampled_rows, sampled_bytes;
	uint64_t bytes;
	uint64_t longest_s; /* window */
};
void weir_flowlog_stats_add(struct weir_flowlog_stats *to, const struct weir_flowlog_stats *s);

struct weir_flowlog;
/* -EINVAL for what is no flow log, or lacks what one must say; -EBADMSG: its gzip stream is torn. */
int weir_flowlog_open(const char *path, const struct weir_flowlog_how *how, struct weir_flowlog **ret, struct weir_err *err);
/* Takes the ownership of fd. */
int weir_flowlog_open_fd(int fd, const char *name, const struct weir_flowlog_how *how, struct weir_flowlog **ret,
			 struct weir_err *err);
/* 1: *ret is a flow that passed. 0: the end. -EBADMSG: the file is broken from here on. */
int weir_flowlog_next(struct weir_flowlog *l, const struct weir_flow **ret, struct weir_err *err);
const struct weir_flowlog_stats *weir_flowlog_stats(const struct weir_flowlog *l);
void weir_flowlog_close(struct weir_flowlog *l);
static inline void weir_flowlog_closep(struct weir_flowlog **l)
{
	weir_flowlog_close(*l);
}
#define weir_auto_flowlog weir_cleanup(weir_flowlog_closep)

#define WEIR_FLOWLOG_FILES_MAX 200000
#define WEIR_FLOWLOG_DEPTH_MAX 16
/* The regular files below a directory, or the one file, sorted bytewise; dot files are left out and links not followed. Free
 * with weir_strv_free. -E2BIG beyond the bounds. */
int weir_flowlog_files(const char *path, char ***ret, struct weir_err *err);

/* Whether our path is what AWS's traffic-path number means (0 to 8; 0 is agreed to, as nothing is said). */
bool weir_flowlog_path_agrees(unsigned int traffic_path, const struct weir_route *r);

/*
 * Who saw an end's bytes. An end that reports in an hour for itself is believed, and for that hour nobody else about it: an
 * agent before its own interface. Of an end that does not, the interface of the other end is, and behind it a gateway on the
 * way. So what a sender's interface says goes before what the receiver's says of the same bytes.
 */
enum weir_sight { WEIR_SIGHT_AGENT, WEIR_SIGHT_OWN, WEIR_SIGHT_OTHER_END, WEIR_SIGHT_GATEWAY, WEIR_SIGHTS };
struct weir_seen {
	struct weir_addr local, peer;
	uint32_t hour, domain, observer;
	uint8_t dir, sight;
	bool counted; /* of weir_flowlog_once() */
	uint8_t proto;
	uint16_t port;
	bool opened;
	uint32_t owner;
	uint64_t bytes, packets;
};
/*
 * Sorts by hour, domain, local, peer and dir, and says which rows count. Where several interfaces of one rank saw a pair of
 * addresses, the one with the most bytes of it counts, all its rows: two logs of one interface are two observers.
 */
void weir_flowlog_once(struct weir_seen *rows, size_t n);

/* Flows to hours. */
struct weir_flow_hours;
#define WEIR_FLOW_HOURS_MAX (4u << 20) /* rows: an interface, two addresses, a service and an hour each */
struct weir_flow_hours_stats {
	uint64_t rows;		  /* of recorded traffic */
	uint64_t bytes;		  /* that count */
	uint64_t seen_twice_bytes; /* that were seen by somebody before whom another goes */
	uint64_t gateway_bytes;	  /* of load balancers', endpoints' and NAT gateways' own interfaces: they are their clients' */
	uint64_t other_end_bytes, passing_bytes; /* that count, and were seen from the other end, or on the way, alone */
	uint64_t unplaced_bytes;  /* in no subnet of the topology */
	uint64_t agreed_bytes, differing_bytes; /* by AWS's traffic-path */
	uint64_t unranged_bytes;  /* the log says that the peer is a service of the provider, no range of ours does */
	char differing[192];	  /* the first one */
};
/* t is borrowed. */
int weir_flow_hours_new(const struct weir_topology *t, struct weir_flow_hours **ret);
void weir_flow_hours_free(struct weir_flow_hours *h);
/* An agent reports for this address in this hour. */
int weir_flow_hours_agent(struct weir_flow_hours *h, const char *domain, const struct weir_addr *local, uint64_t hour_s);
/* -E2BIG behind WEIR_FLOW_HOURS_MAX. */
int weir_flow_hours_add(struct weir_flow_hours *h, const struct weir_flow *f);
/* The rows, ordered; texts live as long as h. Once, behind the last flow. What fn gives other than 0 ends it. */
int weir_flow_hours_end(struct weir_flow_hours *h, int (*fn)(const struct weir_traffic *row, void *arg), void *arg);
const struct weir_flow_hours_stats *weir_flow_hours_stats(const struct weir_flow_hours *h);

/* All files of a path. A file that is no flow log is told, counted and passed over, unless strict. */
int weir_flowlog_read(const char *path, const struct weir_flowlog_how *how, struct weir_flow_hours *h,
		      struct weir_flowlog_stats *ret, struct weir_err *err);

#endif
