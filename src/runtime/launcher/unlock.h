/* `--unlock FOLDER UID GID`: folders of a plugin's that its user shall remove. */
#ifndef UNLOCK_H
#define UNLOCK_H

/* Lets everybody into the folders below FOLDER that belong to UID, by newuidmap and as UID itself. 64 levels at a time. */
int unlock(const char *folder, const char *uid, const char *gid);

#endif
