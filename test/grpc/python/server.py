# A go-plugin plugin in Python: the services by hand, on the gRPC of Debian's python3-grpcio, which the package brings along.
import base64, concurrent.futures, ctypes, os, queue, ssl, sys, threading, time

# Libraries of the package, each after those that it needs: the loader looks for none of them by path.
pending = sorted(os.listdir("/plugin/lib")) if os.path.isdir("/plugin/lib") else []
while pending:
    left = []
    for name in pending:
        try:
            ctypes.CDLL("/plugin/lib/" + name, ctypes.RTLD_GLOBAL)
        except OSError:
            left.append(name)
    if len(left) == len(pending):
        break
    pending = left

import grpc

MODE = sys.argv[1] if len(sys.argv) > 1 else "plain"
stdio = queue.Queue()
conns = queue.Queue()
waiting = {}
stop = threading.Event()
pong_size = pong_seconds = 0
pinged = threading.Event()
servers = []  # one that nobody holds is stopped


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value % 128 | 128])
        value //= 128
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def data(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def fields(message):
    at, found = 0, {}

    def read():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = read()
        if tag & 7 == 0:
            found[tag >> 3] = read()
        else:
            length = read()
            found[tag >> 3] = message[at : at + length]
            at += length
    return found


def listen(server, name):
    credentials = None
    if own:
        credentials = grpc.ssl_server_credentials([own], root_certificates=client, require_client_auth=True)
        server.add_secure_port("unix:/tmp/" + name, credentials)
    else:
        server.add_insecure_port("unix:/tmp/" + name)
    server.start()
    servers.append(server)


def pong(text):
    compression = grpc.Compression.Gzip if MODE == "gzip" else None
    options = (("grpc.max_send_message_length", -1),)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), options=options, compression=compression)

    def answer(request, context):
        pinged.set()
        stop.wait(pong_seconds)
        return data(1, text + b"!" * pong_size)

    handlers = {"Ping": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpctest.PingPong", handlers),))
    return server


def health(request, context):
    if MODE == "hangs":
        stop.wait()
    return number(1, 2 if MODE == "not-serving" else 1)


def watch(request, context):
    yield number(1, 1)
    time.sleep(0.1)
    yield number(1, 2)
    stop.wait()


def shutdown(request, context):
    if MODE != "stubborn":
        stop.set()
    return b""


def stream_stdio(request, context):
    while True:
        yield stdio.get()


def start_stream(requests, context):
    def receive():
        for message in requests:
            info = fields(message)
            waiting.setdefault(info[1], queue.Queue()).put(info)

    threading.Thread(target=receive, daemon=True).start()
    while True:
        yield conns.get()


def double(request, context):
    return number(2, fields(request).get(1, 0) * 2)


def bidirectional(request, context):
    identity = fields(request).get(1, 0)
    info = waiting.setdefault(identity, queue.Queue()).get(timeout=5)
    address = "unix:" + info[3].decode()
    if own:
        if MODE == "nobody":
            credentials = grpc.ssl_channel_credentials(client)
        elif MODE == "stranger":
            other = [open("/plugin/other." + part, "rb").read() for part in ("key", "pem")]
            credentials = grpc.ssl_channel_credentials(client, other[0], other[1])
        else:
            credentials = grpc.ssl_channel_credentials(client, own[0], own[1])
        channel = grpc.secure_channel(address, credentials, (("grpc.ssl_target_name_override", "localhost"),))
    else:
        channel = grpc.insecure_channel(address)
    reply = fields(channel.unary_unary("/grpctest.PingPong/Ping")(b""))
    listen(pong(b"heard: " + reply.get(1, b"")), "further")
    conns.put(number(1, 77) + data(2, b"unix") + data(3, b"/tmp/further"))
    return number(1, 77)


# A key is a command.
def command(request, context):
    global pong_size, pong_seconds
    asked = fields(request)
    key, value = asked[1].decode(), asked.get(3, 0)
    if key == "print":
        for channel, text in ((1, b"out"), (2, b"err")):
            stdio.put(number(1, channel) + data(2, text * value))
    elif key == "flood":
        for _ in range(value):
            stdio.put(number(1, 1) + data(2, b"x" * 1024))
    elif key == "sleep":
        stop.wait(value)
    elif key == "slow-pong":
        pong_seconds = value
    elif key == "pinged":
        pinged.wait()
    elif key == "size":
        pong_size = value
    elif key == "announce":
        for identity in range(1, value + 1):
            conns.put(number(1, identity) + data(2, b"unix") + data(3, b"/tmp/further"))
    elif key == "lie":
        for identity, network, address in (
            (501, b"unix", b"/plugin/server.py"),
            (502, b"unix", b"/tmp/../etc/passwd"),
            (503, b"tcp", b"127.0.0.1:1"),
            (504, b"unix", b"/tmp/link"),
        ):
            conns.put(number(1, identity) + data(2, network) + data(3, address))
        os.symlink("/tmp/further", "/tmp/link")
        conns.put(b"\xff\xff\xff")
    return b""


own = client = None
certificate = ""
if "PLUGIN_CLIENT_CERT" in os.environ:
    client = os.environ["PLUGIN_CLIENT_CERT"].encode()
    own = (open("/plugin/own.key", "rb").read(), open("/plugin/own.pem", "rb").read())
    certificate = base64.b64encode(ssl.PEM_cert_to_DER_cert(own[1].decode())).decode().rstrip("=")

server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
unary, out, both = (
    grpc.unary_unary_rpc_method_handler,
    grpc.unary_stream_rpc_method_handler,
    grpc.stream_stream_rpc_method_handler,
)
services = {
    "grpc.health.v1.Health": {"Check": unary(health), "Watch": out(watch)},
    "plugin.GRPCController": {"Shutdown": unary(shutdown)},
    "plugin.GRPCStdio": {"StreamStdio": out(stream_stdio)},
    "plugin.GRPCBroker": {"StartStream": both(start_stream)},
    "grpctest.Test": {"Double": unary(double), "Bidirectional": unary(bidirectional), "PrintKV": unary(command)},
}
for name, handlers in services.items():
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
listen(server, "python-plugin")
print("1|3|unix|/tmp/python-plugin|grpc|" + certificate, flush=True)
stop.wait()
time.sleep(0.1)
os._exit(0)
