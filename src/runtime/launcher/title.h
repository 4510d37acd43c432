/* What `ps` on the host calls a process of a run. */
#ifndef TITLE_H
#define TITLE_H

/* `name`: the plugin's. Refuses. */
void title_set(const char *name);

#endif
