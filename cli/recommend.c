/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl recommend: what could be saved, by replay of recorded traffic. */
#include "cli/recommend.h"

#include <inttypes.h>

#include "cli/cli.h"
#include "cli/recorded.h"
#include "cli/topology_source.h"

#define HOUR_S 3600u
#define SINCE_S (30ull * 86400)
#define FLOOR_NANOS 1000000000ll /* a month: less is not worth a review */

static void recommend_fini(struct recommend *r)
{
	weir_savings_free(r->savings);
	weir_traffic_free(r->traffic);
	if (r->repo) {
		weir_repo_free(r->repo);
		return;
	}
	weir_topology_free(r->topology);
	weir_pricebook_free(r->prices);
}

static void on_note(const char *line, void *arg)
{
	struct recommend *r = arg;

	r->notes++;
	fprintf(stderr, "%s\n", line);
}

static int load_world(struct recommend *r, struct weir_err *err)
{
	int e;

	if (!r->topology_path) {
		e = weir_repo_load(r->dir ? r->dir : PRICES_REPOSITORY, &r->repo, err, NULL, NULL);
		if (!e) {
			r->topology = r->repo->topology;
			r->prices = r->repo->prices;
		}
		return e;
	}
	e = topology_source_load(r->topology_path, r->ranges, on_note, r, &r->topology, err);
	return e ? e : prices_load(r->prices_path ? r->prices_path : r->dir, &r->prices, prices_complain, NULL);
}

static int put_row(const struct weir_traffic *t, void *arg)
{
	return weir_traffic_add(arg, t);
}

static int load_traffic(struct recommend *r, struct weir_err *err)
{
	uint64_t to_s = r->c->now_s - r->c->now_s % HOUR_S, from_s = r->landed_s ? r->landed_s : to_s - WEIR_MIN(r->since_s, to_s);
	uint64_t rows;
	int e = weir_traffic_new(&r->traffic);

	for (size_t i = 0; !e && r->traffic_files[i]; i++)
		e = weir_traffic_read(r->traffic, r->traffic_files[i], err);
	if (!e && !r->traffic_files[0])
		e = recorded_fetch(r->c, from_s, to_s, put_row, r->traffic, &rows, err);
	if (!e && !weir_traffic_count(r->traffic))
		return weir_err_set(err, -ENODATA, "no traffic is recorded in that time");
	return e ? weir_err_set(err, e, "traffic: %s", strerror(-e)) : 0;
}

/* "1", "0.5" of the currency. */
static int read_amount(const char *text, int64_t *ret, struct weir_err *err)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !(v >= 0) || v > 1e9)
		return weir_err_set(err, -EINVAL, "--min: '%.60s' is no amount", text);
	*ret = (int64_t)(v * 1e9);
	return 0;
}

struct weir_savings_in recommend_in(const struct recommend *r)
{
	return (struct weir_savings_in){.topology = r->topology, .book = r->prices, .traffic = r->traffic,
					.window_h = (uint32_t)(r->window_s / HOUR_S)};
}

static int check(const struct recommend *r, struct weir_err *err)
{
	if (r->prices_path && !r->topology_path)
		return weir_err_set(err, -EINVAL, "--prices needs --topology; a policy repository with both is --dir");
	if (r->save && !r->show)
		return weir_err_set(err, -EINVAL, "--save needs --show ID: which one is kept");
	if (!r->realised != !r->landed_s || (r->realised && r->show))
		return weir_err_set(err, -EINVAL, "--realised FILE and --landed DATE go together, without --show");
	if (r->since_s < HOUR_S || (r->window_s && r->window_s < HOUR_S))
		return weir_err_set(err, -EINVAL, "--since and --window are at least an hour");
	return 0;
}

static void on_progress(size_t replays, void *arg)
{
	(void)arg;
	if (replays % 50 == 0)
		fprintf(stderr, "\r%zu replays\033[K", replays);
}

static int recommend(struct recommend *r, int64_t floor, struct weir_err *err)
{
	struct weir_savings_in in;
	int e = load_world(r, err);

	if (!e)
		e = load_traffic(r, err);
	if (e)
		return e;
	if (r->realised)
		return recommend_realised(r, err);
	in = recommend_in(r);
	in.floor_nanos = floor;
	if (!r->c->json && isatty(STDERR_FILENO))
		in.progress = on_progress;
	e = weir_savings_new(&in, &r->savings, err);
	if (!e)
		e = weir_savings_choose(r->savings, err);
	if (in.progress)
		fputs("\r\033[K", stderr);
	if (!e && r->save)
		e = recommend_save(r, err);
	if (e)
		return e;
	return r->show ? recommend_show(r, err) : recommend_list(r, err);
}

int cmd_recommend(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(recommend_fini) struct recommend r = {.c = c, .since_s = SINCE_S};
	int64_t floor = FLOOR_NANOS;
	const struct args_opt opts[] = {
		{"--traffic", ARGS_LIST, r.traffic_files}, {"--since", ARGS_DURATION, &r.since_s}, {"--dir", ARGS_STR, &r.dir},
		{"--topology", ARGS_STR, &r.topology_path}, {"--prices", ARGS_STR, &r.prices_path}, {"--ranges", ARGS_LIST, r.ranges},
		{"--window", ARGS_DURATION, &r.window_s}, {"--min", ARGS_STR, &r.min}, {"--all", ARGS_FLAG, &r.all},
		{"--show", ARGS_STR, &r.show}, {"--save", ARGS_STR, &r.save}, {"--realised", ARGS_STR, &r.realised},
		{"--landed", ARGS_TIME, &r.landed_s},
	};
	int e = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!e)
		e = check(&r, err);
	if (!e && r.min)
		e = read_amount(r.min, &floor, err);
	return e ? e : recommend(&r, floor, err);
}
