"""Tries what its sandbox is there to stop: `hoard` memory, `linger` for ever, or `phone` out."""

import signal
import socket
import sys
import time


def hoard():
    hoarded = []
    for megabytes in range(16, 1025, 16):
        hoarded.append(b"x" * (16 << 20))
        print(f"I hold {megabytes} MiB", flush=True)


def linger():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("I ignore SIGTERM, and I have all the time in the world", flush=True)
    while True:
        time.sleep(60)


def phone(*targets):
    """Exit code 0: nobody answered."""
    answered = 0
    for target in targets:
        host, _, port = target.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=2).close()
        except OSError as error:
            print(f"{target}: {error}")
        else:
            print(f"{target}: CONNECTED")
            answered += 1
    return answered


if __name__ == "__main__":
    sys.exit({"hoard": hoard, "linger": linger, "phone": phone}[sys.argv[1]](*sys.argv[2:]))
