/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl model patterns: buckets of flows from standard input, findings to standard output; as the aggregator does it live.
 *
 *   time,node,domain,namespace,workload,team,labels,peer,peer_domain,peer_workload,opened,protocol,port,path,direction,verdict,bytes,packets,nanos
 *
 * time: Unix seconds, rising; a bucket is ten of them. labels: app=web;tier=front. peer: an address, empty where folded;
 * peer_domain: empty = public; peer_workload: namespace/workload, as it stands in rows of its own. opened: 1 by the workload,
 * 0 by the peer. direction: egress or ingress. verdict: number of weir_verdict. nanos: what the bytes cost, nano-units.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/model_csv.h"
#include "lib/ds/grow.h"
#include "lib/ds/map.h"
#include "lib/model/pattern.h"
#include "lib/money/topology.h"

#define BUCKET_ROWS_MAX 4000000
#define WORKLOADS_MAX 1000000
#define KEY_MAX 2048 /* bytes of a workload's texts */
#define FLOW_FIELDS 19
#define HEALTH_FIELDS 12

enum { F_TIME, F_NODE, F_DOMAIN, F_NAMESPACE, F_NAME, F_TEAM, F_LABELS, F_PEER, F_PEER_DOMAIN, F_PEER_NAME, F_OPENED, F_PROTO, F_PORT,
       F_PATH, F_DIR, F_VERDICT, F_BYTES, F_PACKETS, F_NANOS };
enum { H_SCOPE = F_LABELS + 1, H_CONNECTIONS, H_REFUSED, H_TIMEOUTS, H_FAILED };

struct patterns_run {
	const struct cli *c;
	struct weir_patterns *p;
	struct weir_map *who, *by_name; /* weir_pattern_who; the same by domain and namespace/name */
	struct weir_pattern_row *rows;
	struct weir_pattern_health *health;
	size_t n, cap, hn, hcap;
	uint64_t bucket_s;
	bool proposals;
	bool pending; /* the health file's last line is of a later bucket */
};

static void who_free(void *v)
{
	struct weir_pattern_who *w = v;

	free((void *)(uintptr_t)w->node);
	free(w);
}

static void run_fini(struct patterns_run *r)
{
	weir_patterns_free(r->p);
	weir_map_free(r->by_name, NULL);
	weir_map_free(r->who, who_free);
	free(r->rows);
	free(r->health);
}

static int number(const struct model_csv *in, size_t i, uint64_t max, uint64_t *ret, struct weir_err *err)
{
	if (args_u64(in->field[i], ret) < 0 || *ret > max)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": field %zu: '%.32s' is no number from 0 to %" PRIu64, in->name,
				    in->line, i + 1, in->field[i], max);
	return 0;
}

/* app=web;tier=front as a JSON object; a text that is none already. */
static int labels_json(const char *s, struct weir_buf *ret)
{
	int r = weir_buf_addf(ret, "{");

	for (bool more = false; !r && *s; more = true) {
		size_t n = strcspn(s, ";"), key = strcspn(s, "=;");
		weir_auto_free char *k = strndup(s, key), *v = key < n ? strndup(s + key + 1, n - key - 1) : strdup("");

		r = k && v ? 0 : -ENOMEM;
		r = r ? r : weir_buf_addf(ret, more ? "," : "");
		r = r ? r : weir_buf_quote(ret, k);
		r = r ? r : weir_buf_addf(ret, ":");
		r = r ? r : weir_buf_quote(ret, v);
		s += n + (s[n] == ';');
	}
	return r ? r : weir_buf_addf(ret, "}");
}

/* Key of a workload by its domain and "namespace/name". */
static int name_key(const char *domain, const char *name, char key[KEY_MAX], size_t *ret_len)
{
	*ret_len = 0;
	return weir_map_key(key, KEY_MAX, ret_len, (const char *const[]){domain, name}, 2);
}

static int remember_name(struct patterns_run *run, struct weir_pattern_who *w)
{
	weir_auto_free char *name = weir_strf("%s/%s", w->namespace, w->name);
	char key[KEY_MAX];
	size_t len;
	int r = name ? name_key(w->domain, name, key, &len) : -ENOMEM;

	return r ? r : weir_map_put(run->by_name, key, len, w, NULL);
}

/* All texts in one allocation, the node's first. */
static int make_who(struct patterns_run *run, const struct model_csv *in, struct weir_pattern_who **ret)
{
	weir_auto_buf struct weir_buf all = {0}, labels = {0};
	size_t at[6];
	struct weir_pattern_who *w;
	int r = labels_json(in->field[F_LABELS], &labels);

	for (size_t i = 0; !r && i < 6; i++) {
		const char *s = i < 5 ? in->field[F_NODE + i] : (const char *)labels.data;

		at[i] = all.len;
		r = weir_buf_add(&all, s, strlen(s) + 1);
	}
	w = r ? NULL : calloc(1, sizeof(*w));
	if (!w)
		return r ? r : -ENOMEM;
	w->id = (int64_t)weir_map_count(run->who) + 1;
	w->node = (char *)weir_take_ptr(all.data);
	w->domain = w->node + at[1];
	w->namespace = w->node + at[2];
	w->name = w->node + at[3];
	w->team = w->node + at[4];
	w->labels = w->node + at[5];
	*ret = w;
	return 0;
}

static int find_who(struct patterns_run *run, const struct model_csv *in, const struct weir_pattern_who **ret, struct weir_err *err)
{
	const char *const texts[] = {in->field[F_NODE], in->field[F_DOMAIN], in->field[F_NAMESPACE], in->field[F_NAME], in->field[F_LABELS]};
	struct weir_pattern_who *w;
	char key[KEY_MAX];
	size_t len = 0;
	int r = weir_map_key(key, sizeof(key), &len, texts, WEIR_ARRAY_SIZE(texts));

	if (r)
		return weir_err_set(err, r, "%s:%" PRIu64 ": the workload's texts have more than %zu bytes", in->name, in->line, sizeof(key));
	w = weir_map_find(run->who, key, len);
	if (w) {
		*ret = w;
		return 0;
	}
	if (weir_map_count(run->who) == WORKLOADS_MAX)
		return weir_err_set(err, -E2BIG, "%s:%" PRIu64 ": more than %d workloads", in->name, in->line, WORKLOADS_MAX);
	r = make_who(run, in, &w);
	if (r)
		return r;
	r = weir_map_put(run->who, key, len, w, NULL);
	if (r) {
		who_free(w);
		return r;
	}
	*ret = w;
	return remember_name(run, w);
}

static int parse_peer(struct patterns_run *run, const struct model_csv *in, struct weir_pattern_row *row, struct weir_err *err)
{
	char key[KEY_MAX];
	size_t len;

	row->has_peer = *in->field[F_PEER] != '\0';
	row->is_public = row->has_peer && !*in->field[F_PEER_DOMAIN];
	if (row->has_peer && weir_addr_parse(in->field[F_PEER], &row->peer) < 0)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": peer '%.46s' is no address", in->name, in->line, in->field[F_PEER]);
	if (*in->field[F_PEER_NAME] && !name_key(in->field[F_PEER_DOMAIN], in->field[F_PEER_NAME], key, &len))
		row->peer_who = weir_map_find(run->by_name, key, len);
	return 0;
}

static int parse_words(const struct model_csv *in, struct weir_pattern_row *row, struct weir_err *err)
{
	enum weir_path path = WEIR_PATH_UNKNOWN;
	bool out = !strcmp(in->field[F_DIR], "egress");

	if (!out && strcmp(in->field[F_DIR], "ingress") != 0)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": direction '%.16s' is neither egress nor ingress", in->name, in->line,
				    in->field[F_DIR]);
	if (*in->field[F_PATH] && weir_path_parse(in->field[F_PATH], &path) < 0)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": unknown path '%.24s'; for example internet, nat, cross-zone", in->name,
				    in->line, in->field[F_PATH]);
	row->dir = out ? WEIR_EGRESS : WEIR_INGRESS;
	row->path = (uint8_t)path;
	return 0;
}

static int parse_row(struct patterns_run *run, const struct model_csv *in, struct weir_pattern_row *row, struct weir_err *err)
{
	uint64_t opened = 0, proto = 0, port = 0, verdict = 0, nanos = 0;
	int r = find_who(run, in, &row->who, err);

	r = r ? r : parse_peer(run, in, row, err);
	r = r ? r : number(in, F_OPENED, 1, &opened, err);
	r = r ? r : number(in, F_PROTO, UINT8_MAX, &proto, err);
	r = r ? r : number(in, F_PORT, UINT16_MAX, &port, err);
	r = r ? r : parse_words(in, row, err);
	r = r ? r : number(in, F_VERDICT, WEIR_VERDICTS - 1, &verdict, err);
	r = r ? r : number(in, F_BYTES, 1ull << 56, &row->bytes, err);
	r = r ? r : number(in, F_PACKETS, 1ull << 56, &row->packets, err);
	r = r ? r : number(in, F_NANOS, INT64_MAX / 8640, &nanos, err);
	row->opened = opened;
	row->proto = (uint8_t)proto;
	row->port = (uint16_t)port;
	row->verdict = (uint8_t)verdict;
	row->nanos = (int64_t)nanos;
	return r;
}

static void put_text(FILE *f, const char *s, char end)
{
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"')
			fputc('"', f);
		fputc((unsigned char)*s < ' ' ? '?' : *s, f);
	}
	fputc('"', f);
	fputc(end, f);
}

static int print_proposal(const struct patterns_run *run, const struct weir_finding *f)
{
	weir_auto_buf struct weir_buf b = {0};
	int r = f->ended ? -ENODATA : weir_finding_propose(f, &b);

	if (!r)
		return fprintf(run->c->out, "---\n%s", (const char *)b.data) < 0 ? -EIO : 0;
	return r == -ENODATA || r == -EINVAL ? 0 : r;
}

static int print_finding(const struct weir_finding *f, void *arg)
{
	const struct patterns_run *run = arg;
	const struct weir_finding_subject *s = &f->subject;
	const char *const texts[] = {s->node, s->domain, s->namespace, s->name};
	FILE *out = run->c->out;
	char peer[64] = "";

	if (run->proposals)
		return print_proposal(run, f);
	fprintf(out, "%" PRIu64 ",%s,%s,", run->bucket_s + WEIR_PATTERN_BUCKET_S, f->ended ? "ended" : "began", weir_finding_kind_name(f->kind));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++)
		put_text(out, texts[i], ',');
	fprintf(out, "%s,", f->has_peer ? weir_prefix_text(&f->peer, peer) : "");
	put_text(out, f->peer_name, ',');
	fprintf(out, "%u,%u,%s,%" PRIu64 ",%" PRIu64 ",%.4f,%.10g,%.10g,%s,%.6f,%s,", f->port, f->proto, f->path, f->since_s, f->last_s,
		f->score, f->observed, f->expected, f->unit, (double)f->nanos_per_hour / 1e9, weir_finding_action_name(f->action));
	put_text(out, f->sentence, '\n');
	return ferror(out) ? -EIO : 0;
}

/* A line of the health file: time and who as in the other one, then counts of the bucket. */
static int add_health(struct patterns_run *run, const struct model_csv *in, struct weir_err *err)
{
	static const uint8_t counts[] = {WEIR_H_CONNECTIONS, WEIR_H_REFUSED, WEIR_H_TIMEOUTS, WEIR_H_FAILED};
	struct weir_pattern_health h = {0};
	uint64_t scope = 0;
	int r = find_who(run, in, &h.who, err);

	r = r ? r : number(in, H_SCOPE, WEIR_SCOPES - 1, &scope, err);
	h.scope = (uint8_t)scope;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(counts) && !r; i++)
		r = number(in, H_CONNECTIONS + i, 1ull << 56, &h.n[counts[i]], err);
	r = r ? r : run->hn == BUCKET_ROWS_MAX ? -E2BIG : weir_grow(&run->health, run->hn, &run->hcap, sizeof(h));
	if (!r)
		run->health[run->hn++] = h;
	return r;
}

/* Lines of the health file up to the bucket's end; a line that is of a later one stays for then. */
static int read_health(struct patterns_run *run, struct model_csv *in, struct weir_err *err)
{
	uint64_t t = 0;
	int r = 1;

	run->hn = 0;
	while (in->f && (run->pending || (r = model_csv_next(in, err)) > 0)) {
		run->pending = false;
		if (in->line == 1 && in->fields && !strcmp(in->field[0], "time"))
			continue;
		if (in->fields != HEALTH_FIELDS)
			return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": %zu fields, where %d are needed (weirctl help model patterns)",
					    in->name, in->line, in->fields, HEALTH_FIELDS);
		if ((r = number(in, F_TIME, 1ull << 34, &t, err)))
			return r;
		run->pending = t >= run->bucket_s + WEIR_PATTERN_BUCKET_S;
		if (run->pending)
			return 0;
		if (t >= run->bucket_s && (r = add_health(run, in, err)))
			return r;
	}
	return WEIR_MIN(r, 0);
}

static int close_bucket(struct patterns_run *run, struct model_csv *health, struct weir_err *err)
{
	int r = run->bucket_s ? read_health(run, health, err) : 0;

	if (!r && run->bucket_s)
		r = weir_patterns_window(run->p, run->bucket_s, run->rows, run->n, run->health, run->hn, print_finding, run);
	run->n = 0;
	return r;
}

static int add_line(struct patterns_run *run, const struct model_csv *in, struct model_csv *health, struct weir_err *err)
{
	struct weir_pattern_row row = {0};
	uint64_t t = 0, bucket_s;
	int r;

	if (in->fields != FLOW_FIELDS)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": %zu fields, where %d are needed (weirctl help model patterns)", in->name,
				    in->line, in->fields, FLOW_FIELDS);
	if ((r = number(in, F_TIME, 1ull << 34, &t, err)))
		return r;
	bucket_s = t / WEIR_PATTERN_BUCKET_S * WEIR_PATTERN_BUCKET_S;
	if (bucket_s < run->bucket_s || !bucket_s)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": time %" PRIu64 " is of an earlier bucket; sort the rows by time", in->name,
				    in->line, t);
	if (bucket_s > run->bucket_s) {
		if ((r = close_bucket(run, health, err)))
			return r;
		run->bucket_s = bucket_s;
	}
	if (run->n == BUCKET_ROWS_MAX)
		return weir_err_set(err, -E2BIG, "%s:%" PRIu64 ": more than %d rows in ten seconds", in->name, in->line, BUCKET_ROWS_MAX);
	r = parse_row(run, in, &row, err);
	r = r ? r : weir_grow(&run->rows, run->n, &run->cap, sizeof(row));
	if (!r)
		run->rows[run->n++] = row;
	return r;
}

static int print_table(const struct cli *c)
{
	const struct weir_pattern *t;

	for (unsigned int k = 0; (t = weir_pattern_at((enum weir_finding_kind)k)); k++) {
		fprintf(c->out, "%s: %s\n", t->name, t->sentence);
		for (const struct weir_pattern_param *p = t->params; p->name; p++)
			fprintf(c->out, "  %-12s %10g %-24s %s\n", p->name, p->value, p->unit, p->reason);
	}
	return ferror(c->out) ? -EIO : 0;
}

static int run_all(struct patterns_run *run, const char *health_path, struct weir_err *err)
{
	model_auto_csv in = {0}, health = {0};
	int r = model_csv_open(&in, "-", err);

	if (!r && health_path)
		r = model_csv_open(&health, health_path, err);
	if (r)
		return r;
	if (!run->proposals)
		fprintf(run->c->out, "time,state,kind,node,domain,namespace,workload,peer,peer_workload,port,protocol,path,since,last,score,observed,"
				     "expected,unit,cost_per_hour,action,sentence\n");
	while ((r = model_csv_next(&in, err)) > 0) {
		if (in.line == 1 && !strcmp(in.field[0], "time"))
			continue;
		if ((r = add_line(run, &in, &health, err)))
			return r;
	}
	return r ? r : close_bucket(run, &health, err);
}

int cmd_model_patterns(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(run_fini) struct patterns_run run = {.c = c};
	struct weir_patterns_opts o = {0};
	const char *health = NULL;
	bool table = false;
	const struct args_opt opts[] = {{"--health", ARGS_STR, &health}, {"--currency", ARGS_STR, &o.currency},
					{"--proposals", ARGS_FLAG, &run.proposals}, {"--table", ARGS_FLAG, &table}};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (r || table)
		return r ? r : print_table(c);
	if (o.currency && strlen(o.currency) > 8)
		return weir_err_set(err, -EINVAL, "--currency: at most 8 bytes, as in USD");
	if (health && !strcmp(health, "-"))
		return weir_err_set(err, -EINVAL, "--health: flows are standard input; name a file");
	for (unsigned int i = 0; i < WEIR_PATHS; i++)
		o.paths[i] = weir_path_name((enum weir_path)i);
	r = weir_patterns_new(&o, &run.p);
	r = r ? r : weir_map_new(&run.who);
	r = r ? r : weir_map_new(&run.by_name);
	return r ? r : run_all(&run, health, err);
}
