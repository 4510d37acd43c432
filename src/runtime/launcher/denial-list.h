/* What was refused or missing in a run, counted: the first time into the journal soon, the rest at the end. */
#ifndef DENIAL_LIST_H
#define DENIAL_LIST_H

#include <stdbool.h>

/* `path` may be "". */
void denial_list_add(int call, int error, const char *path);
/* Journals what is new. */
void denial_list_tell(void);
/* `in_words`: also as sentences on stderr. */
void denial_list_end(bool in_words);

#endif
