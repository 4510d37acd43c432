#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "figures.h"
#include "supervise.h"
#include "text.h"

/* What a launcher has left to do when the tree is dead: deliver the last output (1 s) and remove its cgroups (2 s). */
enum { AFTERWARDS_MS = 3500, KILLED_MS = 2000, WAKE_MS = 200, NUMBER_MAX = 2000000000 };

static int cannot(const char *what, int error)
{
	TEXT(text, 256);

	errno = error;
	text_print(&text, "plugins: cannot stop: %s: %m\n", what);
	if (write(STDERR_FILENO, text.bytes, text.length) < 0)
		return 125;
	return 125;
}

static int say(const char *how, int64_t ms)
{
	TEXT(text, 128);

	text_print(&text, "{\"stopped\":\"%s\",\"ms\":", how);
	text_number(&text, ms);
	text_add(&text, "}\n");
	return write(STDOUT_FILENO, text.bytes, text.length) < 0 ? 125 : 0;
}

static int64_t number(const char *string, int64_t max)
{
	const size_t length = strlen(string);

	if (length == 0 || length > 18 || strspn(string, "0123456789") != length)
		return -1;
	const int64_t value = figures_decimal(string);
	return value <= max ? value : -1;
}

/* Field 22 of /proc/PID/stat: with the pid it names one process since boot. -1: there is none, or only its ashes. */
static int64_t start_of(int64_t pid)
{
	char bytes[1024];
	TEXT(path, 48);

	text_print(&path, "/proc/%d/stat", (int)pid);
	if (!figures_read(AT_FDCWD, path.bytes, bytes, sizeof bytes))
		return -1;
	const char *field = strrchr(bytes, ')');
	for (int at = 2; field && at < 22; at++) {
		field = strchr(field, ' ');
		if (!field)
			return -1;
		field++;
		if (at == 2 && (*field == 'Z' || *field == 'X'))
			return -1;
	}
	return field ? figures_decimal(field) : -1;
}

/* SIGTERM with a number: the grace, in the place of the one the launcher was given. */
static int ask(int fd, int64_t grace_ms)
{
	siginfo_t info = {.si_signo = SIGTERM, .si_code = SI_QUEUE};

	info.si_pid = getpid();
	info.si_value.sival_int = (int)grace_ms;
	return pidfd_send_signal(fd, SIGTERM, &info, 0);
}

/*
 * A terminal stops a launcher that reads it in the background, or Ctrl-Z does, and what is stopped hears no SIGTERM. It is
 * woken again and again: a key may stop it once more. ESRCH: it is gone, as the next look shows.
 */
static bool is_gone(int fd, int64_t ms)
{
	struct pollfd process = {.fd = fd, .events = POLLIN};
	int64_t left;

	for (const int64_t end = supervise_clock_ms() + ms; (left = end - supervise_clock_ms()) > 0;) {
		if (pidfd_send_signal(fd, SIGCONT, NULL, 0) < 0 && errno != ESRCH)
			return false;
		if (poll(&process, 1, (int)(left < WAKE_MS ? left : WAKE_MS)) > 0)
			return true;
	}
	return false;
}

int stop(const char *pid_text, const char *start_text, const char *grace_text)
{
	const int64_t pid = number(pid_text, 1 << 22), start = number(start_text, INT64_MAX);
	const int64_t grace_ms = number(grace_text, NUMBER_MAX), began_ms = supervise_clock_ms();

	if (pid < 1 || start < 0 || grace_ms < 0)
		return cannot("expected a pid, its start time and a grace in ms", EINVAL);
	const int fd = pidfd_open((pid_t)pid, 0);
	if (fd < 0 && errno != ESRCH)
		return cannot("cannot hold the process", errno);
	/* Asked after the descriptor is held: from here on it is this process, however often its number is given again. */
	if (fd < 0 || start_of(pid) != start)
		return say("gone", 0);
	if (ask(fd, grace_ms) < 0)
		return errno == ESRCH ? say("gone", 0) : cannot("the launcher does not take a signal", errno);
	if (is_gone(fd, grace_ms + AFTERWARDS_MS))
		return say("asked", supervise_clock_ms() - began_ms);
	/* It hangs; with it the whole tree goes (PDEATHSIG), and what it leaves is swept by the next command. */
	if (pidfd_send_signal(fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return cannot("the launcher does not take a signal", errno);
	return is_gone(fd, KILLED_MS) ? say("killed", supervise_clock_ms() - began_ms) : say("stuck", supervise_clock_ms() - began_ms);
}
