/* A preloaded parent at work: answers launchers, one sandbox each, for as long as it lives. */
#ifndef PRELOAD_SERVE_H
#define PRELOAD_SERVE_H

#include "words.h"

/* Returns in copies only, with what the copy is to run; or, before the first word to a launcher, NULL and `*fault`. */
const struct words *serve(int listener, const char **fault);

#endif
