/*
 * Writes the kernel's filter language: instructions, `if`s whose jumps are filled in when their bodies end, and a
 * balanced tree that finds the verdict of a number.
 */
#ifndef BPF_PROGRAM_H /* BPF_H is the kernel's: a half-word */
#define BPF_PROGRAM_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BPF_CODE_MAX = 400, BPF_RANGES_MAX = 512 };

struct bpf {
	struct sock_filter code[BPF_CODE_MAX];
	size_t length;
	/* Where the tree goes when it knows the verdict; filled in when what is gone to is written. */
	struct { size_t at; bool when_true; unsigned verdict; } pending[BPF_RANGES_MAX];
	size_t pending_count;
};

/* Numbers from `start` to the next range's have this verdict. */
struct bpf_range {
	unsigned start;
	unsigned verdict;
};

void bpf_emit(struct bpf *program, unsigned short code, uint32_t value, uint8_t yes, uint8_t no);
void bpf_load(struct bpf *program, size_t offset);
/* The low 32 bits of an argument: both architectures are little-endian. */
void bpf_load_argument(struct bpf *program, unsigned index);
void bpf_answer(struct bpf *program, uint32_t action);
/* `if (A <comparison> value) {` … `}`: the jump over the body is filled in when it ends. */
size_t bpf_begin_if(struct bpf *program, unsigned short comparison, uint32_t value);
void bpf_end_if(struct bpf *program, size_t at);
void bpf_answer_if(struct bpf *program, unsigned short comparison, uint32_t value, uint32_t action);
/*
 * "if (number >= middle) upper; lower": each half is a subtree, or a verdict to jump to. The verdicts stand once,
 * behind the tree, so a comparison costs one instruction and no more; short filters are compiled quickly.
 */
void bpf_tree(struct bpf *program, const struct bpf_range *ranges, size_t count);
/* Everything in the tree that waits for this verdict comes here. */
void bpf_land(struct bpf *program, unsigned verdict);
/* What the kernel would answer to `data`: runs the program here. */
uint32_t bpf_run(const struct bpf *program, const void *data, size_t size);

#endif
