/* SPDX-License-Identifier: Apache-2.0 */
/* build/bench/bench [--json FILE] [NAME...]: runs the cases named (shell patterns), or all. */
#include <fnmatch.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <net/if.h>

#include "tests/bench/world.h"

static int lo_up(void)
{
	weir_auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};

	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &req) ? -errno : 0;
}

/* A network namespace of its own, and one CPU, so that caches stay. */
static int isolate(void)
{
	cpu_set_t cpus;
	int r;

	if (unshare(CLONE_NEWNET))
		return -errno;
	if ((r = lo_up()))
		return r;
	CPU_ZERO(&cpus);
	CPU_SET((int)sysconf(_SC_NPROCESSORS_ONLN) - 1, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}

static bool wanted(const char *name, char *const *patterns, int n)
{
	for (int i = 0; i < n; i++)
		if (!fnmatch(patterns[i], name, 0))
			return true;
	return n == 0;
}

static void json_number(FILE *f, const char *key, double v)
{
	if (isnan(v))
		fprintf(f, ", \"%s\": null", key);
	else
		fprintf(f, ", \"%s\": %.3f", key, v);
}

static void report(FILE *json, bool first, const struct bench_case *c, const struct bench_result *r)
{
	double ratio = isnan(r->baseline) || r->baseline <= 0 ? NAN : r->value / r->baseline;

	printf("%-40s %12.3f %-8s at most %-8g %s", c->name, r->value, c->unit, c->at_most,
	       r->value <= c->at_most ? "ok  " : "OVER");
	if (c->beside && !isnan(r->baseline))
		printf("  beside %.3f (%s)", r->baseline, c->beside);
	printf("\n");
	fflush(stdout);
	if (!json)
		return;
	fprintf(json, "%s\n  {\"name\": \"%s\", \"unit\": \"%s\"", first ? "" : ",", c->name, c->unit);
	json_number(json, "value", r->value);
	json_number(json, "baseline", r->baseline);
	json_number(json, "ratio", ratio);
	fprintf(json, "}");
}

static int run_all(FILE *json, char *const *patterns, int n)
{
	struct bench b = {.world = NULL};
	int failed = 0, done = 0;

	for (size_t i = 0; i < bench_case_count; i++) {
		const struct bench_case *c = &bench_cases[i];
		struct bench_result result = {.baseline = NAN};
		int r;

		if (!wanted(c->name, patterns, n) || (isnan(c->at_most) && !n))
			continue;
		b.err = (struct weir_err){{0}};
		r = c->run(&b, c, &result);
		if (!r && isnan(c->at_most))
			printf("%s: done\n", c->name);
		else if (!r)
			report(json, !done++, c, &result);
		else if (r == BENCH_SKIP)
			printf("skip %s: %s\n", c->name, b.err.text);
		else
			printf("FAIL %s: %s\n", c->name, *b.err.text ? b.err.text : strerror(-r));
		failed += r < 0;
		fflush(stdout);
	}
	world_close(&b.world);
	return failed ? -EIO : 0;
}

int main(int argc, char **argv)
{
	weir_auto_fclose FILE *json = NULL;
	int first = 1, r;

	if (argc > 2 && !strcmp(argv[1], "--json")) {
		first = 3;
		if (!(json = fopen(argv[2], "we"))) {
			fprintf(stderr, "bench: %s: %s\n", argv[2], strerror(errno));
			return 1;
		}
		fputc('[', json);
	}
	if ((r = isolate())) {
		fprintf(stderr, "bench: an own network namespace: %s; run as root\n", strerror(-r));
		return 1;
	}
	r = run_all(json, argv + first, argc - first);
	if (json)
		fputs("\n]\n", json);
	return r != 0;
}
