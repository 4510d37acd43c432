"""The Python side of a preloaded parent.

Imports what the operator's list names, looks whether anything came of it that copies would share, and waits in C. Each copy
comes back out of `serve` as the program of a run, and goes on as the interpreter does with a script. Nothing of a plugin is
read before that, and nothing here is left in a copy's modules.
"""

import sys

sys.path.pop(0)  # the folder of this file, from which nothing is to be imported

import gc
import os

LIBRARY = '/usr/lib/bulkhead/bulkhead_parent.so'
#: As environment.ts has them; a run that asks for others is not ours to copy.
FLAGS = [b'-s', b'-E', b'-B']
LISTENER = 3


def load_library():
    from importlib.machinery import ExtensionFileLoader, ModuleSpec

    loader = ExtensionFileLoader('bulkhead_parent', LIBRARY)
    library = loader.create_module(ModuleSpec('bulkhead_parent', loader, origin=LIBRARY))
    sys.modules.pop('bulkhead_parent', None)  # no plugin has a use for it
    return library


def fault_of_preloading():
    """What copies would have in common with each other or with their parent, in words; None if there is nothing."""
    if len(os.listdir('/proc/self/task')) != 1:
        return 'a module has started a thread, which no copy would have'
    beyond = [fd for fd in os.listdir('/proc/self/fd') if int(fd) > LISTENER and is_open(int(fd))]
    if beyond:
        return 'a module keeps a descriptor open: ' + os.readlink('/proc/self/fd/' + beyond[0])
    with open('/proc/self/maps', 'rb') as maps:
        for line in maps:
            _, rights, _, _, _, *name = line.split(None, 5)
            if rights[1:2] == b'w' and rights[3:4] == b's':
                return 'a module has memory that copies would share: ' + repr((name or [b'anonymous'])[0].strip())
    for name, module in list(sys.modules.items()):
        origin = getattr(getattr(module, '__spec__', None), 'origin', None)
        if isinstance(origin, str) and origin.startswith('/') and not os.statvfs(origin).f_flag & os.ST_RDONLY:
            return f'{name} comes from {origin}, which is not read-only'
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return 'a module has started a process'


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False  # it was that of the listing itself
    return True


def preload(names):
    import importlib

    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:
            return f'cannot import {name}: {type(error).__name__}: {error}'
    sys.stdout.flush()
    sys.stderr.flush()
    fault = fault_of_preloading()
    if fault is None:
        gc.collect()
        gc.freeze()
    return fault


def settle(argv, environment):
    """Everything of a new interpreter that is not so in a copy of an old one."""
    import signal

    os.environ.clear()
    for pair in environment:
        name, _, value = pair.partition(b'=')
        os.environb[name] = value
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sys.orig_argv[:] = [os.fsdecode(word) for word in argv]
    sys.argv[:] = sys.orig_argv[1 + len(FLAGS) :]
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    # The standard library's generators know of forks; these have a state of their own.
    if 'numpy.random' in sys.modules:
        sys.modules['numpy.random'].seed()
    if '_ssl' in sys.modules:
        sys.modules['_ssl'].RAND_add(os.urandom(32), 32.0)


def new_main(path):
    from importlib.machinery import SourceFileLoader
    from types import ModuleType

    main = ModuleType('__main__')
    main.__builtins__ = sys.modules['builtins']
    main.__file__ = path
    main.__cached__ = None
    main.__loader__ = SourceFileLoader('__main__', path)
    if '__annotations__' in globals():  # until Python 3.14
        main.__annotations__ = {}
    sys.modules['__main__'] = main
    return main


def run(path):
    """The exit status, as that of the interpreter run with this script."""
    import io

    main = new_main(path)
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(f"{sys.orig_argv[0]}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}\n")
        return 2
    try:
        exec(compile(source, path, 'exec', dont_inherit=True), main.__dict__)
    except SystemExit as error:
        return status_of(error.code)
    except BaseException as error:
        trace = error.__traceback__.tb_next  # without this frame
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return -1 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def status_of(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f'{code}\n')
    return 1


def finish(status, preloaded, leave):
    """As Py_Finalize, without taking apart what was preloaded, which goes with the process."""
    import atexit

    if 'threading' in sys.modules:
        sys.modules['threading']._shutdown()
    atexit._run_exitfuncs()
    # What the plugin holds (an open file with bytes unwritten) is let go of as at the end of any interpreter.
    for name, module in list(sys.modules.items()):
        # By what it is, not by its name: a plugin may give any to a module of the parent's.
        if id(module) not in preloaded and isinstance(getattr(module, '__dict__', None), dict):
            del sys.modules[name]
            module.__dict__.clear()
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (AttributeError, OSError, ValueError):
            status = status or 120
    if status == -1:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    leave(status)


def main():
    names = sys.argv[1:]
    library = load_library()
    fault = preload(names)
    if fault is not None:
        print(fault, flush=True)
        return 1
    try:
        argv, environment = library.serve()
    except OSError as error:
        print(error, flush=True)
        return 1
    preloaded = frozenset(id(module) for module in sys.modules.values())
    if argv[1 : 1 + len(FLAGS)] != FLAGS or len(argv) <= 1 + len(FLAGS):
        return 125
    settle(argv, environment)
    finish(run(sys.argv[0]), preloaded, library.leave)


if __name__ == '__main__':
    sys.exit(main())
