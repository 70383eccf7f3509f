/* SPDX-License-Identifier: Apache-2.0 */
/* Imported topologies give the paths that tests/import/cases says, and what has no place is told. */
#include "lib/money/import.h"
#include "lib/os/file.h"
#include "tests/lib/test.h"
#include "tests/lib/topology_cases.h"

#define FOLDER "tests/import/"
#define FILES_MAX 16
#define NOTES_MAX 64

struct notes {
	char *lines[NOTES_MAX];
	size_t n;
};

static void on_note(const char *line, void *arg)
{
	struct notes *n = arg;

	if (n->n < NOTES_MAX)
		n->lines[n->n++] = strdup(line);
}

static void notes_free(struct notes *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->lines[i]);
	n->n = 0;
}

static bool noted(const struct notes *n, const char *text)
{
	for (size_t i = 0; i < n->n; i++)
		if (strstr(n->lines[i], text))
			return true;
	return false;
}

/* words: "aws a.json b.json"; backwards = the files in the other order. */
static int import(const char *words, bool backwards, struct notes *notes, char **ret, struct weir_err *err)
{
	weir_auto_free char *copy = strdup(words);
	char *files[FILES_MAX], *save = NULL, *word = strtok_r(copy, " ", &save);
	enum weir_import_from from = WEIR_IMPORT_TERRAFORM;
	struct weir_import *m = NULL;
	size_t n = 0;
	int r;

	while (strcmp(weir_import_from_name(from), word))
		from++;
	while ((word = strtok_r(NULL, " ", &save)) && n < FILES_MAX)
		files[n++] = word;
	r = weir_import_new(from, on_note, notes, &m);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *name = files[backwards ? n - 1 - i : i];
		weir_auto_free char *path = weir_strf(FOLDER "%s", name), *data = NULL;
		size_t len;

		r = weir_file_read(path, WEIR_IMPORT_MAX, &data, &len);
		if (r == 0)
			r = weir_import_add(m, name, data, len, err);
	}
	if (r == 0)
		r = weir_import_write(m, ret, err);
	weir_import_free(m);
	return r;
}

/* One section: the rest of the %import line, and its rows. */
static int check_section(char *section, int *count, int *failed, struct weir_err *err)
{
	char *rows = strchr(section, '\n');
	weir_auto_free char *text = NULL;
	struct cases c = {.time_s = CASES_NOW_S};
	struct notes notes = {0};
	int r;

	*rows++ = 0;
	c.file = section;
	r = import(section, false, &notes, &text, err);
	notes_free(&notes);
	if (r == 0)
		r = topology_fixture_load(&c.world, text, "imported", err);
	if (r == 0) /* what AWS and Azure publish of these services */
		r = topology_fixture_add(&c.world, "apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: r}\n"
						   "spec:\n  ranges:\n"
						   "  - {prefix: 52.216.0.0/15, service: aws/s3, region: us-east-1}\n"
						   "  - {prefix: 20.150.8.0/23, service: azure/storage, region: westeurope}\n",
					 "ranges", err);
	if (r == 0)
		r = weir_topology_seal(c.world.topology, err);
	if (r == 0)
		r = read_rows(&c, rows, err);
	topology_fixture_free(&c.world);
	*count += c.count;
	*failed += c.failed;
	return r;
}

TEST(imported_topologies_give_the_paths)
{
	weir_auto_free char *data = NULL;
	int count = 0, failed = 0;
	size_t len;
	char *next;

	CHECK(weir_file_read(FOLDER "cases", 1u << 20, &data, &len) == 0, "no " FOLDER "cases");
	next = data ? strstr(data, "\n%import ") : NULL;
	while (next) {
		char *section = next + strlen("\n%import ");
		struct weir_err err = {0};
		int r;

		next = strstr(section, "\n%import ");
		if (next)
			*next = 0;
		r = check_section(section, &count, &failed, &err);
		CHECK(r == 0, "%s: %s", section, err.text);
	}
	CHECK(failed == 0, "%d of %d", failed, count);
	CHECK(count >= 40, "%d cases", count);
}

#define AWS_FILES                                                                                          \
	"aws aws-target-health-bus-pods.json aws-network-interfaces.json aws-subnets.json aws-vpcs.json "  \
	"aws-route-tables.json aws-load-balancers.json aws-gateways.json aws-target-groups.json "          \
	"aws-target-health-web-pods.json"

TEST(the_order_of_files_does_not_matter)
{
	static const char *const sets[] = {AWS_FILES, "azure azure-rest.json azure-vnets.json"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(sets); i++) {
		weir_auto_free char *one = NULL, *other = NULL;
		struct notes notes = {0};
		struct weir_err err = {0};

		CHECK(import(sets[i], false, &notes, &one, &err) == 0, "%s", err.text);
		CHECK(import(sets[i], true, &notes, &other, &err) == 0, "%s", err.text);
		CHECK(one && other && !strcmp(one, other), "%s", sets[i]);
		notes_free(&notes);
	}
}

TEST(what_has_no_place_is_told)
{
	static const struct {
		const char *files, *says[10];
	} rows[] = {
		{AWS_FILES,
		 {"tgw-attach-v: transit gateway attachment of kind vpn", "nothing known of CustomerGateways",
		  "target i-0gone is not in the input", "subnet subnet-lost: its network is not in the input",
		  "network vpc-0e: none of its subnets", "the network behind peering pcx-far is not in the input",
		  "what 'eni-fw' does is not known", "load balancer quiet: its address in subnet subnet-edge-a",
		  "load balancer quiet: no targets", "vgw-1 is taken for a VPN's"}},
		{"terraform terraform-aws.json", {"aws_dx_connection.office", "aws_vpc_ipam.i", "load balancer game: its address"}},
		{"terraform terraform-azure.json", {"azurerm_firewall.f"}},
		{"terraform terraform-google.json",
		 {"google_compute_vpn_tunnel.t", "subnet pods-us-east1: its zone is not known", "what 'ilb' does",
		  "load balancer web: no targets"}},
		{"azure azure-rest.json azure-vnets.json",
		 {"azureFirewalls/fw: resources of this type", "what a virtual appliance does", "service tags are not placed",
		  "peering /subscriptions/0000-1111"}},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		weir_auto_free char *text = NULL;
		struct notes notes = {0};
		struct weir_err err = {0};

		CHECK(import(rows[i].files, false, &notes, &text, &err) == 0, "%s", err.text);
		for (size_t k = 0; k < 10 && rows[i].says[k]; k++)
			CHECK(noted(&notes, rows[i].says[k]), "%s: not said: %s", rows[i].files, rows[i].says[k]);
		CHECK(!noted(&notes, "aws_iam_role"), "IAM is no network");
		notes_free(&notes);
	}
}

TEST(refusals_are_one_line)
{
	static const char *const rows[][2] = {
		{"terraform not-terraform.json", "not-terraform.json: not what terraform show -json prints"},
		{"aws not-terraform.json", "no network in these files"},
		{"azure not-terraform.json", "not-terraform.json: not what az network ... list prints"},
		{"aws cases", "cases:1:1 .: '[' or '{' expected near '#'"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		weir_auto_free char *text = NULL;
		struct notes notes = {0};
		struct weir_err err = {0};

		CHECK(import(rows[i][0], false, &notes, &text, &err) < 0, "%s", rows[i][0]);
		CHECK(!strcmp(err.text, rows[i][1]), "got '%s', want '%s'", err.text, rows[i][1]);
		notes_free(&notes);
	}
}

TEST_MAIN(T(imported_topologies_give_the_paths), T(the_order_of_files_does_not_matter), T(what_has_no_place_is_told),
	  T(refusals_are_one_line))
