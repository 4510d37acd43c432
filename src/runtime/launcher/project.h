/*
 * `--project FOLDER [ID [BYTES INODES]]`: project quotas (quotactl(2)), for /data. Node can make neither of the two calls.
 */
#ifndef PROJECT_H
#define PROJECT_H

/* With ID: tells of that project on FOLDER's file system. With figures: FOLDER, which is empty, and all that is made in it,
   belongs to that project, and the project has these limits; 0 and 0: the project has none, and FOLDER stays as it is. */
int project(const char *folder, const char *id, const char *bytes, const char *inodes);

#endif
