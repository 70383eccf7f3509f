/* SPDX-License-Identifier: Apache-2.0 */
/* Findings under way: what is new is told, what goes on is kept up to date, what is over is told once more. */
#include "lib/model/pattern_impl.h"

struct active {
	struct weir_finding f;
	uint64_t tag;
	uint32_t seen, hold; /* buckets */
};

void pattern_finding_free(void *active)
{
	free(active);
}

void pattern_begin(const struct weir_patterns *p, enum weir_finding_kind kind, const struct weir_pattern_who *who,
		   struct weir_finding *ret)
{
	struct weir_finding_subject *s = &ret->subject;

	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	ret->since_s = p->time_s;
	ret->last_s = p->time_s + WEIR_PATTERN_BUCKET_S;
	weir_finding_text(s->node, sizeof(s->node), who->node);
	weir_finding_text(s->domain, sizeof(s->domain), who->domain);
	weir_finding_text(s->namespace, sizeof(s->namespace), who->namespace);
	weir_finding_text(s->name, sizeof(s->name), who->name);
	weir_finding_text(s->team, sizeof(s->team), who->team);
	weir_finding_text(s->labels, sizeof(s->labels), who->labels);
}

void pattern_with(struct weir_finding *f, const struct weir_patterns *p, const struct pattern_flow *flow)
{
	const struct weir_pattern_who *peer = flow->peer_who;
	const char *path = flow->path < WEIR_PATTERN_PATHS ? p->opts.paths[flow->path] : NULL;

	f->has_peer = true;
	f->peer = (struct weir_prefix){.addr = flow->peer, .len = 128};
	f->port = flow->port;
	f->proto = flow->proto;
	f->opened = flow->opened;
	f->dir = WEIR_EGRESS;
	weir_finding_text(f->path, sizeof(f->path), path);
	if (peer)
		snprintf(f->peer_name, sizeof(f->peer_name), "%s%s%s", peer->namespace ? peer->namespace : "",
			 peer->namespace && *peer->namespace ? "/" : "", peer->name ? peer->name : "");
}

double pattern_score(double observed, double bar)
{
	return observed > bar && bar > 0 ? 1 - 0.5 * bar / observed : 0.5;
}

static void tell(struct weir_patterns *p, const struct weir_finding *f)
{
	if (p->fn && !p->told)
		p->told = p->fn(f, p->arg);
}

void pattern_found(struct weir_patterns *p, uint64_t tag, struct weir_finding *f, uint32_t hold)
{
	struct active *a;

	tag = pattern_hash(tag, &f->kind, sizeof(f->kind));
	a = weir_map_find(p->findings, &tag, sizeof(tag));
	if (a) {
		f->since_s = a->f.since_s;
		a->f = *f;
		a->seen = p->bucket;
		a->hold = hold;
		return;
	}
	if (weir_map_count(p->findings) >= p->opts.max_findings || !(a = calloc(1, sizeof(*a)))) {
		p->stats.untold++;
		return;
	}
	*a = (struct active){*f, tag, p->bucket, hold};
	if (weir_map_put(p->findings, &tag, sizeof(tag), a, NULL)) {
		free(a);
		p->stats.untold++;
		return;
	}
	tell(p, f);
}

void pattern_end(struct weir_patterns *p)
{
	size_t pos = 0, len, gone = 0, n = weir_map_count(p->findings);
	weir_auto_free uint64_t *tags = n ? calloc(n, sizeof(*tags)) : NULL;
	const void *key;
	void *v;

	while (tags && weir_map_next(p->findings, &pos, &key, &len, &v)) {
		struct active *a = v;

		if (a->seen + a->hold < p->bucket)
			tags[gone++] = a->tag;
	}
	for (size_t i = 0; i < gone; i++) {
		struct active *a = weir_map_take(p->findings, &tags[i], sizeof(tags[i]));

		a->f.ended = true;
		tell(p, &a->f);
		free(a);
	}
}

int weir_patterns_each(const struct weir_patterns *p, weir_finding_fn fn, void *arg)
{
	size_t pos = 0, len;
	const void *key;
	int r = 0;
	void *v;

	while (!r && weir_map_next(p->findings, &pos, &key, &len, &v))
		r = fn(&((struct active *)v)->f, arg);
	return r;
}
