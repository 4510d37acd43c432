#include "spec.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "refusal.h"
#include "spec-rules.h"

#define MAX_SAFE (1ULL << 53)

enum kind { TEXT_VALUE, PATH_VALUE, NUMBER_VALUE };

/* Single-valued keys. Repeated and chosen-from keys have functions of their own below. */
struct key {
	const char *name;
	enum kind kind;
	size_t offset;
	uint64_t min, max;
};

#define NUMBER(key, field, min, max) {key, NUMBER_VALUE, offsetof(struct spec, field), min, max}
#define PATH(key, field) {key, PATH_VALUE, offsetof(struct spec, field), 0, 0}

static const struct key keys[] = {
	{"name", TEXT_VALUE, offsetof(struct spec, name), 0, 256},
	NUMBER("uid", uid, 0, UINT32_MAX - 1),
	NUMBER("gid", gid, 0, UINT32_MAX - 1),
	PATH("root", root),
	PATH("data", data),
	NUMBER("data-bytes", data_bytes, 1, MAX_SAFE),
	NUMBER("tmp-bytes", tmp_bytes, 1, MAX_SAFE),
	NUMBER("tmp-inodes", tmp_inodes, 1, UINT32_MAX),
	PATH("exec", exec),
	PATH("cwd", cwd),
	NUMBER("memory-bytes", memory_bytes, 1, MAX_SAFE),
	NUMBER("processes", processes, 1, 4194303),
	NUMBER("cpu-permille", cpu_permille, 1, 4096000),
	NUMBER("files", files, 1, 1048576),
	NUMBER("file-size-bytes", file_size_bytes, 0, MAX_SAFE),
	NUMBER("io-bytes-per-second", io_bytes_per_second, 0, MAX_SAFE),
	NUMBER("output-bytes", output_bytes, 0, MAX_SAFE),
	NUMBER("timeout-ms", timeout_ms, 0, MAX_SAFE),
	NUMBER("idle-ms", idle_ms, 0, MAX_SAFE),
	NUMBER("grace-ms", grace_ms, 0, MAX_SAFE),
	NUMBER("stall-ms", stall_ms, 0, MAX_SAFE),
	PATH("cgroup2", cgroup2),
	PATH("cgroup1-memory", cgroup1[V1_MEMORY]),
	PATH("cgroup1-pids", cgroup1[V1_PIDS]),
	PATH("cgroup1-cpu", cgroup1[V1_CPU]),
	PATH("cgroup1-cpuacct", cgroup1[V1_CPUACCT]),
	PATH("cgroup1-blkio", cgroup1[V1_BLKIO]),
	NUMBER("unix-sockets", unix_sockets, 0, 1),
	NUMBER("proc", proc, 0, 1),
	NUMBER("control", control, 0, 1),
	NUMBER("held", held, 0, 1),
	NUMBER("report-denials", report_denials, 0, 1),
	NUMBER("landlock-abi", landlock_abi, 0, 1000),
	PATH("report-file", report_file),
	PATH("outcome-file", outcome_file),
	PATH("journal-file", journal_file),
	NUMBER("connections", connections, 1, NETWORK_CONNECTIONS_MAX),
	NUMBER("network-bytes", network_bytes, 0, MAX_SAFE),
	PATH("engine-pid-file", engine_pid_file),
	PATH("engine-place", engine_place),
	PATH("preload", preload),
	PATH("preload-parent", parent),
	PATH("samples-file", samples_file),
	PATH("log-file", log_file),
	NUMBER("log-bytes", log_bytes, 8192, MAX_SAFE),
	NUMBER("sample-ms", sample_ms, 0, 3600000),
	NUMBER("alert-memory", alert_memory, 0, 100),
	NUMBER("alert-cpu", alert_cpu, 0, 100),
	NUMBER("alert-files", alert_files, 0, 100),
};

enum { KEY_COUNT = sizeof keys / sizeof keys[0] };

/* Other keys that may be given once; `seen` needs a place for them too. */
enum { SEEN_RUN = KEY_COUNT, SEEN_MODE, SEEN_IDMAP, SEEN_CONTROLLERS, SEEN_COUNT };

static bool seen[SEEN_COUNT];
static char buffer[SPEC_BYTES_MAX + 1];
/* Reading cuts the fields apart. This is what it was before, for whoever has to be told the same (preload.c). */
static char original[SPEC_BYTES_MAX + 1];
static size_t original_length;

static void once(int index, const char *key)
{
	if (seen[index])
		invalid("cannot read the specification: a second value for %s", key);
	seen[index] = true;
}

/*
 * An absolute path in normal form: no empty, "." or ".." part. Nothing in the launcher then has to wonder
 * whether two spellings mean one place, or whether a path leaves the folder it starts with.
 */
static bool is_normal_path(const char *path)
{
	const size_t length = strlen(path);

	if (path[0] != '/' || length >= 4096)
		return false;
	if (length == 1)
		return true;
	for (const char *part = path; *part;) {
		const char *start = ++part;
		while (*part && *part != '/')
			part++;
		const size_t size = (size_t)(part - start);
		if (size == 0 || size > 255 || (size == 1 && start[0] == '.') ||
		    (size == 2 && start[0] == '.' && start[1] == '.'))
			return false;
	}
	return true;
}

static const char *path_of(const char *key, const char *value)
{
	if (!is_normal_path(value))
		invalid("cannot read the specification: %s is not an absolute path in normal form", key);
	return value;
}

static uint64_t number_of(const struct key *key, const char *value)
{
	uint64_t number = 0;
	const size_t length = strlen(value);

	/* 16 digits hold 2^53, so the sum below cannot overflow; a leading zero would be a second spelling. */
	if (length == 0 || length > 16 || (length > 1 && value[0] == '0'))
		invalid("cannot read the specification: %s is not a number", key->name);
	for (const char *digit = value; *digit; digit++) {
		if (*digit < '0' || *digit > '9')
			invalid("cannot read the specification: %s is not a number", key->name);
		number = number * 10 + (uint64_t)(*digit - '0');
	}
	if (number < key->min || number > key->max)
		invalid("cannot read the specification: %s is out of bounds", key->name);
	return number;
}

static const char *plain_text(const char *key, const char *value, size_t max)
{
	const size_t length = strlen(value);

	/* Control bytes could move a terminal's cursor or forge a second message line (CVE-2023-28101). */
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
			invalid("cannot read the specification: %s holds a control character", key);
	if (length == 0 || length > max)
		invalid("cannot read the specification: %s is out of bounds", key);
	return value;
}

static const char *run_name(const char *value)
{
	const size_t length = strlen(value);

	if (length == 0 || length > 64 || strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
		invalid("cannot read the specification: run is not [a-z0-9-]{1,64}");
	return value;
}

/* Cuts "LEFT\tRIGHT" in two; the buffer is ours, so the tab becomes the end of LEFT. */
static char *after_tab(const char *key, char *value)
{
	char *tab = strchr(value, '\t');

	if (!tab)
		invalid("cannot read the specification: %s needs two values with a tab between", key);
	*tab = '\0';
	return tab + 1;
}

static void add_bind(struct spec *spec, const char *key, char *value, bool executable)
{
	const char *inside = after_tab(key, value);

	if (spec->bind_count == SPEC_BINDS_MAX)
		invalid("cannot read the specification: more than %d binds", SPEC_BINDS_MAX);
	if (strcmp(path_of(key, inside), "/") == 0)
		invalid("cannot read the specification: %s may not cover /", key);
	spec->binds[spec->bind_count++] = (struct bind){path_of(key, value), inside, executable};
}

static void add_parents_tree(struct spec *spec, const char *value)
{
	if (spec->bind_count == SPEC_BINDS_MAX)
		invalid("cannot read the specification: more than %d binds", SPEC_BINDS_MAX);
	if (strcmp(path_of("from-parent", value), "/") == 0)
		invalid("cannot read the specification: from-parent may not cover /");
	spec->binds[spec->bind_count++] = (struct bind){NULL, value, true};
}

static void add_link(struct spec *spec, char *value)
{
	const char *inside = after_tab("symlink", value);

	if (spec->link_count == SPEC_BINDS_MAX)
		invalid("cannot read the specification: more than %d symlinks", SPEC_BINDS_MAX);
	if (value[0] == '\0' || strlen(value) > 1023)
		invalid("cannot read the specification: symlink has no target of 1 to 1023 bytes");
	spec->links[spec->link_count++] = (struct link){value, path_of("symlink", inside)};
}

static void add_skeleton(struct spec *spec, const char *value)
{
	if (spec->skeleton_count == SPEC_SKELETONS_MAX)
		invalid("cannot read the specification: more than %d skeletons", SPEC_SKELETONS_MAX);
	if (strcmp(path_of("skeleton", value), "/") == 0)
		invalid("cannot read the specification: skeleton may not cover /");
	spec->skeletons[spec->skeleton_count++] = value;
}

static void add_environment(struct spec *spec, const char *value)
{
	const char *equals = strchr(value, '=');

	if (!equals || equals == value)
		invalid("cannot read the specification: env is not NAME=value");
	spec->environment[spec->environment_count++] = value;
}

/* "MAJOR:MINOR", and nothing that would be a second word in a cgroup's file. */
static void add_device(struct spec *spec, const char *value)
{
	static const char digits[] = "0123456789";
	const size_t major = strspn(value, digits), minor = value[major] == ':' ? strspn(value + major + 1, digits) : 0;

	if (major == 0 || major > 4 || minor == 0 || minor > 7 || value[major + 1 + minor] != '\0')
		invalid("cannot read the specification: io-device is not MAJOR:MINOR");
	if (spec->io_device_count == SPEC_DEVICES_MAX)
		invalid("cannot read the specification: more than %d devices", SPEC_DEVICES_MAX);
	spec->io_devices[spec->io_device_count++] = value;
}

static void add_weaker(struct spec *spec, const char *value)
{
	const enum layer layer = layer_named(value);

	if (layer == LAYER_NONE)
		invalid("cannot read the specification: weaker names no layer");
	spec->weaker[layer] = true;
}

static void add_network(const char *key, const char *fault)
{
	if (fault)
		invalid("cannot read the specification: %s %s", key, fault);
}

static void add_word(const char *key, const char *call[], const char *value)
{
	size_t count = 0;

	while (call[count])
		count++;
	if (count == SPEC_CALL_MAX)
		invalid("cannot read the specification: more than %d words of %s", SPEC_CALL_MAX, key);
	call[count] = count == 0 ? path_of(key, value) : value;
}

static unsigned controllers_of(const char *value)
{
	static const struct { const char *name; unsigned bit; } known[] = {
		{"memory", CONTROLS_MEMORY}, {"pids", CONTROLS_PIDS}, {"cpu", CONTROLS_CPU}, {"io", CONTROLS_IO}};
	unsigned bits = 0;

	while (*value) {
		const size_t length = strcspn(value, ",");
		unsigned bit = 0;
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
			if (strlen(known[i].name) == length && strncmp(known[i].name, value, length) == 0)
				bit = known[i].bit;
		if (bit == 0 || bits & bit || (value[length] == ',' && value[length + 1] == '\0'))
			invalid("cannot read the specification: cgroup2-controllers is not a part of memory,pids,cpu,io");
		bits |= bit;
		value += length + (value[length] == ',');
	}
	return bits;
}

static bool one_of(const char *key, const char *value, const char *yes, const char *no)
{
	if (strcmp(value, yes) == 0)
		return true;
	if (strcmp(value, no) != 0)
		invalid("cannot read the specification: %s is neither %s nor %s", key, yes, no);
	return false;
}

static bool set_single(struct spec *spec, const char *name, const char *value)
{
	for (int i = 0; i < KEY_COUNT; i++) {
		if (strcmp(keys[i].name, name) != 0)
			continue;
		char *field = (char *)spec + keys[i].offset;
		once(i, name);
		if (keys[i].kind == NUMBER_VALUE)
			*(uint64_t *)(void *)field = number_of(&keys[i], value);
		else if (keys[i].kind == PATH_VALUE)
			*(const char **)(void *)field = path_of(name, value);
		else
			*(const char **)(void *)field = plain_text(name, value, keys[i].max);
		return true;
	}
	return false;
}

static void set_field(struct spec *spec, const char *key, char *value)
{
	if (strcmp(key, "arg") == 0)
		spec->arguments[spec->argument_count++] = value;
	else if (strcmp(key, "env") == 0)
		add_environment(spec, value);
	else if (strcmp(key, "bind") == 0)
		add_bind(spec, key, value, false);
	else if (strcmp(key, "bind-exec") == 0)
		add_bind(spec, key, value, true);
	else if (strcmp(key, "from-parent") == 0)
		add_parents_tree(spec, value);
	else if (strcmp(key, "symlink") == 0)
		add_link(spec, value);
	else if (strcmp(key, "skeleton") == 0)
		add_skeleton(spec, value);
	else if (strcmp(key, "io-device") == 0)
		add_device(spec, value);
	else if (strcmp(key, "weaker") == 0)
		add_weaker(spec, value);
	else if (strcmp(key, "network") == 0)
		add_network(key, allowlist_add(&spec->network, value));
	else if (strcmp(key, "network-private") == 0)
		add_network(key, allowlist_excuse(&spec->network, value));
	else if (strcmp(key, "engine-create") == 0)
		add_word(key, spec->engine_create, value);
	else if (strcmp(key, "engine-start") == 0)
		add_word(key, spec->engine_start, value);
	else if (strcmp(key, "engine-delete") == 0)
		add_word(key, spec->engine_delete, value);
	else if (strcmp(key, "run") == 0)
		once(SEEN_RUN, key), spec->run = run_name(value);
	else if (strcmp(key, "mode") == 0)
		once(SEEN_MODE, key), spec->as_root = one_of(key, value, "root", "user");
	else if (strcmp(key, "idmap") == 0)
		once(SEEN_IDMAP, key), spec->helper = one_of(key, value, "helper", "direct");
	else if (strcmp(key, "cgroup2-controllers") == 0)
		once(SEEN_CONTROLLERS, key), spec->cgroup2_controllers = controllers_of(value);
	else if (!set_single(spec, key, value))
		invalid("cannot read the specification: unknown key");
}

static size_t read_all(int fd)
{
	size_t length = 0;

	while (length < sizeof buffer) {
		const ssize_t got = read(fd, buffer + length, sizeof buffer - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			invalid("cannot read the specification: %m");
		if (got == 0)
			return length;
		length += (size_t)got;
	}
	invalid("cannot read the specification: it is longer than 1 MiB");
}

/* Keys whose absence is no value of theirs; all other rules are in spec-rules.c. */
static void check_seen(void)
{
	spec_check_given(seen[SEEN_MODE], "mode");
	for (int i = 0; i < KEY_COUNT; i++)
		if (keys[i].offset == offsetof(struct spec, uid) || keys[i].offset == offsetof(struct spec, gid) ||
		    keys[i].offset == offsetof(struct spec, landlock_abi))
			spec_check_given(seen[i], keys[i].name);
}

void spec_read(struct spec *spec, int fd, bool from_file)
{
	const size_t length = read_all(fd);
	size_t fields = 0;
	bool ended = false;

	spec->sample_ms = 10000;
	spec->log_bytes = 1 << 20;

	memcpy(original, buffer, length);
	original_length = length;
	if (length == 0 || buffer[length - 1] != '\0')
		invalid("cannot read the specification: it has no end");
	for (char *field = buffer; field < buffer + length; fields++) {
		char *next = field + strlen(field) + 1;
		char *value = strchr(field, '=');

		if (ended)
			invalid("cannot read the specification: something follows its end");
		if (fields == SPEC_FIELDS_MAX)
			invalid("cannot read the specification: more than %d fields", SPEC_FIELDS_MAX);
		if (!value)
			invalid("cannot read the specification: a field has no value");
		*value++ = '\0';
		if (fields == 0) {
			if (strcmp(field, "version") != 0 || strcmp(value, "1") != 0)
				invalid("cannot read the specification: it does not begin with version=1");
		} else if (strcmp(field, "end") == 0) {
			ended = strcmp(value, "1") == 0;
			if (!ended)
				invalid("cannot read the specification: end is not 1");
		} else {
			set_field(spec, field, value);
		}
		field = next;
	}
	if (!ended)
		invalid("cannot read the specification: it has no end");
	check_seen();
	spec_check(spec, from_file);
	if (!spec->name)
		spec->name = spec->run;
	if (spec->parent)
		spec_of_parent(spec);
}

size_t spec_original(const char **bytes)
{
	*bytes = original;
	return original_length;
}

void spec_forget(void)
{
	memset(buffer, 0, original_length);
	memset(original, 0, original_length);
}
