/* The list of a tree that is sealed, of any names and any status: whole, in order, each line as it was put in. For libFuzzer. */
#include "../../../../src/runtime/launcher/seal.c"

#include <stdlib.h>

static char out[1 << 20];
static size_t out_length;

/* Instead of the one that writes to standard output. */
ssize_t write(int fd, const void *bytes, size_t length)
{
	if (fd != STDOUT_FILENO)
		return syscall(SYS_write, fd, bytes, length);
	if (out_length + length > sizeof out)
		abort();
	memcpy(out + out_length, bytes, length);
	out_length += length;
	return (ssize_t)length;
}

static void never(const struct refusal *refusal)
{
	(void)refusal;
	abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	struct stat status = {.st_mode = S_IFREG | 0644};
	size_t expected = 0, records_put = 0, lines_seen = 0;

	refusals_go_to(never);
	if (!arena) {
		arena = reserve(ARENA_BYTES);
		records = reserve(ENTRIES_MAX * sizeof records[0]);
	}
	arena_used = record_count = out_length = 0;
	while (length > 0) {
		char path[256];
		size_t size = strnlen((const char *)bytes, length < 255 ? length : 255);

		memcpy(path, bytes, size);
		path[size] = '\0';
		/* A name holds no line break that could be taken for the end of a record: NUL ends it in the list. */
		for (size_t i = 0; i + 8 <= size; i++)
			memcpy(&status.st_size, bytes + i, 8);
		status.st_mode = size % 3 == 0 ? S_IFDIR | 0755 : size % 3 == 1 ? S_IFREG | 07777 : S_IFIFO;
		status.st_ino = size * 0x9e3779b97f4a7c15ULL;
		add_record(path, &status);
		records_put++;
		expected += size + 1;
		bytes += size < length ? size + 1 : size;
		length -= size < length ? size + 1 : size;
	}
	sort();
	if (record_count != records_put)
		abort();
	for (size_t i = 1; i < record_count; i++)
		if (strcmp(records[i - 1], records[i]) > 0)
			abort();
	print();
	for (size_t at = 0; at < out_length; lines_seen++) {
		const size_t path = strnlen(out + at, out_length - at) + 1;
		const char *end = memchr(out + at + path, '\n', out_length - at - path);
		if (!end)
			abort();
		expected -= path;
		at = (size_t)(end - out) + 1;
	}
	if (lines_seen != records_put || expected != 0)
		abort();
	return 0;
}
