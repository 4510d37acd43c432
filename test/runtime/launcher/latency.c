/*
 * Start-to-exit times of one static program: bare, through the launcher, through bwrap; interleaved, so that a
 * noisy moment hits all of them. usage: latency ROUNDS SPEC LAUNCHER PROGRAM [BWRAP ARG…]
 * Prints one line per contender: name, median, tenth and ninetieth percentile, in microseconds.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char spec[1 << 20];
static ssize_t spec_length;

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static double bare(char **argv)
{
	const double began = now_us();
	int status;
	const pid_t pid = vfork();
	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid, "bare");
	if (status != 0)
		fprintf(stderr, "%s: status %x\n", argv[0], status), exit(1);
	return now_us() - began;
}

static double launched(char **argv)
{
	const double began = now_us();
	int in[2], out[2], status;
	char report[8192];

	must(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
	must(write(in[1], spec, spec_length) == spec_length, "write");
	const pid_t pid = vfork();
	if (pid == 0) {
		/* 5 in between, so that neither end is overwritten before it is used */
		dup2(in[0], 100), dup2(out[1], 101), dup2(100, 3), dup2(101, 4), close(100), close(101);
		execv(argv[0], argv);
		_exit(127);
	}
	must(pid > 0, "vfork");
	close(in[0]), close(in[1]), close(out[1]);
	size_t got = 0;
	for (ssize_t n; (n = read(out[0], report + got, sizeof report - 1 - got)) > 0;)
		got += n;
	report[got] = 0;
	close(out[0]);
	must(waitpid(pid, &status, 0) == pid, "launched");
	if (status != 0)
		fprintf(stderr, "launcher: status %x %s\n", status, report), exit(1);
	return now_us() - began;
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void print(const char *name, double *times, int count)
{
	qsort(times, count, sizeof *times, ascending);
	printf("%s %.0f %.0f %.0f\n", name, times[count / 2], times[count / 10], times[count * 9 / 10]);
}

int main(int argc, char **argv)
{
	const int rounds = atoi(argv[1]);
	const int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	double *times[3];

	must(fd >= 0, argv[2]);
	spec_length = read(fd, spec, sizeof spec);
	for (int i = 0; i < 3; i++)
		times[i] = calloc(rounds, sizeof(double));
	for (int round = -20; round < rounds; round++) { /* the first ones warm the caches */
		const double one[3] = {bare((char *[]){argv[4], NULL}), launched((char *[]){argv[3], NULL}),
				       argc > 5 ? bare(argv + 5) : 0};
		for (int i = 0; i < 3 && round >= 0; i++)
			times[i][round] = one[i];
		if (round >= 0 && getenv("PAUSE_US"))
			usleep(atoi(getenv("PAUSE_US")));
	}
	print("bare", times[0], rounds);
	print("launcher", times[1], rounds);
	if (argc > 5)
		print("bwrap", times[2], rounds);
	return 0;
}
