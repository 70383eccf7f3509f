/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: their names, and which event one is. */
#include "lib/model/finding.h"

#include <inttypes.h>

static const char *const kinds[WEIR_FINDING_KINDS] = {
	[WEIR_FINDING_PORT_SCAN] = "port-scan",
	[WEIR_FINDING_HORIZONTAL_SCAN] = "horizontal-scan",
	[WEIR_FINDING_FLOOD] = "flood",
	[WEIR_FINDING_EXFILTRATION] = "exfiltration",
	[WEIR_FINDING_BEACON] = "beacon",
	[WEIR_FINDING_RETRY_STORM] = "retry-storm",
	[WEIR_FINDING_RUNAWAY_EGRESS] = "runaway-egress",
	[WEIR_FINDING_CROSS_ZONE] = "cross-zone-chatter",
	[WEIR_FINDING_SERIES] = "series-anomaly",
	[WEIR_FINDING_DRIFT] = "drift",
	[WEIR_FINDING_FOREST] = "forest",
};
static const char *const actions[WEIR_ACTIONS] = {"none", "policy", "change"};

const char *weir_finding_kind_name(enum weir_finding_kind k)
{
	return (unsigned int)k < WEIR_FINDING_KINDS ? kinds[k] : "unknown";
}

int weir_finding_kind_parse(const char *s, enum weir_finding_kind *ret)
{
	for (unsigned int i = 0; i < WEIR_FINDING_KINDS; i++)
		if (!strcmp(s, kinds[i])) {
			*ret = (enum weir_finding_kind)i;
			return 0;
		}
	return -EINVAL;
}

const char *weir_finding_action_name(enum weir_finding_action a)
{
	return (unsigned int)a < WEIR_ACTIONS ? actions[a] : "none";
}

void weir_finding_text(char *ret, size_t size, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (n >= size)
		for (n = size - 1; n && ((unsigned char)s[n] & 0xc0) == 0x80;)
			n--;
	if (n)
		memcpy(ret, s, n);
	ret[n] = '\0';
}

int weir_finding_key(const struct weir_finding *f, struct weir_buf *ret)
{
	const struct weir_finding_subject *s = &f->subject;
	const char *texts[] = {weir_finding_kind_name(f->kind), s->node, s->domain, s->namespace, s->name, f->peer_name, f->path,
			       f->series};
	char peer[64] = "";
	int r = 0;

	if (f->has_peer)
		weir_prefix_text(&f->peer, peer);
	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(texts); i++)
		r = weir_buf_quote(ret, texts[i]);
	return r ? r : weir_buf_addf(ret, "%s %" PRIu16 "/%u %c", peer, f->port, f->proto, f->opened ? 'o' : 'i');
}
