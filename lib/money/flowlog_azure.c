/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure's flow logs: JSON with the flows as texts.
 *
 *   network security group, version 2:  records[].properties.flows[].flows[] {mac, flowTuples[]}
 *     seconds, src, dst, src port, dst port, T or U, I or O, A or D, B or C or E, packets, bytes there, packets, bytes back
 *   virtual network, version 4:         records[] {macAddress, flowRecords.flows[].flowGroups[].flowTuples[]}
 *     milliseconds, src, dst, src port, dst port, protocol, I or O, B or C or E or D, encryption, packets, bytes, ... back
 *
 * Source is who opened the connection. Counts are since the connection's last tuple; B, its begin, has none.
 */
#include "lib/money/flowlog_impl.h"

#define TUPLE_FIELDS 13

struct tuple {
	char *value[TUPLE_FIELDS];
	size_t count;
	bool vnet;
};

static void cut(char *text, struct tuple *t)
{
	char *rest = text, *p;

	while (t->count < TUPLE_FIELDS && (p = strsep(&rest, ",")))
		t->value[t->count++] = p;
	if (rest)
		t->count = TUPLE_FIELDS + 1;
}

static const char *read_protocol(const struct tuple *t, uint8_t *ret)
{
	uint64_t n;

	if (t->vnet) {
		if (flowlog_number(t->value[5], UINT8_MAX, &n))
			return "has no protocol number";
		*ret = (uint8_t)n;
		return NULL;
	}
	if (strcmp(t->value[5], "T") != 0 && strcmp(t->value[5], "U") != 0)
		return "is of a protocol that is neither T nor U";
	*ret = *t->value[5] == 'T' ? 6 : 17;
	return NULL;
}

/* What both ways of the connection share. */
static const char *read_common(const struct tuple *t, struct weir_flow *f)
{
	uint64_t time, ports[2];

	if (flowlog_number(t->value[0], FLOW_TIME_MAX * 1000, &time))
		return "does not begin with a time";
	f->start_s = f->end_s = t->vnet ? time / 1000 : time;
	if (f->start_s < FLOW_TIME_MIN || f->start_s > FLOW_TIME_MAX)
		return "does not begin with a time";
	if (weir_addr_parse(t->value[1], &f->src) || weir_addr_parse(t->value[2], &f->dst))
		return "has no address where one must be";
	if (flowlog_number(t->value[3], UINT16_MAX, &ports[0]) || flowlog_number(t->value[4], UINT16_MAX, &ports[1]))
		return "has no port where one must be";
	f->src_port = (uint16_t)ports[0];
	f->dst_port = (uint16_t)ports[1];
	f->at_src = f->src;
	f->at_dst = f->dst;
	if (strcmp(t->value[6], "I") != 0 && strcmp(t->value[6], "O") != 0)
		return "is neither I nor O";
	f->side = *t->value[6] == 'O' ? WEIR_FLOW_EGRESS : WEIR_FLOW_INGRESS;
	f->opener = WEIR_FLOW_BY_SRC;
	return read_protocol(t, &f->proto);
}

static const char *read_counts(const struct tuple *t, uint64_t ret[4])
{
	for (int i = 0; i < 4; i++) {
		ret[i] = 0;
		if (*t->value[9 + i] && flowlog_number(t->value[9 + i], INT64_MAX, &ret[i]))
			return "has no number of packets or bytes where one must be";
	}
	return NULL;
}

static bool denied(const struct tuple *t)
{
	return !strcmp(t->value[7], "D"); /* a decision in the one version, a state in the other */
}

static void name_texts(struct weir_flowlog *l, struct weir_flow *f)
{
	const char *resource = l->context[FLOW_RESOURCE], *p = strcasestr(resource, "/subscriptions/");
	const char *net = strcasestr(resource, "/virtualNetworks/"), *nic = strcasestr(resource, "/networkInterfaces/");

	l->texts[0][0] = l->texts[1][0] = l->texts[2][0] = 0;
	if (p)
		snprintf(l->texts[0], FLOW_TEXT, "%.*s", (int)strcspn(p + 15, "/"), p + 15);
	if (net)
		snprintf(l->texts[1], FLOW_TEXT, "%.*s", (int)strcspn(net + 17, "/"), net + 17);
	if (nic)
		snprintf(l->texts[2], FLOW_TEXT, "%.*s", (int)strcspn(nic + 19, "/"), nic + 19);
	for (char *c = l->texts[0]; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	/* A flow may be in the logs of its subnet's security group and of its interface's. */
	snprintf(l->texts[3], FLOW_TEXT, "%.60s/%.180s", l->context[FLOW_MAC], resource);
	f->account = l->texts[0];
	f->network = l->texts[1];
	f->observer = l->texts[3];
	f->self.node = l->context[FLOW_MAC];
	f->self.workload = *l->texts[2] ? l->texts[2] : l->context[FLOW_MAC];
	f->self.kind = *f->self.workload ? "interface" : "";
}

/* The way back: whose is the other end of what was there. */
static void put_back(struct weir_flowlog *l, const struct weir_flow *there, uint64_t packets, uint64_t bytes)
{
	struct weir_flow *f = &l->queue[l->queued++];

	*f = *there;
	f->src = f->at_src = there->dst;
	f->dst = f->at_dst = there->src;
	f->src_port = there->dst_port;
	f->dst_port = there->src_port;
	f->side = there->side == WEIR_FLOW_EGRESS ? WEIR_FLOW_INGRESS : WEIR_FLOW_EGRESS;
	f->opener = WEIR_FLOW_BY_DST;
	f->packets = packets;
	f->bytes = bytes;
}

static int read_tuple(struct weir_flowlog *l, bool vnet)
{
	enum weir_flowlog_format format = vnet ? WEIR_FLOWLOG_AZURE_VNET : WEIR_FLOWLOG_AZURE_NSG;
	struct tuple t = {.vnet = vnet};
	struct weir_flow *f = flowlog_put(l, format, "azure", l->json.line);
	const char *what = NULL;
	uint64_t n[4];

	cut(l->json.text, &t);
	if (t.count == 8 && !vnet)
		what = "is of version 1, which counts no bytes";
	else if (t.count != TUPLE_FIELDS)
		what = "has not the 13 fields of its version";
	if (!what)
		what = read_common(&t, f);
	if (!what)
		what = read_counts(&t, n);
	if (what) {
		l->queued = 0;
		return flowlog_bad(l, l->json.line, "flowTuples", what);
	}
	l->stats.rows[format]++;
	l->stats.rejected += denied(&t);
	if (denied(&t) || !(n[1] | n[3])) {
		l->queued = 0;
		return 0;
	}
	name_texts(l, f);
	f->packets = n[0];
	f->bytes = n[1];
	if (n[3])
		put_back(l, f, n[2], n[3]);
	return 0;
}

int flowlog_azure_event(struct weir_flowlog *l, int event)
{
	const char *path = l->json.path;
	static const struct {
		const char *path;
		enum flow_context what;
	} contexts[] = {{"resourceId", FLOW_RESOURCE}, {"targetResourceID", FLOW_RESOURCE}, {"macAddress", FLOW_MAC},
			{"properties.flows.flows.mac", FLOW_MAC}};

	if (event == FLOW_JSON_OBJECT && l->json.depth == l->record) {
		memset(l->context, 0, sizeof(l->context));
		return 0;
	}
	if (!strncmp(path, "records.", 8))
		path += 8;
	/* A member of a list of interfaces: what was said of the one before is not said of it. */
	if (event == FLOW_JSON_OBJECT && !strcmp(path, "properties.flows.flows"))
		l->context[FLOW_MAC][0] = 0;
	if (event != FLOW_JSON_TEXT)
		return 0;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(contexts); i++)
		if (!strcmp(path, contexts[i].path))
			(void)weir_strcpy(l->context[contexts[i].what], FLOW_TEXT, l->json.text);
	if (!strcmp(path, "properties.flows.flows.flowTuples"))
		return read_tuple(l, false);
	return strcmp(path, "flowRecords.flows.flowGroups.flowTuples") ? 0 : read_tuple(l, true);
}
