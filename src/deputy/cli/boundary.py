"""The edge of a command: whatever goes wrong inside becomes one sentence, what to do about it, and an exit code."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from deputy.base.errors import CommitRefused, DeputyError, ProcedureError, UsageError

__all__ = ["Crash", "Interrupted", "guarded", "is_defect"]

BUG, USAGE, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141


class Interrupted(BaseException):
    """A signal ended the work; `exit_code` is what the shell expects then."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class Crash(Exception):
    """A defect of Deputy, whose trace was written to a file."""

    def __init__(self, defect: BaseException, file: Path | None) -> None:
        super().__init__(str(defect))
        self.defect, self.file = defect, file


def is_defect(exc: BaseException) -> bool:
    """Whether an error is nobody's but ours: a refused commit that reaches the terminal is one too."""
    if members := _members(exc):
        return any(map(is_defect, members))
    return isinstance(exc, Exception) and (
        not isinstance(exc, DeputyError) or isinstance(exc, CommitRefused | ProcedureError)
    )


class _Failure(NamedTuple):
    code: str
    message: str
    remedy: str
    exit_code: int


def guarded(args: Sequence[str], work: Callable[[], object]) -> int:
    """The exit code of some work; with `--json` among the arguments, errors are JSON."""
    as_json = "--json" in args[: args.index("--")] if "--" in args else "--json" in args
    try:
        done = work()
        sys.stdout.flush()
    except BaseException as exc:  # noqa: BLE001 - the one place that answers for everything
        return _answer(exc, as_json)
    return done if isinstance(done, int) else 0


def _answer(exc: BaseException, as_json: bool) -> int:
    if isinstance(exc, SystemExit):
        return exc.code if isinstance(exc.code, int) else 0
    if isinstance(exc, Interrupted):
        return exc.exit_code
    if isinstance(exc, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(exc, BrokenPipeError):
        return _nobody_reads()
    failure = _failure(_root(exc))
    try:
        _tell(failure.code, failure.message, failure.remedy, as_json=as_json)
        sys.stdout.flush()
    except BrokenPipeError:
        _nobody_reads()
    return failure.exit_code


def _root(exc: BaseException) -> BaseException:
    """What a group of errors is about, where none of them is a defect: the first."""
    return exc if is_defect(exc) or not _members(exc) else _root(_members(exc)[0])


def _members(exc: BaseException) -> tuple[BaseException, ...]:
    return cast("tuple[BaseException, ...]", getattr(exc, "exceptions", ())) if _is_group(exc) else ()


def _is_group(exc: object) -> bool:
    return isinstance(exc, BaseExceptionGroup)


def _failure(exc: BaseException) -> _Failure:
    import typer

    if isinstance(exc, DeputyError) and not is_defect(exc):
        return _Failure(exc.code, exc.message, exc.remedy, USAGE)
    if isinstance(exc, typer.TyperException):
        path = getattr(getattr(exc, "ctx", None), "command_path", "deputy")
        return _Failure(UsageError.code, exc.format_message(), f"See `{path} --help`.", USAGE)
    if not isinstance(exc, Crash):
        from deputy.app.crash import record

        exc = Crash(exc, record(exc))
    kind = type(exc.defect).__name__
    remedy = f"Its trace is in {exc.file}. " if exc.file is not None else ""
    said = f"{kind}: {exc.defect}" if str(exc.defect) else kind
    return _Failure("bug", f"This is a defect of Deputy: {said}", f"{remedy}Nothing that was journaled is lost.", BUG)


def _tell(code: str, message: str, remedy: str, *, as_json: bool) -> None:
    """Say what is wrong: a sentence on stderr, or an object on stdout."""
    if as_json:
        error = {"code": code, "message": message, "remedy": remedy}
        sys.stdout.write(json.dumps({"error": error}) + "\n")
        return
    from deputy.cli.text import one_line

    sys.stderr.write(one_line(f"deputy: {_sentence(message)} {remedy}".rstrip()) + "\n")


def _sentence(text: str) -> str:
    """A text that ends like a sentence."""
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _nobody_reads() -> int:
    """Whoever read our output is gone; say nothing more, at the interpreter's end neither."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED
