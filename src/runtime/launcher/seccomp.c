/*
 * One table of verdicts, indexed by system-call number, is turned into a balanced tree of comparisons over the
 * runs of equal verdicts: about a hundred runs, so seven comparisons for any call, and a filter short enough that
 * the kernel's own pass over all numbers (which gives always-allowed calls a bitmap and so no cost at all) is quick.
 *
 * Refused calls get an errno, never a signal: programs probe for calls and fall back. ENOSYS where a fall-back is
 * certain to exist (clone3 → clone, openat2 → openat, io_uring → epoll, and whatever is newer than this table,
 * CVE-2021-41133), EPERM elsewhere. Arguments are compared as 32 bits wherever the kernel reads 32
 * (CVE-2019-10063: a 64-bit comparison of an ioctl number is passed by setting a high bit).
 */
#include "seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "kernel.h"
#include "refusal.h"

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#error "the filter knows x86-64 and arm64 only"
#endif

/* Newer than the headers; the same numbers on every architecture since Linux 5.1. */
enum {
	NR_cachestat = 451, NR_fchmodat2 = 452, NR_map_shadow_stack = 453, NR_futex_wake = 454, NR_futex_wait = 455,
	NR_futex_requeue = 456, NR_mseal = 462,
	LAST_KNOWN = 462,
	TABLE_SIZE = LAST_KNOWN + 1,
};

enum verdict {
	REFUSE, ABSENT, ALLOW,
	/* From here on: an argument decides. */
	CHECK_CLONE, CHECK_MODE_1, CHECK_MODE_2, CHECK_OPEN, CHECK_OPENAT, CHECK_MKNOD, CHECK_MKNODAT, CHECK_IOCTL,
	CHECK_PRCTL, CHECK_PERSONALITY, CHECK_SOCKET, CHECK_SOCKETPAIR, CHECK_PRLIMIT, CHECK_SETRLIMIT, CHECK_SCHEDULER,
	CHECK_MMAP, CHECK_MEMFD,
	VERDICT_COUNT,
};

static const short allowed[] = {
	/* files by descriptor */
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_preadv2,
	SYS_pwritev2, SYS_close, SYS_close_range, SYS_lseek, SYS_dup, SYS_dup3, SYS_fcntl, SYS_flock, SYS_fsync,
	SYS_fdatasync, SYS_sync_file_range, SYS_ftruncate, SYS_fallocate, SYS_fadvise64, SYS_readahead,
	SYS_sendfile, SYS_splice, SYS_tee, SYS_copy_file_range, SYS_pipe2, SYS_fstat, SYS_fstatfs, SYS_getdents64,
	SYS_fchdir, SYS_fchown,
	/* files by name */
	SYS_newfstatat, SYS_statx, SYS_statfs, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_mkdirat, SYS_unlinkat,
	SYS_symlinkat, SYS_linkat, SYS_renameat, SYS_renameat2, SYS_fchownat, SYS_utimensat, SYS_truncate, SYS_getcwd,
	SYS_chdir, SYS_umask, SYS_getxattr, SYS_lgetxattr, SYS_fgetxattr, SYS_listxattr, SYS_llistxattr,
	SYS_flistxattr, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr,
	SYS_fremovexattr, SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
	/* waiting */
	SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_eventfd2,
	SYS_signalfd4, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime, SYS_nanosleep,
	SYS_clock_nanosleep,
	/* memory */
	SYS_brk, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_msync, SYS_mincore, SYS_mlock,
	SYS_mlock2, SYS_mlockall, SYS_munlock, SYS_munlockall, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect,
	SYS_membarrier, NR_map_shadow_stack, NR_mseal,
	/* processes and threads */
	SYS_execve, SYS_execveat, SYS_exit, SYS_exit_group, SYS_wait4, SYS_waitid, SYS_kill, SYS_tkill, SYS_tgkill,
	SYS_pidfd_open, SYS_pidfd_send_signal, SYS_getpid, SYS_getppid, SYS_gettid, SYS_getpgid, SYS_setpgid,
	SYS_getsid, SYS_setsid, SYS_set_tid_address, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq, SYS_futex,
	SYS_futex_waitv, NR_futex_wake, NR_futex_wait, NR_futex_requeue, SYS_restart_syscall, SYS_getcpu,
	SYS_getrlimit, SYS_getrusage, SYS_times, SYS_getpriority, SYS_setpriority,
	SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_sched_getparam, SYS_sched_getscheduler,
	SYS_sched_getattr, SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_sched_rr_get_interval,
	SYS_ioprio_get, SYS_landlock_create_ruleset, SYS_landlock_add_rule, SYS_landlock_restrict_self,
	/* signals and timers */
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigsuspend,
	SYS_rt_sigtimedwait, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_sigaltstack, SYS_getitimer, SYS_setitimer,
	SYS_timer_create, SYS_timer_settime, SYS_timer_gettime, SYS_timer_getoverrun, SYS_timer_delete,
	SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday,
	/* who am I; without capabilities the setters can only choose among one's own ids, of which there is one */
	SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid, SYS_getresgid, SYS_getgroups, SYS_setuid,
	SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setfsuid, SYS_setfsgid, SYS_capget,
	SYS_capset, SYS_uname, SYS_sysinfo, SYS_getrandom,
	/* sockets once made, and System V and POSIX queues of the run's own ipc namespace */
	SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_connect, SYS_getsockname, SYS_getpeername, SYS_setsockopt,
	SYS_getsockopt, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_shutdown,
	SYS_shmget, SYS_shmat, SYS_shmdt, SYS_shmctl, SYS_semget, SYS_semop, SYS_semtimedop, SYS_semctl, SYS_msgget,
	SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_unlink, SYS_mq_timedsend, SYS_mq_timedreceive,
	SYS_mq_notify, SYS_mq_getsetattr,
#if defined(__x86_64__) /* calls that newer architectures never had */
	SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_symlink, SYS_link,
	SYS_rename, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat, SYS_getdents, SYS_pipe, SYS_dup2,
	SYS_poll, SYS_select, SYS_epoll_create, SYS_epoll_wait, SYS_inotify_init, SYS_eventfd, SYS_signalfd, SYS_alarm,
	SYS_pause, SYS_time, SYS_fork, SYS_vfork, SYS_getpgrp, SYS_arch_prctl,
#endif
};

/* Absent rather than refused: the caller has another way and takes it on ENOSYS. */
static const short absent[] = {
	SYS_clone3, /* its flags lie in memory, out of the filter's sight */
	SYS_openat2, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
	/* fs.aio-max-nr is one number for the whole host, and the first who asks may have it all */
	SYS_io_setup, SYS_io_destroy, SYS_io_submit, SYS_io_cancel, SYS_io_getevents,
	NR_cachestat, /* tells what the host has read lately (CVE-2025-21691) */
};

static const struct { short number; enum verdict verdict; } checked[] = {
	{SYS_clone, CHECK_CLONE},
	{SYS_fchmod, CHECK_MODE_1}, {SYS_fchmodat, CHECK_MODE_2}, {NR_fchmodat2, CHECK_MODE_2},
	{SYS_openat, CHECK_OPENAT}, {SYS_mknodat, CHECK_MKNODAT},
#if defined(__x86_64__)
	{SYS_chmod, CHECK_MODE_1}, {SYS_creat, CHECK_MODE_1}, {SYS_open, CHECK_OPEN}, {SYS_mknod, CHECK_MKNOD},
#endif
	{SYS_ioctl, CHECK_IOCTL}, {SYS_prctl, CHECK_PRCTL}, {SYS_personality, CHECK_PERSONALITY},
	{SYS_socket, CHECK_SOCKET}, {SYS_socketpair, CHECK_SOCKETPAIR}, {SYS_prlimit64, CHECK_PRLIMIT},
	{SYS_setrlimit, CHECK_SETRLIMIT}, {SYS_sched_setscheduler, CHECK_SCHEDULER}, {SYS_mmap, CHECK_MMAP},
	{SYS_memfd_create, CHECK_MEMFD},
};

static const unsigned prctl_options[] = {
	PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_KEEPCAPS, PR_SET_NAME, PR_GET_NAME,
	PR_GET_SECCOMP, PR_CAPBSET_READ, PR_GET_SECUREBITS, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK,
	PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS,
	PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_CAP_AMBIENT, PR_GET_SPECULATION_CTRL, PR_SET_SPECULATION_CTRL,
	0x53564d41 /* PR_SET_VMA: names for memory areas */,
#if defined(__aarch64__)
	51 /* PR_SVE_GET_VL */, 54 /* PR_PAC_RESET_KEYS */, 56 /* PR_GET_TAGGED_ADDR_CTRL */, 64 /* PR_SME_GET_VL */,
#endif
};

enum { PRCTL_COUNT = sizeof prctl_options / sizeof prctl_options[0] };

struct program {
	struct sock_filter code[400];
	size_t length;
	/* Where the tree goes when it knows the verdict; filled in when what is gone to is written. */
	struct { size_t at; bool when_true; enum verdict verdict; } pending[TABLE_SIZE];
	size_t pending_count;
};

static void emit(struct program *program, unsigned short code, uint32_t value, uint8_t yes, uint8_t no)
{
	if (program->length == sizeof program->code / sizeof program->code[0])
		unavailable(SECCOMP, "cannot build the system-call filter: it is too long");
	program->code[program->length++] = (struct sock_filter){code, yes, no, value};
}

static void load(struct program *program, size_t offset)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* The low 32 bits of an argument: both architectures are little-endian. */
static void load_argument(struct program *program, unsigned index)
{
	load(program, offsetof(struct seccomp_data, args) + 8 * index);
}

static void answer(struct program *program, uint32_t action)
{
	emit(program, BPF_RET | BPF_K, action, 0, 0);
}

#define ALLOWED SECCOMP_RET_ALLOW
#define ERROR(number) (SECCOMP_RET_ERRNO | (number))

/* `if (A <comparison> value) {` … `}`: the jump over the body is filled in when it ends. */
static size_t begin_if(struct program *program, unsigned short comparison, uint32_t value)
{
	emit(program, BPF_JMP | comparison | BPF_K, value, 0, 0);
	return program->length - 1;
}

static void end_if(struct program *program, size_t at)
{
	const size_t distance = program->length - at - 1;

	if (distance > 255)
		unavailable(SECCOMP, "cannot build the system-call filter: a jump is too long");
	program->code[at].jf = (uint8_t)distance;
}

static void answer_if(struct program *program, unsigned short comparison, uint32_t value, uint32_t action)
{
	const size_t at = begin_if(program, comparison, value);
	answer(program, action);
	end_if(program, at);
}

static void check_mode(struct program *program, unsigned argument, uint32_t also)
{
	load_argument(program, argument);
	answer_if(program, BPF_JSET, S_ISUID | S_ISGID | also, ERROR(EPERM));
	answer(program, ALLOWED);
}

/* The mode counts only when the call may create a file; otherwise the register holds anything. */
static void check_open(struct program *program, unsigned flags)
{
	const uint32_t creates = 0100 /* O_CREAT */ | 020000000 /* __O_TMPFILE */;

	load_argument(program, flags);
	const size_t creating = begin_if(program, BPF_JSET, creates);
	check_mode(program, flags + 1, 0);
	end_if(program, creating);
	answer(program, ALLOWED);
}

/* One type of socket with the protocols it may carry: the default one and one by number. */
static void allow_socket_type(struct program *program, unsigned type, unsigned protocol)
{
	load_argument(program, 1);
	emit(program, BPF_ALU | BPF_AND | BPF_K, 0xf, 0, 0); /* without SOCK_CLOEXEC and SOCK_NONBLOCK */
	const size_t is_type = begin_if(program, BPF_JEQ, type);
	load_argument(program, 2);
	answer_if(program, BPF_JEQ, 0, ALLOWED);
	answer_if(program, BPF_JEQ, protocol, ALLOWED);
	answer(program, ERROR(EPROTONOSUPPORT)); /* MPTCP, SCTP, DCCP, ICMP: kernel code with a record */
	end_if(program, is_type);
}

/* A local socket is a door to daemons of the host as soon as one lies in a bound folder (facts 8.19). */
static void check_socket(struct program *program, const struct spec *spec)
{
	load_argument(program, 0);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0); /* over the next question, into its body */
	const size_t is_internet = begin_if(program, BPF_JEQ, AF_INET6);
	allow_socket_type(program, SOCK_STREAM, 6);
	allow_socket_type(program, SOCK_DGRAM, 17);
	answer(program, ERROR(EPERM));
	end_if(program, is_internet);
	if (spec->unix_sockets)
		answer_if(program, BPF_JEQ, AF_UNIX, ALLOWED);
	/* Only routes, protocol 0: programs list the interfaces with it, of which there is lo. */
	const size_t is_netlink = begin_if(program, BPF_JEQ, AF_NETLINK);
	load_argument(program, 2);
	answer_if(program, BPF_JEQ, 0, ALLOWED);
	end_if(program, is_netlink);
	answer(program, ERROR(EAFNOSUPPORT));
}

static void write_check(struct program *program, const struct spec *spec, enum verdict verdict)
{
	switch (verdict) {
	case CHECK_CLONE:
		load_argument(program, 0);
		answer_if(program, BPF_JSET,
			  CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
				  CLONE_NEWNET,
			  ERROR(EPERM));
		answer(program, ALLOWED);
		break;
	case CHECK_MODE_1: check_mode(program, 1, 0); break;
	case CHECK_MODE_2: check_mode(program, 2, 0); break;
	case CHECK_OPEN: check_open(program, 1); break;
	case CHECK_OPENAT: check_open(program, 2); break;
	/* This bit is set in the types of devices, and not in those of files, FIFOs and sockets. */
	case CHECK_MKNOD: check_mode(program, 1, S_IFCHR); break;
	case CHECK_MKNODAT: check_mode(program, 2, S_IFCHR); break;
	case CHECK_IOCTL: /* input for other people's terminals (CVE-2017-5226, CVE-2023-28100) */
		load_argument(program, 1);
		answer_if(program, BPF_JEQ, 0x5412 /* TIOCSTI */, ERROR(EPERM));
		answer_if(program, BPF_JEQ, 0x541c /* TIOCLINUX */, ERROR(EPERM));
		answer_if(program, BPF_JEQ, 0x5423 /* TIOCSETD: line disciplines load kernel code */, ERROR(EPERM));
		answer(program, ALLOWED);
		break;
	case CHECK_PRCTL:
		load_argument(program, 0);
		/* One instruction per option: to the ALLOWED behind the list. */
		for (size_t i = 0; i < PRCTL_COUNT; i++)
			emit(program, BPF_JMP | BPF_JEQ | BPF_K, prctl_options[i], (uint8_t)(PRCTL_COUNT - i), 0);
		answer(program, ERROR(EPERM));
		answer(program, ALLOWED);
		break;
	case CHECK_PERSONALITY: /* asking is fine; ADDR_NO_RANDOMIZE and READ_IMPLIES_EXEC are not */
		load_argument(program, 0);
		answer_if(program, BPF_JEQ, 0, ALLOWED);
		answer_if(program, BPF_JEQ, 0xffffffff, ALLOWED);
		answer(program, ERROR(EPERM));
		break;
	case CHECK_SOCKET: check_socket(program, spec); break;
	case CHECK_SOCKETPAIR:
		load_argument(program, 0);
		answer_if(program, BPF_JEQ, AF_UNIX, ALLOWED);
		answer(program, ERROR(EAFNOSUPPORT));
		break;
	case CHECK_PRLIMIT: { /* one's own limits only: init runs under the same uid */
		load_argument(program, 0);
		const size_t is_own = begin_if(program, BPF_JEQ, 0);
		load_argument(program, 1);
		const size_t is_core = begin_if(program, BPF_JEQ, RLIMIT_CORE);
		load_argument(program, 2); /* the new limit: a pointer, and asking gives none */
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3); /* else over the upper half, to the refusal */
		load(program, offsetof(struct seccomp_data, args) + 8 * 2 + 4);
		answer_if(program, BPF_JEQ, 0, ALLOWED);
		answer(program, ERROR(EINVAL));
		end_if(program, is_core);
		answer(program, ALLOWED);
		end_if(program, is_own);
		answer(program, ERROR(EPERM));
		break;
	}
	case CHECK_SETRLIMIT: /* see rlimits.c; EINVAL, because some programs forgive only that */
		load_argument(program, 0);
		answer_if(program, BPF_JEQ, RLIMIT_CORE, ERROR(EINVAL));
		answer(program, ALLOWED);
		break;
	case CHECK_MMAP: /* huge pages were set aside by the host for somebody, and no memory cgroup counts them */
		load_argument(program, 3);
		answer_if(program, BPF_JSET, 0x40000 /* MAP_HUGETLB */, ERROR(EPERM));
		answer(program, ALLOWED);
		break;
	case CHECK_MEMFD:
		load_argument(program, 1);
		answer_if(program, BPF_JSET, 4 /* MFD_HUGETLB */, ERROR(EPERM));
		answer(program, ALLOWED);
		break;
	case CHECK_SCHEDULER:
		load_argument(program, 1);
		emit(program, BPF_ALU | BPF_AND | BPF_K, ~0x40000000U /* SCHED_RESET_ON_FORK */, 0, 0);
		answer_if(program, BPF_JEQ, SCHED_OTHER, ALLOWED);
		answer_if(program, BPF_JEQ, 3 /* SCHED_BATCH */, ALLOWED);
		answer_if(program, BPF_JEQ, 5 /* SCHED_IDLE */, ALLOWED);
		answer(program, ERROR(EPERM));
		break;
	case REFUSE:
	case ABSENT:
	case ALLOW:
	case VERDICT_COUNT: break;
	}
}

struct range {
	unsigned start;
	enum verdict verdict;
};

/*
 * "if (number >= middle) upper; lower": each half is a subtree, or a verdict to jump to. The verdicts stand once,
 * behind the tree, so a comparison costs one instruction and no more; short filters are compiled quickly.
 */
static void write_half(struct program *program, size_t at, bool when_true, const struct range *ranges, size_t count);

static void write_tree(struct program *program, const struct range *ranges, size_t count)
{
	const size_t middle = count / 2, at = program->length;

	emit(program, BPF_JMP | BPF_JGE | BPF_K, ranges[middle].start, 0, 0);
	write_half(program, at, true, ranges + middle, count - middle);
	write_half(program, at, false, ranges, middle);
}

static void land(struct program *program, size_t at, bool when_true)
{
	const size_t distance = program->length - at - 1;

	if (distance > 255)
		unavailable(SECCOMP, "cannot build the system-call filter: a jump is too long");
	*(when_true ? &program->code[at].jt : &program->code[at].jf) = (uint8_t)distance;
}

static void write_half(struct program *program, size_t at, bool when_true, const struct range *ranges, size_t count)
{
	if (count > 1) {
		land(program, at, when_true);
		write_tree(program, ranges, count);
		return;
	}
	program->pending[program->pending_count].at = at;
	program->pending[program->pending_count].when_true = when_true;
	program->pending[program->pending_count++].verdict = ranges[0].verdict;
}

/* Everything that waits for this verdict comes here. */
static void land_all(struct program *program, enum verdict verdict)
{
	for (size_t i = 0; i < program->pending_count; i++)
		if (program->pending[i].verdict == verdict)
			land(program, program->pending[i].at, program->pending[i].when_true);
}

static void build(struct program *program, const struct spec *spec)
{
	uint8_t verdicts[TABLE_SIZE];
	struct range ranges[TABLE_SIZE + 1];
	size_t count = 0;

	memset(verdicts, REFUSE, sizeof verdicts);
	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
		verdicts[allowed[i]] = ALLOW;
	for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
		verdicts[absent[i]] = ABSENT;
	for (size_t i = 0; i < sizeof checked / sizeof checked[0]; i++)
		verdicts[checked[i].number] = (uint8_t)checked[i].verdict;
	for (unsigned number = 0; number < TABLE_SIZE; number++)
		if (number == 0 || verdicts[number] != verdicts[number - 1])
			ranges[count++] = (struct range){number, (enum verdict)verdicts[number]};
	ranges[count++] = (struct range){TABLE_SIZE, ABSENT}; /* newer calls, and x32 with its bit 30 */

	/* i386 calls through int 0x80 have other numbers; a program that makes them is not one of ours. */
	load(program, offsetof(struct seccomp_data, arch));
	const size_t is_ours = begin_if(program, BPF_JEQ, THIS_ARCH);
	load(program, offsetof(struct seccomp_data, nr));
	emit(program, BPF_JMP | BPF_JA, 1, 0, 0);
	end_if(program, is_ours);
	answer(program, SECCOMP_RET_KILL_PROCESS);
	write_tree(program, ranges, count);

	static const struct { enum verdict verdict; uint32_t action; } plain[] = {
		{ALLOW, ALLOWED}, {REFUSE, ERROR(EPERM)}, {ABSENT, ERROR(ENOSYS)}};
	size_t to_check[VERDICT_COUNT];
	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
		land_all(program, plain[i].verdict);
		answer(program, plain[i].action);
	}
	/* The checks are long, and a comparison jumps 255 instructions at most: go by way of a plain jump. */
	for (enum verdict verdict = CHECK_CLONE; verdict < VERDICT_COUNT; verdict++) {
		land_all(program, verdict);
		to_check[verdict] = program->length;
		emit(program, BPF_JMP | BPF_JA, 0, 0, 0);
	}
	for (enum verdict verdict = CHECK_CLONE; verdict < VERDICT_COUNT; verdict++) {
		program->code[to_check[verdict]].k = (uint32_t)(program->length - to_check[verdict] - 1);
		write_check(program, spec, verdict);
	}
}

void seccomp_install(const struct spec *spec)
{
	static struct program program;

	if (!wants(spec, LAYER_SECCOMP))
		return;
	build(&program, spec);
	const struct sock_fprog filter = {.len = (unsigned short)program.length, .filter = program.code};
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0)
		unavailable(SECCOMP, "cannot install the system-call filter: %m");
}
