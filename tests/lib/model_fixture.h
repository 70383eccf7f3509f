/* SPDX-License-Identifier: Apache-2.0 */
/* Series with a day and a week, models of them, and a shelf in a directory of its own. */
#ifndef WEIR_TEST_MODEL_FIXTURE_H
#define WEIR_TEST_MODEL_FIXTURE_H

#include <dirent.h>
#include <math.h>

#include "lib/model/random.h"
#include "lib/model/shelf.h"
#include "lib/os/file.h"

#define MODEL_START_S 1790000000
#define MODEL_HOUR_S 3600

/* Hourly traffic: a day, a week, and noise in proportion. */
static inline struct weir_series model_series(const char *id, size_t n, double noise, struct weir_random *r)
{
	struct weir_series s;
	double level = exp(3 + 3 * weir_random_unit(r)), phase = 24 * weir_random_unit(r);

	if (weir_series_init(&s, id, n))
		abort();
	s.start_s = MODEL_START_S;
	s.step_s = MODEL_HOUR_S;
	for (size_t t = 0; t < n; t++)
		s.v[t] = level * (2 + sin(2 * M_PI * ((double)t + phase) / 24) - 0.7 * (t / 24 % 7 >= 5) + noise * weir_random_normal(r));
	return s;
}

struct model_set {
	struct weir_series series[64];
	struct weir_model_data data;
	const char *label[3 * 64];
};

/* At most 64 series, named s0, s1, ...; labels: teams of eight, two zones, sizes in turn. */
static inline void model_set_init(struct model_set *s, size_t count, size_t n, double noise, uint64_t seed)
{
	static const char *const teams[] = {"shop", "pay", "search", "ads", "mail", "ops", "data", "web"}, *const sizes[] = {"small", "large"};
	struct weir_random r = weir_random_of(seed);

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < count; i++) {
		char id[32];

		snprintf(id, sizeof(id), "s%zu", i);
		s->series[i] = model_series(id, n, noise, &r);
		s->label[3 * i] = teams[i / 8];
		s->label[3 * i + 1] = i % 2 ? "a" : "b";
		s->label[3 * i + 2] = sizes[i / 3 % 2];
	}
	s->data = (struct weir_model_data){.series = s->series, .count = count, .calendar = {.season = {24, 168}, .seasons = 2}};
}

static inline void model_set_fini(struct model_set *s)
{
	for (size_t i = 0; i < s->data.count; i++)
		weir_series_fini(&s->series[i]);
}
#define auto_model_set weir_cleanup(model_set_fini) struct model_set

struct shelf_dir {
	char path[64];
	char notes[4096]; /* lines of what was passed over */
	unsigned int noted;
};

static inline void shelf_dir_note(const char *line, void *arg)
{
	struct shelf_dir *d = arg;
	size_t used = strlen(d->notes);

	d->noted++;
	snprintf(d->notes + used, sizeof(d->notes) - used, "%s\n", line);
}

static inline struct shelf_dir shelf_dir_new(void)
{
	struct shelf_dir d = {0};

	/* In memory where that is: each offer is synced twice. */
	snprintf(d.path, sizeof(d.path), "%s/weir-shelf-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(d.path))
		abort();
	return d;
}

/* Files of a use whose name contains `part`; the last one's path in ret. */
static inline size_t shelf_dir_files(const struct shelf_dir *d, const char *use, const char *part, char ret[512])
{
	char path[128];
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", d->path, use);
	dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && strstr(e->d_name, part)) {
			snprintf(ret, 512, "%s/%s", path, e->d_name);
			n++;
		}
	if (dir)
		closedir(dir);
	return n;
}

static inline void shelf_dir_fini(struct shelf_dir *d)
{
	weir_auto_free char *command = weir_strf("rm -rf %s", d->path);

	if (!strstr(d->path, "/weir-shelf-") || system(command))
		abort();
}
#define auto_shelf_dir weir_cleanup(shelf_dir_fini) struct shelf_dir

static inline struct weir_shelf *shelf_of(struct shelf_dir *d)
{
	struct weir_shelf *s = NULL;
	struct weir_err err = {{0}};

	if (weir_shelf_open(d->path, shelf_dir_note, d, &s, &err)) {
		printf("# %s\n", err.text);
		abort();
	}
	return s;
}

#endif
