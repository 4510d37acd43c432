/* The system-call filter: what is not listed is refused, in a way that programs understand. */
#ifndef SECCOMP_H
#define SECCOMP_H

#include "spec.h"

void seccomp_install(const struct spec *spec);

#endif
