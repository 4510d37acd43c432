# A plugin that answers a host's handshake with what no plugin should say. Its first argument names the attack.
import base64, errno, os, socket, ssl, sys, threading, time


def say(line, end="\n"):
    sys.stdout.write(line + end)
    sys.stdout.flush()


def listen(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(16)
    return server


def serve(server, word):
    while True:
        client, _ = server.accept()
        client.sendall(word)
        client.close()


def line(args):
    say(args[0].encode().decode("unicode_escape"), "")
    time.sleep(60)


# Everything a name in /tmp can be that is not the plugin's socket; then swaps one when it is told to.
def zoo(args):
    os.symlink(args[0], "/tmp/link")
    os.symlink("/tmp/good", "/tmp/own-link")
    os.mkfifo("/tmp/fifo")
    open("/tmp/file", "w").close()
    os.mkdir("/tmp/folder")
    listen("/tmp/folder/deep")
    server = listen("/tmp/good")
    threading.Thread(target=serve, args=(server, b"plugin"), daemon=True).start()
    say("ready")
    for _ in sys.stdin:
        os.unlink("/tmp/good")
        os.symlink(args[0], "/tmp/good")
        say("swapped")


def endless(args):
    while True:
        say("a" * 65536, "")


def mute(args):
    time.sleep(60)


def close(args):
    os.close(1)
    time.sleep(60)


# A listener that takes connections and says nothing.
def silent(args):
    server = listen("/tmp/silent")
    say("1|3|unix|/tmp/silent|grpc|")
    kept = []
    while True:
        kept.append(server.accept())


# Announces one certificate, and shows another.
def impostor(args):
    announced = ssl.PEM_cert_to_DER_cert(open("/plugin/announced.pem").read())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/plugin/shown.pem", "/plugin/shown.key")
    context.set_alpn_protocols(["h2"])
    server = listen("/tmp/tls")
    say("1|3|unix|/tmp/tls|grpc|" + base64.b64encode(announced).decode().rstrip("="))
    while True:
        client, _ = server.accept()
        try:
            stream = context.wrap_socket(client, server_side=True)
            sys.stderr.write("received %d\n" % len(stream.recv(4096)))
        except OSError as error:
            sys.stderr.write("%s\n" % error)


# Writes to both streams without end before it goes on, as fast as it is read.
def flood(args):
    def write():
        block = b"[INFO] " + b"x" * 1000 + b"\n"
        for _ in range(20000):
            os.write(2, block)
    writer = threading.Thread(target=write)
    writer.start()
    writer.join()
    say(args[0])
    for _ in range(20000):
        os.write(1, b"y" * 1000)
    sys.stderr.write("[ERROR] flooded\n")
    sys.stderr.flush()
    time.sleep(60)


# What it can do to a socket of the host, and beside it.
def meddle(args):
    def attempt(word, action):
        try:
            action()
            return word + " done"
        except OSError as error:
            return word + " " + errno.errorcode[error.errno]

    for path in sys.stdin:
        path = path.strip()
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        word = client.recv(16).decode()
        beside = os.path.dirname(path) + "/beside"
        say(", ".join([
            "connect " + word,
            attempt("unlink", lambda: os.unlink(path)),
            attempt("rename", lambda: os.rename(path, beside)),
            attempt("link", lambda: os.symlink("/etc/passwd", beside)),
            attempt("bind", lambda: socket.socket(socket.AF_UNIX).bind(beside)),
            attempt("write", lambda: open(beside, "w")),
        ]))


globals()[sys.argv[1]](sys.argv[2:])
