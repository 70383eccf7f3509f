/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would stop a finding, as text. A denial stands in the admin tier and names one peer (or what the targets have in
 * common, less those in use) and the ports; a limit stands in the baseline tier, last: it slows what no other policy decides,
 * and lets nothing through that another denies. Every text came from outside: it is quoted, or checked.
 */
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>

#include "lib/ds/label.h"
#include "lib/model/finding.h"

#define LABELS_MAX 16
#define RATE_MIN_KBIT 1u /* what a FlowPolicy takes */
#define RATE_MAX_KBIT 1000000000u

static void json_freep(json_t **j)
{
	json_decref(*j);
}

/* FNV-1a of the key: two findings of one subject get policies of two names. */
static int policy_name(const struct weir_finding *f, struct weir_buf *ret)
{
	weir_auto_buf struct weir_buf key = {.max = WEIR_FINDING_KEY_MAX * 4};
	uint32_t h = 2166136261u;
	int r = weir_finding_key(f, &key);

	for (size_t i = 0; !r && i < key.len; i++)
		h = (h ^ key.data[i]) * 16777619u;
	return r ? r : weir_buf_addf(ret, "%s-%08x", weir_finding_kind_name(f->kind), h);
}

static int put_comment(const struct weir_finding *f, struct weir_buf *ret)
{
	char said[WEIR_FINDING_SENTENCE_MAX];

	weir_finding_text(said, sizeof(said), f->sentence);
	for (char *c = said; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return weir_buf_addf(ret,
			     "# SPDX-License-Identifier: Apache-2.0\n"
			     "# Proposed because of a %s: %s\n"
			     "# Nothing of this is in force until it is committed and approved.\n",
			     weir_finding_kind_name(f->kind), said);
}

/* "app": "web", ...; how many: 0 when there are none, or the text is no object. */
static int put_labels(const char *labels, struct weir_buf *ret)
{
	weir_cleanup(json_freep) json_t *o = json_loads(labels, 0, NULL);
	const char *k;
	int n = 0, r = 0;
	json_t *v;

	json_object_foreach(o, k, v) {
		if (r || n == LABELS_MAX || !*k || weir_label_passes(k) || !json_is_string(v))
			continue;
		r = n++ ? weir_buf_addf(ret, ", ") : 0;
		r = r ? r : weir_buf_quote(ret, k);
		r = r ? r : weir_buf_addf(ret, ": ");
		r = r ? r : weir_buf_quote(ret, json_string_value(v));
	}
	return r ? r : n;
}

static int put_subject(const struct weir_finding *f, struct weir_buf *ret)
{
	weir_auto_buf struct weir_buf labels = {.max = WEIR_FINDING_PROPOSAL_MAX};
	const struct weir_finding_subject *s = &f->subject;
	int n = put_labels(s->labels, &labels), r = 0;
	bool host = f->has_peer && f->peer.len == 128;

	if (n < 0)
		return n;
	if (!n && !*s->namespace && (!host || f->limit_bps))
		return -EINVAL;
	if (!n)
		r = weir_buf_addf(ret, "  # %s has no labels: this holds all %s.\n", *s->name ? "The workload" : "It",
				  *s->namespace ? "of its namespace" : "workloads");
	if (r || (!n && !*s->namespace))
		return r;
	r = weir_buf_addf(ret, "  subject: {");
	if (!r && *s->namespace) {
		r = weir_buf_addf(ret, "namespace: ");
		r = r ? r : weir_buf_quote(ret, s->namespace);
	}
	if (!r && n)
		r = weir_buf_addf(ret, "%slabels: {%s}", *s->namespace ? ", " : "", (const char *)labels.data);
	return r ? r : weir_buf_addf(ret, "}\n");
}

static int put_peer(const struct weir_finding *f, struct weir_buf *ret)
{
	char text[64];
	int r;

	if (!f->has_peer && !*f->path)
		return 0;
	if (!f->has_peer)
		return weir_buf_addf(ret, "    %s: [{path: %s}]\n", f->opened ? "to" : "from", f->path);
	r = weir_buf_addf(ret, "    %s: [{cidr: \"%s\"", f->opened ? "to" : "from", weir_prefix_text(&f->peer, text));
	for (size_t i = 0; !r && i < f->spared_count; i++)
		r = weir_buf_addf(ret, "%s\"%s\"", i ? ", " : ", except: [", weir_addr_text(&f->spared[i], text));
	return r ? r : weir_buf_addf(ret, "%s}]\n", f->spared_count ? "]" : "");
}

static const char *proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP: return "TCP";
	case IPPROTO_UDP: return "UDP";
	case IPPROTO_SCTP: return "SCTP";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: return "ICMP";
	default: return "OTHER";
	}
}

static int by_number(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* All ports but those in use: ranges between them. */
static int put_ports_around(const struct weir_finding *f, struct weir_buf *ret)
{
	uint16_t used[WEIR_FINDING_SPARED];
	unsigned int from = 1, n = 0;
	int r = weir_buf_addf(ret, "    ports: [");

	memcpy(used, f->spared_ports, sizeof(used));
	qsort(used, f->spared_port_count, sizeof(*used), by_number);
	for (size_t i = 0; !r && i <= f->spared_port_count; i++) {
		unsigned int end = i < f->spared_port_count ? used[i] - 1u : UINT16_MAX;

		if (end >= from && end <= UINT16_MAX)
			r = weir_buf_addf(ret, "%s{protocol: %s, port: %u, endPort: %u}", n++ ? ", " : "", proto_name(f->proto),
					  from, end);
		from = end + 2;
	}
	return r ? r : weir_buf_addf(ret, "]\n");
}

static int put_ports(const struct weir_finding *f, struct weir_buf *ret)
{
	if (!f->proto)
		return 0;
	if (f->spared_port_count && !f->port)
		return put_ports_around(f, ret);
	if (f->port)
		return weir_buf_addf(ret, "    ports: [{protocol: %s, port: %u}]\n", proto_name(f->proto), f->port);
	return weir_buf_addf(ret, "    ports: [{protocol: %s}]\n", proto_name(f->proto));
}

static int put_limit(const struct weir_finding *f, struct weir_buf *ret)
{
	/* What opens connections is not paced: there is no socket with a rate yet. */
	bool storm = f->kind == WEIR_FINDING_RETRY_STORM, pace = f->dir == 1 && (!f->proto || f->proto == IPPROTO_TCP) && !storm;
	uint64_t kbit = f->limit_bps / 1000;

	if (!f->limit_bps)
		return 0;
	kbit = WEIR_MAX(WEIR_MIN(kbit, RATE_MAX_KBIT), RATE_MIN_KBIT);
	return weir_buf_addf(ret, "    limit: {rate: %" PRIu64 "kbit, %smode: %s, per: workload%s}\n", kbit, storm ? "burst: 1500B, " : "",
			     pace ? "pace" : "police", pace ? "" : f->dir == 1 ? ", direction: egress" : ", direction: ingress");
}

static int put_policy(const struct weir_finding *f, struct weir_buf *ret)
{
	int r = put_comment(f, ret);

	r = r ? r : weir_buf_addf(ret, "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: ");
	r = r ? r : policy_name(f, ret);
	r = r ? r : weir_buf_addf(ret, "}\nspec:\n  tier: %s\n  priority: %d\n  mode: enforce\n", f->limit_bps ? "baseline" : "admin",
				  f->limit_bps ? 1000000 : 100);
	r = r ? r : put_subject(f, ret);
	r = r ? r : weir_buf_addf(ret, "  %s:\n  - action: %s\n", f->opened ? "egress" : "ingress", f->limit_bps ? "accept" : "deny");
	r = r ? r : put_peer(f, ret);
	r = r ? r : put_ports(f, ret);
	return r ? r : put_limit(f, ret);
}

/* The Service is mostly called as what stands behind it. */
static int put_service(const struct weir_finding *f, struct weir_buf *ret)
{
	const char *name = strchr(f->peer_name, '/');
	int r = put_comment(f, ret);

	r = r ? r : weir_buf_addf(ret, "# For the Service that selects the workloads behind it; from Kubernetes 1.34 on PreferSameZone is the\n"
				       "# same. kubectl patch --patch-file THIS service NAME; undone by trafficDistribution: null.\n"
				       "apiVersion: v1\nkind: Service\nmetadata: {namespace: ");
	r = r ? r : weir_buf_quote(ret, f->subject.namespace);
	r = r ? r : weir_buf_addf(ret, ", name: ");
	r = r ? r : weir_buf_quote(ret, name ? name + 1 : f->peer_name);
	return r ? r : weir_buf_addf(ret, "}\nspec:\n  trafficDistribution: PreferClose\n");
}

/* No tool takes it; it says who must change what. */
static int put_retries(const struct weir_finding *f, struct weir_buf *ret)
{
	char peer[64];
	int r = put_comment(f, ret);

	r = r ? r : weir_buf_addf(ret, "# A limit of bytes would slow the connections that succeed: mend the destination, and let its callers back off.\n"
				       "change:\n  destination: {address: \"%s\", port: %u, workload: ", weir_prefix_text(&f->peer, peer), f->port);
	r = r ? r : weir_buf_quote(ret, f->peer_name);
	r = r ? r : weir_buf_addf(ret, "}\n  caller: {namespace: ");
	r = r ? r : weir_buf_quote(ret, f->subject.namespace);
	r = r ? r : weir_buf_addf(ret, ", workload: ");
	r = r ? r : weir_buf_quote(ret, f->subject.name);
	return r ? r : weir_buf_addf(ret, "}\n  attempts_per_s: {is: %.1f, usual_at_most: %.1f}\n", f->observed, f->expected);
}

int weir_finding_propose(const struct weir_finding *f, struct weir_buf *ret)
{
	weir_auto_buf struct weir_buf b = {.max = WEIR_FINDING_PROPOSAL_MAX};
	int r;

	if (f->action == WEIR_ACTION_POLICY)
		r = put_policy(f, &b);
	else if (f->action == WEIR_ACTION_CHANGE && f->kind == WEIR_FINDING_CROSS_ZONE)
		r = put_service(f, &b);
	else if (f->action == WEIR_ACTION_CHANGE && f->kind == WEIR_FINDING_RETRY_STORM)
		r = put_retries(f, &b);
	else
		r = -ENODATA;
	return r ? r : weir_buf_add(ret, b.data, b.len);
}
