#include "fork-server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "figures.h"
#include "rights.h"
#include "text.h"

enum { CONTROL = 3, DOOR = 4, STREAMS = 6, LINE_MAX_BYTES = 512, TOKEN_BYTES = 32, PID_DIGITS = 7, PID_LARGEST = 1 << 22 };

static sigset_t inherited;
static pid_t host;
static struct rights granted;
static char stack[16384] __attribute__((aligned(16)));

/* One launcher, as it was asked for. */
struct order {
	char *token, *streams, *title;
};

static void say(const struct text *text)
{
	/* Whoever does not read what it has asked for is told nothing more. */
	if (send(CONTROL, text->bytes, text->length, MSG_NOSIGNAL) != (ssize_t)text->length)
		_exit(125);
}

/* A name that leads to a socket by itself, however long its path, and after its path is gone. */
static void name_door(struct sockaddr_un *address)
{
	TEXT(path, sizeof address->sun_path);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	text_print(&path, "/proc/self/fd/%d", DOOR);
	memcpy(address->sun_path, path.bytes, path.length);
}

static bool open_door(const char *path)
{
	struct stat status;
	const int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode) || status.st_uid != geteuid())
		return false;
	if (fd != DOOR && dup3(fd, DOOR, O_CLOEXEC) < 0)
		return false;
	return close_range(DOOR + 1, ~0U, 0) == 0;
}

static int stream_to_host(const struct order *order, int number)
{
	struct sockaddr_un address;
	TEXT(hello, 96);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	name_door(&address);
	text_print(&hello, "%s %d\n", order->token, number);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
	    send(fd, hello.bytes, hello.length, MSG_NOSIGNAL) != (ssize_t)hello.length)
		_exit(125);
	return fd;
}

/* In the child. What it was given becomes 0 to 5, which nothing of this process keeps open over execve. */
static int become_launcher(void *argument)
{
	const struct order *order = argument;
	char *const arguments[] = {order->title, NULL}, *const none[] = {NULL};
	int streams[STREAMS];

	for (int number = 0; number < STREAMS; number++) {
		const bool ignored = number < 3 && order->streams[number] == 'i';
		const int fd = ignored ? open("/dev/null", O_RDWR | O_CLOEXEC) : stream_to_host(order, number);
		/* Out of the way of the numbers it will be copied to. */
		streams[number] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, DOOR + 1 + STREAMS);
		if (streams[number] < 0)
			_exit(125);
	}
	for (int number = 0; number < STREAMS; number++)
		if (dup2(streams[number], number) < 0)
			_exit(125);
	/* It writes nothing there: the host's end says so at once, as that of a pipe would. */
	if (order->streams[0] == 'p' && shutdown(0, SHUT_WR) < 0)
		_exit(125);
	if (sigprocmask(SIG_SETMASK, &inherited, NULL) < 0)
		_exit(125);
	execve("/proc/self/exe", arguments, none);
	_exit(125);
}

/* Cuts the next word off a line; NULL: there is none. */
static char *word(char **rest)
{
	char *begin = *rest, *end = begin ? strchr(begin, ' ') : NULL;

	if (!begin || *begin == '\0')
		return NULL;
	*rest = end ? end + 1 : NULL;
	if (end)
		*end = '\0';
	return begin;
}

/* In a /proc of another pid namespace our parent's number is somebody else's. */
static bool sees_its_host(void)
{
	static char status[4096];

	return figures_read(AT_FDCWD, "/proc/self/status", status, sizeof status) &&
	       figures_keyed(status, "PPid:") == host && rights_read(host, &granted);
}

/*
 * A process that has given up its user, a capability or anything else has given it up for what it starts as well; whoever
 * takes it over afterwards must not find here what it had before.
 */
static bool host_has_its_rights(void)
{
	static struct rights now;

	return getppid() == host && rights_read(host, &now) && strcmp(now.lines, granted.lines) == 0;
}

static void launch(char *rest)
{
	struct order order = {.token = word(&rest), .streams = word(&rest), .title = rest};
	TEXT(text, 64);

	if (!order.token || strlen(order.token) != TOKEN_BYTES || !order.streams || strlen(order.streams) != 3 ||
	    strspn(order.streams, "ip") != 3 || !order.title || *order.title == '\0')
		_exit(125);
	const pid_t pid = host_has_its_rights() ? clone(become_launcher, stack + sizeof stack, SIGCHLD, &order) : -1;
	if (pid > 0)
		text_print(&text, "begun %s %d\n", order.token, (int)pid);
	else
		text_print(&text, "failed %s\n", order.token);
	say(&text);
}

/* Its number is its own for as long as nobody has waited for it, which only we do. */
static void end(const char *text)
{
	const size_t digits = strspn(text, "0123456789");
	const int64_t pid = digits <= PID_DIGITS && text[digits] == '\0' ? figures_decimal(text) : -1;
	int status;

	if (pid < 1 || pid > PID_LARGEST)
		_exit(125);
	const pid_t ended = waitpid((pid_t)pid, &status, WNOHANG);
	if (ended == 0)
		kill((pid_t)pid, SIGKILL);
	if (ended <= 0)
		return;
	TEXT(line, 64);
	text_print(&line, "exit %d %d\n", (int)ended, status);
	say(&line);
}

static void tell_of_ended(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		TEXT(line, 64);
		text_print(&line, "exit %d %d\n", (int)pid, status);
		say(&line);
	}
}

static void obey(char *line)
{
	if (strncmp(line, "launch ", 7) == 0)
		return launch(line + 7);
	if (strncmp(line, "kill ", 5) == 0)
		return end(line + 5);
	_exit(125);
}

/* Takes what has come, and does each whole line of it. */
static void listen_to_host(void)
{
	static char bytes[LINE_MAX_BYTES];
	static size_t have;
	const ssize_t got = read(CONTROL, bytes + have, sizeof bytes - have);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0)
		_exit(0); /* the host has ended, or wants no more */
	have += (size_t)got;
	size_t done = 0;
	for (size_t at = 0; at < have; at++) {
		if (bytes[at] != '\n')
			continue;
		bytes[at] = '\0';
		obey(bytes + done);
		done = at + 1;
	}
	if (done == 0 && have == sizeof bytes)
		_exit(125);
	have -= done;
	for (size_t at = 0; at < have; at++)
		bytes[at] = bytes[done + at];
}

/* A key that a terminal sends to all of its foreground is the launchers' and the host's: this ends with the host alone. */
static int catch_signals(void)
{
	static const int kept[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGUSR1, SIGUSR2};
	sigset_t set, ended;
	const struct sigaction standard = {.sa_handler = SIG_DFL};

	sigemptyset(&set);
	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		sigaddset(&set, kept[i]);
	if (sigprocmask(SIG_SETMASK, &set, &inherited) < 0 || sigaction(SIGCHLD, &standard, NULL) < 0)
		return -1;
	return signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
}

int fork_server(const char *path)
{
	struct signalfd_siginfo info;
	TEXT(ready, 16);

	host = getppid();
	if (!open_door(path) || fcntl(CONTROL, F_SETFD, FD_CLOEXEC) < 0 || chdir("/") < 0 || !sees_its_host())
		return 125;
	struct pollfd polled[] = {{.fd = CONTROL, .events = POLLIN}, {.fd = catch_signals(), .events = POLLIN}};
	if (polled[1].fd < 0)
		return 125;
	text_add(&ready, "ready\n");
	say(&ready);
	for (;;) {
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			return 125;
		if (polled[1].revents && read(polled[1].fd, &info, sizeof info) > 0)
			tell_of_ended();
		if (polled[0].revents)
			listen_to_host();
	}
}
