"""The author's kit for plugins in Python: one file that needs nothing but Python 3.9, to be copied beside a plugin's entry.

It speaks `jsonrpc` (docs/jsonrpc.md) on standard input and output::

    import bulkhead_plugin

    def greet(params, context):
        return f"Hello, {params['name']}!"

    def count(params, context):
        for i in range(params["to"]):
            yield i

    bulkhead_plugin.serve({"greet": greet, "count": count})

Methods are called in threads, at most `workers` at a time: what they share, they lock.
"""

import inspect
import json
import os
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

__all__ = ["Context", "Host", "RpcError", "config", "serve"]

METHOD_NOT_FOUND = -32601
INVALID_REQUEST = -32600
FAILED = -32000
CANCELLED = -32800


class RpcError(Exception):
    """An error that is meant for the other side: message, code and data are sent to it as they are."""

    def __init__(self, message, code=FAILED, data=None):
        super().__init__(message)
        self.message, self.code, self.data = message, code, data


class _Cancelled(threading.Event):
    """An Event that reads as what it says: as any other object it would be true from the beginning on."""

    def __bool__(self):
        return self.is_set()


class Context:
    """What a method knows of its caller: `host`, and `cancelled`, an Event that is set, and true, when nobody waits any more."""

    def __init__(self, host):
        self.host = host
        self.cancelled = _Cancelled()


class Host:
    """The host that runs this plugin, and what it has granted."""

    def __init__(self, session):
        self._session = session

    def call(self, name, params=None):
        """Calls a function of the host and waits for its answer. Raises RpcError if it is not granted, or fails."""
        return self._session.call(name, params)

    def notify(self, name, params=None):
        """Tells the host something; nobody answers."""
        self._session.send(_message(method=name, params=params))


def config():
    """What the operator has set of the manifest's `config`, with its defaults; {} for a manifest without one."""
    path = os.environ.get("PLUGIN_CONFIG")
    if path is None:
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def serve(methods, health=None, workers=4):
    """Answers calls until the host closes this plugin's input.

    What is printed goes to standard error from here on: standard output is the channel.
    """
    channel, sys.stdout = sys.stdout.buffer, sys.stderr
    session = _Session(channel, methods, health or (lambda: None))
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for line in sys.stdin.buffer:
            if line.strip():
                session.receive(line, pool)
        session.end()


class _Work:
    def __init__(self, context):
        self.context = context
        self.window = threading.Semaphore(0)


class _Waiting:
    def __init__(self):
        self.done = threading.Event()
        self.result = None
        self.error = None


class _Session:
    def __init__(self, channel, methods, health):
        self._channel = channel
        self._methods = methods
        self._health = health
        self._lock = threading.Lock()
        self._at_work = {}
        self._waiting = {}
        self._last = 0

    def send(self, data):
        with self._lock:
            self._channel.write(data)
            self._channel.flush()

    def receive(self, line, pool):
        try:
            message = json.loads(line)
        except ValueError as error:
            print(f"a line of the host is no message: {error}", file=sys.stderr)
            return
        method, id_ = message.get("method"), message.get("id")
        params = message.get("params")
        if method is None:
            self._answered(message)
        elif id_ is None:
            self._notice(method, params, pool)
        elif method == "$/health":
            # Not in the pool: a plugin whose threads are all at work is alive.
            self._answer(id_, None, lambda: self._health())
        else:
            work = self._at_work[id_] = _Work(Context(Host(self)))
            pool.submit(self._answer, id_, work, lambda: self._work(id_, work, method, params))

    def call(self, name, params):
        waiting = _Waiting()
        with self._lock:
            self._last += 1
            id_ = self._last
            self._waiting[id_] = waiting
        self.send(_message(id=id_, method=name, params=params))
        waiting.done.wait()
        if waiting.error is not None:
            raise waiting.error
        return waiting.result

    def end(self):
        for work in list(self._at_work.values()):
            work.context.cancelled.set()
            work.window.release()
        for waiting in list(self._waiting.values()):
            waiting.error = RpcError("the host has closed the channel")
            waiting.done.set()

    def _answer(self, id_, work, do):
        try:
            answer = _message(id=id_, result=do())
        except RpcError as error:
            answer = _message(id=id_, error=_fault(error.code, error.message, error.data))
        except Exception as error:  # whatever a method raises is its caller's to know
            traceback.print_exc()
            answer = _message(id=id_, error=_fault(FAILED, str(error) or type(error).__name__, None))
        finally:
            self._at_work.pop(id_, None)
        self.send(answer)

    def _work(self, id_, work, method, params):
        if method != "$/stream":
            result = self._method(method)(params if params is not None else {}, work.context)
            if not inspect.isgenerator(result):
                return result
            result.close()
            raise RpcError("this method answers in items: stream it", INVALID_REQUEST)
        asked = params or {}
        work.window = threading.Semaphore(int(asked.get("window", 1)))
        inner = asked.get("params")
        items = self._method(asked.get("method"))(inner if inner is not None else {}, work.context)
        if not inspect.isgenerator(items) and not isinstance(items, (list, tuple)):
            raise RpcError("this method does not stream", INVALID_REQUEST)
        try:
            for item in items:
                work.window.acquire()
                if work.context.cancelled.is_set():
                    raise RpcError("it was cancelled", CANCELLED)
                self.send(_message(method="$/item", params={"id": id_, "item": item}))
        finally:
            if inspect.isgenerator(items):
                items.close()
        return None

    def _notice(self, method, params, pool):
        if method not in ("$/cancel", "$/more"):
            if method in self._methods:
                pool.submit(self._told, method, params)
            return
        work = self._at_work.get((params or {}).get("id"))
        if work is None:
            return
        if method == "$/cancel":
            work.context.cancelled.set()
            work.window.release()
        else:
            for _ in range(int(params.get("count", 0))):
                work.window.release()

    def _told(self, method, params):
        try:
            self._methods[method](params if params is not None else {}, Context(Host(self)))
        except Exception:  # JSON-RPC 2.0, section 4.1: whoever notifies learns nothing; whoever reads the log does
            traceback.print_exc()

    def _answered(self, message):
        waiting = self._waiting.pop(message.get("id"), None)
        if waiting is None:
            return
        fault = message.get("error")
        if fault is not None:
            waiting.error = RpcError(fault.get("message", ""), fault.get("code", FAILED), fault.get("data"))
        waiting.result = message.get("result")
        waiting.done.set()

    def _method(self, name):
        if name in self._methods:
            return self._methods[name]
        raise RpcError("no such method", METHOD_NOT_FOUND)


def _fault(code, message, data):
    return {"code": code, "message": message, **({} if data is None else {"data": data})}


def _message(**members):
    if members.get("params", 0) is None:
        del members["params"]
    text = json.dumps({"jsonrpc": "2.0", **members}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8") + b"\n"
