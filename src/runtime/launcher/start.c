/* The entry point of the launcher: what libc.c is for what comes after it. */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

int main(int argc, char **argv, char **environment);
void start_c(uintptr_t *stack) __attribute__((noreturn, used));

extern uintptr_t __stack_chk_guard;

#if defined(__x86_64__)

__asm__(".globl _start\n"
	".type _start,@function\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call start_c\n"
	"	hlt\n");

#elif defined(__aarch64__)

__asm__(".globl _start\n"
	".type _start,@function\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	and sp, x0, #-16\n"
	"	bl start_c\n"
	"	brk #1\n");

#endif

/* Runs without a stack protector: it is what gives the protector its secret. */
__attribute__((no_stack_protector)) void start_c(uintptr_t *stack)
{
	const int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);
	char **environment = argv + argc + 1;
	char **end = environment;

	while (*end)
		end++;
	for (const Elf64_auxv_t *entry = (const Elf64_auxv_t *)(void *)(end + 1); entry->a_type != AT_NULL; entry++)
		if (entry->a_type == AT_RANDOM)
			__stack_chk_guard = *(const uintptr_t *)entry->a_un.a_val & ~(uintptr_t)0xff;
	_exit(main(argc, argv, environment));
}
