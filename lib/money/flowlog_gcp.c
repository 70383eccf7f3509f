/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GCP's VPC flow logs, as Cloud Logging writes its entries: the flow is jsonPayload. bytes_sent go from src_ip to dest_ip,
 * whoever reports. They are made of about one packet in 30, scaled up by the provider; of such records a subnet keeps
 * the share that its flow_sampling says, and what it does not keep is missing.
 */
#include "lib/money/flowlog_impl.h"

static const struct {
	const char *path;
	enum flow_gcp field;
} paths[] = {
	{"logName", GCP_LOG},
	{"timestamp", GCP_TIME},
	{"resource.labels.project_id", GCP_PROJECT},
	{"jsonPayload.connection.src_ip", GCP_SRC},
	{"jsonPayload.connection.dest_ip", GCP_DST},
	{"jsonPayload.connection.src_port", GCP_SRC_PORT},
	{"jsonPayload.connection.dest_port", GCP_DST_PORT},
	{"jsonPayload.connection.protocol", GCP_PROTO},
	{"jsonPayload.bytes_sent", GCP_BYTES},
	{"jsonPayload.packets_sent", GCP_PACKETS},
	{"jsonPayload.reporter", GCP_REPORTER},
	{"jsonPayload.start_time", GCP_START},
	{"jsonPayload.end_time", GCP_END},
	{"jsonPayload.src_instance.vm_name", GCP_SRC_VM},
	{"jsonPayload.dest_instance.vm_name", GCP_DST_VM},
	{"jsonPayload.src_vpc.project_id", GCP_SRC_PROJECT},
	{"jsonPayload.dest_vpc.project_id", GCP_DST_PROJECT},
	{"jsonPayload.src_vpc.vpc_name", GCP_SRC_NET},
	{"jsonPayload.dest_vpc.vpc_name", GCP_DST_NET},
	{"jsonPayload.src_gke_details.pod.pod_namespace", GCP_SRC_NAMESPACE},
	{"jsonPayload.dest_gke_details.pod.pod_namespace", GCP_DST_NAMESPACE},
	{"jsonPayload.src_gke_details.pod.pod_workload.workload_name", GCP_SRC_WORKLOAD},
	{"jsonPayload.dest_gke_details.pod.pod_workload.workload_name", GCP_DST_WORKLOAD},
	{"jsonPayload.src_gke_details.pod.pod_workload.workload_type", GCP_SRC_KIND},
	{"jsonPayload.dest_gke_details.pod.pod_workload.workload_type", GCP_DST_KIND},
};

static const char *field_path(enum flow_gcp field)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(paths); i++)
		if (paths[i].field == field)
			return paths[i].path;
	return "";
}

static int read_numbers(struct weir_flowlog *l, struct weir_flow *f, enum flow_gcp *ret_bad)
{
	uint64_t n[5];
	static const struct {
		enum flow_gcp field;
		uint64_t max;
		bool must;
	} want[] = {{GCP_SRC_PORT, UINT16_MAX, false}, {GCP_DST_PORT, UINT16_MAX, false}, {GCP_PROTO, UINT8_MAX, true},
		    {GCP_BYTES, INT64_MAX, true}, {GCP_PACKETS, INT64_MAX, false}};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(want); i++) {
		n[i] = 0;
		*ret_bad = want[i].field;
		if ((want[i].must || *l->gcp[want[i].field]) && flowlog_number(l->gcp[want[i].field], want[i].max, &n[i]))
			return -EINVAL;
	}
	f->src_port = (uint16_t)n[0];
	f->dst_port = (uint16_t)n[1];
	f->proto = (uint8_t)n[2];
	f->bytes = n[3];
	f->packets = n[4];
	return 0;
}

static int read_time(const char *s, uint64_t *ret)
{
	int64_t t;

	if (weir_bill_time(s, &t) || t < (int64_t)FLOW_TIME_MIN || t > (int64_t)FLOW_TIME_MAX)
		return -EINVAL;
	*ret = (uint64_t)t;
	return 0;
}

static int read_times(struct weir_flowlog *l, struct weir_flow *f, enum flow_gcp *ret_bad)
{
	*ret_bad = *l->gcp[GCP_START] ? GCP_START : GCP_TIME;
	if (read_time(l->gcp[*ret_bad], &f->start_s))
		return -EINVAL;
	f->end_s = f->start_s;
	*ret_bad = GCP_END;
	return *l->gcp[GCP_END] && (read_time(l->gcp[GCP_END], &f->end_s) || f->end_s < f->start_s) ? -EINVAL : 0;
}

/* SRC, DEST, or SRC_GATEWAY and DEST_GATEWAY: an attachment that is of neither end. */
static int read_reporter(struct weir_flowlog *l, struct weir_flow *f, enum flow_gcp *ret_bad)
{
	const char *who = l->gcp[GCP_REPORTER];
	bool src = !strncmp(who, "SRC", 3);
	const char *rest = who + (src ? 3 : 4);

	*ret_bad = GCP_REPORTER;
	if (!src && strncmp(who, "DEST", 4) != 0)
		return -EINVAL;
	if (*rest && strcmp(rest, "_GATEWAY") != 0)
		return -EINVAL;
	f->side = src ? WEIR_FLOW_EGRESS : WEIR_FLOW_INGRESS;
	f->passing = *rest;
	return 0;
}

static struct weir_flow_owner owner_of(struct weir_flowlog *l, int first)
{
	enum { VM, PROJECT, NET, NAMESPACE, WORKLOAD, KIND };
	bool pod = *l->gcp[first + WORKLOAD];
	struct weir_flow_owner o = {.node = l->gcp[first + VM], .namespace = l->gcp[first + NAMESPACE]};

	o.workload = pod ? l->gcp[first + WORKLOAD] : o.node;
	o.kind = pod ? (*l->gcp[first + KIND] ? l->gcp[first + KIND] : "pod") : *o.node ? "instance" : "";
	return o;
}

static void name_texts(struct weir_flowlog *l, struct weir_flow *f)
{
	bool src = f->side == WEIR_FLOW_EGRESS;
	const char *project = l->gcp[src ? GCP_SRC_PROJECT : GCP_DST_PROJECT];

	f->account = *project ? project : l->gcp[GCP_PROJECT];
	f->network = l->gcp[src ? GCP_SRC_NET : GCP_DST_NET];
	f->self = owner_of(l, src ? GCP_SRC_VM : GCP_DST_VM);
	f->other = owner_of(l, src ? GCP_DST_VM : GCP_SRC_VM);
	snprintf(l->texts[0], FLOW_TEXT, "%.100s/%.150s", f->account, *f->self.node ? f->self.node : l->gcp[GCP_REPORTER]);
	f->observer = l->texts[0];
}

static int read_record(struct weir_flowlog *l)
{
	struct weir_flow *f;
	enum flow_gcp bad;
	int r;

	if (*l->gcp[GCP_LOG] && !strstr(l->gcp[GCP_LOG], "vpc_flows")) {
		l->stats.foreign_rows++;
		return 0;
	}
	f = flowlog_put(l, WEIR_FLOWLOG_GCP, "gcp", l->json.line);
	f->sampled = true;
	f->opener = WEIR_FLOW_BY_NOBODY;
	bad = GCP_SRC;
	r = weir_addr_parse(l->gcp[GCP_SRC], &f->src);
	if (!r) {
		bad = GCP_DST;
		r = weir_addr_parse(l->gcp[GCP_DST], &f->dst);
	}
	if (!r)
		r = read_numbers(l, f, &bad);
	if (!r)
		r = read_times(l, f, &bad);
	if (!r)
		r = read_reporter(l, f, &bad);
	if (r) {
		l->queued = 0;
		return flowlog_bad(l, l->json.line, field_path(bad), "is missing, or not what it should be");
	}
	f->at_src = f->src;
	f->at_dst = f->dst;
	name_texts(l, f);
	l->stats.rows[WEIR_FLOWLOG_GCP]++;
	return 0;
}

int flowlog_gcp_event(struct weir_flowlog *l, int event)
{
	if (event == FLOW_JSON_OBJECT && l->json.depth == l->record) {
		for (int i = 0; i < GCP_FIELDS; i++)
			l->gcp[i][0] = 0;
		return 0;
	}
	if (event == FLOW_JSON_OBJECT_END && l->json.depth + 1 == l->record)
		return read_record(l);
	if (event != FLOW_JSON_TEXT)
		return 0;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(paths); i++)
		if (!strcmp(l->json.path, paths[i].path)) {
			(void)weir_strcpy(l->gcp[paths[i].field], FLOW_TEXT, l->json.text);
			break;
		}
	return 0;
}
