/*
 * A run whose sandbox an OCI runtime builds (runc, crun, runsc) from a bundle that TypeScript wrote. The launcher stays
 * what it is, supervisor and judge; the runtime makes namespaces, mounts and ids; init, inside (inside.c), surrenders.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "spec.h"
#include "supervise.h"

bool engine_wanted(const struct spec *spec);
/* Makes the container and lets it go; refuses with what the runtime said. Then `run` is as after start_sandbox. */
void engine_start(struct run *run);
/* Has the runtime forget the container and remove what it made for it. Safe to call when there is none. */
void engine_remove(const struct spec *spec);

#endif
