"""A plugin that does what a host must survive."""

import os
import sys
import time

import bulkhead_plugin


def ok(params, context):
    return {"ok": True}


def crash(params, context):
    os.abort()


def hang(params, context):
    # Does not even look at `context.cancelled`.
    while True:
        time.sleep(60)


def hoard(params, context):
    hoarded = []
    while True:
        hoarded.append(bytearray(os.urandom(1024) * 1024))


def garbage(params, context):
    os.write(1, b"this is no message\n")
    time.sleep(60)


def flood(params, context):
    # One message larger than any may be.
    os.write(1, b'{"jsonrpc":"2.0","method":"')
    while True:
        os.write(1, b"x" * 65536)


def deep(params, context):
    # An answer that is a message, and small enough, and nested as nothing ever is. The call's number is the kit's.
    id_ = sys._getframe(1).f_locals["id_"]
    os.write(1, b'{"jsonrpc":"2.0","id":%d,"result":%b%b}\n' % (id_, b"[" * 100_000, b"]" * 100_000))
    time.sleep(60)


def fork_bomb(params, context):
    while True:
        if os.fork() == 0:
            while True:
                try:
                    os.fork()
                except OSError:
                    time.sleep(1)


def refuse(params, context):
    raise bulkhead_plugin.RpcError("no such thing", -32602)


def fail(params, context):
    raise ValueError("it went wrong")


def stall(params, context):
    """A stream that stops in the middle."""
    yield "first"
    yield "second"
    time.sleep(60)
    yield "never"


if __name__ == "__main__":
    print("here comes trouble", file=sys.stderr)
    methods = [ok, crash, hang, hoard, garbage, flood, deep, fork_bomb, refuse, fail, stall]
    bulkhead_plugin.serve({method.__name__: method for method in methods})
