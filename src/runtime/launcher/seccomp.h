/* The system-call filter: what is not listed is refused, in a way that programs understand. */
#ifndef SECCOMP_H
#define SECCOMP_H

#include <linux/seccomp.h>
#include <stdint.h>

#include "spec.h"

/* With report-denials returns the descriptor at which the filter asks what to answer; otherwise -1. */
int seccomp_install(const struct spec *spec);
/* What the filter of a run without report-denials does with this call: SECCOMP_RET_…, errno included. */
uint32_t seccomp_answer(const struct spec *spec, const struct seccomp_data *call);

#endif
