/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter of system calls, written as the kernel wants it (classic BPF over struct seccomp_data): one
 * table of what is allowed; all else fails with EPERM, which programs survive and say, where being killed
 * would turn a library's new idea into an outage. Calls of a foreign architecture end the process.
 */
#include "lib/os/privilege.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0 /* no filter is known to fit: weir_seccomp says so */
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#define NEW_NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define X32 0x40000000 /* of x86_64: the same architecture to the kernel, other numbers */
#define CALLS_MAX 240  /* a jump reaches 255 instructions */

/* What an event loop, a file and a socket need, and libc, SQLite, nng and libmicrohttpd beneath. */
static const int calls[] = {
	/* files */
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_lseek,
	SYS_openat, SYS_close, SYS_close_range, SYS_dup, SYS_dup3, SYS_fcntl, SYS_flock, SYS_fsync, SYS_fdatasync,
	SYS_ftruncate, SYS_fallocate, SYS_fadvise64, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_faccessat,
	SYS_faccessat2, SYS_readlinkat, SYS_getdents64, SYS_getcwd, SYS_statfs, SYS_fstatfs, SYS_mkdirat,
	SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_linkat, SYS_fchmod, SYS_fchmodat, SYS_utimensat, SYS_umask,
	SYS_ioctl, SYS_sendfile,
#if defined(__x86_64__)
	SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_mkdir, SYS_rename, SYS_unlink, SYS_rmdir,
	SYS_link, SYS_chmod, SYS_dup2, SYS_poll, SYS_select, SYS_epoll_wait, SYS_pipe, SYS_arch_prctl, SYS_time,
#endif
	/* memory */
	SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_mincore, SYS_msync, SYS_brk,
	/* sockets */
	SYS_socket, SYS_socketpair, SYS_connect, SYS_accept, SYS_accept4, SYS_bind, SYS_listen, SYS_getsockname,
	SYS_getpeername, SYS_getsockopt, SYS_setsockopt, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg,
	SYS_sendmmsg, SYS_recvmmsg, SYS_shutdown,
	/* waiting */
	SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_pipe2,
	SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime, SYS_signalfd4, SYS_inotify_init1,
	SYS_inotify_add_watch, SYS_inotify_rm_watch, SYS_nanosleep, SYS_clock_nanosleep,
#ifdef SYS_epoll_pwait2
	SYS_epoll_pwait2,
#endif
	/* threads and signals */
	SYS_set_robust_list, SYS_get_robust_list, SYS_rseq, SYS_set_tid_address, SYS_futex, SYS_sched_yield,
	SYS_sched_getaffinity, SYS_membarrier, SYS_getcpu, SYS_exit, SYS_exit_group, SYS_tgkill, SYS_rt_sigaction,
	SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigtimedwait, SYS_sigaltstack,
	SYS_restart_syscall, SYS_prctl,
	/* facts */
	SYS_gettid, SYS_getpid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getgroups,
	SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_times, SYS_getrusage, SYS_prlimit64,
	SYS_getrlimit, SYS_getrandom, SYS_uname, SYS_sysinfo, SYS_capget,
#ifdef SANITIZED
	/* At the end the leak sanitizer stops all threads from a process of its own, to look for pointers. */
	SYS_ptrace, SYS_process_vm_readv, SYS_wait4, SYS_personality, SYS_kill,
#if defined(__x86_64__)
	SYS_getdents,
#endif
#endif
};

/* A jump to `allow`, so many instructions on, when the call is nr. */
static struct sock_filter allow_call(int nr, size_t allow_in)
{
	return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, (uint8_t)allow_in, 0);
}

int weir_seccomp(const int *extra, size_t count)
{
	const struct sock_filter head[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		/* Its flags are behind a pointer; libc then starts threads by the older call. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		/* Threads, but no namespaces: in one of users there would be capabilities again. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NEW_NAMESPACES, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const size_t own = WEIR_ARRAY_SIZE(calls), first = WEIR_ARRAY_SIZE(head), n = own + count;
	struct sock_filter code[WEIR_ARRAY_SIZE(head) + CALLS_MAX + 2];
	struct sock_fprog prog = {.filter = code, .len = (unsigned short)(first + n + 2)};

	if (!ARCH)
		return -ENOTSUP;
	if (n > CALLS_MAX)
		return -E2BIG;
	memcpy(code, head, sizeof(head));
	for (size_t i = 0; i < n; i++) /* allow_in: from the next instruction to the last */
		code[first + i] = allow_call(i < own ? calls[i] : extra[i - own], n - i);
	code[first + n] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	code[first + n + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) ? -errno : 0;
}
