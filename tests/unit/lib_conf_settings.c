/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: defaults, the file over them, refusals, and the shipped file reading back the same. */
#include "lib/conf/settings.h"
#include "lib/os/file.h"
#include "tests/lib/test.h"

struct conf {
	char *name, *labels;
	char **interfaces;
	uint32_t rows, mode;
	bool deny;
	uint64_t length, max;
};

static const char *const modes[] = {"observe", "shadow", "enforce", NULL};

#define ROW(k, t, f, d)                                                                            \
	.key = k, .type = t, .offset = offsetof(struct conf, f), .def = d, .doc = "Doc."
static const struct weir_setting table[] = {
	{ROW("node.name", WEIR_SET_STR, name, "n \"1\"")},
	{ROW("identity.labels", WEIR_SET_STR, labels, "")},
	{ROW("bpf.interfaces", WEIR_SET_STRS, interfaces, "eth*, *en")},
	{ROW("bpf.rows", WEIR_SET_U32, rows, "100"), .min = 10, .max = 1000},
	{ROW("agent.mode", WEIR_SET_ENUM, mode, "shadow"), .names = modes},
	{ROW("agent.deny", WEIR_SET_BOOL, deny, "false")},
	{ROW("window.length", WEIR_SET_DURATION, length, "2s"), .min = 1000000000,
	 .max = 60000000000},
	{ROW("bpf.max", WEIR_SET_SIZE, max, "256MiB")},
};
#define N WEIR_ARRAY_SIZE(table)

/* Loads the text as a file; the message loses the directory. */
static int load(const char *text, struct conf *c, struct weir_err *err)
{
	char path[] = "/tmp/weir-settings-XXXXXX";
	weir_auto_close int fd = mkstemp(path);
	int r;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -EIO;
	r = weir_settings_load(table, N, path, c, err);
	unlink(path);
	if (r < 0)
		memmove(err->text, err->text + strlen(path), strlen(err->text + strlen(path)) + 1);
	return r;
}

TEST(defaults)
{
	struct conf c = {0};
	struct weir_err err = {0};

	CHECK(weir_settings_load(table, N, NULL, &c, &err) == 0, "%s", err.text);
	CHECK(!strcmp(c.name, "n \"1\""), "%s", c.name);
	CHECK(!strcmp(c.labels, ""), "%s", c.labels);
	CHECK(!strcmp(c.interfaces[0], "eth*") && !strcmp(c.interfaces[1], "*en"), "list");
	CHECK(c.interfaces[2] == NULL, "list end");
	CHECK(c.rows == 100 && c.mode == 1 && !c.deny, "%u %u", c.rows, c.mode);
	CHECK(c.length == 2000000000 && c.max == 268435456, "units");
	weir_settings_fini(table, N, &c);
	CHECK(!c.name && !c.interfaces, "fini leaves pointers");
}

TEST(file_over_defaults)
{
	struct conf c = {0};
	struct weir_err err = {0};

	CHECK(load("agent: {mode: enforce, deny: true}\nbpf:\n  interfaces: [lo]\n", &c, &err) == 0,
	      "%s", err.text);
	CHECK(c.mode == 2 && c.deny, "%u", c.mode);
	CHECK(c.interfaces && !strcmp(c.interfaces[0], "lo") && !c.interfaces[1], "list");
	CHECK(c.rows == 100, "default lost: %u", c.rows);
	weir_settings_fini(table, N, &c);
}

TEST(refusals)
{
	static const char *const rows[][2] = {
		{"agent: {mode: on}\n",
		 ":1:15 agent.mode: 'on' is none of observe, shadow, enforce"},
		{"bpf:\n  rows: 5\n", ":2:9 bpf.rows: 5 is not within 10 to 1000"},
		{"bpf:\n  max: 5\n", ":2:8 bpf.max: '5' has no unit; write a size such as 64MiB"},
		{"node:\n  nmae: x\n", ":2:3 node: unknown field 'nmae'; known: name"},
		{"nod: {}\n",
		 ":1:1 .: unknown field 'nod'; known: node, identity, bpf, agent, window"},
		{"node: x\n", ":1:7 node: must be a map of keys and values"},
		{"node:\n  name: ''\n", ":2:9 node.name: is empty"},
		{"window: {length: 2m}\n",
		 ":1:18 window.length: '2m' is out of range: 1000000000 to 60000000000 ns"},
		{"bpf: {interfaces: eth0}\n", ":1:19 bpf.interfaces: must be a list"},
		{"{}\n---\n{}\n", ":3:1 .: a second document; settings are one"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		struct conf c = {0};
		struct weir_err err = {0};
		int r = load(rows[i][0], &c, &err);

		CHECK(r == -EINVAL, "%s gave %d", rows[i][0], r);
		CHECK(!strcmp(err.text, rows[i][1]), "got '%s', want '%s'", err.text, rows[i][1]);
		CHECK(!c.name && !c.interfaces, "not released");
	}
}

TEST(absent_file_is_one_line)
{
	struct conf c = {0};
	struct weir_err err = {0};

	CHECK(weir_settings_load(table, N, "/nonexistent/x.yaml", &c, &err) == -ENOENT, "loaded");
	CHECK(!strcmp(err.text,
		      "/nonexistent/x.yaml:1:1 .: cannot read: No such file or directory"),
	      "%s", err.text);
}

TEST(printed_file_reads_back)
{
	weir_auto_free char *text = NULL;
	struct conf c = {0};
	struct weir_err err = {0};
	size_t len;
	FILE *f = open_memstream(&text, &len);

	CHECK(weir_settings_print(table, N, f) == 0, "print");
	fclose(f);
	CHECK(strstr(text, "bpf:\n  # Doc.\n  interfaces: [\"eth*\", \"*en\"]\n"), "%s", text);
	CHECK(load(text, &c, &err) == 0, "%s in:\n%s", err.text, text);
	CHECK(c.name && !strcmp(c.name, "n \"1\"") && c.max == 268435456, "values differ");
	weir_settings_fini(table, N, &c);
}

TEST_MAIN(T(defaults), T(file_over_defaults), T(refusals), T(absent_file_is_one_line),
	  T(printed_file_reads_back))
