#include "layers.h"

#include <string.h>

const char *const layer_names[LAYER_COUNT] = {
#define X(symbol, name) [LAYER_##symbol] = name,
	LAYERS(X)
#undef X
};

enum layer layer_named(const char *name)
{
	for (int i = 0; i < LAYER_COUNT; i++)
		if (strcmp(layer_names[i], name) == 0)
			return (enum layer)i;
	return LAYER_NONE;
}
