/*
 * What a run from a preloaded parent says to whom: whole messages over sockets that keep them. The launcher calls the
 * parent; the parent answers with pid 1 of the new sandbox; the launcher gives that its work over the same socket; pid 1
 * invites the program in, over a socket of their own; at the end the parent tells how pid 1 ended.
 */
#ifndef PRELOAD_LETTERS_H
#define PRELOAD_LETTERS_H

#include <stdint.h>
#include <sys/resource.h>

/* Both sides are of one build, and whoever is not has another number. */
#define PRELOAD_VERSION 0x42485031u

/* In the folder of the parent, which only its owner may enter. */
#define PRELOAD_SOCKET "socket"
/* Where the parent finds these, inside. */
#define PRELOAD_LAUNCHER "/bulkhead/bulkhead-launch"
enum { PRELOAD_LISTENER_FD = 3, FIRST_LAUNCHER_FD = 3, FIRST_PROGRAM_FD = 4 };

/* With one descriptor: the v2 leaf, for CLONE_INTO_CGROUP. */
struct preload_call {
	uint32_t version;
};

/* With two descriptors, pidfd and network namespace, unless a reason says why there are none. */
struct preload_answer {
	char reason[256];
};

/*
 * In as many messages as it takes, each with the descriptors from `from` on: specification, stdin, stdout, stderr, status,
 * go, the trees of mounts_places, the `tasks` of cgroup_give.
 */
struct preload_work {
	uint32_t total, from;
	uint32_t hierarchies;
};
enum { WORK_SPEC, WORK_STDIN, WORK_STDOUT, WORK_STDERR, WORK_STATUS, WORK_GO, WORK_TREES };

/* With the first four of those, and the `tasks`. */
struct preload_invitation {
	uint32_t hierarchies;
};

struct preload_end {
	int32_t status;
	struct rusage usage;
};

#endif
