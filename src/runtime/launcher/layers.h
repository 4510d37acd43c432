/* The layers of the sandbox, by the names under which they can be switched off. */
#ifndef LAYERS_H
#define LAYERS_H

#include <stdbool.h>

#define LAYERS(X)                              \
	X(UID, "uid")                          \
	X(USER_NAMESPACE, "user-namespace")    \
	X(MOUNT_NAMESPACE, "mount-namespace")  \
	X(PID_NAMESPACE, "pid-namespace")      \
	X(NET_NAMESPACE, "net-namespace")      \
	X(NETWORK, "network")                  \
	X(IPC_NAMESPACE, "ipc-namespace")      \
	X(UTS_NAMESPACE, "uts-namespace")      \
	X(CGROUP_NAMESPACE, "cgroup-namespace") \
	X(CAPABILITIES, "capabilities")        \
	X(NO_NEW_PRIVS, "no-new-privs")        \
	X(SECCOMP, "seccomp")                  \
	X(LANDLOCK, "landlock")                \
	X(MEMORY, "memory")                    \
	X(PROCESSES, "processes")              \
	X(CPU, "cpu")                          \
	X(READ_ONLY, "read-only")              \
	X(DESCRIPTORS, "descriptors")          \
	X(SESSION, "session")                  \
	X(DEV, "dev")                          \
	X(PROC, "proc")                        \
	X(RLIMITS, "rlimits")                  \
	X(KEYRING, "keyring")                  \
	X(PARENT_DEATH, "parent-death")        \
	X(KILL_TREE, "kill-tree")

enum layer {
#define X(symbol, name) LAYER_##symbol,
	LAYERS(X)
#undef X
	LAYER_COUNT,
	LAYER_NONE = LAYER_COUNT,
};

extern const char *const layer_names[LAYER_COUNT];

/* The layer called `name`, or LAYER_NONE. */
enum layer layer_named(const char *name);

#endif
