"""Attacks on what belongs to the host: its files, its processes, its network, its kernel."""

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import urllib.request

from calls import call


def list_folder(path):
    return len(os.listdir(path))


def open_for_writing(path):
    os.close(os.open(path, os.O_WRONLY))
    return ""


def open_for_reading(path):
    os.close(os.open(path, os.O_RDONLY))
    return ""


def make_folder(path):
    os.mkdir(path)
    return ""


def load_written_code(folder):
    """A library of its own writing: mapped as code, it needs no execve."""
    known = next(line.split()[-1] for line in open("/proc/self/maps") if "/libc.so" in line or "/libm.so" in line)
    written = os.path.join(folder, f"written-{os.getpid()}.so")
    try:
        shutil.copyfile(known, written)
        ctypes.CDLL(written)
    finally:
        if os.path.exists(written):
            os.unlink(written)
    return ""


def set_user_id():
    path = f"/tmp/suid-{os.getpid()}"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o700))
    os.chmod(path, 0o4755)
    return ""


def lock_file(path):
    """A lock that keeps writers of the host waiting for as long as the run lasts."""
    with open(path, "rb") as file:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    return ""


def open_terminal():
    return os.ttyname(os.openpty()[1])


def host_network_files(port):
    """The host's listening sockets, as /proc tells of one's own network."""
    wanted = f":{int(port):04X} "
    return next((line.split()[1] for line in open("/proc/self/net/tcp") if wanted in line), None)


def fetch(url):
    with urllib.request.urlopen(url, timeout=3) as answer:
        return answer.status


def connect(family, kind, protocol, *address):
    one = socket.socket(int(family), int(kind), int(protocol))
    one.settimeout(3)
    one.connect((address[0], int(address[1])) if len(address) == 2 else address[0])
    return ""


def make_socket(family, kind, protocol):
    return socket.socket(int(family), int(kind), int(protocol)).fileno()


def see_processes():
    others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in (os.getpid(), os.getppid())]
    return len(others) or None


def signal_process(pid):
    os.kill(int(pid), 0)
    return ""


def hold_process(pid):
    os.close(os.pidfd_open(int(pid)))
    return ""


def read_environment(pid):
    text = open(f"/proc/{pid}/environ", "rb").read()
    return "" if b"PLUGIN_NAME" in text else None


def in_own_session():
    return "" if os.getsid(0) == 0 else None


def count_descriptors():
    """More than its three, and the one with which it looks."""
    extra = [fd for fd in os.listdir("/proc/self/fd") if int(fd) >= 100]
    return len(extra) or None


def find_in_file(path, text):
    return "" if text in open(path).read() else None


def host_name(name):
    return "" if socket.gethostname() == name else None


def change_host_name():
    socket.sethostname("host")
    return ""


def trace():
    return call("ptrace", 0, 0, 0, 0)


def mount():
    return call("mount", b"x", b"/tmp", b"tmpfs", 0, 0)


def new_user_namespace():
    return call("unshare", 0x10000000)


def add_key():
    return call("add_key", b"user", b"suite", b"x", 1, -3)


def join_keyring():
    return call("keyctl", 1, 0)


def load_bpf():
    return call("bpf", 9999, 0, 0)


def watch_faults():
    return call("userfaultfd", -1)


def ring():
    return call("io_uring_setup", 1, ctypes.create_string_buffer(120).raw)


def shared_memory(key):
    return call("shmget", int(key), 0, 0)


def message_queue(key):
    return call("msgget", int(key), 0)


def raise_priority():
    os.setpriority(os.PRIO_PROCESS, 0, -5)
    return ""


def real_time():
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    return ""


def daemon():
    """Forks twice, leaves its session, hears nothing, and stays."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 32):
                if number not in (signal.SIGKILL, signal.SIGSTOP):
                    signal.signal(number, signal.SIG_IGN)
            while True:
                signal.pause()
        os._exit(0)
    os.wait()
    return "left one behind"


ATTACKS = {
    one.__name__: one
    for one in (
        list_folder, open_for_writing, open_for_reading, make_folder, load_written_code, set_user_id, lock_file,
        open_terminal, host_network_files, fetch, connect, make_socket, see_processes, signal_process, hold_process,
        read_environment, in_own_session, count_descriptors, find_in_file, host_name, change_host_name, trace, mount,
        new_user_namespace, add_key, join_keyring, load_bpf, watch_faults, ring, shared_memory, message_queue,
        raise_priority, real_time, daemon,
    )
}


def stand():
    """Somebody for others to attack."""
    print("up", flush=True)
    while True:
        signal.pause()


ATTACKS["stand"] = stand
