/*
 * Counts the lines, words and bytes of standard input.
 *
 * A word is a run of characters without Unicode white space between them. The input is decoded as UTF-8 one byte at a
 * time, so a character may lie across two reads; a byte that is not UTF-8 counts as part of a word, as any other.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct counts {
	uint64_t lines, words, bytes;
};

struct scan {
	uint32_t character; /* decoded so far */
	int missing;        /* bytes that it still lacks */
	bool in_word;
};

/* The White_Space property of Unicode beyond ASCII. */
static bool is_wide_space(uint32_t c)
{
	return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
	       c == 0x202F || c == 0x205F || c == 0x3000;
}

static void take_character(struct scan *scan, struct counts *counts, bool space)
{
	counts->words += !space && !scan->in_word;
	scan->in_word = !space;
}

static void take_byte(struct scan *scan, struct counts *counts, unsigned char byte)
{
	if (scan->missing > 0) {
		if ((byte & 0xC0) == 0x80) {
			scan->character = scan->character << 6 | (byte & 0x3F);
			if (--scan->missing == 0)
				take_character(scan, counts, is_wide_space(scan->character));
			return;
		}
		/* The sequence was cut short: what there was of it is no white space. */
		scan->missing = 0;
		take_character(scan, counts, false);
	}
	if (byte < 0x80) {
		counts->lines += byte == '\n';
		take_character(scan, counts, byte == ' ' || (byte >= '\t' && byte <= '\r'));
	} else if (byte >= 0xC2 && byte <= 0xF4) {
		scan->missing = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
		scan->character = byte & (0x3F >> scan->missing);
	} else {
		take_character(scan, counts, false);
	}
}

static void fail(const char *what)
{
	fprintf(stderr, "word-count: cannot %s: %s\n", what, strerror(errno));
	exit(1);
}

int main(int argc, char **argv)
{
	static unsigned char buffer[1 << 16];
	struct counts counts = {0};
	struct scan scan = {0};

	if (argc > 1) {
		fprintf(stderr, "word-count: cannot use \"%s\": it takes no arguments and reads standard input\n", argv[1]);
		return 2;
	}
	for (;;) {
		ssize_t size = read(STDIN_FILENO, buffer, sizeof(buffer));
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			fail("read standard input");
		if (size == 0)
			break;
		counts.bytes += (uint64_t)size;
		for (ssize_t i = 0; i < size; i++)
			take_byte(&scan, &counts, buffer[i]);
	}
	if (scan.missing > 0)
		take_character(&scan, &counts, false);

	printf("lines %" PRIu64 "\nwords %" PRIu64 "\nbytes %" PRIu64 "\n", counts.lines, counts.words, counts.bytes);
	if (fflush(stdout) != 0)
		fail("write the counts");
	return 0;
}
