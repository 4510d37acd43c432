/* What has one name for everybody, and what there is only so much of. */
#include <mqueue.h>
#include <poll.h>
#include <sys/msg.h>
#include <sys/sem.h>

static int message_queue(char **a) { return said(msgget(atoi(a[0]), 0) >= 0); }
static int semaphores(char **a) { return said(semget(atoi(a[0]), 0, 0) >= 0); }
static int posix_queue(char **a) { return said(mq_open(a[0], O_RDONLY | O_NONBLOCK) >= 0); }
static int make_queue(char **a)
{
	struct mq_attr few = {.mq_maxmsg = 1, .mq_msgsize = 8};
	return said(mq_open("/own", O_CREAT | O_RDWR, 0600, &few) >= 0);
}
/* The third way to huge pages, by a call that the filter lets pass. */
static int huge_shared(char **a) { return said(shmget(IPC_PRIVATE, 2 << 20, IPC_CREAT | 0600 | 04000 /* SHM_HUGETLB */) >= 0); }
static int lock_page(char **a)
{
	static char page[8192];
	return said(mlock(page, 4096) == 0);
}
static int lock_all(char **a) { return said(mlockall(3) == 0); }

static int shared_hog(char **a)
{
	const int id = shmget(IPC_PRIVATE, atol(a[0]), IPC_CREAT | 0600);
	char *at = shmat(id, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
	if (at == (void *)-1)
		return said(0);
	memset(at, 1, atol(a[0]));
	return said(1);
}
static int memfd_hog(char **a)
{
	static char block[1 << 20];
	const int fd = syscall(SYS_memfd_create, "x", 0);
	memset(block, 1, sizeof block);
	for (long left = atol(a[0]); left > 0; left -= sizeof block)
		if (write(fd, block, sizeof block) != sizeof block)
			return said(0);
	return said(1);
}
/* A thousand pipes of a megabyte each would be a gigabyte of the host's. */
static int pipe_hog(char **a)
{
	static char block[1 << 16];
	long total = 0;
	for (int i = 0; i < 100; i++) {
		int ends[2];
		if (pipe(ends) < 0)
			break;
		fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
		fcntl(ends[1], F_SETFL, O_NONBLOCK);
		for (ssize_t n; (n = write(ends[1], block, sizeof block)) > 0;)
			total += n;
	}
	printf("%s %ld\n", total > atol(a[0]) ? "yes" : "no", total >> 20);
	return 0;
}
/* One process's share of the next: sockets full of letters to themselves, and what was in them when all are full. */
static void fill_sockets(int full, int go, int counts)
{
	static char letter[16384];
	int sockets[240], made = 0;
	long kept = 0;
	char byte;
	for (; made < 240; made++) {
		struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t length = sizeof at;
		const int fd = sockets[made] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (fd < 0 || bind(fd, (void *)&at, sizeof at) < 0 || getsockname(fd, (void *)&at, &length) < 0)
			break;
		for (int i = 0; i < 16; i++)
			sendto(fd, letter, sizeof letter, 0, (void *)&at, sizeof at);
	}
	write(full, "x", 1);
	read(go, &byte, 1);
	for (int i = 0; i < made; i++)
		for (ssize_t n; (n = recv(sockets[i], letter, sizeof letter, 0)) > 0;)
			kept += n;
	write(counts, &kept, sizeof kept);
	_exit(0);
}
/* The host has one number for the memory of all its UDP sockets (net.ipv4.udp_mem). */
static int udp_hog(char **a)
{
	int full[2], go[2], counts[2];
	long total = 0, one;
	char byte;
	pipe(full), pipe(go), pipe(counts);
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			fill_sockets(full[1], go[0], counts[1]);
	for (int i = 0; i < 3; i++)
		read(full[0], &byte, 1);
	write(go[1], "xxx", 3);
	for (int i = 0; i < 3 && read(counts[0], &one, sizeof one) == sizeof one; i++)
		total += one;
	printf("%s %ld\n", total > atol(a[0]) ? "yes" : "no", total >> 20);
	return 0;
}
static int long_file(char **a)
{
	const int fd = syscall(SYS_memfd_create, "x", 0);
	return said(ftruncate(fd, atol(a[0])) == 0);
}
/* More signals in the queue than LIMIT, which the kernel charges to whoever owns the user namespace. */
static int many_signals(char **a)
{
	sigset_t set;
	long queued = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	while (queued <= atol(a[0]) && sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0)
		queued++;
	printf("%s %ld\n", queued > atol(a[0]) ? "yes" : "no", queued);
	return 0;
}
static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
}
static int thread_bomb(char **a)
{
	int made = 0;
	pthread_attr_t small;
	pthread_t thread;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 32768);
	while (made < atoi(a[0]) && pthread_create(&thread, &small, wait_for_ever, NULL) == 0)
		made++;
	printf("%s %d\n", made == atoi(a[0]) ? "yes" : "no", made);
	return 0;
}
/* In generations, each of which waits for ever: no parent is left who could be made to stop. */
static void beget(int left, int births)
{
	if (left == 0 || fork() != 0)
		return;
	write(births, "x", 1);
	beget(left - 1, births);
	for (;;)
		pause();
}
static int fork_chain(char **a)
{
	static char births[4096];
	int ends[2], made = 0;
	pipe(ends);
	beget(atoi(a[0]), ends[1]);
	for (struct pollfd one = {.fd = ends[0], .events = POLLIN}; made < atoi(a[0]) && poll(&one, 1, 500) > 0;)
		made += read(ends[0], births, sizeof births);
	printf("%s %d\n", made == atoi(a[0]) ? "yes" : "no", made);
	return 0;
}

/* Of all processors together, so that it takes more than its share however busy they are. */
static int burn_many(char **a)
{
	for (int i = 0; i < atoi(a[0]); i++)
		if (fork() == 0)
			_exit(burn(a + 1));
	while (wait(NULL) > 0)
		;
	return 0;
}

static int no_new_privileges(char **a)
{
	puts(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? "yes" : "no");
	return 0;
}
static int host_name(char **a)
{
	char name[256] = "";
	gethostname(name, sizeof name);
	printf("%s %s\n", strcmp(name, a[0]) == 0 ? "yes" : "no", name);
	return 0;
}
static int become_root(char **a) { return said(setuid(0) == 0); }
static int negative_nice(char **a) { return said(setpriority(PRIO_PROCESS, 0, -5) == 0); }
static int more_files(char **a)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	printf("%s %ld\n", limit.rlim_max > (rlim_t)atol(a[0]) ? "yes" : "no", (long)limit.rlim_max);
	return 0;
}
