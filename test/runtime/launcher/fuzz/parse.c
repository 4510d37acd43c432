/* The launcher's own parser, compiled for the host with sanitizers: no sandbox, only reading. With -DLIBFUZZER it is a target
 * of libFuzzer; else `parse CORPUS` reads what the driver reads, and prints how many were accepted. */
#include "../../../../src/runtime/launcher/spec.c"
#include "../../../../src/runtime/launcher/spec-rules.c"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static jmp_buf refused;

static void note(const struct refusal *refusal)
{
	/* A refusal that is no SPEC_INVALID, or has no sentence, is a fault of the parser. */
	if (refusal->error != SPEC_INVALID || strncmp(refusal->reason, "cannot ", 7) != 0)
		abort();
	longjmp(refused, 1);
}

static bool accepts(const unsigned char *bytes, size_t length, bool from_file)
{
	static int fd = -1;
	static struct spec spec;

	if (fd < 0)
		fd = memfd_create("spec", 0);
	if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, bytes, length, 0) != (ssize_t)length || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	memset(seen, 0, sizeof seen);
	memset(&spec, 0, sizeof spec);
	refusals_go_to(note);
	if (setjmp(refused))
		return false;
	spec_read(&spec, fd, from_file);
	/* What was accepted is whole: these would be read by whoever trusts it. */
	if (!spec.run || !spec.root || spec.root[0] != '/' || !spec.exec || !spec.cwd || spec.argument_count == 0 || !spec.name)
		abort();
	return true;
}

#ifdef LIBFUZZER
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	accepts(bytes, length, false);
	accepts(bytes, length, true);
	return 0;
}
#else
int main(int count, char **arguments)
{
	FILE *corpus = count == 2 ? fopen(arguments[1], "r") : NULL;
	uint32_t length;
	unsigned accepted = 0, all = 0;

	if (!corpus)
		return 1;
	while (fread(&length, sizeof length, 1, corpus) == 1) {
		unsigned char *bytes = malloc(length + 1);
		if (!bytes || fread(bytes, 1, length, corpus) != length)
			return 1;
		accepted += accepts(bytes, length, false);
		all++;
		free(bytes);
	}
	printf("%u of %u\n", accepted, all);
	return 0;
}
#endif
