#include "supervise.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "denials.h"
#include "hold.h"
#include "init.h"
#include "judge.h"
#include "log.h"
#include "network.h"
#include "orphans.h"
#include "preload.h"
#include "pump.h"
#include "sample.h"
#include "state.h"

enum { DRAIN_MS = 1000, BEGIN_CLOCKS = 64, LET_GO = 65 };

static char buffers[3][PUMP_BYTES];

int64_t supervise_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void kill_tree(struct state *state)
{
	if (state->init_dead) {
		state->drain_until_ms = 1; /* long past: leave the rest of the output to itself */
		return;
	}
	state->killed = true;
	if (wants(state->run->spec, LAYER_KILL_TREE))
		cgroup_kill();
	/* ESRCH: it died by itself meanwhile. With a pid namespace this alone takes the whole tree. */
	if (pidfd_send_signal(state->run->init_fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return;
}

static void pass_signal(struct state *state, int signal)
{
	if (!state->init_dead && pidfd_send_signal(state->run->init_fd, signal, NULL, 0) < 0 && errno != ESRCH)
		kill_tree(state);
}

/* SIGTERM now, SIGKILL after the grace; at once if there is none, or if it was asked for before. */
static void ask_to_end(struct state *state, int64_t grace)
{
	if (state->kill_at_ms != 0 || state->init_dead) {
		kill_tree(state);
		return;
	}
	state->kill_at_ms = supervise_clock_ms() + grace;
	pass_signal(state, SIGTERM);
	if (grace == 0)
		kill_tree(state);
}

static void end_by_limit(struct state *state, enum limit limit)
{
	/* A program that ended by itself is not late any more; but too much output is too much, also at the end. */
	if (state->limit != LIMIT_NONE || (state->ended && limit != LIMIT_OUTPUT))
		return;
	state->limit = limit;
	/* A grace would be more output, and what stands still hears no signal. */
	if (limit == LIMIT_OUTPUT || limit == LIMIT_MEMORY || limit == LIMIT_PROCESSES)
		kill_tree(state);
	else
		ask_to_end(state, (int64_t)state->run->spec->grace_ms);
}

static bool is_held(const struct state *state)
{
	return state->run->go >= 0;
}

static void take_signal(struct state *state, int signal)
{
	if (signal != SIGCHLD && is_held(state))
		kill_tree(state); /* there is no program yet that it could be for */
	else if (signal == SIGTERM)
		ask_to_end(state, (int64_t)state->run->spec->grace_ms);
	else if (signal == SIGCHLD)
		orphans_reap(state->run->init);
	else
		pass_signal(state, signal);
}

static void read_signals(struct state *state)
{
	struct signalfd_siginfo info;

	while (read(state->run->signals, &info, sizeof info) == sizeof info)
		/* Sent with a number (`--stop`), it is a grace of the sender's choice. */
		if (info.ssi_signo == SIGTERM && info.ssi_code == SI_QUEUE && info.ssi_int >= 0 && !is_held(state))
			ask_to_end(state, info.ssi_int);
		else
			take_signal(state, (int)info.ssi_signo);
}

static void begin_clocks(struct state *state)
{
	state->run->began_ms = state->last_byte_ms = supervise_clock_ms();
}

static void let_go(struct state *state)
{
	static struct hold_words words;

	if (!is_held(state) || !hold_take(state->run->control, &words)) {
		kill_tree(state);
		return;
	}
	if (!hold_let_go(state->run->go, &words))
		kill_tree(state);
	close(state->run->go);
	state->run->go = -1;
	begin_clocks(state);
	stall_begin(state);
}

static void read_control(struct state *state)
{
	unsigned char byte;
	const ssize_t got = read(state->run->control, &byte, 1);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got == 1) {
		if (byte == SIGKILL)
			kill_tree(state);
		else if (byte > 0 && byte < 32 && byte != SIGSTOP)
			take_signal(state, byte);
		else if (byte == BEGIN_CLOCKS) /* it was held ready, which is no time of its own */
			begin_clocks(state);
		else if (byte == LET_GO)
			let_go(state);
		return;
	}
	/* The library closed it, or its process is gone. */
	close(state->run->control);
	state->run->control = -1;
	kill_tree(state);
}

static void read_status(struct state *state)
{
	struct message message;
	const ssize_t got = read(state->run->status, &message, sizeof message);

	if (got < 0 && errno == EINTR)
		return;
	if (got != sizeof message) {
		close(state->run->status);
		state->run->status = -1;
		return;
	}
	switch (message.kind) {
	case MESSAGE_REFUSED:
		state->refusal = message.refusal;
		refusal_bound(&state->refusal); /* a preloaded parent gone bad has held this pipe */
		state->refused = true;
		kill_tree(state);
		break;
	case MESSAGE_HELD:
		if (is_held(state) && !state->told)
			report_held();
		state->told = true;
		break;
	case MESSAGE_STARTED:
		if (state->refused)
			break;
		if (is_held(state)) { /* nobody has let it go: a preloaded parent gone bad */
			kill_tree(state);
			break;
		}
		state->started = true;
		report_started(state->run->init, wall_clock_ms(), state->run->landlock);
		sample_open(state->run->spec, supervise_clock_ms()); /* before that it is the sandbox that is seen */
		break;
	case MESSAGE_ENDED:
		state->ended = true;
		state->status = message.status;
		state->ending->met |= (message.tmp.full ? MET_TMP : 0U) | (message.data.full ? MET_DATA : 0U);
		state->ending->tmp_bytes = message.tmp.used_bytes;
		state->ending->data_bytes = message.data.used_bytes;
		/* While init and its namespaces are being taken apart. */
		cgroup_read_usage(&state->usage);
		break;
	}
}

static void move_bytes(struct state *state, struct pump *pump, short events)
{
	if (events == 0)
		return;
	if (pump_move(pump))
		state->last_byte_ms = supervise_clock_ms();
	if (pump->overflowed)
		end_by_limit(state, LIMIT_OUTPUT);
}

static int64_t earlier(int64_t one, int64_t other)
{
	if (one == 0)
		return other;
	return other == 0 || one < other ? one : other;
}

static int64_t output_bytes(const struct state *state)
{
	return (int64_t)(state->pumps[1].passed + state->pumps[2].passed);
}

/* The next moment at which a clock has something to say; 0 for never. */
static int64_t next_deadline(const struct state *state)
{
	const struct spec *spec = state->run->spec;
	int64_t next;

	if (state->init_dead)
		return state->drain_until_ms;
	next = earlier(sample_deadline(), log_deadline());
	if (state->limit == LIMIT_NONE && !state->ended && !is_held(state)) {
		if (spec->timeout_ms > 0)
			next = earlier(next, state->run->began_ms + (int64_t)spec->timeout_ms);
		if (spec->idle_ms > 0)
			next = earlier(next, state->last_byte_ms + (int64_t)spec->idle_ms);
		next = earlier(next, state->stall.next_look_ms);
	}
	if (!state->killed)
		next = earlier(next, state->kill_at_ms);
	return earlier(next, denials_deadline_ms());
}

/* Whatever the program does, or has begun to do. */
static void look_after(struct state *state, int64_t now)
{
	if (state->kill_at_ms != 0 && now >= state->kill_at_ms && !state->killed)
		kill_tree(state);
	if (sample_deadline() != 0 && now >= sample_deadline())
		sample_take(state->run->init, now, (struct sample_counts){output_bytes(state), network_bytes()});
	log_look(now);
}

static void look_at_clock(struct state *state)
{
	const struct spec *spec = state->run->spec;
	const int64_t now = supervise_clock_ms();

	if (is_held(state))
		return look_after(state, now);
	if (spec->timeout_ms > 0 && now >= state->run->began_ms + (int64_t)spec->timeout_ms)
		end_by_limit(state, LIMIT_WALL_TIME);
	if (spec->idle_ms > 0 && now >= state->last_byte_ms + (int64_t)spec->idle_ms)
		end_by_limit(state, LIMIT_IDLE);
	const enum limit stall = stall_look(state, now);
	if (stall != LIMIT_NONE)
		end_by_limit(state, stall);
	look_after(state, now);
}

/*
 * After the tree is dead its pipes hold at most a few pages, and with a pid namespace nobody else can hold them
 * open. A run that ended by itself gets that rest delivered, however slow the reader; one that was ended, or that
 * may have left a survivor behind, gets a second.
 */
static void begin_drain(struct state *state)
{
	const struct spec *spec = state->run->spec;
	const int64_t now = supervise_clock_ms();

	state->init_dead = true;
	/* No writer is left, so what is in the pipes now is all. Their end itself may be long in coming: a plugin can leave
	 * a descriptor in a letter between sockets, which the kernel closes when it next collects such garbage. */
	for (int i = 1; i < 3 && wants(spec, LAYER_PID_NAMESPACE); i++)
		state->pumps[i].last = true;
	while (state->run->status >= 0) /* nonblocking: what init still had to say */
		read_status(state);
	if (state->killed || !wants(spec, LAYER_PID_NAMESPACE))
		state->drain_until_ms = now + DRAIN_MS;
	else if (spec->timeout_ms > 0)
		state->drain_until_ms = state->run->began_ms + (int64_t)spec->timeout_ms;
	if (state->drain_until_ms != 0 && state->drain_until_ms < now + DRAIN_MS)
		state->drain_until_ms = now + DRAIN_MS;
}

static bool is_drained(const struct state *state)
{
	return pump_is_done(&state->pumps[1]) && pump_is_done(&state->pumps[2]);
}

static void loop(struct state *state)
{
	enum { INIT, STATUS, SIGNALS, PARENT, CONTROL, DENIALS, NETWORK, PUMPS, COUNT = PUMPS + 3 };
	struct run *run = state->run;

	for (;;) {
		struct pollfd polled[COUNT] = {
			[INIT] = {.fd = state->init_dead ? -1 : run->init_fd, .events = POLLIN},
			[STATUS] = {.fd = run->status, .events = POLLIN},
			[SIGNALS] = {.fd = run->signals, .events = POLLIN},
			[PARENT] = {.fd = run->parent, .events = POLLIN},
			[CONTROL] = {.fd = run->control, .events = POLLIN},
			[DENIALS] = denials_wants(),
			[NETWORK] = {.fd = network_events(), .events = POLLIN},
		};
		for (int i = 0; i < 3; i++)
			polled[PUMPS + i] = pump_wants(&state->pumps[i]);
		if (state->init_dead)
			polled[PUMPS].fd = -1;

		const int64_t deadline = next_deadline(state);
		int64_t wait = deadline == 0 ? -1 : deadline - supervise_clock_ms();
		if (deadline != 0 && wait < 0)
			wait = 0;
		if (wait > 3600000)
			wait = 3600000;
		const int ready = poll(polled, COUNT, (int)wait);
		if (ready < 0 && errno != EINTR) {
			kill_tree(state);
			return;
		}
		if (ready > 0) {
			if (polled[STATUS].revents)
				read_status(state);
			for (int i = 0; i < 3; i++)
				move_bytes(state, &state->pumps[i], polled[PUMPS + i].revents);
			if (polled[NETWORK].revents)
				network_read();
			if (polled[SIGNALS].revents)
				read_signals(state);
			if (polled[CONTROL].revents)
				read_control(state);
			denials_answer(polled[DENIALS].revents, state->started);
			if (polled[PARENT].revents) {
				run->parent = -1; /* said once is enough */
				kill_tree(state);
			}
			if (polled[INIT].revents)
				begin_drain(state);
		}
		for (int i = 1; i < 3 && state->init_dead; i++)
			if (state->pumps[i].last && state->pumps[i].length == 0 && state->pumps[i].from >= 0)
				move_bytes(state, &state->pumps[i], POLLIN);
		if (!state->init_dead)
			look_at_clock(state);
		else if (is_drained(state) || (state->drain_until_ms != 0 && supervise_clock_ms() >= state->drain_until_ms))
			return;
	}
}

static void account(struct state *state, const struct rusage *rusage)
{
	struct ending *ending = state->ending;

	ending->wall_ms = supervise_clock_ms() - state->run->began_ms;
	ending->cpu_ms = state->usage.cpu_ms;
	ending->memory_peak_bytes = state->usage.memory_peak_bytes;
	ending->processes_peak = state->usage.processes_peak;
	/* Init and all it reaped; the kernel counts blocks of 512 bytes that reached a device. */
	ending->io_read_bytes = (int64_t)rusage->ru_inblock * 512;
	ending->io_write_bytes = (int64_t)rusage->ru_oublock * 512;
	ending->output_bytes = output_bytes(state);
	ending->files_peak = sample_files_peak();
	if (ending->cpu_ms < 0)
		ending->cpu_ms = (int64_t)(rusage->ru_utime.tv_sec + rusage->ru_stime.tv_sec) * 1000 +
				 (rusage->ru_utime.tv_usec + rusage->ru_stime.tv_usec) / 1000;
}

static int reap(const struct run *run, struct rusage *rusage)
{
	int status = 0;

	if (run->spec->preload)
		return preload_reap(run, rusage);
	while (wait4(run->init, &status, 0, rusage) < 0)
		if (errno != EINTR)
			return 0;
	return status;
}

void supervise(struct run *run, struct ending *ending)
{
	struct state state = {
		.run = run, .ending = ending, .last_byte_ms = run->began_ms, .output_left = run->spec->output_bytes};
	uint64_t *budget = run->spec->output_bytes > 0 ? &state.output_left : NULL;
	struct rusage rusage = {0};

	ending->tmp_bytes = ending->data_bytes = ending->files_peak = ending->network_bytes = -1;
	pump_open(&state.pumps[0], STDIN_FILENO, run->stdio[0], buffers[0], NULL);
	pump_open(&state.pumps[1], run->stdio[1], STDOUT_FILENO, buffers[1], budget);
	pump_open(&state.pumps[2], run->stdio[2], STDERR_FILENO, buffers[2], budget);
	stall_begin(&state);
	state.pumps[2].also = log_take;
	loop(&state);
	sample_close();
	const int init_status = reap(run, &rusage);
	/* Without a pid namespace the death of init kills nobody else. */
	if (wants(run->spec, LAYER_KILL_TREE) && !wants(run->spec, LAYER_PID_NAMESPACE))
		cgroup_kill();
	if (!state.ended)
		cgroup_read_usage(&state.usage);
	account(&state, &rusage);
	if (state.started)
		denials_end();
	network_end(ending);
	log_close(); /* what the network has decided last belongs into it */
	judge(&state, init_status);
	if (ending->refusal) {
		static struct refusal kept;
		kept = state.refusal;
		ending->refusal = &kept;
	}
}

void supervise_abandon(const struct run *run)
{
	struct rusage rusage;

	if (run->init <= 0)
		return;
	cgroup_kill();
	if (pidfd_send_signal(run->init_fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return;
	reap(run, &rusage);
}
