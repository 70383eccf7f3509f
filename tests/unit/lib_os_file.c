/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/os/file.h"

struct scratch {
	char dir[64];
	int fd;
};

static struct scratch scratch_open(void)
{
	struct scratch s = {.dir = "/tmp/weir-test-XXXXXX"};

	s.fd = open(mkdtemp(s.dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s;
}

static void scratch_close(struct scratch *s)
{
	weir_auto_free char *cmd = weir_strf("rm -rf %s", s->dir);

	close(s->fd);
	if (system(cmd))
		printf("# cannot remove %s\n", s->dir);
}

TEST(write_then_read)
{
	struct scratch s = scratch_open();
	weir_auto_free char *path = weir_strf("%s/a", s.dir);
	weir_auto_free char *data = NULL;
	weir_auto_free char *more = NULL;
	size_t len = 0;
	struct stat st;
	char *none = NULL;

	CHECK(weir_file_write(path, "a\0b", 3, 0640) == 0);
	CHECK(weir_file_read(path, 3, &data, &len) == 0, "exactly max must fit");
	CHECK(len == 3 && memcmp(data, "a\0b", 4) == 0, "NUL-terminated behind the end");
	CHECK(weir_file_read(path, 2, &none, &len) == -EFBIG);
	CHECK(!none, "a failure leaves the result alone");
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0640, "%o", st.st_mode);
	CHECK(weir_file_read_at(s.fd, "a", 100, &more, &len) == 0 && len == 3);
	CHECK(weir_file_read_at(s.fd, "b", 100, &none, &len) == -ENOENT);
	scratch_close(&s);
}

TEST(read_grows)
{
	struct scratch s = scratch_open();
	weir_auto_free char *path = weir_strf("%s/a", s.dir);
	weir_auto_free char *big = malloc(100000);
	weir_auto_free char *data = NULL;
	weir_auto_free char *proc = NULL;
	size_t len = 0;

	for (int i = 0; i < 100000; i++)
		big[i] = (char)(i * 7);
	CHECK(weir_file_write(path, big, 100000, 0600) == 0);
	CHECK(weir_file_read(path, 100000, &data, &len) == 0 && len == 100000, "%zu", len);
	CHECK(memcmp(data, big, 100000) == 0);
	CHECK(weir_file_read("/proc/self/status", 1 << 20, &proc, &len) == 0);
	CHECK(len > 0, "a file of size 0 by stat has content");
	scratch_close(&s);
}

TEST(write_replaces_as_a_whole)
{
	struct scratch s = scratch_open();
	weir_auto_free char *path = weir_strf("%s/a", s.dir);
	weir_auto_free char *data = NULL;
	char old[8] = "";
	int fd;
	size_t len;

	CHECK(weir_file_write(path, "old old", 7, 0600) == 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(weir_file_write(path, "new", 3, 0600) == 0);
	CHECK(read(fd, old, 7) == 7 && strcmp(old, "old old") == 0,
	      "who has the old file open reads all of it: %s", old);
	CHECK(weir_file_read(path, 10, &data, &len) == 0 && strcmp(data, "new") == 0);
	close(fd);
	scratch_close(&s);
}

/* Entries of a directory, dot files included. */
static int entries(const char *dir)
{
	weir_auto_free char *cmd = weir_strf("ls -A %s", dir);
	FILE *f = popen(cmd, "r");
	int c, n = 0;

	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	pclose(f);
	return n;
}

TEST(failed_write_leaves_nothing)
{
	struct scratch s = scratch_open();
	weir_auto_free char *path = weir_strf("%s/a", s.dir);
	weir_auto_free char *nowhere = weir_strf("%s/none/a", s.dir);
	weir_auto_free char *data = NULL;
	size_t len;

	CHECK(mkdir(path, 0700) == 0);
	CHECK(weir_file_write(path, "x", 1, 0600) == -EISDIR, "a directory is in the way");
	CHECK(entries(s.dir) == 1, "%d entries", entries(s.dir));
	CHECK(rmdir(path) == 0);
	CHECK(weir_file_write(nowhere, "x", 1, 0600) == -ENOENT);
	CHECK(weir_file_create(path, "one", 3, 0600) == 0);
	CHECK(weir_file_create(path, "two", 3, 0600) == -EEXIST);
	CHECK(weir_file_read(path, 10, &data, &len) == 0 && strcmp(data, "one") == 0);
	CHECK(entries(s.dir) == 1, "%d entries", entries(s.dir));
	scratch_close(&s);
}

TEST(mkdir_parents)
{
	struct scratch s = scratch_open();
	weir_auto_free char *deep = weir_strf("%s/a//b/c/", s.dir);
	weir_auto_free char *file = weir_strf("%s/f", s.dir);
	weir_auto_free char *below = weir_strf("%s/f/x", s.dir);
	struct stat st;

	CHECK(weir_mkdir_p(deep, 0700) == 0);
	CHECK(stat(deep, &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(weir_mkdir_p(deep, 0700) == 0, "again");
	CHECK(weir_file_write(file, "", 0, 0600) == 0);
	CHECK(weir_mkdir_p(file, 0700) == -ENOTDIR);
	CHECK(weir_mkdir_p(below, 0700) == -ENOTDIR);
	scratch_close(&s);
}

TEST(dir_list)
{
	static const char *const names[] = {"b.yaml", "a.yaml", "Z.yaml", ".hidden.yaml", "c.txt"};
	struct scratch s = scratch_open();
	weir_auto_strv char **yaml = NULL;
	weir_auto_strv char **all = NULL;
	weir_auto_strv char **none = NULL;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++)
		close(openat(s.fd, names[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CHECK(mkdirat(s.fd, "d.yaml", 0700) == 0);
	CHECK(symlinkat("c.txt", s.fd, "link.yaml") == 0);
	CHECK(symlinkat("nothing", s.fd, "broken.yaml") == 0);
	CHECK(weir_dir_list(s.fd, ".yaml", 4, &yaml) == 0);
	CHECK(yaml && yaml[0] && !strcmp(yaml[0], "Z.yaml") && !strcmp(yaml[1], "a.yaml") &&
	      !strcmp(yaml[2], "b.yaml") && !strcmp(yaml[3], "link.yaml") && !yaml[4]);
	CHECK(weir_dir_list(s.fd, ".yaml", 3, &none) == -E2BIG);
	CHECK(weir_dir_list(s.fd, NULL, 5, &all) == 0 && all[4] && !all[5], "again on the same fd");
	scratch_close(&s);
}

TEST(boot_id)
{
	uint8_t a[16] = {0}, b[16] = {1};

	CHECK(weir_boot_id(a) == 0 && weir_boot_id(b) == 0);
	CHECK(memcmp(a, b, 16) == 0, "it does not change between two calls");
	/* A random UUID (RFC 4122) has version 4. */
	CHECK(a[6] >> 4 == 4, "%02x", a[6]);
}

TEST(cgroup)
{
	weir_auto_free char *root = NULL;
	struct stat st;
	uint64_t id = 0;

	if (weir_cgroup2_mount(&root)) {
		SKIP("no cgroup v2 hierarchy is mounted");
		return;
	}
	CHECK(stat(root, &st) == 0 && S_ISDIR(st.st_mode), "%s", root);
	CHECK(weir_cgroup_id(root, &id) == 0);
	CHECK(id == st.st_ino, "%llu", (unsigned long long)id);
	CHECK(weir_cgroup_id("/nonexistent", &id) == -ENOENT);
}

TEST_MAIN(T(write_then_read), T(read_grows), T(write_replaces_as_a_whole),
	  T(failed_write_leaves_nothing), T(mkdir_parents), T(dir_list), T(boot_id), T(cgroup))
