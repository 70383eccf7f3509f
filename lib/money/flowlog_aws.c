/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS VPC flow logs: a line a flow, fields between blanks, "-" for what is not there. The header names the fields in the
 * order that its owner chose; a file without one is in the default format, which is that of version 2, perhaps with the
 * time before each line that an export of CloudWatch Logs puts there.
 *
 * srcaddr and dstaddr show the interface's first address on its own side, pkt-srcaddr and pkt-dstaddr what is in the
 * packet: another one at a NAT gateway, or for an interface that has several addresses.
 */
#include "lib/money/flowlog_impl.h"

enum aws_field {
	AWS_VERSION, AWS_ACCOUNT, AWS_INTERFACE, AWS_SRC, AWS_DST, AWS_SRC_PORT, AWS_DST_PORT, AWS_PROTO, AWS_PACKETS, AWS_BYTES,
	AWS_START, AWS_END, AWS_ACTION, AWS_STATUS, AWS_VPC, AWS_SUBNET, AWS_INSTANCE, AWS_FLAGS, AWS_TYPE, AWS_PKT_SRC,
	AWS_PKT_DST, AWS_REGION, AWS_AZ, AWS_SUBLOCATION_TYPE, AWS_SUBLOCATION, AWS_SRC_SERVICE, AWS_DST_SERVICE, AWS_DIRECTION,
	AWS_PATH, AWS_ECS_CLUSTER_ARN, AWS_ECS_CLUSTER, AWS_ECS_INSTANCE_ARN, AWS_ECS_INSTANCE, AWS_ECS_CONTAINER,
	AWS_ECS_SECOND_CONTAINER, AWS_ECS_SERVICE, AWS_ECS_DEFINITION, AWS_ECS_TASK_ARN, AWS_ECS_TASK, AWS_REJECT_REASON,
	AWS_FIELDS
};
/* Versions 2, 3, 4, 5, 7, 8 in their order: the first fourteen are the default format. */
static const char *const names[AWS_FIELDS] = {
	"version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes",
	"start", "end", "action", "log-status", "vpc-id", "subnet-id", "instance-id", "tcp-flags", "type", "pkt-srcaddr",
	"pkt-dstaddr", "region", "az-id", "sublocation-type", "sublocation-id", "pkt-src-aws-service", "pkt-dst-aws-service",
	"flow-direction", "traffic-path", "ecs-cluster-arn", "ecs-cluster-name", "ecs-container-instance-arn",
	"ecs-container-instance-id", "ecs-container-id", "ecs-second-container-id", "ecs-service-name",
	"ecs-task-definition-arn", "ecs-task-arn", "ecs-task-id", "reject-reason",
};
#define DEFAULT_FIELDS 14

struct line {
	uint64_t at;
	const char *value[AWS_FIELDS]; /* "" where it is not there */
};

/* Some exports write underscores. */
static int field_named(const char *s)
{
	for (int f = 0; f < AWS_FIELDS; f++) {
		size_t i = 0;

		while (s[i] && (s[i] == '_' ? '-' : s[i]) == names[f][i])
			i++;
		if (!s[i] && !names[f][i])
			return f;
	}
	return -1;
}

/* Cuts in place; the count, FLOW_COLUMNS + 1 for more than that. */
static size_t split(char *text, char *ret[FLOW_COLUMNS])
{
	char *save = NULL;
	size_t n = 0;

	for (char *p = strtok_r(text, " \t", &save); p; p = strtok_r(NULL, " \t", &save)) {
		if (n == FLOW_COLUMNS)
			return n + 1;
		ret[n++] = p;
	}
	return n;
}

static bool has(const struct weir_flowlog *l, int field)
{
	for (size_t i = 0; i < l->column_count; i++)
		if (l->columns[i] == field)
			return true;
	return false;
}

/* What lacks of what a flow must say; NULL. */
static const char *lacks(const struct weir_flowlog *l)
{
	if (!has(l, AWS_SRC) && !has(l, AWS_PKT_SRC))
		return "srcaddr";
	if (!has(l, AWS_DST) && !has(l, AWS_PKT_DST))
		return "dstaddr";
	if (!has(l, AWS_START) && !has(l, AWS_END))
		return "start";
	if (!has(l, AWS_BYTES))
		return "bytes";
	/* Else what two interfaces saw of the same bytes is one sum. */
	return has(l, AWS_INTERFACE) || has(l, AWS_INSTANCE) || has(l, AWS_DIRECTION) ? NULL :
										       "interface-id, instance-id or flow-direction";
}

static void take_header(struct weir_flowlog *l, char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		l->columns[i] = (int16_t)field_named(words[i]);
	l->column_count = n;
}

static int read_addresses(const struct line *v, struct weir_flow *f, const char **ret_field)
{
	static const struct {
		enum aws_field at, packet;
	} ends[] = {{AWS_SRC, AWS_PKT_SRC}, {AWS_DST, AWS_PKT_DST}};
	struct weir_addr *at[] = {&f->at_src, &f->at_dst}, *packet[] = {&f->src, &f->dst};

	for (int i = 0; i < 2; i++) {
		const char *a = v->value[ends[i].at], *p = v->value[ends[i].packet];

		*ret_field = names[*a ? ends[i].at : ends[i].packet];
		if (weir_addr_parse(*a ? a : p, at[i]))
			return -EINVAL;
		*ret_field = names[ends[i].packet];
		*packet[i] = *at[i];
		if (*p && weir_addr_parse(p, packet[i]))
			return -EINVAL;
	}
	return 0;
}

/* Numbers, each with its bounds; absent is 0 but where it must be there. */
static int read_numbers(const struct line *v, struct weir_flow *f, const char **ret_field)
{
	uint64_t n[8];
	const struct {
		enum aws_field field;
		uint64_t max;
		bool must;
	} want[] = {{AWS_SRC_PORT, UINT16_MAX, false}, {AWS_DST_PORT, UINT16_MAX, false}, {AWS_PROTO, UINT8_MAX, false},
		    {AWS_PACKETS, INT64_MAX, false}, {AWS_BYTES, INT64_MAX, true}, {AWS_FLAGS, UINT16_MAX, false},
		    {AWS_PATH, 99, false}};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(want); i++) {
		const char *s = v->value[want[i].field];

		*ret_field = names[want[i].field];
		n[i] = 0;
		if ((*s || want[i].must) && flowlog_number(s, want[i].max, &n[i]))
			return -EINVAL;
	}
	f->src_port = (uint16_t)n[0];
	f->dst_port = (uint16_t)n[1];
	f->proto = (uint8_t)n[2];
	f->packets = n[3];
	f->bytes = n[4];
	/* SYN alone is of who opens, SYN and ACK of who answers; the flags of a window are or-ed. */
	f->opener = (n[5] & 0x12) == 0x12 ? WEIR_FLOW_BY_DST : n[5] & 0x02 ? WEIR_FLOW_BY_SRC : WEIR_FLOW_BY_NOBODY;
	f->traffic_path = (uint8_t)n[6];
	return 0;
}

static int read_times(const struct line *v, struct weir_flow *f, const char **ret_field)
{
	const char *start = *v->value[AWS_START] ? v->value[AWS_START] : v->value[AWS_END];
	const char *end = *v->value[AWS_END] ? v->value[AWS_END] : start;

	*ret_field = names[*v->value[AWS_START] ? AWS_START : AWS_END];
	if (flowlog_number(start, FLOW_TIME_MAX, &f->start_s) || f->start_s < FLOW_TIME_MIN)
		return -EINVAL;
	*ret_field = names[AWS_END];
	return flowlog_number(end, FLOW_TIME_MAX, &f->end_s) || f->end_s < f->start_s ? -EINVAL : 0;
}

static void read_owner(const struct line *v, struct weir_flow *f)
{
	const char *instance = v->value[AWS_INSTANCE], *service = v->value[AWS_ECS_SERVICE], *interface = v->value[AWS_INTERFACE];

	f->self.node = *instance ? instance : interface;
	f->self.namespace = *service ? v->value[AWS_ECS_CLUSTER] : "";
	f->self.workload = *service ? service : f->self.node;
	f->self.kind = *service ? "ecs" : *instance ? "instance" : *interface ? "interface" : "";
}

/* The side on which the interface's own address stands where the packet has another is its own. */
static enum weir_flow_side side_of(const struct weir_flow *f, const char *direction)
{
	if (*direction)
		return !strcmp(direction, "egress") ? WEIR_FLOW_EGRESS : WEIR_FLOW_INGRESS;
	if (memcmp(&f->src, &f->at_src, sizeof(f->src)) != 0)
		return WEIR_FLOW_EGRESS;
	return memcmp(&f->dst, &f->at_dst, sizeof(f->dst)) != 0 ? WEIR_FLOW_INGRESS : WEIR_FLOW_SIDELESS;
}

static int read_flow(struct weir_flowlog *l, const struct line *v)
{
	struct weir_flow *f = flowlog_put(l, WEIR_FLOWLOG_AWS, "aws", v->at);
	const char *direction = v->value[AWS_DIRECTION], *field;

	if (read_addresses(v, f, &field)) {
		l->queued = 0;
		return flowlog_bad(l, v->at, field, "is no address");
	}
	if (read_numbers(v, f, &field) || read_times(v, f, &field)) {
		l->queued = 0;
		return flowlog_bad(l, v->at, field, "is no such number or time");
	}
	if (*direction && strcmp(direction, "egress") != 0 && strcmp(direction, "ingress") != 0) {
		l->queued = 0;
		return flowlog_bad(l, v->at, names[AWS_DIRECTION], "is neither ingress nor egress");
	}
	f->side = side_of(f, direction);
	f->account = v->value[AWS_ACCOUNT];
	f->network = v->value[AWS_VPC];
	f->src_service = v->value[AWS_SRC_SERVICE];
	f->dst_service = v->value[AWS_DST_SERVICE];
	snprintf(l->texts[0], FLOW_TEXT, "%s%s%s", *v->value[AWS_INTERFACE] ? v->value[AWS_INTERFACE] : v->value[AWS_INSTANCE],
		 *l->flow_log ? "/" : "", l->flow_log);
	f->observer = l->texts[0];
	read_owner(v, f);
	return 0;
}

/* Many lines say that there is nothing to say. */
static int read_line(struct weir_flowlog *l, const struct line *v)
{
	const char *status = v->value[AWS_STATUS], *action = v->value[AWS_ACTION];
	int r = 0;

	if (!strcmp(status, "NODATA")) {
		l->stats.no_data++;
	} else if (!strcmp(status, "SKIPDATA")) {
		l->stats.skipped++;
	} else if (*status && strcmp(status, "OK") != 0) {
		return flowlog_bad(l, v->at, names[AWS_STATUS], "is none of OK, NODATA, SKIPDATA");
	} else if (!strcmp(action, "REJECT")) {
		l->stats.rejected++;
	} else if (*action && strcmp(action, "ACCEPT") != 0) {
		return flowlog_bad(l, v->at, names[AWS_ACTION], "is neither ACCEPT nor REJECT");
	} else {
		uint64_t bad = l->stats.bad_rows;

		r = read_flow(l, v);
		if (l->stats.bad_rows != bad)
			return r;
	}
	l->stats.rows[WEIR_FLOWLOG_AWS]++;
	return r;
}

static int take_line(struct weir_flowlog *l, char *text, uint64_t at)
{
	char *all[FLOW_COLUMNS], **words = all;
	struct line v = {.at = at};
	size_t n = split(text, words);

	if (!n)
		return 0;
	if (l->timed && n <= FLOW_COLUMNS) {
		words++;
		n--;
	}
	if (n <= FLOW_COLUMNS && field_named(words[0]) >= 0) { /* the next file's, where several were joined */
		take_header(l, words, n);
		return lacks(l) ? flowlog_bad(l, at, lacks(l), "is not among the fields that the header names") : 0;
	}
	if (n != l->column_count)
		return flowlog_bad(l, at, "", n < l->column_count ? "has fewer fields than the header names" :
								    "has more fields than the header names");
	for (int i = 0; i < AWS_FIELDS; i++)
		v.value[i] = "";
	for (size_t i = 0; i < n; i++)
		if (l->columns[i] >= 0 && strcmp(words[i], "-") != 0)
			v.value[l->columns[i]] = words[i];
	return read_line(l, &v);
}

static int aws_next(struct weir_flowlog *l)
{
	uint64_t at = 0;
	bool odd = false;
	size_t len;
	char *text;
	int r = bill_line_next(&l->lines, &text, &len, &at, &odd);

	if (r <= 0)
		return r;
	r = text ? take_line(l, text, at) : flowlog_bad(l, at, "", "is longer than a line may be (1 MiB)");
	return r ? r : 1;
}

/* "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20261101T0000Z_hash.log.gz" */
static void name_flow_log(struct weir_flowlog *l)
{
	const char *p = strstr(l->name, "_fl-");
	size_t len = p ? strspn(p + 4, "0123456789abcdef") + 3 : 0;

	if (p && len > 3 && len < sizeof(l->flow_log))
		snprintf(l->flow_log, sizeof(l->flow_log), "%.*s", (int)len, p + 1);
}

int flowlog_aws_open(struct weir_flowlog *l, struct weir_err *err)
{
	char *words[FLOW_COLUMNS];
	weir_auto_free char *copy = NULL;
	bool odd = false;
	int64_t time;
	uint64_t at;
	size_t len, n;
	char *text;
	int r = bill_line_next(&l->lines, &text, &len, &at, &odd);

	if (r < 0)
		return r;
	copy = r && text ? strdup(text) : NULL;
	if (r && text && !copy)
		return -ENOMEM;
	n = copy ? split(copy, words) : 0;
	l->next = aws_next;
	name_flow_log(l);
	if (n && n <= FLOW_COLUMNS && field_named(words[0]) >= 0) {
		take_header(l, words, n);
		return !lacks(l) ? 0 :
				   weir_err_set(err, -EINVAL, "%s:1: the header has no %s: to be metered a flow log needs srcaddr, "
							      "dstaddr, bytes, start and whose it is", l->name, lacks(l));
	}
	l->timed = n == DEFAULT_FIELDS + 1 && !weir_bill_time(words[0], &time) && !strcmp(words[1], "2");
	if (!l->timed && (n != DEFAULT_FIELDS || strcmp(words[0], "2") != 0))
		return weir_err_set(err, -EINVAL, "%s: no flow log of AWS (with its header, or of 14 fields, version 2), Azure or "
						  "GCP (JSON)", l->name);
	for (int i = 0; i < DEFAULT_FIELDS; i++)
		l->columns[i] = (int16_t)i;
	l->column_count = DEFAULT_FIELDS;
	return take_line(l, text, at);
}
