#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "kernel.h"
#include "refusal.h"
#include "text.h"

static struct stat root_status;
static int root = -1, tmp = -1, data = -1, dev = -1;
static int skeletons[SPEC_SKELETONS_MAX];
static int binds[SPEC_BINDS_MAX];
static bool bind_is_folder[SPEC_BINDS_MAX];

/* The only device nodes of a run. None of them can be used to reach another process. */
static const struct { const char *name; const char *path; unsigned minor; } nodes[] = {
	{"null", "/dev/null", 3}, {"zero", "/dev/zero", 5}, {"full", "/dev/full", 7},
	{"random", "/dev/random", 8}, {"urandom", "/dev/urandom", 9},
};
enum { NODE_COUNT = sizeof nodes / sizeof nodes[0] };
static int node_trees[NODE_COUNT];

/* Where programs look for things of their own; /dev/shm is a place in /tmp, so its size is counted once. */
static const struct { const char *name; const char *target; } dev_links[] = {
	{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"shm", "/tmp"},
};

/*
 * A path given by the specification. No link on the way is followed: whoever could plant one would choose what
 * is mounted (CVE-2021-30465, CVE-2022-3328).
 */
static int open_path(const char *path, enum layer layer)
{
	/* Not O_NOFOLLOW: with O_PATH that would open a link at the end instead of refusing it. */
	const int fd = kernel_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC, OPEN_NO_SYMLINKS | OPEN_NO_MAGICLINKS);

	if (fd < 0)
		refuse(layer == LAYER_NONE ? LAUNCH_FAILED : LAYER_UNAVAILABLE, layer, "cannot open %s%s: %m", path,
		       errno == ELOOP ? " (a part of it is a symbolic link)" : "");
	return fd;
}

static void set_attributes(int tree, const char *what, uint64_t set, unsigned recursive)
{
	struct mount_attr attributes = {.attr_set = set, .propagation = MS_PRIVATE};

	if (mount_setattr(tree, "", AT_EMPTY_PATH | recursive, &attributes, sizeof attributes) < 0)
		unavailable(MOUNT_NAMESPACE, "cannot set the mount attributes of %s: %m", what);
}

/*
 * A detached copy of the mount at `fd`, with its attributes set before anyone can see it. In mode user a folder
 * with other mounts below must be taken with them (they are locked together); they get the same attributes.
 */
static int detach(int fd, const char *what, uint64_t attributes)
{
	unsigned recursive = 0;
	int tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0 && errno == EINVAL) {
		recursive = AT_RECURSIVE;
		tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
	}
	if (tree < 0)
		unavailable(MOUNT_NAMESPACE, "cannot copy the mount of %s: %m", what);
	set_attributes(tree, what, attributes, recursive);
	return tree;
}

static uint64_t read_only(const struct spec *spec)
{
	return wants(spec, LAYER_READ_ONLY) ? MOUNT_ATTR_RDONLY : 0;
}

void mounts_check_root(const struct spec *spec)
{
	const int fd = open_path(spec->root, LAYER_NONE);

	if (fstat(fd, &root_status) < 0)
		failed("cannot read the status of %s: %m", spec->root);
	if (!S_ISDIR(root_status.st_mode))
		failed("cannot use %s as root: it is not a folder", spec->root);
	if (root_status.st_uid != geteuid())
		failed("cannot use %s as root: it belongs to uid %u", spec->root, root_status.st_uid);
	if (root_status.st_mode & 022)
		failed("cannot use %s as root: others may write in it", spec->root);
	close(fd);
}

static void open_root(const struct spec *spec)
{
	struct stat status;
	const int fd = open_path(spec->root, LAYER_NONE);

	if (fstat(fd, &status) < 0)
		failed("cannot read the status of %s: %m", spec->root);
	if (status.st_dev != root_status.st_dev || status.st_ino != root_status.st_ino)
		failed("cannot use %s as root: it was exchanged meanwhile", spec->root);
	root = detach(fd, spec->root, read_only(spec) | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	close(fd);
}

static void open_bind(const struct spec *spec, size_t index)
{
	struct stat status;
	const struct bind *bind = &spec->binds[index];
	const int fd = open_path(bind->outside, LAYER_NONE);

	if (fstat(fd, &status) < 0)
		failed("cannot read the status of %s: %m", bind->outside);
	if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
		failed("cannot bind %s: it is neither a file nor a folder", bind->outside);
	bind_is_folder[index] = S_ISDIR(status.st_mode);
	binds[index] = detach(fd, bind->outside,
			      read_only(spec) | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				      (bind->executable ? 0 : MOUNT_ATTR_NOEXEC));
	close(fd);
}

static void open_data(const struct spec *spec)
{
	struct stat status;
	const int fd = open_path(spec->data, LAYER_NONE);

	if (fstat(fd, &status) < 0)
		failed("cannot read the status of %s: %m", spec->data);
	if (!S_ISDIR(status.st_mode))
		failed("cannot bind %s at /data: it is not a folder", spec->data);
	data = detach(fd, spec->data, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	close(fd);
}

/* weaker=dev, weaker=proc without a pid namespace: the host's own tree. With from-parent: the parent's. */
static int open_host_tree(const char *path, uint64_t attributes)
{
	const int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (tree < 0)
		unavailable(MOUNT_NAMESPACE, "cannot copy the mount of %s: %m", path);
	set_attributes(tree, path, attributes, AT_RECURSIVE);
	return tree;
}

/* Mode user cannot make device nodes, but may bind the host's; each must be the device it is named for. */
static void open_nodes(void)
{
	for (size_t i = 0; i < NODE_COUNT; i++) {
		struct stat status;
		const int fd = open_path(nodes[i].path, LAYER_DEV);
		if (fstat(fd, &status) < 0)
			unavailable(DEV, "cannot read the status of %s: %m", nodes[i].path);
		if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, nodes[i].minor))
			unavailable(DEV, "cannot use %s: it is not the device of that name", nodes[i].path);
		node_trees[i] = detach(fd, nodes[i].path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
		close(fd);
	}
}

void mounts_open_sources(const struct spec *spec)
{
	open_root(spec);
	for (size_t i = 0; i < spec->bind_count; i++)
		if (spec->binds[i].outside)
			open_bind(spec, i);
	if (spec->data)
		open_data(spec);
	if (!wants(spec, LAYER_DEV))
		dev = open_host_tree("/dev", MOUNT_ATTR_NOSUID);
	else if (!spec->as_root)
		open_nodes();
}

static void set_option(int context, enum layer layer, const char *key, const char *value)
{
	if (fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) < 0)
		refuse(LAYER_UNAVAILABLE, layer, "cannot set %s=%s of a new file system: %m", key, value);
}

static void set_number(int context, const char *key, uint64_t value)
{
	TEXT(text, 24);

	text_print(&text, "%llu", (unsigned long long)value);
	set_option(context, LAYER_MOUNT_NAMESPACE, key, text.bytes);
}

static int open_context(const char *type, enum layer layer)
{
	const int context = fsopen(type, FSOPEN_CLOEXEC);

	if (context < 0)
		refuse(LAYER_UNAVAILABLE, layer, "cannot make a file system of type %s: %m", type);
	return context;
}

static int mount_context(int context, enum layer layer, const char *type, unsigned attributes)
{
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		refuse(LAYER_UNAVAILABLE, layer, "cannot make a file system of type %s: %m", type);
	const int tree = fsmount(context, FSMOUNT_CLOEXEC, attributes);
	if (tree < 0)
		refuse(LAYER_UNAVAILABLE, layer, "cannot mount a file system of type %s: %m", type);
	close(context);
	return tree;
}

/* Always with a size and a number of inodes: tmpfs is memory. */
static int make_tmpfs(uint64_t bytes, uint64_t inodes, const char *mode, unsigned attributes)
{
	const int context = open_context("tmpfs", LAYER_MOUNT_NAMESPACE);

	set_number(context, "size", bytes);
	set_number(context, "nr_inodes", inodes);
	set_option(context, LAYER_MOUNT_NAMESPACE, "mode", mode);
	return mount_context(context, LAYER_MOUNT_NAMESPACE, "tmpfs", attributes);
}

static void make_dev(const struct spec *spec)
{
	dev = make_tmpfs(65536, 32, "755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	for (size_t i = 0; i < NODE_COUNT; i++) {
		/* The mode is 0666 as on any host; in mode user a plain file is the mount point of the real one. */
		const mode_t mode = spec->as_root ? S_IFCHR | 0666 : S_IFREG | 0444;
		if (mknodat(dev, nodes[i].name, mode, spec->as_root ? makedev(1, nodes[i].minor) : 0) < 0)
			unavailable(DEV, "cannot make %s: %m", nodes[i].path);
	}
	for (size_t i = 0; i < sizeof dev_links / sizeof dev_links[0]; i++)
		if (symlinkat(dev_links[i].target, dev, dev_links[i].name) < 0)
			unavailable(DEV, "cannot make /dev/%s: %m", dev_links[i].name);
	if (wants(spec, LAYER_READ_ONLY))
		set_attributes(dev, "/dev", MOUNT_ATTR_RDONLY, 0);
}

/* Is `path` strictly below `folder`? Returns the rest of it, without the slash. */
static const char *below(const char *path, const char *folder)
{
	const size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

/* The innermost skeleton that holds `inside`; its index, or -1. */
static int skeleton_of(const struct spec *spec, const char *inside, const char **rest)
{
	int found = -1;

	for (size_t i = 0; i < spec->skeleton_count; i++) {
		const char *tail = below(inside, spec->skeletons[i]);
		if (tail && (found < 0 || strlen(spec->skeletons[i]) > strlen(spec->skeletons[found]))) {
			found = (int)i;
			*rest = tail;
		}
	}
	return found;
}

/* Makes the folders above the last part of `path` in a skeleton that nobody else can see yet. */
static void make_parents(int skeleton, const char *path)
{
	char part[4096];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = '\0';
		if (mkdirat(skeleton, part, 0755) < 0 && errno != EEXIST)
			failed("cannot make %s in a skeleton: %m", part);
	}
}

static void make_mount_point(const struct spec *spec, const char *inside, bool is_folder)
{
	const char *rest;
	const int index = skeleton_of(spec, inside, &rest);

	if (index < 0)
		return; /* it must be in `root` then, and attaching will say so if it is not */
	make_parents(skeletons[index], rest);
	if (is_folder ? mkdirat(skeletons[index], rest, 0755) < 0
		      : mknodat(skeletons[index], rest, S_IFREG | 0444, 0) < 0)
		if (errno != EEXIST)
			failed("cannot make the mount point %s: %m", inside);
}

static void make_link(const struct spec *spec, const struct link *link)
{
	const char *rest;
	const int index = skeleton_of(spec, link->inside, &rest);

	if (index < 0)
		invalid("cannot make the symlink %s: it is not in a skeleton", link->inside);
	make_parents(skeletons[index], rest);
	if (symlinkat(link->target, skeletons[index], rest) < 0)
		failed("cannot make the symlink %s: %m", link->inside);
}

static void make_skeletons(const struct spec *spec)
{
	for (size_t i = 0; i < spec->skeleton_count; i++)
		skeletons[i] = make_tmpfs(1 << 20, 4096, "755",
					  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	for (size_t i = 0; i < spec->skeleton_count; i++)
		make_mount_point(spec, spec->skeletons[i], true);
	for (size_t i = 0; i < spec->bind_count; i++)
		make_mount_point(spec, spec->binds[i].inside, bind_is_folder[i]);
	for (size_t i = 0; i < spec->link_count; i++)
		make_link(spec, &spec->links[i]);
	for (size_t i = 0; i < spec->skeleton_count && wants(spec, LAYER_READ_ONLY); i++)
		set_attributes(skeletons[i], spec->skeletons[i], MOUNT_ATTR_RDONLY, 0);
}

void mounts_make_trees(const struct spec *spec)
{
	make_skeletons(spec);
	if (spec->tmp_bytes > 0)
		tmp = make_tmpfs(spec->tmp_bytes, spec->tmp_inodes, "1777",
				 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (wants(spec, LAYER_DEV))
		make_dev(spec);
}

/* Puts a detached tree at `inside`. The place is found below our own root, through no link. */
static void attach(int tree, const char *inside)
{
	const int place = kernel_openat2(root, inside + 1, O_PATH | O_CLOEXEC,
					 OPEN_NO_SYMLINKS | OPEN_NO_MAGICLINKS | OPEN_BENEATH);

	if (place < 0)
		failed("cannot find the mount point %s: %m", inside);
	if (move_mount(tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		unavailable(MOUNT_NAMESPACE, "cannot mount at %s: %m", inside);
	close(place);
}

/*
 * subset=pid leaves nothing of /proc but processes: no sys, no kcore, no keys, no sysrq, so nothing has to be
 * masked and the masked-path holes (CVE-2025-31133, CVE-2019-16884) have no place to happen.
 */
static int make_proc(const struct spec *spec)
{
	if (!wants(spec, LAYER_PID_NAMESPACE))
		return open_host_tree("/proc", read_only(spec) | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	const int context = open_context("proc", LAYER_PROC);
	if (wants(spec, LAYER_PROC)) {
		set_option(context, LAYER_PROC, "subset", "pid");
		set_option(context, LAYER_PROC, "hidepid", "invisible");
	}
	return mount_context(context, LAYER_PROC, "proc",
			     (wants(spec, LAYER_PROC) ? MOUNT_ATTR_RDONLY : 0) | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				     MOUNT_ATTR_NOEXEC);
}

void mounts_enter_root(const struct spec *spec)
{
	/* Nothing done here may travel back to the host, and pivot_root refuses a shared parent. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		unavailable(MOUNT_NAMESPACE, "cannot make the mounts private: %m");
	/* On top of the present root: a place that exists everywhere and that no one else can influence. */
	if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		unavailable(MOUNT_NAMESPACE, "cannot mount the new root: %m");
	for (size_t i = 0; i < spec->skeleton_count; i++)
		attach(skeletons[i], spec->skeletons[i]);
	for (size_t i = 0; i < spec->bind_count; i++)
		attach(binds[i], spec->binds[i].inside);
	attach(dev, "/dev");
	if (wants(spec, LAYER_DEV) && !spec->as_root)
		for (size_t i = 0; i < NODE_COUNT; i++)
			attach(node_trees[i], nodes[i].path);
	if (tmp >= 0)
		attach(tmp, "/tmp");
	if (data >= 0)
		attach(data, "/data");
	if (spec->proc)
		attach(make_proc(spec), "/proc");
	/* pivot_root(".", "."): the old root lands on top of the new one and is let go at once, so no path to it
	 * is left, as there would be after a mere chroot. */
	if (fchdir(root) < 0)
		unavailable(MOUNT_NAMESPACE, "cannot enter the new root: %m");
	if (kernel_pivot_root(".", ".") < 0)
		unavailable(MOUNT_NAMESPACE, "cannot pivot into the new root: %m");
	if (umount2(".", MNT_DETACH) < 0)
		unavailable(MOUNT_NAMESPACE, "cannot let go of the host's tree: %m");
	if (chdir("/") < 0)
		unavailable(MOUNT_NAMESPACE, "cannot enter /: %m");
}

size_t mounts_places(const struct spec *spec, int *places[MOUNTS_MAX])
{
	size_t count = 0;

	places[count++] = &root;
	places[count++] = &dev;
	if (spec->tmp_bytes > 0)
		places[count++] = &tmp;
	if (spec->data)
		places[count++] = &data;
	for (size_t i = 0; i < spec->skeleton_count; i++)
		places[count++] = &skeletons[i];
	for (size_t i = 0; i < spec->bind_count; i++)
		if (spec->binds[i].outside)
			places[count++] = &binds[i];
	return count;
}

void mounts_take_over(const struct spec *spec)
{
	for (size_t i = 0; i < spec->bind_count; i++)
		if (!spec->binds[i].outside)
			binds[i] = open_host_tree(spec->binds[i].inside, read_only(spec) | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

void mounts_look_inside(const struct spec *spec)
{
	if (spec->tmp_bytes > 0)
		tmp = open_path("/tmp", LAYER_MOUNT_NAMESPACE);
	if (spec->data)
		data = open_path("/data", LAYER_MOUNT_NAMESPACE);
}

int mounts_tmp(void)
{
	return tmp;
}

int mounts_data(void)
{
	return data;
}

const char *mounts_outside(const struct spec *spec, const char *inside)
{
	static char paths[2][8192];
	static int turn;
	struct text path = {paths[turn], 0, sizeof paths[0]};
	const struct bind *best = NULL;

	turn = !turn;
	for (size_t i = 0; i < spec->bind_count; i++)
		if (strcmp(inside, spec->binds[i].inside) == 0 || below(inside, spec->binds[i].inside))
			if (!best || strlen(best->inside) < strlen(spec->binds[i].inside))
				best = &spec->binds[i];
	text_add(&path, best ? best->outside : spec->root);
	text_add(&path, best ? inside + strlen(best->inside) : inside);
	return path.bytes;
}
