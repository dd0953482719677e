"""The console's questions at scale: lists over very many runs, and followers of runs that go on.

`list_p95_ms` and `count_p95_ms` are what a page of runs, and the numbers beside it, take over 100,000 runs by all kinds
of filters and texts, from the question to the bytes of the answer. `kept_speed` is how fast a served workspace drives
its runs while 200 follow every event, over how fast it does without them, by turns; every follower must have been told
every event once, in order. They are read by a process of its own, which shares the processors.
"""

import asyncio
import json
import random
import selectors
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.job import job_from_command_line, print_result
from bench.stage import checkpoint, line, open_store, options, percentile
from deputy.app.runs.listing import line_view
from deputy.base.ids import new_run_id
from deputy.domain.agent import Agent
from deputy.kernel.start import new_run
from deputy.ports.listing import Sought
from deputy.ports.store import Commit

WORDS = [
    "invoice",
    "order",
    "supplier",
    "payment",
    "receipt",
    "refund",
    "travel",
    "laptop",
    "password",
    "contract",
    "market",
    "news",
    "report",
    "发票",
    "付款",
]
AGENTS = ("payables", "helpdesk", "briefing", "newsdesk")
PEOPLE = ("wei", "lin", "ada", "kim")
TOML = '[workspace]\nname = "bench"\ncurrency = "EUR"\nself_approval = true\n'
STEPS = 20
CALLS = "".join(f'  - call: [{{tool: look, args: {{name: "x{n}"}}}}]\n' for n in range(STEPS))
REPLIES = f'replies:\n{CALLS}  - say: "Done."\n'
TOOL = (
    'import deputy\n\n\n@deputy.tool(effect="read")\ndef look(name: str) -> str:\n'
    '    """Look."""\n    return "a picture of " + name\n'
)


async def seed(file: Path, count: int) -> None:
    """Fill a database with runs of every kind."""
    store, clock = open_store(file)
    draw, lease = random.Random(7), await store.join("worker")
    for start in range(0, count, 2000):
        made: list[Any] = []
        for number in range(start, min(count, start + 2000)):
            agent = Agent(name=draw.choice(AGENTS), owner="wei", instructions="", version="0" * 64)
            task = f"Process {' '.join(draw.choices(WORDS, k=8))} INV-{number}"
            who = draw.choice(PEOPLE)
            made.append(
                new_run(agent, task, at=clock.now(), by=f"person:{who}", on_behalf_of=who)._replace(id=new_run_id())
            )
        made = [one._replace(root=one.id, started=_relinked(one)) for one in made]
        await store.commit(Commit(run=made[0].id, lease=None, children=made))
    await store.leave(lease)
    await store.close()
    connection: Any = __import__("apsw").Connection(str(file))
    connection.execute(
        "UPDATE runs SET"
        " state = CASE WHEN key % 20 = 0 THEN 'waiting' WHEN key % 977 = 0 THEN 'failed' ELSE 'done' END,"
        " money = key % 1000 * 1000 WHERE key > 0"
    )
    connection.close()
    checkpoint(file)


def _relinked(one: Any) -> Any:
    from deputy.domain.chain import GENESIS, link

    return one.started._replace(link=link(GENESIS, one.id, 1, one.started.body))


QUESTIONS: Sequence[Sought] = (
    Sought(), Sought(states=["waiting"]), Sought(states=["failed"]), Sought(agent="payables"),
    Sought(agent="payables", states=["failed"]), Sought(on_behalf_of="kim"),
    Sought(on_behalf_of="kim", agent="newsdesk"),
    Sought(text="invoice"), Sought(text="INV-777"), Sought(text="INV-99999"), Sought(text="付款"),
    Sought(text="zzz nothing"),
    Sought(text="invoice", states=["failed"]), Sought(text="laptop refund", agent="briefing"), Sought(money=999_000),
    Sought(text="nothing at all", on_behalf_of="ada"), Sought(trigger="person"), Sought(trigger="mail"),
)  # fmt: skip


async def lists(file: Path, rounds: int) -> dict[str, float]:
    """How long lists and counts take."""
    store, _ = open_store(file)
    listed: list[float] = []
    counted: list[float] = []
    for _ in range(rounds):
        for question in QUESTIONS:
            began = time.perf_counter()
            page = await store.access.find(question)
            msgspec.json.encode([line_view(one, "EUR") for one in page.runs])
            listed.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            await store.access.count(question)
            counted.append((time.perf_counter() - began) * 1000)
    await store.close()
    return {
        "list_p95_ms": percentile(listed, 0.95), "list_p50_ms": percentile(listed, 0.5),
        "count_p95_ms": percentile(counted, 0.95), "slowest_ms": max(*listed, *counted),
    }  # fmt: skip


class Served:
    """A workspace that `deputy up` serves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        front = "name: clerk\ndescription: d\nowner: wei\nmodel: rehearsal\ntools: {look: act}\n"
        files = {
            "deputy.toml": TOML, "people.toml": '[people.wei]\nname = "Wei"\nroles = ["owner"]\n',
            "agents/clerk/AGENT.md": f"---\n{front}---\n\nDo it.\n", "agents/clerk/rehearsal.yaml": REPLIES,
            "tools/t.py": TOOL,
        }  # fmt: skip
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        command = [str(Path(sys.executable).with_name("deputy")), "up", "--port", "0", "--json"]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        self.address: str = json.loads(self.process.stdout.readline())["listening"]
        made = subprocess.run(
            [command[0], "token", "create", "--role", "owner", "--json"], cwd=folder, capture_output=True, check=True
        )
        self.token: str = json.loads(made.stdout)["token"]
        self._key = 0

    def ask(self, path: str, body: object = None) -> Any:
        """A request; POST where it has a body."""
        self._key += 1
        head = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": f"k{self._key}"}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.address}/api/v1{path}", data, head), timeout=60
        ) as got:
            return json.loads(got.read())

    def speed(self, runs: int) -> float:
        """Durable steps a second while so many runs are driven from their start to their end."""
        self.ask("/freeze", {"agent": None})
        for _ in range(runs):
            self.ask("/runs", {"agent": "clerk", "task": "t"})
        done = self.ask("/runs/counts")["states"]["done"]
        began = time.perf_counter()
        self.ask("/thaw", {"agent": None})
        while (states := self.ask("/runs/counts")["states"])["done"] < done + runs:
            if states["failed"]:
                raise RuntimeError("runs failed")
            time.sleep(0.05)
        return runs * STEPS / (time.perf_counter() - began)


def follow(address: str, token: str, count: int) -> None:
    """Follow all events so many times; told to end, say of each how many came, and whether each came once, in order."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    ask = f"GET /api/v1/events HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    chosen, tails, counts, wrong = selectors.DefaultSelector(), dict[int, bytes](), dict[int, int](), 0
    lasts: dict[int, int] = {}
    for number in range(count):
        connection = socket.create_connection((host, int(port)))
        connection.sendall(ask)
        chosen.register(connection, selectors.EVENT_READ, number)
        tails[number], counts[number], lasts[number] = b"", 0, -1
    chosen.register(sys.stdin, selectors.EVENT_READ, None)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        for key, _ in chosen.select():
            if key.data is None:
                print(json.dumps({"least": min(counts.values()), "most": max(counts.values()), "wrong": wrong}))
                return
            source: Any = key.fileobj
            part: bytes = source.recv(1 << 18)
            counts[key.data] += part.count(b"\ndata: ")
            if key.data == 0:  # one of them is looked at closely
                whole = tails[0] + part
                lines = whole.split(b"\n")
                tails[0] = lines.pop()
                for one in lines:
                    if one.startswith(b"id: "):
                        place = int(one[4:])
                        wrong += place < lasts[0]
                        lasts[0] = place


def followed(served: Served, runs: int, followers: int) -> dict[str, Any]:
    """The speed while so many follow."""
    command = [sys.executable, "-m", "bench.console", "--follow", served.address, served.token, str(followers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        speed = served.speed(runs)
        time.sleep(5)  # for who is behind
        process.stdin.write("\n")
        process.stdin.flush()
        told = json.loads(process.stdout.readline())
    return {"speed": speed, **told}


def main() -> None:
    """Measure."""
    if sys.argv[1:2] == ["--follow"]:
        follow(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    job = job_from_command_line(__doc__)
    chosen = options(__doc__, seeded=100_000, followers=200, driven=200, turns=3, samples=10)
    figures: dict[str, Any] = {}
    if chosen.seeded:
        file = job.folder / "deputy.db"
        asyncio.run(seed(file, chosen.seeded))
        figures |= asyncio.run(lists(file, chosen.samples))
    served = Served(job.folder / "served")
    try:
        served.speed(chosen.driven // 2)
        alone: list[float] = []
        beside: list[dict[str, Any]] = []
        for _ in range(chosen.turns):
            alone.append(served.speed(chosen.driven))
            beside.append(followed(served, chosen.driven, chosen.followers))
    finally:
        served.process.kill()
        served.process.wait()
    if any(one["wrong"] or one["least"] != one["most"] for one in beside):
        raise RuntimeError(f"followers were not told everything once: {beside}")
    speeds = [one["speed"] for one in beside]
    figures |= {
        "alone_steps_per_s": statistics.median(alone), "followed_steps_per_s": statistics.median(speeds),
        "kept_speed": statistics.median([one / other for one, other in zip(speeds, alone, strict=True)]),
        "events_a_follower": beside[-1]["least"],
    }  # fmt: skip
    print_result(line("console", figures, {"runs": chosen.seeded, "followers": chosen.followers}))


if __name__ == "__main__":
    main()
