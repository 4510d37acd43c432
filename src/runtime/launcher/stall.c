#include "stall.h"

#include <asm/ioctls.h>
#include <sys/ioctl.h>

#include "state.h"

enum { LOOKS = 6 }; /* in stall-ms; between them nothing is asked of the kernel */
enum { MEMORY_SHORT, PROCESSES_SHORT };

static int64_t interval(const struct state *state)
{
	return ((int64_t)state->run->spec->stall_ms + LOOKS - 1) / LOOKS;
}

void stall_begin(struct state *state)
{
	struct stall *stall = &state->stall;

	if (state->run->spec->stall_ms == 0)
		return;
	stall->looked_ms = state->run->began_ms;
	stall->next_look_ms = state->run->began_ms + interval(state);
}

/* Is there input that it does not take, or none to come? Else it may just be waiting for its host. */
static bool has_all_input(const struct state *state)
{
	int unread = 0;

	return state->pumps[0].to < 0 || (ioctl(state->pumps[0].to, FIONREAD, &unread) == 0 && unread > 0);
}

/*
 * At the limit, reading back what was reclaimed (page after page from the disk), and next to no time of its own. A
 * program that reads much, or computes, has one of these but not all.
 */
static bool is_short_of_memory(const struct cgroup_motion *before, const struct cgroup_motion *now, int64_t passed_ms)
{
	return before->at_memory_limit && now->at_memory_limit && before->user_ms >= 0 &&
	       now->major_faults - before->major_faults >= 5 * passed_ms / 1000 &&
	       now->user_ms - before->user_ms <= passed_ms / 20;
}

/* Was refused a process, has never said a word, and does nothing: a runtime that waits for its own threads. */
static bool is_short_of_processes(const struct state *state, const struct cgroup_motion *before,
				  const struct cgroup_motion *now, int64_t passed_ms)
{
	return now->processes_met && now->cpu_ms >= 0 && now->cpu_ms - before->cpu_ms <= passed_ms / 100 &&
	       state->pumps[1].passed + state->pumps[2].passed == 0 && has_all_input(state);
}

static bool has_stood(struct stall *stall, int which, bool is_short, int64_t now_ms, int64_t limit_ms)
{
	if (!is_short)
		stall->since_ms[which] = 0;
	else if (stall->since_ms[which] == 0)
		stall->since_ms[which] = stall->looked_ms; /* as it was over the whole time between the looks */
	return is_short && now_ms - stall->since_ms[which] >= limit_ms;
}

enum limit stall_look(struct state *state, int64_t now_ms)
{
	struct stall *stall = &state->stall;
	const int64_t limit_ms = (int64_t)state->run->spec->stall_ms, passed_ms = now_ms - stall->looked_ms;
	const uint64_t moved = state->pumps[0].passed + state->pumps[1].passed + state->pumps[2].passed;
	struct cgroup_motion now;

	if (stall->next_look_ms == 0 || now_ms < stall->next_look_ms)
		return LIMIT_NONE;
	cgroup_read_motion(&now, state->run->spec);
	const bool moves = moved != stall->moved;
	const bool memory = !moves && is_short_of_memory(&stall->before, &now, passed_ms);
	const bool processes = !moves && is_short_of_processes(state, &stall->before, &now, passed_ms);
	enum limit limit = LIMIT_NONE;
	if (has_stood(stall, MEMORY_SHORT, memory, now_ms, limit_ms))
		limit = LIMIT_MEMORY;
	else if (has_stood(stall, PROCESSES_SHORT, processes, now_ms, limit_ms))
		limit = LIMIT_PROCESSES;
	stall->moved = moved;
	stall->before = now;
	stall->looked_ms = now_ms;
	stall->next_look_ms = now_ms + interval(state);
	return limit;
}
