#include "calls.h"

#include <stddef.h>
#include <string.h>

#include "kernel.h"

/* Newer than the headers; the same numbers on every architecture since Linux 5.1. */
enum {
	NR_cachestat = 451, NR_fchmodat2 = 452, NR_map_shadow_stack = 453, NR_futex_wake = 454, NR_futex_wait = 455,
	NR_futex_requeue = 456, NR_mseal = CALLS_LAST_KNOWN,
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
	SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_connect, SYS_getsockname, SYS_getpeername, SYS_getsockopt,
	 SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_shutdown,
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
	{SYS_memfd_create, CHECK_MEMFD}, {SYS_setsockopt, CHECK_SETSOCKOPT},
};

static const struct call_path paths[] = {
	{SYS_openat, 0, 1, 2, OPENS}, {SYS_newfstatat, 0, 1, 3, LOOKS_UP}, {SYS_statx, 0, 1, 2, LOOKS_UP},
	{SYS_faccessat, 0, 1, -1, LOOKS_UP}, {SYS_faccessat2, 0, 1, 3, LOOKS_UP}, {SYS_execve, -1, 0, -1, LOOKS_UP},
	{SYS_execveat, 0, 1, 4, LOOKS_UP}, {SYS_chdir, -1, 0, -1, LOOKS_UP},
#if defined(__x86_64__)
	{SYS_open, -1, 0, 1, OPENS}, {SYS_stat, -1, 0, -1, LOOKS_UP}, {SYS_access, -1, 0, -1, LOOKS_UP},
#endif
};

const struct call_path *calls_path(int number)
{
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		if (paths[i].number == number)
			return &paths[i];
	return NULL;
}

void calls_judge(uint8_t verdicts[CALLS_COUNT], bool looks)
{
	memset(verdicts, REFUSE, CALLS_COUNT);
	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
		verdicts[allowed[i]] = ALLOW;
	for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
		verdicts[absent[i]] = ABSENT;
	for (size_t i = 0; i < sizeof checked / sizeof checked[0]; i++)
		verdicts[checked[i].number] = (uint8_t)checked[i].verdict;
	for (size_t i = 0; looks && i < sizeof paths / sizeof paths[0]; i++)
		if (verdicts[paths[i].number] == ALLOW)
			verdicts[paths[i].number] = LOOK;
}
