/* What a specification as a whole must be; spec.c reads its fields, one by one. */
#ifndef SPEC_RULES_H
#define SPEC_RULES_H

#include "spec.h"

/* Refuses with SPEC_INVALID, naming what is missing. */
void spec_check_given(bool given, const char *key);
void spec_check(const struct spec *spec, bool from_file);
/* What a preloaded parent goes without. */
void spec_of_parent(struct spec *spec);

#endif
