#include "hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../refusal.h"

static char hosts[HOSTS_BYTES_MAX + 1];
static struct address servers[NAME_SERVERS_MAX];
static size_t server_count;

static size_t read_file(const char *path, char *into, size_t max)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t length = 0;
	ssize_t got = 1;

	if (fd < 0 && (errno == ENOENT || errno == EACCES))
		return 0;
	if (fd < 0)
		unavailable(NETWORK, "cannot read %s: %m", path);
	while (length < max && got != 0) {
		got = read(fd, into + length, max - length);
		if (got < 0 && errno != EINTR)
			unavailable(NETWORK, "cannot read %s: %m", path);
		length += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	return length;
}

/* The next word of a line, in lower case and ended by a NUL; NULL at the end of the line or at a comment. */
static char *next_word(char **at)
{
	char *word = *at + strspn(*at, " \t\r");

	if (*word == '\0' || *word == '#' || *word == ';')
		return NULL;
	char *end = word + strcspn(word, " \t\r#;");
	*at = *end == '\0' || *end == '#' || *end == ';' ? "" : end + 1;
	*end = '\0';
	for (char *c = word; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
	return word;
}

static void read_servers(void)
{
	static const struct address loopback = {{[10] = 0xff, 0xff, 127, 0, 0, 1}};
	static char bytes[65536];
	const size_t length = read_file("/etc/resolv.conf", bytes, sizeof bytes - 1);

	bytes[length] = '\0';
	for (char *line = bytes; *line;) {
		char *next = line + strcspn(line, "\n");
		next += *next == '\n' ? (*next = '\0', 1) : 0;
		char *word = next_word(&line);
		if (word && strcmp(word, "nameserver") == 0 && (word = next_word(&line)))
			/* One with a zone ("fe80::1%eth0") is left out: the dialer knows no interfaces. */
			server_count += server_count < NAME_SERVERS_MAX && address_parse(word, &servers[server_count]);
		line = next;
	}
	if (server_count == 0)
		servers[server_count++] = loopback; /* what resolv.conf(5) says of a file without any */
}

void hosts_read(void)
{
	hosts[read_file("/etc/hosts", hosts, HOSTS_BYTES_MAX)] = '\0';
	read_servers();
}

/* Is `name` one of the names of this line, which begins behind its address? Nothing is changed: the text is read often. */
static bool line_names(const char *line, const char *end, const char *name)
{
	const size_t length = strlen(name);

	while (line < end && *line != '#') {
		const size_t gap = strspn(line, " \t\r");
		if (gap > 0) {
			line += gap;
			continue;
		}
		const size_t size = strcspn(line, " \t\r\n#");
		if (size == 0)
			return false;
		bool same = size == length;
		for (size_t i = 0; i < size && same; i++) {
			const char c = line[i];
			same = (c >= 'A' && c <= 'Z' ? (char)(c + 32) : c) == name[i];
		}
		if (same)
			return true;
		line += size;
	}
	return false;
}

size_t hosts_find(const char *name, struct address *found, size_t max)
{
	size_t count = 0;

	for (const char *line = hosts; *line && count < max;) {
		const char *end = line + strcspn(line, "\n");
		char text[48];

		line += strspn(line, " \t\r");
		const size_t size = strcspn(line, " \t\r\n#");
		if (line < end && size < sizeof text) {
			memcpy(text, line, size);
			text[size] = '\0';
			if (address_parse(text, &found[count]) && line_names(line + size, end, name))
				count++;
		}
		line = *end ? end + 1 : end;
	}
	return count;
}

size_t hosts_name_servers(const struct address **list)
{
	*list = servers;
	return server_count;
}
