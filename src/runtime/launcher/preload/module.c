/*
 * `bulkhead_parent`, as an extension module of Python's stable ABI: the few names of it that are used are declared here, so
 * that nothing of Python is needed to build. The interpreter's lock is held throughout. PyOS_BeforeFork is called once, by
 * the parent, which never runs a line of Python again; PyOS_AfterFork_Child in each copy.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/random.h>
#include <unistd.h>

#include "../preload-letters.h"
#include "join.h"
#include "serve.h"

typedef intptr_t ssize;
typedef struct { ssize references; void *type; } object;
typedef object *function(object *self, object *arguments);

struct method { const char *name; function *code; int flags; const char *text; };
struct definition {
	object base;
	object *(*init)(void);
	ssize index;
	object *copy;
	const char *name, *text;
	ssize size;
	struct method *methods;
	void *slots, *traverse, *clear, *release;
};
enum { METH_NOARGS = 4, METH_O = 8, API_VERSION = 1013 };

extern object *PyExc_OSError;
object *PyModule_Create2(struct definition *definition, int version);
object *PyList_New(ssize length);
int PyList_SetItem(object *list, ssize index, object *item);
object *PyTuple_Pack(ssize count, ...);
object *PyBytes_FromString(const char *bytes);
object *PyBytes_FromStringAndSize(const char *bytes, ssize length);
object *PyBool_FromLong(long is);
void PyErr_SetString(object *type, const char *text);
object *PyErr_Occurred(void);
long PyLong_AsLong(object *number);
void PyOS_BeforeFork(void);
void PyOS_AfterFork_Child(void);
int fflush(void *stream);
extern uintptr_t __stack_chk_guard;

__attribute__((visibility("default"))) object *PyInit_bulkhead_parent(void);

static object *list_of(const char *const words[], size_t count)
{
	object *list = PyList_New((ssize)count);

	for (size_t i = 0; list && i < count; i++) {
		object *word = PyBytes_FromString(words[i]);
		if (!word || PyList_SetItem(list, (ssize)i, word) < 0)
			return NULL;
	}
	return list;
}

static object *python_serve(object *self, object *unused)
{
	const char *fault;

	(void)self;
	(void)unused;
	PyOS_BeforeFork();
	const struct words *words = serve(PRELOAD_LISTENER_FD, &fault);
	PyOS_AfterFork_Child();
	if (!words) {
		PyErr_SetString(PyExc_OSError, fault);
		return NULL;
	}
	object *arguments = list_of(words->arguments, words->argument_count);
	object *environment = list_of(words->environment, words->environment_count);
	return arguments && environment ? PyTuple_Pack(2, arguments, environment) : NULL;
}

static object *python_is_held(object *self, object *unused)
{
	(void)self;
	(void)unused;
	return PyBool_FromLong(join_is_held());
}

static object *python_wait(object *self, object *unused)
{
	(void)self;
	(void)unused;
	const struct hold_words *words = join_wait();
	return PyBytes_FromStringAndSize(words->bytes, (ssize)words->length);
}

/* What C code has printed goes out, and no destructor of the parent's libraries is run. */
static object *python_leave(object *self, object *code)
{
	const long status = PyLong_AsLong(code);

	(void)self;
	if (status == -1 && PyErr_Occurred())
		return NULL;
	fflush(NULL);
	_exit((int)status & 0xff);
}

static struct method methods[] = {
	{"serve", python_serve, METH_NOARGS, NULL},
	{"is_held", python_is_held, METH_NOARGS, NULL},
	{"wait", python_wait, METH_NOARGS, NULL},
	{"leave", python_leave, METH_O, NULL},
	{NULL, NULL, 0, NULL}};
static struct definition definition = {
	.base = {1, NULL}, .name = "bulkhead_parent", .size = -1, .methods = methods};

/* Runs without a stack protector: it is what gives the protector of this library its secret. */
__attribute__((no_stack_protector)) object *PyInit_bulkhead_parent(void)
{
	uintptr_t secret;

	if (getrandom(&secret, sizeof secret, 0) != (ssize_t)sizeof secret)
		return NULL;
	__stack_chk_guard = secret & ~(uintptr_t)0xff;
	return PyModule_Create2(&definition, API_VERSION);
}
