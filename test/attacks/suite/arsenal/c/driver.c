/*
 * `each NAME ARG… -- NAME ARG… -- …` tries one attack after the other, each in a child, and prints a line for each: its
 * number, a tab, and what it said. `alone NAME ARG…` tries one in the first process itself: for those that end a run.
 */
#include <poll.h>
#include <pthread.h>

enum { PATIENCE_MS = 20000 };

static const struct { const char *name; int (*run)(char **); } own[] = {
#define O(name) {#name, name}
	O(exists), O(see_text), O(see_field), O(run_from), O(am_root), O(run_setuid), O(lease), O(climb), O(climb_root), O(descend),
	O(override_mode), O(chroot_away), O(call), O(i386_program), O(parent_namespace), O(next_mounts), O(init_namespace),
	O(kill_init), O(line_discipline), O(udp_echo), O(fast_open), O(mapped), O(route),
	O(take_port), O(mailbox), O(message_queue), O(semaphores), O(posix_queue), O(make_queue),
	O(huge_shared), O(lock_page), O(lock_all), O(shared_hog), O(memfd_hog), O(pipe_hog), O(udp_hog), O(long_file), O(many_signals),
	O(thread_bomb), O(fork_chain), O(burn_many), O(no_new_privileges), O(host_name), O(become_root), O(negative_nice), O(more_files),
};

/* `words` begins with the attack's name, and its end is NULL. */
static int attempt(int count, char **words)
{
	char *argv[64] = {"x"};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (strcmp(words[0], own[i].name) == 0)
			return own[i].run(words + 1);
	memcpy(argv + 1, words, count * sizeof words[0]);
	const int code = attack_main(count + 1, argv);
	return code == 99 ? siege_main(count + 1, argv) : code;
}

/* What is in the pipe when the child has ended: others may keep it open for longer. */
static int read_answer(int from, char *answer, int size, pid_t pid, int *status)
{
	int length = 0, waited = 0, ended = 0;
	for (;;) {
		struct pollfd one = {.fd = from, .events = POLLIN};
		const int ready = poll(&one, 1, ended ? 0 : 20);
		const ssize_t n = ready > 0 ? read(from, answer + length, size - 1 - length) : 0;
		if (n > 0)
			length += n;
		else if (ended)
			break;
		else if (waitpid(pid, status, WNOHANG) == pid)
			ended = 1;
		else if ((waited += 20) > PATIENCE_MS)
			kill(pid, SIGKILL);
		else if (ready > 0)
			usleep(2000);
	}
	while (length > 0 && answer[length - 1] == '\n')
		length--;
	answer[length] = 0;
	return length;
}

static void attempt_each(int number, int count, char **words)
{
	static char answer[4096];
	int ends[2], status = 0;
	pipe(ends);
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		close(ends[0]);
		close(ends[1]);
		exit(attempt(count, words));
	}
	close(ends[1]);
	if (pid < 0)
		printf("%d\tcannot fork: %s\n", number, strerrorname_np(errno));
	else if (read_answer(ends[0], answer, sizeof answer, pid, &status) > 0 || !WIFSIGNALED(status)) {
		for (char *at = answer; *at; at++)
			if (*at == '\n')
				*at = '|';
		printf("%d\t%s\n", number, answer);
	} else
		printf("%d\tkilled by %s\n", number, sigabbrev_np(WTERMSIG(status)));
	close(ends[0]);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "alone") == 0)
		return attempt(argc - 2, argv + 2);
	if (argc < 3 || strcmp(argv[1], "each") != 0)
		return 99;
	for (int at = 2, number = 0; at < argc; at++, number++) {
		char **words = argv + at;
		while (at < argc && strcmp(argv[at], "--") != 0)
			at++;
		argv[at] = NULL;
		attempt_each(number, (int)(argv + at - words), words);
	}
	fflush(stdout);
	return 0;
}
