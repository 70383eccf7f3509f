/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labelled worlds of flows as files, for tests/eval/patterns.py: flows --seed N > flows.csv, and flows --seed N
 * --health FILE --events FILE for what goes with it, in the layouts of weirctl model patterns; and without arguments how many rows a second the patterns take: 10,000 workloads of
 * 20 rows each, processor time, the best of five buckets behind a warm-up. Prints "name unit value at-most" (minus: at least).
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <time.h>

#include "lib/model/random.h"
#include "tests/lib/flow_world.h"

#define WORKLOADS 10000
#define ROWS ((size_t)20 * WORKLOADS)
#define ROUNDS 25

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* {"app":"web","x":"1"} as app=web;x=1 */
static void put_labels(FILE *f, const char *json)
{
	for (; *json; json++)
		if (*json == ',')
			fputc(';', f);
		else if (*json == ':')
			fputc('=', f);
		else if (*json != '{' && *json != '}' && *json != '"')
			fputc(*json, f);
}

static void put_who(FILE *f, uint64_t time_s, const struct weir_pattern_who *w)
{
	fprintf(f, "%" PRIu64 ",%s,%s,%s,%s,%s,", time_s, w->node, w->domain, w->namespace, w->name, w->team);
	put_labels(f, w->labels);
}

static void put_number(uint64_t n, char end)
{
	char text[24], *p = text + sizeof(text);

	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	fwrite_unlocked(p, 1, (size_t)(text + sizeof(text) - p), stdout);
	putchar_unlocked(end);
}

/* Of 10^7 of them: without printf. */
static void put_row(uint64_t time_s, const struct weir_pattern_row *r, const char *const paths[])
{
	const struct weir_pattern_who *peer = r->peer_who;
	char text[64];

	put_who(stdout, time_s, r->who);
	putchar_unlocked(',');
	fputs_unlocked(weir_addr_text(&r->peer, text), stdout);
	fputs_unlocked(r->is_public ? ",," : "," FLOW_WORLD_DOMAIN ",", stdout);
	if (peer) {
		fputs_unlocked(peer->namespace, stdout);
		putchar_unlocked('/');
		fputs_unlocked(peer->name, stdout);
	}
	fputs_unlocked(r->opened ? ",1," : ",0,", stdout);
	put_number(r->proto, ',');
	put_number(r->port, ',');
	fputs_unlocked(paths[r->path], stdout);
	fputs_unlocked(r->dir == WEIR_EGRESS ? ",egress," : ",ingress,", stdout);
	put_number(r->verdict, ',');
	put_number(r->bytes, ',');
	put_number(r->packets, ',');
	put_number((uint64_t)r->nanos, '\n');
}

static int write_world(uint64_t seed, FILE *health, FILE *events)
{
	const char *paths[WEIR_PATTERN_PATHS];
	const struct flow_event *e;
	struct flow_world *w;
	struct flow_bucket b;
	char text[64];
	size_t n;

	if (flow_world_new(seed, &w))
		return 1;
	flow_world_paths(paths);
	while (flow_world_next(w, &b)) {
		for (size_t i = 0; i < b.n && !health; i++)
			put_row(b.time_s, &b.rows[i], paths);
		for (size_t i = 0; i < b.hn && health; i++) {
			const uint64_t *c = b.health[i].n;

			put_who(health, b.time_s, b.health[i].who);
			fprintf(health, ",%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", b.health[i].scope, c[WEIR_H_CONNECTIONS],
				c[WEIR_H_REFUSED], c[WEIR_H_TIMEOUTS], c[WEIR_H_FAILED]);
		}
	}
	e = flow_world_events(w, &n);
	if (events)
		fprintf(events, "warm,%d\n", (int)FLOW_WORLD_WARM_S);
	for (size_t i = 0; i < n && events; i++)
		fprintf(events, "%s,%s,%s,%s,%u,%" PRIu64 ",%" PRIu64 ",%.4f\n", weir_finding_kind_name(e[i].kind), e[i].who.namespace,
			e[i].who.name, e[i].has_peer ? weir_addr_text(&e[i].peer, text) : "", e[i].port, e[i].from_s, e[i].to_s, e[i].strength);
	flow_world_free(w);
	return ferror(stdout) || (health && fclose(health)) || (events && fclose(events));
}

/* Each workload talks to six of its network and four of the internet, both ways. */
static void fill(struct weir_pattern_row *rows, const struct weir_pattern_who *who, uint64_t seed)
{
	struct weir_random r = weir_random_of(seed);

	for (size_t i = 0; i < ROWS; i++) {
		size_t me = i / 20, flow = i % 20 / 2;
		uint64_t bytes = 1000 + weir_random_below(&r, 100000);
		uint32_t peer = htonl(flow < 6 ? 0x0a000000 | (uint32_t)((me * 7 + flow * 131) % WORKLOADS) : 0x14000000 + (uint32_t)(me * 4 + flow));
		struct weir_addr a = {{[10] = 0xff, [11] = 0xff}};

		memcpy(a.b + 12, &peer, 4);
		rows[i] = (struct weir_pattern_row){.who = &who[me], .peer_who = flow < 6 ? &who[(me * 7 + flow * 131) % WORKLOADS] : NULL, .peer = a,
						    .has_peer = true, .is_public = flow >= 6, .opened = flow % 2, .proto = 6, .dir = i % 2,
						    .path = flow < 3 ? WORLD_SAME_ZONE : flow < 6 ? WORLD_CROSS_ZONE : WORLD_INTERNET,
						    .port = (uint16_t)(443 + flow % 3), .bytes = bytes, .packets = bytes / 700 + 1,
						    .nanos = (int64_t)bytes / 11};
	}
}

static int bench(void)
{
	weir_auto_free struct weir_pattern_row *rows = calloc(ROWS, sizeof(*rows));
	weir_auto_free struct weir_pattern_who *who = calloc(WORKLOADS, sizeof(*who));
	struct weir_patterns_opts o = {0};
	struct weir_patterns_stats s;
	struct weir_patterns *p;
	double best = INFINITY;

	flow_world_paths(o.paths);
	if (!rows || !who || weir_patterns_new(&o, &p))
		return 1;
	for (size_t i = 0; i < WORKLOADS; i++)
		who[i] = (struct weir_pattern_who){.id = (int64_t)i + 1, .node = "n", .domain = "d", .namespace = "shop", .name = "w", .team = "t",
						   .labels = i % 3 ? "{\"app\":\"web\"}" : "{\"app\":\"api\"}"};
	for (unsigned int i = 0; i < ROUNDS; i++) {
		double began;

		fill(rows, who, i);
		began = now_s();
		if (weir_patterns_window(p, FLOW_WORLD_START + (uint64_t)i * 10, rows, ROWS, NULL, 0, NULL, NULL))
			return 1;
		if (i >= ROUNDS - 5)
			best = fmin(best, now_s() - began);
	}
	weir_patterns_stats(p, &s);
	printf("pattern_rows_per_s_core rows/s %.0f -1000000\n", (double)ROWS / best);
	fprintf(stderr, "patterns: %d workloads, %zu rows a bucket in %.0f ms, %zu MB\n", WORKLOADS, ROWS, best * 1e3, s.bytes >> 20);
	weir_patterns_free(p);
	return 0;
}

int main(int argc, char **argv)
{
	FILE *health = NULL, *events = NULL;
	uint64_t seed = 0;

	if (argc == 1)
		return bench();
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--health"))
			health = fopen(argv[i + 1], "we");
		else if (!strcmp(argv[i], "--events"))
			events = fopen(argv[i + 1], "we");
	}
	if (!seed || !health != !events) {
		fprintf(stderr, "usage: flows [--seed N [--health FILE --events FILE]]\n");
		return 2;
	}
	return write_world(seed, health, events);
}
