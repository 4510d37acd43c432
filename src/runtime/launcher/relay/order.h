/* Numbers as the network writes them, most significant byte first. */
#ifndef RELAY_ORDER_H
#define RELAY_ORDER_H

#include <stdint.h>

/* Both ways, since the machines of this launcher are little-endian. */
static inline uint16_t to_network(uint16_t number)
{
	return (uint16_t)(number << 8 | number >> 8);
}

static inline uint16_t read_16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void write_16(uint8_t *at, unsigned number)
{
	at[0] = (uint8_t)(number >> 8);
	at[1] = (uint8_t)number;
}

#endif
