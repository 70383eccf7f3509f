/* SPDX-License-Identifier: Apache-2.0 */
/* What is given up is gone: each test does it in a child, and asks the kernel. */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/os/file.h"
#include "lib/os/privilege.h"

#define SOMEBODY "7471" /* in no database */
#define KEPT (1ull << CAP_NET_ADMIN)

/* A child's verdict is the line that it was at when something was wrong; 0 = all was right. */
#define WANT(cond)                        \
	do {                              \
		if (!(cond))              \
			return __LINE__;  \
	} while (0)

static int in_child(int (*fn)(void))
{
	int status, result[2];
	uint32_t line = 0;
	pid_t pid;

	if (pipe(result))
		return -1;
	pid = fork();
	if (pid == 0) {
		line = (uint32_t)fn();
		_exit(write(result[1], &line, sizeof(line)) != sizeof(line));
	}
	close(result[1]);
	if (read(result[0], &line, sizeof(line)) != sizeof(line))
		line = UINT32_MAX;
	close(result[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && !WEXITSTATUS(status) ? (int)line : -1;
}

static uint64_t status_of(const char *key)
{
	weir_auto_free char *text = NULL;
	size_t len;
	const char *at;

	if (weir_file_read("/proc/self/status", 65536, &text, &len) || !(at = strstr(text, key)))
		return UINT64_MAX;
	return strtoull(at + strlen(key), NULL, 16);
}

static int keep_one(void)
{
	WANT(weir_caps_keep(KEPT) == 0);
	WANT(status_of("\nCapEff:") == KEPT && status_of("\nCapPrm:") == KEPT && status_of("\nCapBnd:") == KEPT);
	WANT(status_of("\nCapInh:") == 0 && status_of("\nCapAmb:") == 0 && status_of("\nNoNewPrivs:") == 1);
	/* What is gone cannot be kept, nor can the bounding set be narrowed any more. */
	WANT(weir_caps_keep(1ull << CAP_SYS_ADMIN) == 1);
	WANT(weir_caps_permitted() == 0 && status_of("\nCapBnd:") == KEPT);
	return 0;
}

TEST(capabilities_that_are_not_kept_are_gone)
{
	int line = in_child(keep_one);

	CHECK(line == 0, "line %d", line);
}

static int become_somebody(void)
{
	char dir[] = "/tmp/weir-privilege-XXXXXX";
	struct weir_user u;
	struct stat st;
	char file[64];
	uint64_t had = weir_caps_permitted();

	WANT(weir_user_find(SOMEBODY, &u) == 0 && u.uid == 7471 && u.gid == 7471);
	WANT(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/f", dir);
	WANT(weir_file_write(file, "x", 1, 0600) == 0);
	WANT(weir_user_reads(&u, file) == -EACCES && geteuid() == 0); /* there and back */
	WANT(weir_user_become(&u) == 0);
	WANT(getuid() == 7471 && geteuid() == 7471 && getgid() == 7471 && getgroups(0, NULL) == 0);
	WANT(weir_caps_permitted() == had);
	WANT(weir_tree_give(dir, &u) == 0);
	WANT(weir_caps_keep(KEPT) == 0 && status_of("\nCapEff:") == KEPT);
	WANT(stat(file, &st) == 0 && st.st_uid == 7471 && st.st_gid == 7471);
	WANT(setuid(0) && seteuid(0) && setgid(0)); /* there is no way back */
	WANT(open("/etc/shadow", O_RDONLY) < 0);
	unlink(file);
	return rmdir(dir) && errno != EACCES && errno != EPERM ? __LINE__ : 0;
}

TEST(a_user_of_its_own_keeps_what_is_kept_and_gets_the_files)
{
	int line = in_child(become_somebody);

	CHECK(line == 0, "line %d", line);
}

static int write_as_root(void)
{
	char dir[] = "/tmp/weir-privilege-XXXXXX", file[64];
	struct weir_user u;
	struct stat st;

	WANT(weir_user_find(SOMEBODY, &u) == 0 && mkdtemp(dir) && weir_tree_give(dir, &u) == 0);
	snprintf(file, sizeof(file), "%s/key", dir);
	WANT(weir_file_create(file, "x", 1, 0600) == 0 && stat(file, &st) == 0 && st.st_uid == u.uid);
	WANT(weir_file_write(file, "y", 1, 0600) == 0 && stat(file, &st) == 0 && st.st_uid == u.uid);
	unlink(file);
	WANT(rmdir(dir) == 0);
	return 0;
}

TEST(what_root_writes_belongs_to_whom_the_directory_belongs)
{
	int line = in_child(write_as_root);

	CHECK(line == 0, "line %d", line);
}

static int filter(void)
{
	static const int extra[] = {SYS_getsid};

	if (weir_caps_keep(0) < 0 || weir_seccomp(extra, WEIR_ARRAY_SIZE(extra)))
		return -1;
	return 0;
}

static int refused_calls(void)
{
	WANT(filter() == 0 && status_of("\nSeccomp:") == 2);
	WANT(syscall(SYS_unshare, CLONE_NEWUSER) == -1 && errno == EPERM);
	WANT(syscall(SYS_execve, "/bin/true", NULL, NULL) == -1 && errno == EPERM);
	WANT(syscall(SYS_chroot, "/nowhere") == -1 && errno == EPERM);
	WANT(syscall(SYS_bpf, 0, NULL, 0) == -1 && errno == EPERM);
	/* A process in a namespace of users would have all capabilities there. */
	WANT(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0L) == -1 && errno == EPERM);
	WANT(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
	return 0;
}

TEST(system_calls_outside_the_table_fail)
{
	int line = in_child(refused_calls);

	CHECK(line == 0, "line %d", line);
}

static void *thread(void *arg)
{
	*(long *)arg = syscall(SYS_chroot, "/nowhere") == -1 ? errno : 0;
	return NULL;
}

static int allowed_calls(void)
{
	weir_auto_free char *text = NULL;
	pthread_t t;
	size_t len;
	long r = 0;

	WANT(filter() == 0);
	WANT(weir_file_read("/proc/self/status", 65536, &text, &len) == 0);
	WANT(pthread_create(&t, NULL, thread, &r) == 0 && pthread_join(t, NULL) == 0);
	WANT(r == EPERM); /* for threads that come later, too */
	WANT(getsid(0) >= 0 && getpgid(0) == -1 && errno == EPERM);
	return 0;
}

TEST(files_threads_and_the_extra_calls_work)
{
	int line = in_child(allowed_calls);

	CHECK(line == 0, "line %d", line);
}

TEST(unknown_users_are_told)
{
	struct weir_user u;

	CHECK(weir_user_find("nobody-of-that-name", &u) == -ENOENT, "found");
	CHECK(weir_user_find("root", &u) == 0 && u.uid == 0 && u.listed, "root");
}

TEST(capabilities_have_names)
{
	char text[256];

	CHECK(!strcmp(weir_caps_text(0, text, sizeof(text)), "none"), "%s", text);
	CHECK(!strcmp(weir_caps_text(1ull << CAP_BPF | 1ull << CAP_CHOWN, text, sizeof(text)), "BPF 0"), "%s", text);
}

TEST_MAIN(T_ROOT(capabilities_that_are_not_kept_are_gone),
	  T_ROOT(a_user_of_its_own_keeps_what_is_kept_and_gets_the_files),
	  T_ROOT(what_root_writes_belongs_to_whom_the_directory_belongs), T(system_calls_outside_the_table_fail),
	  T(files_threads_and_the_extra_calls_work), T(unknown_users_are_told), T(capabilities_have_names))
