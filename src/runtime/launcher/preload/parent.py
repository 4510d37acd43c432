"""The Python side of a preloaded parent.

Imports what the operator's list names, looks whether anything came of it that copies would share, and waits in C. Each copy
comes back out of `serve` as the program of a run, and goes on as the interpreter does with a script. Nothing of a plugin is
read before that, and nothing here is left in a copy's modules.
"""

import sys

sys.path.pop(0)  # the folder of this file, from which nothing is to be imported

# Nothing but what an interpreter has loaded when it starts, or has built in: each further module would be one that nobody
# listed, and what a copy imports it imports in every run.
import _signal
import atexit
import gc
import io
import os
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader, SourceFileLoader

LIBRARY = '/bulkhead/bulkhead_parent.so'
#: As environment.ts has them; a run that asks for others is not ours to copy.
FLAGS = [b'-s', b'-E', b'-B']
LISTENER = 3


def load_library():
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
    for name in names:
        try:
            __import__(name)
        except BaseException as error:
            return f'cannot import {name}: {type(error).__name__}: {error}'
    sys.stdout.flush()
    sys.stderr.flush()
    return fault_of_preloading()


def rehearse(path):
    """Makes what the interpreter makes when it is needed first (types of syntax trees, specialised code), and which each copy
    would make for itself, page by page."""
    this = sys.modules['__main__']
    for _ in range(32):
        take_environment([b'LANG=C.UTF-8', b'PATH=/usr/bin:/bin'])
        main = new_main(path)
        with io.open_code(path) as file:
            exec(compile(file.read()[:0], path, 'exec', dont_inherit=True), main.__dict__)
        os.environ.clear()
    sys.modules['__main__'] = this


def touch(path):
    """Makes what every script makes, while the copy waits anyway: each page that is written to for the first time costs a fault."""
    this = sys.modules['__main__']
    for _ in range(4):
        exec(compile(b'def f():\n    return [0]\nf()\n', path, 'exec', dont_inherit=True), new_main(path).__dict__)
    sys.modules['__main__'] = this
    gc.collect()


def take_environment(environment):
    """The parent's own was for what it imported, and is gone when it serves."""
    for pair in environment:
        name, _, value = pair.partition(b'=')
        os.environb[name] = value


def settle(argv, environment):
    """Everything of a new interpreter that is not so in a copy of an old one."""
    take_environment(environment)
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
    _signal.signal(_signal.SIGXFSZ, _signal.SIG_IGN)
    sys.orig_argv[:] = [os.fsdecode(word) for word in argv]
    sys.argv[:] = sys.orig_argv[1 + len(FLAGS) :]
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    # The standard library's generators know of forks; these have a state of their own.
    if 'numpy.random' in sys.modules:
        sys.modules['numpy.random'].seed()
    if '_ssl' in sys.modules:
        sys.modules['_ssl'].RAND_add(os.urandom(32), 32.0)


def add_arguments(late):
    words = [os.fsdecode(word) for word in late.split(b'\0')[:-1]]
    sys.orig_argv.extend(words)
    sys.argv.extend(words)


def new_main(path):
    main = type(sys)('__main__')
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


def own_modules(preloaded):
    """Those that came last. To look at each of the others would be to write to its memory, which is the parent's still."""
    names = ['__main__']
    for name in reversed(sys.modules):
        if name in preloaded:
            break
        names.append(name)
    return names


def finish(status, preloaded, leave):
    """As Py_Finalize, without taking apart what was preloaded, which goes with the process."""
    if 'threading' in sys.modules:
        sys.modules['threading']._shutdown()
    atexit._run_exitfuncs()
    # What the plugin holds (an open file with bytes unwritten) is let go of as at the end of any interpreter.
    for name in own_modules(preloaded):
        module = sys.modules.pop(name)
        # Any name may have been given to a module of the parent's.
        if id(module) not in preloaded.values() and isinstance(getattr(module, '__dict__', None), dict):
            module.__dict__.clear()
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (AttributeError, OSError, ValueError):
            status = status or 120
    if status == -1:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        os.kill(os.getpid(), _signal.SIGINT)
    leave(status)


def main():
    names = sys.argv[1:]
    library = load_library()
    fault = preload(names)
    if fault is not None:
        print(fault, flush=True)
        return 1
    os.environ.clear()
    rehearse(__file__)
    preloaded = {name: id(module) for name, module in sys.modules.items()}
    gc.collect()
    gc.freeze()
    try:
        argv, environment = library.serve()
    except OSError as error:
        print(error, flush=True)
        return 1
    if argv[1 : 1 + len(FLAGS)] != FLAGS or len(argv) <= 1 + len(FLAGS):
        return 125
    settle(argv, environment)
    if library.is_held():
        touch(sys.argv[0])
    add_arguments(library.wait())
    finish(run(sys.argv[0]), preloaded, library.leave)


if __name__ == '__main__':
    sys.exit(main())
