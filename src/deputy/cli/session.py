"""What every command has in common: its shared options, an open workspace, one event loop, and signals."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, NoReturn

import typer

from deputy.base.errors import UsageError
from deputy.cli.boundary import Crash, Interrupted, is_defect
from deputy.cli.terminal import Terminal

if TYPE_CHECKING:  # help and completion need nothing of a workspace
    from deputy.app.bootstrap import Office
else:
    Office = object

__all__ = ["Office", "Signals", "perform", "read_json", "terminal_of"]

SAME = 0.3  #: seconds in which two signals are one, sent to us and, by a wrapper that passes it on, again
Work = Callable[[Office, Terminal], Awaitable[int | None]]


def terminal_of(ctx: typer.Context, workspace: str | None, *, as_json: bool) -> Terminal:
    """The terminal of a command; a workspace named before the command counts where none is named after it."""
    before: object = ctx.find_root().obj
    return Terminal(as_json=as_json, workspace=workspace or (before if isinstance(before, str) else None))


def perform(ctx: typer.Context, work: Work, workspace: str | None, *, as_json: bool) -> NoReturn:
    """Open the workspace, do the work, and end with its exit code."""
    terminal = terminal_of(ctx, workspace, as_json=as_json)
    raise typer.Exit(asyncio.run(_perform(terminal, work)) or 0)


async def _perform(terminal: Terminal, work: Work) -> int | None:
    from deputy.app.bootstrap import office
    from deputy.app.crash import record

    async with office(terminal.workspace) as opened:
        opened.notices = terminal.note
        folder = opened.settings.folder
        try:
            code = await work(opened, terminal)
        except BrokenPipeError:
            raise
        except Exception as exc:
            if is_defect(exc):
                raise Crash(exc, record(exc, folder)) from exc
            raise
        if opened.crashes:
            files = [record(exc, folder) for _, exc in opened.crashes]
            raise Crash(opened.crashes[0][1], files[0])
        return code


def read_json(option: str, text: str) -> object:
    """The JSON that an option was given."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:
        example = f"{option} '{{\"amount\": 10}}'"
        raise UsageError(f"What {option} was given is no JSON: {exc}.", f"Write an object, as in {example}.") from None


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number")


class Signals:
    """Stop gently at the first SIGINT or SIGTERM, and at once at the second."""

    def __init__(self, remark: Callable[[str], None]) -> None:
        self.stop = asyncio.Event()
        self.exit_code: int | None = None  #: as the shell expects it of what a signal ended
        self._remark, self._stopped_at = remark, 0.0

    @contextlib.contextmanager
    def heeded(self) -> Generator["Signals"]:
        """Take signals while this lasts."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        assert main is not None

        def heed(number: int) -> None:
            if self.stop.is_set():
                if loop.time() - self._stopped_at > SAME:
                    main.cancel()
                return
            self.exit_code, self._stopped_at = 128 + number, loop.time()
            self._remark("Stopping after the step in hand. A second signal stops at once.")
            self.stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, heed, number)
        try:
            yield self
        except asyncio.CancelledError:
            if self.exit_code is None:
                raise
            raise Interrupted(self.exit_code) from None
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
