/* What lies on the host's disks, and what lies around in a sandbox. */
static int exists(char **a)
{
	struct stat status;
	return said(stat(a[0], &status) == 0);
}

/* Is TEXT in FILE? */
static int see_text(char **a)
{
	static char bytes[1 << 18];
	const int fd = open(a[0], O_RDONLY);
	size_t length = 0;
	for (ssize_t n; fd >= 0 && (n = read(fd, bytes + length, sizeof bytes - 1 - length)) > 0;)
		length += n;
	if (fd < 0)
		return said(0);
	puts(memmem(bytes, length, a[1], strlen(a[1])) ? "yes" : "no");
	return 0;
}

/* In FILE, is it KEY=VALUE… for its own run? The words are apart, since it may hold these as well. */
static int see_field(char **a)
{
	char text[512];
	snprintf(text, sizeof text, "%s=%s", a[1], a[2]);
	return see_text((char *[]){a[0], text});
}

/* Runs ARGUMENTS and says what their first word was; what ran said "yes" itself. */
static int run_program(char *const arguments[])
{
	int ends[2];
	char word[64] = "";
	pipe(ends);
	const pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		execv(arguments[0], arguments);
		printf("no %s\n", strerrorname_np(errno));
		fflush(stdout);
		_exit(0);
	}
	close(ends[1]);
	read(ends[0], word, sizeof word - 1);
	waitpid(pid, NULL, 0);
	printf("%s", word[0] ? word : "no answer\n");
	return 0;
}

static int copy_self(const char *to)
{
	char bytes[65536];
	const int from = open("/proc/self/exe", O_RDONLY), fd = open(to, O_WRONLY | O_CREAT | O_EXCL, 0755);
	for (ssize_t n; fd >= 0 && (n = read(from, bytes, sizeof bytes)) > 0;)
		write(fd, bytes, n);
	close(from);
	fchmod(fd, 0755);
	return fd < 0 ? -1 : close(fd);
}

/* Writes a program into FOLDER and starts it. */
static int run_from(char **a)
{
	char path[256];
	snprintf(path, sizeof path, "%s/written-%d", a[0], getpid());
	char *const arguments[] = {path, "alone", "yes", NULL};
	if (copy_self(path) < 0)
		return said(0);
	const int result = run_program(arguments);
	unlink(path);
	return result;
}

static int am_root(char **a)
{
	puts(geteuid() == 0 ? "yes" : "no");
	return 0;
}
static int run_setuid(char **a)
{
	char *const arguments[] = {a[0], "alone", "am_root", NULL};
	return run_program(arguments);
}

/* Whoever writes to the file is then kept waiting, for fs.lease-break-time. */
static int lease(char **a) { return said(fcntl(open(a[0], O_RDONLY), F_SETLEASE, F_RDLCK) == 0); }

/* From a folder that somebody left open (CVE-2024-21626). */
static int climb(char **a) { return said(openat(atoi(a[0]), a[1] + 1, O_RDONLY) >= 0); }
static int climb_root(char **a)
{
	char path[4096];
	snprintf(path, sizeof path, "/proc/self/root/../../../..%s", a[0]);
	return said(open(path, O_RDONLY) >= 0);
}
static int descend(char **a)
{
	char path[4096];
	snprintf(path, sizeof path, "/proc/1/root%s", a[0]);
	return said(open(path, O_RDONLY) >= 0);
}

/* A file of its own, whose mode says no. */
static int override_mode(char **a)
{
	if (open("/tmp/closed", O_CREAT | O_WRONLY, 0000) < 0)
		return said(0);
	return said(open("/tmp/closed", O_RDONLY) >= 0);
}

static int chroot_away(char **a)
{
	mkdir("/tmp/away", 0700);
	return said(chroot("/tmp/away") == 0);
}
