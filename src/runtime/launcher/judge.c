#include "judge.h"

#include <signal.h>
#include <sys/wait.h>

#include "text.h"

static void say(struct state *state, const char *what, uint64_t amount, const char *unit)
{
	struct text reason = {state->ending->reason, 0, sizeof state->ending->reason};

	text_print(&reason, "cannot let %s go on: %s %llu %s", state->run->spec->name, what, (unsigned long long)amount, unit);
}

static void explain_limit(struct state *state)
{
	const struct spec *spec = state->run->spec;

	switch (state->ending->limit) {
	case LIMIT_MEMORY: say(state, "it needs more memory than", spec->memory_bytes, "bytes"); break;
	case LIMIT_WALL_TIME: say(state, "it ran longer than", spec->timeout_ms, "ms"); break;
	case LIMIT_IDLE: say(state, "it was idle for more than", spec->idle_ms, "ms"); break;
	case LIMIT_OUTPUT: say(state, "it wrote more output than", spec->output_bytes, "bytes"); break;
	case LIMIT_FILE_SIZE: say(state, "it wrote a file larger than", spec->file_size_bytes, "bytes"); break;
	case LIMIT_PROCESSES: say(state, "it stands still for want of a process, its limit is", spec->processes, "processes"); break;
	case LIMIT_NONE: break;
	}
}

static bool is_clock(enum limit limit)
{
	return limit == LIMIT_WALL_TIME || limit == LIMIT_IDLE;
}

void judge(struct state *state, int init_status)
{
	struct ending *ending = state->ending;
	const int status = state->ended ? state->status : init_status;
	const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	/* The first process, or (memory.oom.group) init with all the rest, and it was not we who killed it. A child
	 * that fell alone leaves the program to decide, and is only mentioned. */
	const bool memory = state->usage.memory_killed && signal == SIGKILL && !state->killed;

	if (!state->refused && !state->started && !state->killed) {
		state->refused = true;
		state->refusal = (struct refusal){.error = LAUNCH_FAILED, .layer = LAYER_NONE};
		struct text reason = {state->refusal.reason, 0, sizeof state->refusal.reason};
		text_add(&reason, memory ? "cannot start: the memory limit is too small for the sandbox itself"
					 : "cannot start: the sandbox died before the program began");
	}
	if (state->refused) {
		ending->outcome = REFUSED;
		ending->refusal = &state->refusal;
		return;
	}
	ending->signal = signal;
	ending->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	ending->limit = state->limit;
	if (state->limit == LIMIT_NONE && memory)
		ending->limit = LIMIT_MEMORY;
	else if (state->limit == LIMIT_NONE && signal == SIGXFSZ && state->run->spec->file_size_bytes > 0)
		ending->limit = LIMIT_FILE_SIZE;
	if (ending->limit != LIMIT_NONE)
		ending->outcome = LIMITED;
	else
		ending->outcome = signal != 0 ? SIGNALLED : EXITED;
	explain_limit(state);

	const struct cgroup_usage *usage = &state->usage;
	/* A program that stood at its limit and reclaimed without end is ended by the clock, but this is why. */
	if (ending->limit != LIMIT_MEMORY && (usage->memory_killed || (is_clock(state->limit) && cgroup_memory_pressed(state->run->spec))))
		ending->met |= MET_MEMORY;
	ending->met |= (usage->processes_met && ending->limit != LIMIT_PROCESSES ? MET_PROCESSES : 0U) | (usage->cpu_met ? MET_CPU : 0U);
}
