"""What the tests of tool hosts share: intents, servers, and an eye on what is left of processes."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from deputy.adapters.tool.mcp_stdio import McpStdio, StdioServer
from deputy.base.clock import SystemClock
from deputy.base.errors import ConfigError
from deputy.domain.effect import AskPeople, EffectClass, Input, Intent, Repeat, ToolRequest, ToolSpec
from deputy.domain.elicitation import Form

__all__ = ["BASICS", "RAW", "alive", "below", "gone", "intent_of", "lend_nothing", "raw", "serving", "spec_of"]

RAW = (sys.executable, "-I", "-S", str(Path(__file__).with_name("raw_server.py")))
BASICS = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def spec_of(name: str, *, effect: EffectClass = "irreversible", repeat: Repeat = "never") -> ToolSpec:
    return ToolSpec(name=name, effect=effect, repeat=repeat)


def intent_of(
    spec: ToolSpec | str,
    args: Mapping[str, object] | None = None,
    *,
    key: str = "r1.1",
    deadline: float = 20.0,
    dispatch_by: float = float("inf"),
    ask: AskPeople | None = None,
    input: Input | None = None,
) -> Intent:
    """An intent as the executor would hand it over."""
    intent = Intent.__new__(Intent)
    intent.run, _, _ = key.partition(".")
    intent.key, intent.attempt = key, 1
    intent.agent, intent.on_behalf_of = "agent:payables", "wei"
    spec = spec_of(spec) if isinstance(spec, str) else spec
    intent.request = ToolRequest(spec=spec, args=args or {}, input=input)
    intent.deadline, intent.dispatch_by = deadline, dispatch_by
    intent.ask, intent.aloud = ask or decline, None
    return intent


async def decline(_asker: str, _form: Form) -> dict[str, object]:
    return {"action": "decline"}


def lend_nothing(reference: str) -> str:
    raise ConfigError(f"{reference} is not set.")


def raw(mode: str = "old", file: Path | None = None, **changes: object) -> StdioServer:
    """The server of `raw_server`, named `raw`."""
    command = (*RAW, mode, *((str(file),) if file else ()))
    server = StdioServer(name="raw", command=command, cwd=Path(__file__).parent)
    return msgspec.structs.replace(server, **changes)


@asynccontextmanager
async def serving(server: StdioServer) -> AsyncGenerator[McpStdio]:
    """A host of this server, closed at the end, after which no process is left."""
    host = McpStdio(server, clock=SystemClock(), lend=lend_nothing, basics=BASICS)
    before = below(os.getpid())
    try:
        yield host
    finally:
        await host.close()
        assert below(os.getpid()) <= before


def below(pid: int) -> set[int]:
    """The keepers that a process started, and all below them; what other tests of this process left is not ours."""
    found = {child for child in _children(pid) if _is_keeper(child)}
    pending = list(found)
    while pending:
        for child in _children(pending.pop()):
            found.add(child)
            pending.append(child)
    return found


def _is_keeper(pid: int) -> bool:
    try:
        return b"keeper.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        return [int(c) for t in tasks for c in Path(f"/proc/{pid}/task/{t}/children").read_text().split()]
    except OSError:
        return []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def gone(*pids: int, within: float = 5.0) -> bool:
    """Whether these processes end within this time."""
    for _ in range(int(within / 0.02)):
        if not any(alive(pid) for pid in pids):
            return True
        await asyncio.sleep(0.02)
    return False
