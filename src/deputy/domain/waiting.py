"""What a run waits for, read off its state; and the one word for it that lists and exit codes use."""

from typing import Literal

import msgspec

from deputy.domain.run import Run

__all__ = ["Wait", "WaitKind", "waiting_on", "word_for"]

WaitKind = Literal["in_doubt", "approval", "question", "budget", "frozen", "child", "timer", "message"]
ORDER: tuple[WaitKind, ...] = ("in_doubt", "approval", "question", "frozen", "budget", "child", "timer", "message")


class Wait(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing a run waits for; `id` is the item to answer, the child run, or the timer."""

    kind: WaitKind
    id: str
    effect: str = ""
    tool: str = ""
    until: str = ""


def waiting_on(run: Run) -> list[Wait]:
    """Everything that a run waits for, most urgent kind first."""
    if run.ended is not None:
        return []
    found: list[Wait] = []
    if run.short is not None:
        found.append(Wait("budget", run.short.item))
    for effect in run.effects.values():
        key, tool = f"{run.id}.{effect.n}", effect.call.tool
        until = effect.expires.isoformat() if effect.expires else ""
        if effect.status == "asked":
            found.append(Wait("approval", effect.item, key, tool, until))
        elif effect.status == "in_doubt":
            found.append(Wait("in_doubt", effect.item, key, tool))
        elif effect.status == "claimed" and effect.child and effect.child not in run.children:
            found.append(Wait("child", effect.child, key, tool))
        elif effect.status == "claimed" and effect.item and not run.answered(effect.item):
            found.append(Wait("question", effect.item, key, tool))
    if run.listens:
        found.append(Wait("message", run.id))
    found += [
        Wait("budget" if t.startswith("held:") else "timer", t, until=due.isoformat()) for t, due in run.timers.items()
    ]
    return sorted(found, key=lambda w: ORDER.index(w.kind))


def word_for(run: Run) -> str:
    """The most urgent kind, or nothing where it waits for nothing."""
    return next((wait.kind for wait in waiting_on(run)), "")
