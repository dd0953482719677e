"""An MCP server written by hand in JSON lines, which misbehaves as it is told; starts in milliseconds.

`python -I -S raw_server.py MODE [FILE]`: MODE says how it begins, the tool that is called how it goes on. Every call is
noted in FILE: the tool and the effect's id.
"""

import json
import os
import signal
import subprocess
import sys
import time

MODE = sys.argv[1]
FILE = sys.argv[2] if len(sys.argv) > 2 else os.devnull
MODERN = "2026-07-28"
OBJECT = {"type": "object"}
TOOLS = [
    "abyss", "answer", "asks", "blocks", "chatter", "daemon", "deaf", "die", "elicit", "environment", "error", "flood",
    "garbage", "hang", "huge", "ignore", "late", "looks_like_an_answer", "nothing", "not_json", "notifications",
    "old_id", "refuse", "repeat", "reorder", "sleep", "structured", "text",
]  # fmt: skip
held: list[tuple[object, object]] = []


def send(message: dict[str, object]) -> None:
    line = json.dumps({"jsonrpc": "2.0", **message}) + "\n"
    sys.stdout.write(line)
    sys.stdout.flush()


def read() -> dict[str, object]:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


def result(id: object, value: object) -> None:
    send({"id": id, "result": {"content": [], "structuredContent": value}})


def listed() -> list[object]:
    tools: list[object] = [{"name": name, "description": f"Does {name}.", "inputSchema": OBJECT} for name in TOOLS]
    if MODE == "odd_tools":
        extra = {"text": OBJECT, "no type": OBJECT, "remote": {"type": "object", "$ref": "http://127.0.0.1:1/s"}}
        tools += [{"name": name, "inputSchema": schema} for name, schema in extra.items()]
        tools += [{"name": "untyped", "inputSchema": {}}, {"name": 5}, "nothing", {"name": "none"}]
        hints = {"readOnlyHint": True, "idempotentHint": True, "destructiveHint": False}
        tools.append({"name": "hinted", "annotations": hints, "inputSchema": OBJECT})
    return tools


def begin(message: dict[str, object]) -> None:  # noqa: C901 - a list of manners
    id, method = message.get("id"), message["method"]
    if method == "server/discover":
        if MODE == "dies_at_discover":
            sys.stderr.write("expected initialize\n")
            sys.exit(1)
        if MODE == "modern_after_all" and not os.path.exists(FILE):
            with open(FILE, "w"):
                sys.exit(1)
        if MODE in ("modern", "modern_after_all"):
            found: dict[str, object] = {"supportedVersions": [MODERN], "capabilities": {}, "resultType": "complete"}
            send({"id": id, "result": found})
        elif MODE == "stranger":
            send({"id": id, "error": {"code": -32022, "message": "no", "data": {"supported": ["2031-01-01"]}}})
        elif MODE != "ignores_discover":
            send({"id": id, "error": {"code": -32601, "message": "Method not found"}})
    elif method == "initialize":
        if MODE == "dies_at_initialize":
            sys.stderr.write("cannot open the books\n")
            sys.exit(3)
        if MODE == "modern_after_all":
            send({"id": id, "error": {"code": -32022, "message": "no", "data": {"supported": [MODERN]}}})
            return
        version = "1999-01-01" if MODE == "wrong_version" else "2025-06-18"
        send({"id": id, "result": {"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "raw"}}})
    elif method == "tools/list":
        if MODE == "list_hangs":
            return
        cursor = message.get("params", {}).get("cursor")  # pyright: ignore
        page: dict[str, object] = {"tools": listed() if cursor is None else []}
        if MODE == "endless_list":
            page["nextCursor"] = f"{cursor or ''}x"
        elif MODE == "pages" and cursor is None:
            page["nextCursor"] = "2"
        send({"id": id, "result": page})


def call(id: object, name: str, args: dict[str, object], meta: dict[str, object]) -> None:  # noqa: C901 - a list of manners
    match name:
        case "answer":
            send({"id": id, "result": args["result"]})
        case "structured":
            result(id, {"args": args, "meta": meta, "pid": os.getpid()})
        case "text":
            send({"id": id, "result": {"content": [{"type": "text", "text": args.get("text", "hello")}]}})
        case "nothing":
            send({"id": id, "result": {"content": []}})
        case "blocks":
            blocks = [
                {"type": "text", "text": "see"},
                {"type": "image", "mimeType": "image/png", "data": "aGVsbG8="},
                {"type": "resource", "resource": {"uri": "file:///a.bin", "blob": "aGVsbG8h"}},
                {"type": "resource_link", "uri": "file:///b", "name": "b"},
                "no block",
            ]
            send({"id": id, "result": {"content": blocks}})
        case "error":
            send({"id": id, "result": {"content": [{"type": "text", "text": args["text"]}], "isError": True}})
        case "refuse":
            send({"id": id, "error": {"code": args["code"], "message": "no"}})
        case "asks":  # people, in mid-call
            if args.get("after"):
                held.append((id, None))
                if len(held) < 2:
                    return
            for n in range(int(str(args.get("times", 1)))):
                send({"id": f"ask-{n}", "method": "elicitation/create", "params": args["params"]})
            replies = [read() for _ in range(int(str(args.get("times", 1))))]
            for held_id, _ in held or [(id, None)]:
                result(held_id, [r.get("result", r.get("error")) for r in replies])
            held.clear()
        case "elicit":
            send({"id": id, "result": {"resultType": "input_required", "inputRequests": {}}})
        case "environment":
            result(id, dict(os.environ) | {"cwd": os.getcwd()})
        case "die":
            sys.stderr.write("the books are on fire\n")
            os.kill(os.getpid(), signal.SIGKILL) if args.get("kill") else os._exit(3)
        case "hang":
            time.sleep(3600)
        case "ignore":
            pass
        case "sleep":
            time.sleep(float(str(args["seconds"])))
            result(id, "slept")
        case "late":  # answers when it is told that nobody waits any more
            told = read()
            with open(FILE, "a") as file:
                file.write(f"{told.get('method')}\n")
            result(id, "late")
        case "deaf":  # reads nothing, nor notices that it should end
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(3600)
        case "huge":
            os.write(1, b'{"jsonrpc": "2.0", "id": %d, "result": {"content": [], "structuredContent": "' % id)
            for _ in range(int(str(args["mib"]))):
                sys.stdout.write("x" * (1 << 20))
            sys.stdout.write('"}}\n')
            sys.stdout.flush()
        case _:
            misbehave(id, name, args)


def misbehave(id: object, name: str, args: dict[str, object]) -> None:  # noqa: C901 - a list of bad manners
    match name:
        case "flood":
            for _ in range(int(str(args["mib"]))):
                sys.stderr.write("y" * (1 << 20) + "\n")
            result(id, "flooded")
        case "garbage":
            sys.stdout.write(
                'starting up...\n\n[1, 2, 3]\n"text"\nnull\n{}\n{"id": []}\n{"id": true, "result": {}}\n'
                + "[" * 100_000
                + "\n"
            )
            sys.stdout.flush()
            sys.stdout.buffer.write(b"\xff\xfe\n")
            result(id, "after all")
        case "looks_like_an_answer":
            sys.stdout.write(f'DEBUG sent {{"jsonrpc": "2.0", "id": {id}}}\n')
            result(id, "the real one")
        case "not_json":
            sys.stdout.write(f'{{"jsonrpc": "2.0", "id": {id}, "result": {{"structuredContent": NaN}}}}\n')
            sys.stdout.flush()
        case "abyss":
            sys.stdout.write(
                f'{{"jsonrpc": "2.0", "id": {id}, "result": {{"structuredContent": {"[" * 50_000}{"]" * 50_000}}}}}\n'
            )
            sys.stdout.flush()
        case "notifications":
            for n in range(int(str(args["count"]))):
                sys.stdout.write(
                    f'{{"jsonrpc": "2.0", "method": "notifications/progress", "params": {{"progress": {n}}}}}\n'
                )
            result(id, "done")
        case "chatter":
            asked = ["sampling/createMessage", "elicitation/create", "roots/list", "ping", "made/up"]
            for n, method in enumerate(asked):
                send({"id": f"mine-{n}", "method": method, "params": {}})
            send({"method": "notifications/tools/list_changed"})
            send({"method": "notifications/message", "params": {"level": "info", "data": "x"}})
            replies = [read() for _ in asked]
            result(id, {str(r["id"]): r.get("result", r.get("error")) for r in replies})
        case "repeat":
            for value in ("first", "second", "third"):
                result(id, value)
            send({"id": 999_999, "result": {"structuredContent": "nobody asked"}})
        case "old_id":
            send({"id": str(id), "result": {"structuredContent": "by a text"}})
        case "reorder":
            held.append((id, args["n"]))
            if len(held) == args["of"]:
                for held_id, n in reversed(held):
                    result(held_id, n)
                held.clear()
        case "daemon":
            code = (
                "import os, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); time.sleep(3600)"
            )
            subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
            result(id, os.getpid())
        case _:
            send({"id": id, "error": {"code": -32602, "message": f"Unknown tool: {name}"}})


def main() -> None:
    if MODE == "exits":
        sys.stderr.write("no licence\n")
        sys.exit(7)
    if MODE == "silent":
        time.sleep(3600)
    if MODE == "floods":
        while True:
            sys.stdout.write('{"jsonrpc": "2.0", "method": "notifications/message", "params": {}}\n' * 1000)
    while True:
        message = read()
        if message.get("method") == "tools/call":
            params: dict[str, dict[str, object]] = message["params"]  # pyright: ignore
            with open(FILE, "a") as file:
                file.write(f"{params['name']} {params['_meta'].get('deputy/effect-id')}\n")
            call(message["id"], str(params["name"]), params["arguments"], params["_meta"])
        elif "method" in message:
            begin(message)


main()
