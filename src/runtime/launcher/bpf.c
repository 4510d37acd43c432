#include "bpf.h"

#include <linux/seccomp.h>
#include <string.h>

#include "refusal.h"

void bpf_emit(struct bpf *program, unsigned short code, uint32_t value, uint8_t yes, uint8_t no)
{
	if (program->length == BPF_CODE_MAX)
		unavailable(SECCOMP, "cannot build the system-call filter: it is too long");
	program->code[program->length++] = (struct sock_filter){code, yes, no, value};
}

void bpf_load(struct bpf *program, size_t offset)
{
	bpf_emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

void bpf_load_argument(struct bpf *program, unsigned index)
{
	bpf_load(program, offsetof(struct seccomp_data, args) + 8 * index);
}

void bpf_answer(struct bpf *program, uint32_t action)
{
	bpf_emit(program, BPF_RET | BPF_K, action, 0, 0);
}

size_t bpf_begin_if(struct bpf *program, unsigned short comparison, uint32_t value)
{
	bpf_emit(program, BPF_JMP | comparison | BPF_K, value, 0, 0);
	return program->length - 1;
}

void bpf_end_if(struct bpf *program, size_t at)
{
	const size_t distance = program->length - at - 1;

	if (distance > 255)
		unavailable(SECCOMP, "cannot build the system-call filter: a jump is too long");
	program->code[at].jf = (uint8_t)distance;
}

void bpf_answer_if(struct bpf *program, unsigned short comparison, uint32_t value, uint32_t action)
{
	const size_t at = bpf_begin_if(program, comparison, value);
	bpf_answer(program, action);
	bpf_end_if(program, at);
}

static void write_half(struct bpf *program, size_t at, bool when_true, const struct bpf_range *ranges, size_t count);

void bpf_tree(struct bpf *program, const struct bpf_range *ranges, size_t count)
{
	const size_t middle = count / 2, at = program->length;

	bpf_emit(program, BPF_JMP | BPF_JGE | BPF_K, ranges[middle].start, 0, 0);
	write_half(program, at, true, ranges + middle, count - middle);
	write_half(program, at, false, ranges, middle);
}

static void land(struct bpf *program, size_t at, bool when_true)
{
	const size_t distance = program->length - at - 1;

	if (distance > 255)
		unavailable(SECCOMP, "cannot build the system-call filter: a jump is too long");
	*(when_true ? &program->code[at].jt : &program->code[at].jf) = (uint8_t)distance;
}

static void write_half(struct bpf *program, size_t at, bool when_true, const struct bpf_range *ranges, size_t count)
{
	if (count > 1) {
		land(program, at, when_true);
		bpf_tree(program, ranges, count);
		return;
	}
	program->pending[program->pending_count].at = at;
	program->pending[program->pending_count].when_true = when_true;
	program->pending[program->pending_count++].verdict = ranges[0].verdict;
}

void bpf_land(struct bpf *program, unsigned verdict)
{
	for (size_t i = 0; i < program->pending_count; i++)
		if (program->pending[i].verdict == verdict)
			land(program, program->pending[i].at, program->pending[i].when_true);
}

/* The instructions that are written above, and no others. */
uint32_t bpf_run(const struct bpf *program, const void *data, size_t size)
{
	uint32_t a = 0;

	for (size_t at = 0; at < program->length; at++) {
		const struct sock_filter *one = &program->code[at];
		switch (one->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (one->k > size - sizeof a)
				return SECCOMP_RET_KILL_PROCESS;
			memcpy(&a, (const char *)data + one->k, sizeof a);
			break;
		case BPF_ALU | BPF_AND | BPF_K: a &= one->k; break;
		case BPF_JMP | BPF_JA: at += one->k; break;
		case BPF_JMP | BPF_JEQ | BPF_K: at += a == one->k ? one->jt : one->jf; break;
		case BPF_JMP | BPF_JGE | BPF_K: at += a >= one->k ? one->jt : one->jf; break;
		case BPF_JMP | BPF_JSET | BPF_K: at += a & one->k ? one->jt : one->jf; break;
		case BPF_RET | BPF_K: return one->k;
		default: return SECCOMP_RET_KILL_PROCESS;
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}
