/* driver LAUNCHER CORPUS: starts the launcher with each specification of the corpus (4 bytes of length, little-endian, then
 * the bytes) and prints a line for each: its exit status, and whether anything left a mark on standard output, whether
 * the report has a start, and whether it says SPEC_INVALID. A millisecond each; Node would take five. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static int run(const char *launcher, const char *bytes, size_t length, char report[65536], long *marks)
{
	int spec = memfd_create("spec", MFD_CLOEXEC), out[2], said[2], status;
	size_t used = 0;

	must(spec, "memfd");
	if (write(spec, bytes, length) != (ssize_t)length || lseek(spec, 0, SEEK_SET) != 0)
		must(-1, "spec");
	must(pipe2(out, O_CLOEXEC), "pipe");
	must(pipe2(said, O_CLOEXEC), "pipe");
	const pid_t pid = fork();
	must(pid, "fork");
	if (pid == 0) {
		const int none = open("/dev/null", O_RDWR);
		/* Out of the way of the numbers that the launcher wants. */
		const int from[] = {fcntl(none, F_DUPFD, 20), fcntl(out[1], F_DUPFD, 20), fcntl(spec, F_DUPFD, 20), fcntl(said[1], F_DUPFD, 20)};
		dup2(from[0], 0), dup2(from[1], 1), dup2(from[0], 2), dup2(from[2], 3), dup2(from[3], 4);
		close_range(5, ~0U, 0);
		execve(launcher, (char *[]){(char *)launcher, NULL}, (char *[]){NULL});
		_exit(99);
	}
	close(spec), close(out[1]), close(said[1]);
	struct pollfd ends[] = {{.fd = out[0], .events = POLLIN}, {.fd = said[0], .events = POLLIN}};
	*marks = 0;
	while (ends[0].fd >= 0 || ends[1].fd >= 0) {
		char sink[4096];
		must(poll(ends, 2, -1), "poll");
		if (ends[0].revents) {
			const ssize_t got = read(out[0], sink, sizeof sink);
			if (got <= 0)
				ends[0].fd = -1;
			else
				*marks += got;
		}
		if (ends[1].revents) {
			const ssize_t got = read(said[0], report + used, 65535 - used);
			if (got <= 0)
				ends[1].fd = -1;
			else
				used += (size_t)got;
		}
	}
	report[used] = '\0';
	close(out[0]), close(said[0]);
	must(waitpid(pid, &status, 0), "wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int main(int count, char **arguments)
{
	static char report[65536];
	FILE *corpus = count == 3 ? fopen(arguments[2], "r") : NULL;
	uint32_t length;

	if (!corpus)
		must(-1, "corpus");
	while (fread(&length, sizeof length, 1, corpus) == 1) {
		char *bytes = malloc(length + 1);
		long marks;
		if (fread(bytes, 1, length, corpus) != length)
			must(-1, "corpus");
		const int status = run(arguments[1], bytes, length, report, &marks);
		printf("%d %ld %d %d\n", status, marks, strstr(report, "\"event\":\"started\"") != NULL,
		       strstr(report, "\"error\":\"SPEC_INVALID\"") != NULL);
		free(bytes);
	}
	return 0;
}
