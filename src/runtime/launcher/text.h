/*
 * Text that is being put together in a fixed buffer. It stands in for stdio, which would pull locales
 * and buffers into a process that is copied once per run. Too much text is cut, never written past the end.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *bytes;
	size_t length;
	size_t capacity; /* the last byte is always kept for a NUL */
};

#define TEXT(name, size)            \
	char name##_bytes[size];    \
	struct text name = {name##_bytes, 0, size}

void text_add(struct text *text, const char *string);
void text_number(struct text *text, int64_t number);
void text_json(struct text *text, const char *string); /* quoted and escaped */
/* Knows %s, %d, %u, %llu, %o, %m and %%. */
void text_format(struct text *text, const char *format, va_list arguments);
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
