/* System calls, by name and with numbers for arguments; and other doors of the kernel. */

static const struct { const char *name; long number; } calls[] = {
#define C(name) {#name, SYS_##name}
	C(settimeofday), C(setns), C(vmsplice), C(kcmp), C(open_tree), C(fanotify_init), C(pidfd_getfd), C(process_madvise),
	C(name_to_handle_at), C(process_vm_writev), C(add_key), C(request_key), C(keyctl), C(sched_setattr), C(ioprio_set),
	C(mbind), C(unshare), C(io_setup), C(mount_setattr), C(fsopen), C(process_vm_readv), {"memfd_secret", 447},
#if defined(__x86_64__)
	C(modify_ldt),
#endif
};
static int call(char **a)
{
	long argument[6] = {0};
	for (int i = 0; i < 6 && a[1 + i]; i++)
		argument[i] = strtol(a[1 + i], NULL, 0);
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (strcmp(calls[i].name, a[0]) == 0)
			return said(syscall(calls[i].number, argument[0], argument[1], argument[2], argument[3], argument[4],
					    argument[5]) >= 0);
	puts("no such call here");
	return 0;
}

/* A program of the other ABI, out of memory, where no mount forbids to execute it. It exits with 42. */
static int i386_program(char **a)
{
	static const unsigned char code[] = {0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80};
	static const unsigned char head[84] = {
		0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 1, 0, 0, 0, 0x54, 0x80, 0x04, 0x08,
		52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 52, 0, 32, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x04, 0x08, 0, 0x80, 0x04, 0x08, 96, 0, 0, 0, 96, 0, 0, 0, 5, 0, 0, 0, 0, 0x10, 0, 0};
	const int fd = syscall(SYS_memfd_create, "x", 0);
	char *const arguments[] = {"x", NULL}, *const none[] = {NULL};
	int status;
	write(fd, head, sizeof head);
	write(fd, code, sizeof code);
	const pid_t pid = fork();
	if (pid == 0) {
		syscall(SYS_execveat, fd, "", arguments, none, AT_EMPTY_PATH);
		_exit(errno == ENOEXEC ? 2 : 1);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("no %s\n", sigabbrev_np(WTERMSIG(status)));
	else
		printf("%s %d\n", WEXITSTATUS(status) == 42 ? "yes" : "no", WEXITSTATUS(status));
	return 0;
}

/* The namespaces around its own. */
static int parent_namespace(char **a) { return said(ioctl(open("/proc/self/ns/user", O_RDONLY), 0xb702 /* NS_GET_PARENT */) >= 0); }
static int next_mounts(char **a)
{
	struct { unsigned size, count; unsigned long id; } info = {.size = 16};
	return said(ioctl(open("/proc/self/ns/mnt", O_RDONLY), 0x8010b70bUL /* NS_MNT_GET_NEXT */, &info) >= 0);
}
static int init_namespace(char **a)
{
	const int init = syscall(SYS_pidfd_open, 1, 0);
	return said(ioctl(init, _IO(0xff, 3) /* PIDFD_GET_MNT_NAMESPACE */, 0) >= 0);
}
static int kill_init(char **a)
{
	const int init = syscall(SYS_pidfd_open, 1, 0);
	for (int signal = 1; signal < 65; signal++)
		syscall(SYS_pidfd_send_signal, init, signal, NULL, 0);
	usleep(50000);
	puts(kill(1, 0) == 0 || errno == EPERM ? "no, it lives" : "yes");
	return 0;
}

static int line_discipline(char **a)
{
	int tty = 3;
	return said(ioctl(0, 0x5423 /* TIOCSETD */, &tty) == 0);
}
