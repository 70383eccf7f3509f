/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What watching 10,000 series costs: build/bench/watch BUILD fills a store (2,500 workloads, each on two paths, bytes and cost; 17 days of
 * hours, three hours of minutes, then minutes as they come, six rows each), starts on it, looks at one new minute after the other, and
 * forecasts all when an hour is over. Processor time of this thread, reading the store included. Prints "name unit value at-most".
 */
#include <math.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "aggregator/live_watch.h"
#include "lib/base/clock.h"
#include "tests/lib/stored.h"

#define SERIES 10000
#define WORKLOADS (SERIES / 4)
#define HOUR_S 1795500000ull /* where an hour ends */
#define BEGIN_S (HOUR_S - 600)
#define MINUTES 7
#define DAYS 17
#define FINE_S (3 * 3600)
#define PERCENT 20.0

/* By the hour of the day, with noise; each workload another size. */
#define VALUE "(w.id*977%%1000+50)*(20+abs(b/3600%%24-12))*%d+(b/60*7919+w.id*104729)%%1009*100"

static int fill_rows(const char *path, const char *table, uint64_t from_s, uint64_t to_s, unsigned int step_s)
{
	weir_auto_free char *of = NULL, *sql = NULL;

	of = weir_strf("WITH RECURSIVE at(b) AS (SELECT %llu UNION ALL SELECT b+%u FROM at WHERE b+%u<%llu),"
		       "v(b,id,node,path,bytes) AS (SELECT b,w.id,w.node,p.p," VALUE " FROM at JOIN workload w JOIN (SELECT 5 AS p UNION ALL SELECT 6) p "
		       "ORDER BY 1,3,2,4) ",
		       (unsigned long long)from_s, step_s, step_s, (unsigned long long)to_s, (int)step_s * 100);
	sql = of ? weir_strf("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;"
			     "%sINSERT INTO flow_%s SELECT b,node,id,0,0,path,6,443,1,1,1,bytes,bytes/1000 FROM v;"
			     "%sINSERT INTO ledger_%s SELECT b,id,path,'m','p',202611,bytes,bytes,bytes/12 FROM v; COMMIT",
			     of, table, of, table) : NULL;
	return sql ? stored_sql(path, sql) : -ENOMEM;
}

static int fill(const char *path)
{
	struct weir_err err = {{0}};
	weir_auto_free char *names = NULL;
	struct store *s = NULL;
	int r = store_open(path, &s, &err);

	store_close(s);
	names = weir_strf("INSERT INTO node(id,name) VALUES(1,'n1');"
			  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) INSERT INTO workload(id,node,domain,namespace,name,"
			  "kind,team,labels,cgroup) SELECT i,1,'d','space-'||(i%%100),'name-'||i,'service','team-'||(i%%30),'{}','/'||i FROM n",
			  WORKLOADS);
	r = r ? r : names ? stored_sql(path, names) : -ENOMEM;
	r = r ? r : fill_rows(path, "1h", HOUR_S - DAYS * 86400ull, HOUR_S - FINE_S, 3600);
	r = r ? r : fill_rows(path, "10s", HOUR_S - FINE_S, BEGIN_S, 60);
	r = r ? r : fill_rows(path, "10s", BEGIN_S, HOUR_S + 120, 10);
	r = r ? r : store_open(path, &s, &err);
	store_close(s);
	if (r)
		fprintf(stderr, "watch: the store: %s\n", *err.text ? err.text : strerror(-r));
	return r;
}

/* In a process of its own: what that takes is not the watch's memory. */
static int fill_elsewhere(const char *path)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(fill(path) != 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status ? 0 : -EIO;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static size_t forecasts(const struct live_view *v)
{
	size_t n = 0;

	for (size_t i = 0; v && i < v->count; i++)
		n += v->items[i].forecast;
	return n;
}

/* Milliseconds of processor time of one run at now_s, or -errno; hour: all are forecast in it. */
static double look(struct live_watch *w, uint64_t now_s, bool hour, size_t *ret_scored)
{
	struct live_told told = {0};
	struct weir_err err = {{0}};
	uint64_t began = weir_cpu_ns();
	double ms;
	int r;

	do {
		live_told_free(&told);
		r = live_watch_run(w, now_s, "USD", never, NULL, &told, &err);
	} while (!r && told.more);
	ms = (double)(weir_cpu_ns() - began) / 1e6;

	if (r)
		fprintf(stderr, "watch: %s\n", err.text);
	*ret_scored = told.scored;
	if (!r && (told.series != SERIES || (hour && forecasts(told.view) != SERIES)))
		r = -EPROTO;
	live_told_free(&told);
	return r ? r : ms;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int measure(struct live_watch *w)
{
	double minutes[MINUTES], start, hour, percent;
	struct rusage used;
	size_t scored;

	start = look(w, BEGIN_S + 10, true, &scored);
	if (start < 0)
		return (int)start;
	for (size_t i = 0; i < MINUTES; i++) {
		minutes[i] = look(w, BEGIN_S + (i + 1) * 60 + 10, false, &scored);
		if (minutes[i] < 0 || scored != SERIES)
			return -EPROTO;
	}
	hour = look(w, HOUR_S + 100, true, &scored);
	if (hour < 0)
		return (int)hour;
	qsort(minutes, MINUTES, sizeof(*minutes), by_size);
	getrusage(RUSAGE_SELF, &used);
	percent = (60 * minutes[MINUTES / 2] + hour) / 3.6e6 * 100;
	fprintf(stderr, "watch: the start, with %d days of hours and three hours of minutes: %.1f s\n", DAYS, start / 1e3);
	printf("live_minute_ms_10000_series ms %.0f 12000\n", minutes[MINUTES / 2]);
	printf("live_hour_s_10000_series s %.1f 600\n", hour / 1e3);
	printf("live_core_percent_10000_series %% %.2f %g\n", percent, PERCENT);
	printf("live_rss_mb_10000_series MB %.0f 800\n", (double)used.ru_maxrss / 1024);
	return 0;
}

int main(int argc, char **argv)
{
	weir_auto_free char *dir = argc == 2 ? weir_strf("%s/bench.watch.XXXXXX", argv[1]) : NULL, *path = NULL, *gone = NULL;
	struct live_watch_opts opts = {.series_max = SERIES};
	struct live_watch *w = NULL;
	struct weir_err err = {{0}};
	int r;

	if (!dir || !mkdtemp(dir) || !(path = weir_strf("%s/weir.db", dir)) || !(gone = weir_strf("rm -rf '%s'", dir)))
		return 1;
	opts.store_path = path;
	r = fill_elsewhere(path);
	r = r ? r : live_watch_new(&opts, &w, &err);
	r = r ? r : measure(w);
	live_watch_free(w);
	if (r)
		fprintf(stderr, "watch: %s\n", *err.text ? err.text : strerror(-r));
	return system(gone) || r ? 1 : 0;
}
