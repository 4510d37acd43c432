import { readFileSync } from 'node:fs'
import { compileNow } from '../helpers/compile.ts'

/**
 * The program of every release here: what it is called with says what it does to /data. The file `value` is rewritten as a
 * whole, so that whoever finds half of one has found a fault.
 */
const SOURCE = `
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int keep(const char *name, const char *text)
{
	const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	return fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) < 0 ? 9 : 0;
}

int main(int argc, char **argv)
{
	const char *const what = argc > 1 ? argv[1] : "run";
	if (strcmp(what, "run") == 0)
		return keep("/data/value", argc > 2 ? argv[2] : "first") || keep("/data/by-run", "run");
	if (strcmp(what, "migrate") == 0)
		return keep("/data/value", "migrated") || keep("/data/migrated", "yes");
	if (strcmp(what, "postinstall") == 0)
		return keep("/data/set-up", "yes");
	if (strcmp(what, "health") == 0)
		return access("/data/set-up", F_OK) == 0 ? 0 : 8;
	if (strcmp(what, "unwell") == 0)
		return keep("/data/value", "broken") || unlink("/data/by-run") < 0 || 1;
	if (strcmp(what, "goodbye") == 0)
		return keep("/data/value", "goodbye");
	return 7;
}
`

export const actor = (): Buffer => readFileSync(compileNow(SOURCE, '-std=gnu17', '-Os', '-s', '-static'))
