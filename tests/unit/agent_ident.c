/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "agent/ident.h"
#include "agent/ident_path.h"
#include "lib/os/file.h"
#include "tests/lib/test.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID "11111111-2222-3333-4444-55555555abcd"
#define UID_ "11111111_2222_3333_4444_55555555abcd"
#define STATIC "0123456789abcdef0123456789abcdef"

TEST(paths)
{
	static const struct {
		const char *path, *kind, *name, *container, *uid;
	} cases[] = {
		{"/", "group", "/", "", ""},
		{"/my/own/group", "group", "/my/own/group", "", ""},
		{"/system.slice/ssh.service", "unit", "ssh.service", "", ""},
		{"/system.slice/ssh.service/worker", "unit", "ssh.service", "", ""},
		{"/init.scope", "unit", "init.scope", "", ""},
		{"/user.slice/user-0.slice/user@0.service/app.slice/x.service", "unit", "x.service",
		 "", ""},
		{"/system.slice", "group", "/system.slice", "", ""},
		{"/kubepods/besteffort/pod" UID "/" HEX64, "pod", UID, HEX64, UID},
		{"/kubepods/pod" UID "/" HEX64, "pod", UID, HEX64, UID},
		{"/kubepods/burstable/pod" STATIC "/" HEX64, "pod", STATIC, HEX64, STATIC},
		{"/kubepods/burstable/pod" UID, "pod", UID, "", UID},
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_
		 ".slice/cri-containerd-" HEX64 ".scope",
		 "pod", UID, HEX64, UID},
		{"/kubepods.slice/kubepods-pod" UID_ ".slice/crio-" HEX64 ".scope", "pod", UID,
		 HEX64, UID},
		{"/kubepods.slice/kubepods-pod" UID_ ".slice/crio-conmon-" HEX64 ".scope", "pod",
		 UID, "", UID},
		{"/docker/" HEX64, "container", "0123456789ab", HEX64, ""},
		{"/system.slice/docker-" HEX64 ".scope", "container", "0123456789ab", HEX64, ""},
		{"/system.slice/docker-" HEX64 ".scope/system.slice/cron.service", "container",
		 "0123456789ab", HEX64, ""},
		{"/machine.slice/libpod-" HEX64 ".scope", "container", "0123456789ab", HEX64, ""},
		{"/libpod_parent/libpod-" HEX64, "container", "0123456789ab", HEX64, ""},
		{"/machine.slice/libpod-conmon-" HEX64 ".scope", "unit",
		 "libpod-conmon-" HEX64 ".scope", "", ""},
		{"/docker/" HEX64 "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_
		 ".slice/cri-containerd-" HEX64 ".scope",
		 "pod", UID, HEX64, UID},
		{"/podcast/pod-but-no-uid", "group", "/podcast/pod-but-no-uid", "", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ident_path p;

		ident_path_parse(cases[i].path, &p);
		CHECK(!strcmp(p.kind, cases[i].kind), "%s: kind %s", cases[i].path, p.kind);
		CHECK(!strcmp(p.name, cases[i].name), "%s: name %s", cases[i].path, p.name);
		CHECK(!strcmp(p.container, cases[i].container), "%s: %s", cases[i].path,
		      p.container);
		CHECK(!strcmp(p.pod_uid, cases[i].uid), "%s: uid %s", cases[i].path, p.pod_uid);
	}
}

TEST(long_paths_are_cut)
{
	char path[1000];
	struct ident_path p;

	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	ident_path_parse(path, &p);
	CHECK(strlen(p.name) == IDENT_NAME_MAX - 1, "%zu", strlen(p.name));
}

/* Plain directories have file handles like cgroups do; the tree stands in for a hierarchy. */
struct tree {
	char root[64], labels[96];
};

static int tree_make(struct tree *t)
{
	static const char text[] =
		"apiVersion: weir.dev/v1alpha1\nkind: Labels\nworkloads:\n"
		"- {match: /shop/web*, namespace: shop, labels: {team: a, app: web}}\n"
		"- {match: /shop/*, namespace: rest, labels: {team: b}}\n";
	char p[128];

	strcpy(t->root, "/tmp/weir-ident-XXXXXX");
	if (!mkdtemp(t->root))
		return -errno;
	snprintf(t->labels, sizeof(t->labels), "%s.labels", t->root);
	snprintf(p, sizeof(p), "%s/shop/web1", t->root);
	return weir_mkdir_p(p, 0755) ?: weir_file_write(t->labels, text, strlen(text), 0600);
}

static void tree_remove(const struct tree *t)
{
	weir_auto_free char *cmd = weir_strf("rm -rf %s %s", t->root, t->labels);

	if (cmd && system(cmd))
		printf("# cannot remove %s\n", t->root);
}

static uint64_t id_of(const struct tree *t, const char *path)
{
	weir_auto_free char *full = weir_strf("%s%s", t->root, path);
	uint64_t id = 0;

	return weir_cgroup_id(full, &id) < 0 ? 0 : id;
}

static void forget(uint64_t cgroup, void *arg)
{
	*(uint64_t *)arg = cgroup;
}

TEST(names_and_labels)
{
	struct tree t;
	struct ident *id = NULL;
	struct weir_err err = {0};
	struct weir_subject s;

	CHECK(tree_make(&t) == 0, "tree");
	if (!id_of(&t, "/shop/web1")) {
		SKIP("/tmp gives no file handles");
		tree_remove(&t);
		return;
	}
	CHECK(ident_new(t.root, t.labels, 16, &id, &err) == 0, "%s", err.text);
	CHECK(!strcmp(ident_who(3, id)->kind, "unidentified"), "unknown index has a name");
	ident_note(id_of(&t, "/shop/web1"), (struct weir_workload){.index = 3}, id);
	CHECK(ident_resolve(id), "no new name");
	CHECK(!strcmp(ident_who(3, id)->name, "/shop/web1"), "%s", ident_who(3, id)->name);
	CHECK(ident_subject(id, 3, &s) && !strcmp(s.namespace, "shop"), "first match wins");
	CHECK(s.label_count == 2 && !strcmp(s.labels[0].key, "app"), "labels are sorted");
	CHECK(!ident_resolve(id), "a name twice");
	ident_free(id);
	tree_remove(&t);
}

TEST(short_lived_cgroup_keeps_its_name)
{
	struct tree t;
	struct ident *id = NULL;
	struct weir_err err = {0};
	bool used[16] = {false};
	uint64_t cg, forgotten = 0;
	char p[128];

	CHECK(tree_make(&t) == 0, "tree");
	snprintf(p, sizeof(p), "%s/shop/brief", t.root);
	if (!id_of(&t, "/shop")) {
		SKIP("/tmp gives no file handles");
		tree_remove(&t);
		return;
	}
	CHECK(ident_new(t.root, "", 16, &id, &err) == 0, "%s", err.text);
	CHECK(mkdir(p, 0755) == 0, "mkdir");
	cg = id_of(&t, "/shop/brief");
	ident_events(id);
	CHECK(rmdir(p) == 0, "rmdir");
	ident_note(cg, (struct weir_workload){.index = 5}, id);
	CHECK(ident_resolve(id), "no name");
	CHECK(!strcmp(ident_who(5, id)->name, "/shop/brief"), "%s", ident_who(5, id)->name);
	used[5] = true;
	ident_sweep(id, used, forget, &forgotten);
	CHECK(!forgotten && !strcmp(ident_who(5, id)->name, "/shop/brief"),
	      "forgotten while in use");
	used[5] = false;
	ident_sweep(id, used, forget, &forgotten);
	CHECK(forgotten == cg, "kept without use");
	ident_free(id);
	tree_remove(&t);
}

TEST(bad_labels_are_refused_in_one_line)
{
	static const char text[] =
		"apiVersion: weir.dev/v1alpha1\nkind: Labels\nworkloads:\n- {mach: /x}\n";
	char path[] = "/tmp/weir-labels-XXXXXX";
	struct labels *l = NULL;
	struct weir_err err = {0};
	int fd = mkstemp(path);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write");
	close(fd);
	CHECK(labels_load(path, &l, &err) == -EINVAL, "taken");
	CHECK(strstr(err.text, ":4:") && !strchr(err.text, '\n'), "%s", err.text);
	unlink(path);
}

TEST_MAIN(T(paths), T(long_paths_are_cut), T(names_and_labels),
	  T(short_lived_cgroup_keeps_its_name), T(bad_labels_are_refused_in_one_line))
