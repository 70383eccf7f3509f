/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config.h"
#include "agent/probe.h"
#include "lib/os/file.h"
#include "tests/lib/test.h"

static int load(const char *text, struct config *c, struct weir_err *err)
{
	char path[] = "/tmp/weir-config-XXXXXX";
	int fd = mkstemp(path), r;

	*err = (struct weir_err){0};
	if (fd < 0)
		return -errno;
	close(fd);
	r = weir_file_write(path, text, strlen(text), 0600);
	if (r == 0)
		r = config_load(path, c, err);
	unlink(path);
	return r;
}

TEST(defaults_are_complete)
{
	struct config c = {0};
	struct weir_err err;

	CHECK(load("node: {name: n1}\n", &c, &err) == 0, "%s", err.text);
	CHECK(!strcmp(c.name, "n1") && c.window_ns == 2000000000ull, "%s", c.name);
	CHECK(c.mode == 0, "the default mode must be observe, is %u", c.mode);
	CHECK(c.lease_ns == 0, "by default enforcement ends by itself");
	CHECK(c.hooks == (PROBE_CGROUP | PROBE_OBSERVER), "hooks %u", c.hooks);
	CHECK(c.key_count == 0 && !c.default_deny, "%zu", c.key_count);
	config_fini(&c);
}

TEST(mistakes_are_one_line_with_their_place)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"bpf: {flow_rows: 1000}\n", ":1:18 bpf.flow_rows: 1000 is not a power of two"},
		{"node: {nam: x}\n", ":1:8 node: unknown field 'nam'"},
		{"trust:\n  approvers: [x]\n", ":2:14 trust.approvers: \"x\" is no key"},
		{"node: {address: here}\n", ":1:17 node.address: \"here\" is no IP address"},
		{"agent: {state_dir: here}\n", ":1:20 agent.state_dir: want an absolute path"},
		{"spool: {max: 1MiB}\n", "spool.segment: at most a quarter of spool.max"},
		{"bpf: {hooks: [cgroup, tc]}\n", ":1:14 bpf.hooks: \"tc\" is no hook; want cgroup, observer, gateway, xdp"},
		{"bpf: {hooks: []}\n", "bpf.hooks: with no hook at all nothing is counted"},
		{"agent: {mode: on}\n", ":1:15 agent.mode"},
		{"agent: {lease: 5s}\n", ":1:16 agent.lease: want 0 or at least 3 times window.length"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config c = {0};
		struct weir_err err;

		CHECK(load(cases[i].text, &c, &err) == -EINVAL, "taken: %s", cases[i].text);
		CHECK(strstr(err.text, cases[i].want), "%s: %s", cases[i].text, err.text);
		CHECK(!strchr(err.text, '\n'), "more than a line: %s", err.text);
	}
}

TEST(printed_settings_load)
{
	weir_auto_free char *text = NULL;
	struct config c = {0};
	struct weir_err err;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	CHECK(config_print(f) == 0, "print");
	fclose(f);
	CHECK(load(text, &c, &err) == 0, "%s", err.text);
	config_fini(&c);
}

TEST(revoked_approvers_do_not_count)
{
	static const uint8_t keys[3][WEIR_KEY_LEN] = {{1}, {2}, {3}};
	char path[] = "/tmp/weir-revoked-XXXXXX", t[3][56];
	weir_auto_free char *text = NULL;
	struct weir_revoked *list = NULL;
	struct config c = {0};
	struct weir_err err;

	CHECK(mkstemp(path) >= 0);
	text = weir_strf("trust: {approvers: [\"%s\", \"%s\", \"%s\"], threshold: 2}\n", weir_pub_text(keys[0], t[0]),
			 weir_pub_text(keys[1], t[1]), weir_pub_text(keys[2], t[2]));
	CHECK(load(text, &c, &err) == 0 && c.key_count == 3, "%s", err.text);
	CHECK(!weir_file_write(path, t[0], strlen(t[0]), 0600) && !weir_revoked_load(path, &list, &err), "%s", err.text);
	config_revoke(&c, list);
	CHECK(c.key_count == 2 && c.keys[0][0] != 1 && c.keys[1][0] != 1, "%zu", c.key_count);
	config_revoke(&c, NULL);
	CHECK(c.key_count == 3, "the list may become shorter: %zu", c.key_count);
	weir_revoked_free(list);
	unlink(path);
	config_fini(&c);
}

TEST_MAIN(T(defaults_are_complete), T(mistakes_are_one_line_with_their_place), T(printed_settings_load),
	  T(revoked_approvers_do_not_count))
