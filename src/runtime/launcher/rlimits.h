/* Limits the kernel keeps per process. */
#ifndef RLIMITS_H
#define RLIMITS_H

#include "spec.h"

void rlimits_set(const struct spec *spec);

#endif
