/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labelled topologies, tests/topology/\*.cases: for each row the path and the meters that a byte must pass,
 * out and in. aws.cases says how a row is written. One line is printed per case.
 */
#include <dirent.h>

#include "lib/os/file.h"
#include "tests/lib/test.h"
#include "tests/lib/topology_cases.h"

#define FOLDER "tests/topology"
#define CASES_MIN 45

static int read_file(const char *name, int *count, int *failed, struct weir_err *err)
{
	weir_auto_free char *path = weir_strf(FOLDER "/%s", name), *data = NULL;
	struct cases c = {.file = name, .time_s = CASES_NOW_S};
	size_t len;
	char *rows;
	int r = weir_file_read(path, 1u << 20, &data, &len);

	rows = r < 0 ? NULL : strstr(data, "\n%%\n");
	if (!rows)
		return weir_err_set(err, -EINVAL, "%s: no line %%%%", name);
	*rows = 0;
	r = topology_fixture_load(&c.world, data, name, err);
	if (r == 0)
		r = read_rows(&c, rows + 4, err);
	topology_fixture_free(&c.world);
	*count += c.count;
	*failed += c.failed;
	return r;
}

TEST(every_case_has_its_path_and_meters)
{
	weir_auto_close int fd = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weir_auto_strv char **names = NULL;
	int count = 0, failed = 0;

	CHECK(fd >= 0 && weir_dir_list(fd, ".cases", 100, &names) == 0, "no " FOLDER);
	for (size_t i = 0; names && names[i]; i++) {
		struct weir_err err = {0};

		CHECK(read_file(names[i], &count, &failed, &err) == 0, "%s", err.text);
	}
	CHECK(failed == 0, "%d of %d cases", failed, count);
	CHECK(count >= CASES_MIN, "%d cases", count);
	printf("# %d cases\n", count);
}

struct table {
	struct weir_lpm *lpm;
	struct weir_route *routes;
	struct weir_prefix *prefixes;
	size_t n, m;
};

static int collect(const struct weir_prefix *p, const struct weir_route *r, void *arg)
{
	struct table *t = arg;

	t->routes = reallocarray(t->routes, t->n + 1, sizeof(*t->routes));
	t->prefixes = reallocarray(t->prefixes, t->n + 1, sizeof(*t->prefixes));
	t->routes[t->n] = *r;
	t->prefixes[t->n] = *p;
	return weir_lpm_put(t->lpm, p, (uint32_t)t->n++);
}

/* All that the agents' tables are made of. */
static bool same_route(const struct weir_route *a, const struct weir_route *b)
{
	return a->path == b->path && a->cross_zone_hop == b->cross_zone_hop && !strcmp(a->service, b->service) &&
	       !strcmp(a->region, b->region) && !strcmp(a->zone, b->zone) && !strcmp(a->peer_domain, b->peer_domain);
}

static void random_bits(struct weir_addr *a, unsigned int from)
{
	for (unsigned int bit = from; bit < 128; bit++)
		if (rand() & 1)
			a->b[bit / 8] ^= (uint8_t)(0x80 >> (bit % 8));
}

/* A local address of the class's subnet: by trying. */
static bool find_local(const struct weir_topology *t, const struct table *tab, const char *class, char *domain,
		       struct weir_addr *ret)
{
	const char *slash = strrchr(class, '/');

	snprintf(domain, 128, "%.*s", (int)(slash - class), class);
	for (int i = 0; i < 5000; i++) {
		const struct weir_prefix *p = &tab->prefixes[(size_t)rand() % tab->n];
		const struct weir_subnet *s;

		*ret = p->addr;
		random_bits(ret, p->len);
		s = weir_topology_subnet(t, domain, ret);
		if (s && !strcmp(s->name, slash + 1))
			return true;
	}
	return false;
}

static int compare_class(const struct weir_topology *t, const char *class, int *compared)
{
	struct table tab = {0};
	int differ = 0;

	if (weir_lpm_new(&tab.lpm) < 0 || weir_topology_each(t, class, collect, &tab) < 0)
		return -1;
	for (int i = 0; i < 400; i++) {
		struct weir_addr local, peer;
		struct weir_route r;
		char domain[128];

		if (!find_local(t, &tab, class, domain, &local))
			break;
		for (int k = 0; k < 20; k++) {
			const struct weir_prefix *p = &tab.prefixes[(size_t)rand() % tab.n];
			uint32_t row;

			peer = p->addr;
			random_bits(&peer, p->len);
			if (!memcmp(&peer, &local, sizeof(peer)))
				continue;
			weir_topology_route(t, domain, &local, &peer, &r);
			row = weir_lpm_find(tab.lpm, &peer);
			++*compared;
			differ += row == WEIR_LPM_NONE || !same_route(&r, &tab.routes[row]);
		}
	}
	weir_lpm_free(tab.lpm);
	free(tab.routes);
	free(tab.prefixes);
	return differ;
}

TEST(agents_tables_agree_with_lookups)
{
	static const char *const files[] = {"aws.cases", "aws-versions.cases", "azure.cases", "gcp.cases"};
	unsigned int seed = (unsigned int)getpid();

	printf("# seed %u\n", seed);
	srand(seed);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(files); i++) {
		weir_auto_free char *path = weir_strf(FOLDER "/%s", files[i]), *data = NULL;
		struct topology_fixture world = {0};
		struct weir_err err = {0};
		size_t len;

		CHECK(weir_file_read(path, 1u << 20, &data, &len) == 0, "%s", path);
		*strstr(data, "\n%%\n") = 0;
		CHECK(topology_fixture_load(&world, data, files[i], &err) == 0, "%s", err.text);
		for (size_t k = 0; k < weir_topology_class_count(world.topology); k++) {
			const char *class = weir_topology_class(world.topology, k);
			int compared = 0, differ = compare_class(world.topology, class, &compared);

			CHECK(differ == 0, "%s: %d lookups differ", class, differ);
			CHECK(compared > 1000, "%s: only %d lookups", class, compared);
		}
		topology_fixture_free(&world);
	}
}

TEST_MAIN(T(every_case_has_its_path_and_meters), T(agents_tables_agree_with_lookups))
