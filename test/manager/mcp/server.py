"""A small MCP server on standard input and output: two tools, and two ways to be in no hurry to end."""

import json
import signal
import sys
import time

MANNER = sys.argv[1] if len(sys.argv) > 1 else "polite"
TOOLS = [
    {"name": name, "description": text, "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}
    for name, text in (("echo", "says it again"), ("whoami", "the id it runs as"))
]


def answer(method, params):
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "small", "version": "1.0.0"},
        }
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        import os

        text = params["arguments"].get("text", "") if params["name"] == "echo" else str(os.getuid())
        return {"content": [{"type": "text", "text": text}]}
    return {}


if MANNER == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        result = answer(message["method"], message.get("params") or {})
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
if MANNER != "polite":
    while True:
        time.sleep(60)
