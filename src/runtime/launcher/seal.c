#include "seal.h"
int seal(const char *folder){return folder ? 125 : 125;}
