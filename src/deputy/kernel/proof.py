"""Whether work that is said to be done is done: what the agent declares is read back, through the gate.

A pure function of the journal but for the reads themselves, which are effects like any other: the mandate must grant
them. How each was found is noted. What is missing is told to the model, which may go on a few times; then the run
fails, saying what is missing. A procedure may prove things by itself in mid-run.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from deputy.base.canonical import canonical
from deputy.base.errors import DeputyError
from deputy.domain.agent import Check
from deputy.domain.effect import Call
from deputy.domain.event import Ended, Note
from deputy.domain.run import Effect, Run
from deputy.kernel.conversation import decoded
from deputy.kernel.gate import Gate
from deputy.kernel.rest import Finished, Rest, Waits, failed
from deputy.kernel.visit import Visit

__all__ = ["COMPARISONS", "TRIES", "Render", "comparable", "missing", "note_proof", "prove", "round_path"]

COMPARISONS = ("equals", "exists", "count", "at_least", "at_most")
TRIES = 3  #: times that a run may say that it is done
SHOWN = 200  #: characters of what was found in a sentence
KEPT = 1_000  #: bytes of what was found at a path that a note keeps
Render = Callable[[Mapping[str, object], Mapping[str, object]], Mapping[str, object]]  #: arguments in a scene


class _Found(NamedTuple):
    values: list[object]
    several: bool  #: whether the path leads through a list


def round_path(n: int) -> str:
    """Where the journal says that the answer of model call `n` was not taken, and stands before its checks."""
    return f"done/{n}"


async def prove(visit: Visit, gate: Gate, finished: Finished, render: Render) -> Rest | None:
    """Check what must be true before a run is done; None where the model is told what is missing."""
    run = visit.run
    checks = (*visit.pinned.done, *(run.started.done if run.started is not None else ()))
    if not checks or finished.event.state != "done":
        return finished
    path = round_path(run.asking if visit.pinned.driver == "loop" else 0)
    wrong: list[str] = []
    for place, check in enumerate(checks):
        problem = await _check(visit, gate, check, f"{path}/{place}", finished.event, render)
        if problem is None:
            return Waits()
        wrong += [problem] if problem else []
    if not wrong:
        return finished
    text = " ".join(wrong)
    rounds = sum(note.startswith("done/") for note in run.notes) + 1
    if visit.pinned.driver != "loop" or rounds >= TRIES:
        return failed(visit, "not_done", f"It says that it is done, and it is not. {text}")
    told = f"This is not done yet. {text} Go on, or say what keeps you from it."
    visit.journal.record(Note(at=visit.journal.now(), kind="repair", path=path, value=told))
    return None


async def _check(visit: Visit, gate: Gate, check: Check, path: str, ended: Ended, render: Render) -> str | None:
    """What a check finds missing; empty if nothing, None if it waits."""
    run = visit.run
    spec = visit.catalogue.find(check.tool)
    if spec is None or spec.effect != "read":
        wrong = f"{_name(check)}: `{check.tool}` is {'no tool' if spec is None else 'not declared a read'}."
        return note_proof(visit, check, path, None, wrong)
    n = run.by_path.get(path)
    if n is None:
        scene = {"task": run.task, "answer": ended.answer, "results": _results(run)}
        try:
            args = dict(render(check.args, scene))
        except DeputyError as exc:
            wrong = f"{_name(check)}: its arguments cannot be made: {exc.message}"
            return note_proof(visit, check, path, None, wrong)
        effect = await gate.perform(visit, run.next_n, Call(check.tool, args, path))
    else:
        effect = await gate.perform(visit, n)
    if not effect.over:
        return None
    if effect.status != "done":
        why = effect.error.message if effect.error is not None else effect.status
        return note_proof(visit, check, path, effect, f"{_name(check)}: it could not be read ({why}).")
    return note_proof(visit, check, path, effect, " ".join(missing(check, effect.result)))


def note_proof(visit: Visit, check: Check, path: str, effect: Effect | None, wrong: str) -> str:
    """Note once how a check turned out that was made at a place; returns what is wrong, or nothing."""
    if (place := f"proof/{path}") not in visit.run.notes:
        read = effect is not None and effect.status == "done"
        value = {
            "tool": check.tool, "expect": check.expect, "met": not wrong, "says": check.says, "wrong": wrong,
            "found": {p: _kept(_at(effect.result, p)) for p in check.expect} if effect is not None and read else None,
            "effect": f"{visit.run.id}.{effect.n}" if effect is not None else None,
        }  # fmt: skip
        visit.journal.record(Note(at=visit.journal.now(), kind="proof", path=place, value=value))
    return wrong


def _kept(found: _Found) -> object:
    """What was found at a path, as a note keeps it: as it is, or the beginning of its JSON."""
    value = found.values if found.several else found.values[0] if found.values else None
    text = canonical(value)
    return value if len(text) <= KEPT else text[:KEPT].decode(errors="ignore") + "…"


def _results(run: Run) -> list[object]:
    made: list[Effect] = [e for _, e in sorted(run.effects.items()) if e.kind == "tool" and e.over]
    return [decoded(e) for e in made if not e.call.path.startswith("done/")]


def missing(check: Check, result: object) -> list[str]:
    """What a result lacks of what is expected, a sentence each."""
    wrong: list[str] = []
    for path, wanted in check.expect.items():
        found = _at(result, path)
        comparison = cast("dict[str, object]", wanted) if isinstance(wanted, dict) else {"equals": wanted}
        word, operand = next(iter(comparison.items()))
        if not _holds(found, word, operand):
            where = f"`{path}`" if path else "the result"
            shown = (
                canonical(found.values if found.several else found.values[0]).decode() if found.values else "nothing"
            )
            shown = shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"
            need = canonical(operand).decode() if word == "equals" else f"{word} {canonical(operand).decode()}"
            wrong.append(f"{_name(check)}: {where} must be {need}, and is {shown}.")
    return wrong


def comparable(wanted: object) -> bool:
    """Whether this can be expected at a path: a value, or one comparison with what fits it."""
    if not isinstance(wanted, dict):
        return True
    comparison = cast("dict[str, object]", wanted)
    word, operand = next(iter(comparison.items()), ("", None))
    number = isinstance(operand, int | float) and not isinstance(operand, bool)
    fits = word == "equals" or (isinstance(operand, bool) if word == "exists" else number)
    return len(comparison) == 1 and word in COMPARISONS and fits


def _name(check: Check) -> str:
    return check.says.rstrip(".") or f"`{check.tool}`"


def _at(value: object, path: str) -> _Found:
    """Everything that stands at a path such as `lines[].total`."""
    found, several = [value], False
    for step in path.split(".") if path else []:
        name, into = step.removesuffix("[]"), step.endswith("[]")
        if name:
            tables = [cast("Mapping[str, object]", v) for v in found if isinstance(v, Mapping)]
            found = [table[name] for table in tables if name in table]
        if into:
            several = True
            found = [member for v in found if isinstance(v, list) for member in cast("list[object]", v)]
    return _Found(found, several)


def _holds(found: _Found, word: str, operand: object) -> bool:
    values = found.values
    match word:
        case "exists":
            return any(v is not None for v in values) is operand
        case "count":
            only = values[0] if not found.several and len(values) == 1 else None
            return len(cast("list[object]", only) if isinstance(only, list) else values) == operand
        case "at_least" | "at_most":
            numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
            limit = cast("float", operand)
            fits = all(v >= limit if word == "at_least" else v <= limit for v in numbers)
            return bool(values) and len(numbers) == len(values) and fits
        case _:
            return bool(values) and all(_same(v, operand) for v in values)


def _same(value: object, wanted: object) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return value == wanted
