/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of flow logs share: the file, the texts of the row at hand, how a bad one is told. */
#ifndef WEIR_FLOWLOG_IMPL_H
#define WEIR_FLOWLOG_IMPL_H

#include "lib/money/bill_impl.h"
#include "lib/money/flowlog.h"

#define FLOW_QUEUE 2	 /* flows that one row says: a connection's both ways */
#define FLOW_COLUMNS 128 /* of a header line */
#define FLOW_TEXT 256	 /* bytes of a name that is kept */

/* --- JSON (flowlog_json.c): events of a stream, with the path of each value; arrays add nothing to a path --- */
#define FLOW_JSON_DEPTH 32
#define FLOW_JSON_PATH 512
#define FLOW_JSON_VALUE ((size_t)64 << 10)
enum flow_json_event { FLOW_JSON_END, FLOW_JSON_OBJECT, FLOW_JSON_OBJECT_END, FLOW_JSON_ARRAY, FLOW_JSON_ARRAY_END, FLOW_JSON_TEXT };
struct flow_json {
	struct bill_lines *lines;
	uint64_t line;
	unsigned int depth;
	struct {
		bool array, begun;
		uint16_t path_len;
	} level[FLOW_JSON_DEPTH];
	char path[FLOW_JSON_PATH];
	size_t path_len;
	char *text; /* of the last value; "" for null */
	size_t text_len;
	char last;   /* byte that was taken */
	bool broken; /* behind what is no JSON */
};
int flow_json_init(struct flow_json *j, struct bill_lines *lines);
void flow_json_fini(struct flow_json *j);
/* An event; -EINVAL: no JSON from here on, -errno of the file. */
int flow_json_next(struct flow_json *j);
/* Behind an error: goes to the next line that begins with '{'. 1, 0 when there is none, -errno of the file. */
int flow_json_resume(struct flow_json *j);

/* --- a reader --- */
enum flow_context { FLOW_RESOURCE, FLOW_MAC, FLOW_CONTEXTS }; /* Azure: said once for many flows */
enum flow_gcp {
	GCP_LOG, GCP_SRC, GCP_DST, GCP_SRC_PORT, GCP_DST_PORT, GCP_PROTO, GCP_BYTES, GCP_PACKETS, GCP_REPORTER, GCP_START,
	GCP_END, GCP_TIME, GCP_PROJECT,
	GCP_SRC_VM, GCP_SRC_PROJECT, GCP_SRC_NET, GCP_SRC_NAMESPACE, GCP_SRC_WORKLOAD, GCP_SRC_KIND,
	GCP_DST_VM, GCP_DST_PROJECT, GCP_DST_NET, GCP_DST_NAMESPACE, GCP_DST_WORKLOAD, GCP_DST_KIND,
	GCP_FIELDS
};
struct weir_flowlog {
	char *name, flow_log[40]; /* AWS: which flow log, of several at one interface; from the file's name */
	struct weir_flowlog_how how;
	struct bill_source *source;
	struct bill_lines lines;
	struct weir_flowlog_stats stats;
	int (*next)(struct weir_flowlog *l); /* reads a row: 1, 0 at the end, -errno; what it says goes into the queue */
	struct weir_flow queue[FLOW_QUEUE];
	size_t queued, given;
	/* AWS */
	int16_t columns[FLOW_COLUMNS]; /* which field each is; -1: another */
	size_t column_count;
	bool timed; /* a time stands before each line */
	/* JSON */
	struct flow_json json;
	bool told, azure;	/* what kind it is */
	unsigned int record;	/* depth of a record's object */
	char context[FLOW_CONTEXTS][FLOW_TEXT];
	char gcp[GCP_FIELDS][FLOW_TEXT];
	char texts[8][FLOW_TEXT]; /* of the flow at hand */
	struct weir_err stopped; /* by strict */
};
/* Tells and counts a bad row; -EBADMSG when strict, else 0. */
int flowlog_bad(struct weir_flowlog *l, uint64_t line, const char *field, const char *reason);
/* A row of a flow in the queue, zeroed but for what every flow has. */
struct weir_flow *flowlog_put(struct weir_flowlog *l, enum weir_flowlog_format format, const char *provider, uint64_t line);
/* Decimal digits alone. */
int flowlog_number(const char *s, uint64_t max, uint64_t *ret);
#define FLOW_TIME_MIN 946684800ULL  /* 2000 */
#define FLOW_TIME_MAX 4102444800ULL /* 2100 */

/* Takes the first line, which is a header or a row. */
int flowlog_aws_open(struct weir_flowlog *l, struct weir_err *err);
int flowlog_json_open(struct weir_flowlog *l, struct weir_err *err);
/* An event of the stream: 0, or -errno; both tell and count what is bad. */
int flowlog_azure_event(struct weir_flowlog *l, int event);
int flowlog_gcp_event(struct weir_flowlog *l, int event);

#endif
