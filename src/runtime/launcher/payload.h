/* The plugin's own process, from clone to execve. */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <sys/types.h>

#include "spec.h"

/* Starts it and returns its pid once it runs the plugin's program, or has refused. `stdio` are its ends of the
 * three pipes, `status` the pipe on which a refusal leaves, `go` where it is let go if it is to be held. */
pid_t payload_start(const struct spec *spec, const int stdio[3], int status, int go);

/*
 * What of it is to be done in a process that is there already: session, descriptors, folder, signals, resource limits. All
 * that is left to it is `stdio` and `status`; refuses unless `parent` is its parent.
 */
void payload_settle(const struct spec *spec, const int stdio[3], int status, pid_t parent);

#endif
