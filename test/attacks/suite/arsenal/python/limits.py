"""Attacks on what there is only so much of."""

import mmap
import os
import resource
import signal
import threading

MIB = 1 << 20


def eat_memory(bytes_wanted):
    kept = bytearray()
    while len(kept) < int(bytes_wanted):
        kept += b"x" * MIB
    return len(kept) // MIB


def map_memory(bytes_wanted):
    """Shared and without a name: memory that belongs to a file system."""
    area = mmap.mmap(-1, int(bytes_wanted), mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    for at in range(0, int(bytes_wanted), MIB):
        area[at : at + MIB] = b"x" * MIB
    return ""


def fork_bomb(count):
    made = 0
    for _ in range(int(count)):
        try:
            if os.fork() == 0:
                while True:
                    signal.pause()
            made += 1
        except OSError:
            break
    return made if made == int(count) else None


def thread_bomb(count):
    threading.stack_size(65536)
    never = threading.Event()
    made = 0
    for _ in range(int(count)):
        try:
            threading.Thread(target=never.wait, daemon=True).start()
            made += 1
        except RuntimeError:
            break
    os.write(1, f"{'yes' if made == int(count) else 'no'} {made}\n".encode())
    os._exit(0)


def core_dump():
    """A core limit of exactly 1 is the one at which the kernel starts no handler of the host's."""
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    return None if limits == (1, 1) else limits


def raise_core_limit():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return ""


def open_files(count):
    kept = []
    try:
        while len(kept) < int(count):
            kept.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        return None
    return len(kept)


def lock_memory():
    import ctypes

    buffer = ctypes.create_string_buffer(8192)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlock(buffer, 4096) != 0:
        raise OSError(ctypes.get_errno(), "mlock")
    return ""


ATTACKS = {
    one.__name__: one
    for one in (
        eat_memory, map_memory, fork_bomb, thread_bomb, core_dump, raise_core_limit, open_files, lock_memory,
    )
}
