"""System calls by number, through the C library that Python itself is linked with."""

import ctypes
import os
import platform

LIBC = ctypes.CDLL(None, use_errno=True)
X86, ARM = 0, 1
NUMBERS = {
    "ptrace": (101, 117),
    "mount": (165, 40),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "clone3": (435, 435),
    "syslog": (103, 116),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "pivot_root": (155, 41),
}


def call(name, *arguments):
    """The result; an OSError if the kernel says so."""
    number = NUMBERS[name][ARM if platform.machine() == "aarch64" else X86]
    given = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments]
    result = LIBC.syscall(ctypes.c_long(number), *given)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result
