#include "text.h"

#include <errno.h>

#include "names.h"

static void add_char(struct text *text, char c)
{
	if (text->length + 1 < text->capacity)
		text->bytes[text->length++] = c;
	text->bytes[text->length] = '\0';
}

void text_add(struct text *text, const char *string)
{
	while (*string)
		add_char(text, *string++);
}

static void add_unsigned(struct text *text, uint64_t number, unsigned base)
{
	char digits[24];
	size_t count = 0;

	do {
		digits[count++] = (char)('0' + number % base);
		number /= base;
	} while (number != 0);
	while (count > 0)
		add_char(text, digits[--count]);
}

void text_number(struct text *text, int64_t number)
{
	if (number < 0)
		add_char(text, '-');
	add_unsigned(text, number < 0 ? -(uint64_t)number : (uint64_t)number, 10);
}

void text_json(struct text *text, const char *string)
{
	static const char hex[] = "0123456789abcdef";

	add_char(text, '"');
	for (const unsigned char *c = (const unsigned char *)string; *c; c++) {
		if (*c == '"' || *c == '\\') {
			add_char(text, '\\');
			add_char(text, (char)*c);
		} else if (*c < 0x20 || *c >= 0x7f) {
			/* Paths are bytes, JSON is UTF-8: what is not plain ASCII leaves as Latin-1 escapes, always valid. */
			text_add(text, "\\u00");
			add_char(text, hex[*c >> 4]);
			add_char(text, hex[*c & 15]);
		} else {
			add_char(text, (char)*c);
		}
	}
	add_char(text, '"');
}

void text_format(struct text *text, const char *format, va_list arguments)
{
	const int saved = errno;

	for (; *format; format++) {
		if (*format != '%') {
			add_char(text, *format);
			continue;
		}
		switch (*++format) {
		case 's': text_add(text, va_arg(arguments, const char *)); break;
		case 'd': text_number(text, va_arg(arguments, int)); break;
		case 'u': add_unsigned(text, va_arg(arguments, unsigned), 10); break;
		case 'o': add_unsigned(text, va_arg(arguments, unsigned), 8); break;
		case 'l': /* %llu */
			format += 2;
			add_unsigned(text, va_arg(arguments, unsigned long long), 10);
			break;
		case 'm': text_add(text, errno_sentence(saved)); break;
		default: add_char(text, *format); break;
		}
	}
}

void text_print(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_format(text, format, arguments);
	va_end(arguments);
}
