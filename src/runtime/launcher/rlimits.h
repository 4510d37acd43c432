/* Limits the kernel keeps per process. */
#ifndef RLIMITS_H
#define RLIMITS_H

#include "spec.h"

/* Init, before the filter, which keeps the plugin from lowering it. */
void rlimits_forbid_cores(const struct spec *spec);
void rlimits_set(const struct spec *spec);

#endif
