/* How the payload ended, in the order of who is to blame: us, the clock, the kernel's limits, itself. */
#ifndef JUDGE_H
#define JUDGE_H

#include "state.h"

void judge(struct state *state, int init_status);

#endif
