/* What people call the calls that a plugin may be refused, or whose paths are looked at; the others are never named. */
#include <stddef.h>

#include "calls.h"
#include "kernel.h"

#define COMMON(X) \
	X(mmap) X(ioctl) X(socket) X(socketpair) X(setsockopt) X(clone) X(fchmod) X(ptrace) X(syslog) X(setgroups) \
	X(personality) X(sched_setparam) X(sched_setscheduler) X(vhangup) X(pivot_root) X(prctl) \
	X(adjtimex) X(setrlimit) X(chroot) X(sync) X(acct) X(settimeofday) X(mount) X(umount2) X(swapon) \
	X(swapoff) X(reboot) X(sethostname) X(setdomainname) X(init_module) X(delete_module) X(quotactl) \
	X(io_setup) X(io_destroy) X(io_getevents) X(io_submit) X(io_cancel) X(lookup_dcookie) \
	X(remap_file_pages) X(clock_settime) X(mbind) X(set_mempolicy) X(get_mempolicy) X(kexec_load) \
	X(add_key) X(request_key) X(keyctl) X(ioprio_set) X(migrate_pages) X(openat) X(mknodat) X(fchmodat) \
	X(unshare) X(vmsplice) X(move_pages) X(perf_event_open) X(fanotify_init) X(fanotify_mark) \
	X(prlimit64) X(name_to_handle_at) X(open_by_handle_at) X(clock_adjtime) X(syncfs) X(setns) \
	X(process_vm_readv) X(process_vm_writev) X(kcmp) X(finit_module) X(sched_setattr) X(seccomp) \
	X(memfd_create) X(kexec_file_load) X(bpf) X(userfaultfd) X(io_pgetevents) X(io_uring_setup) \
	X(io_uring_enter) X(io_uring_register) X(open_tree) X(move_mount) X(fsopen) X(fsconfig) X(fsmount) \
	X(fspick) X(clone3) X(openat2) X(pidfd_getfd) X(process_madvise) X(mount_setattr) X(quotactl_fd) \
	X(memfd_secret) X(process_mrelease) X(set_mempolicy_home_node) X(newfstatat) X(statx) X(faccessat) \
	X(faccessat2) X(execve) X(execveat) X(chdir)

/* Calls that newer architectures never had. */
#define OLD(X) \
	X(open) X(creat) X(chmod) X(mknod) X(uselib) X(ustat) X(sysfs) X(modify_ldt) X(_sysctl) X(iopl) \
	X(ioperm) X(create_module) X(get_kernel_syms) X(query_module) X(getpmsg) X(putpmsg) X(afs_syscall) \
	X(tuxcall) X(security) X(set_thread_area) X(get_thread_area) X(epoll_ctl_old) X(epoll_wait_old) \
	X(vserver) X(stat) X(access)

/* Newer than the headers; the same numbers on every architecture since Linux 5.1. */
#define NEW(X) \
	X(cachestat, 451) X(fchmodat2, 452) X(statmount, 457) X(listmount, 458) X(lsm_get_self_attr, 459) \
	X(lsm_set_self_attr, 460) X(lsm_list_modules, 461) X(setxattrat, 463) X(getxattrat, 464) \
	X(listxattrat, 465) X(removexattrat, 466) X(open_tree_attr, 467) X(file_getattr, 468) \
	X(file_setattr, 469)

const char *calls_name(int number)
{
	switch (number) {
#define X(name) case SYS_##name: return #name;
		COMMON(X)
#if defined(__x86_64__)
		OLD(X)
#endif
#undef X
#define X(name, its_number) case its_number: return #name;
		NEW(X)
#undef X
	default: return NULL;
	}
}
