"""One run as people look at it: its head, its effects and its words a page at a time, each effect as a whole."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from deputy.app.runs.cutting import cut
from deputy.app.story import Facts, Said, Story, Word
from deputy.app.views import effect_view, moment, money, spent
from deputy.domain.cost import Limits
from deputy.domain.run import Effect

__all__ = ["effect_page", "limits_view", "said_page", "seen_effect"]

PAGE = 100
WORDS = 2_000  #: characters of one thing that was said


def seen_effect(story: Story, effect: Effect, currency: str, *, whole: bool = False) -> dict[str, Any]:
    """An effect with all that is known of it; what is large is cut, unless the `whole` is asked for."""
    seen, facts = effect_view(story.run.id, effect), story.facts[effect.n]
    missing: list[str] = []
    if not whole:
        for name in ("args", "result"):
            seen[name], was_cut = cut(seen[name])
            missing += [name] if was_cut else []
    original = effect.original.args if effect.original is not None else effect.call.args
    edited = original != effect.call.args
    return seen | {
        "n": effect.n,
        "kind": effect.kind,
        "seq": facts.seq,
        "cut": missing,
        "proposed_by": facts.proposed_by or None,
        "proposed": moment(facts.proposed),
        "begun": moment(_begun(effect, facts)),
        "ended": moment(facts.ended),
        "ms": _ms(effect, facts),
        "cost": spent(effect.cost, currency),
        "held": money(effect.hold.money, currency),
        "label": {"source": effect.label.source or None, "trust": effect.label.trust, "paths": effect.label.paths},
        "repeat": effect.repeat,
        "rehearsal": facts.rehearsal,
        "original": None if not edited else original if whole else cut(original).value,
        "child": effect.child or None,
        "item": effect.item or None,
        "path": effect.call.path or None,
        "words": [_word(word) for word in facts.words],
        "attempts": [
            {"number": one.number, "at": moment(one.at), "deadline": one.deadline, "status": one.status or None,
             "error": one.error or None}
            for one in facts.attempts
        ],
        "keyed_for": effect.keyed_for,
    }  # fmt: skip


def _begun(effect: Effect, facts: Facts) -> datetime | None:
    return facts.begun or (facts.proposed if effect.status in ("done", "failed") else None)


def _ms(effect: Effect, facts: Facts) -> int | None:
    if effect.ms:
        return effect.ms
    if facts.begun is None or facts.ended is None:
        return None
    return int((facts.ended - facts.begun).total_seconds() * 1000)


def _word(word: Word) -> dict[str, Any]:
    return {
        "what": word.what, "at": moment(word.at), "by": word.by or None, "item": word.item or None,
        "text": cut(word.text).value, "via": word.via or None, "approvers": list(word.approvers),
        "edit": None if word.edit is None else cut(word.edit).value,
    }  # fmt: skip


def effect_page(story: Story, currency: str, before: int = 0, limit: int = PAGE) -> dict[str, Any]:
    """The latest effects (before one of these), oldest first; `before` where there are earlier ones."""
    numbers = sorted(n for n in story.run.effects if not before or n < before)
    page = numbers[-limit:]
    return {
        "effects": [seen_effect(story, story.run.effects[n], currency) for n in page],
        "before": page[0] if len(numbers) > len(page) else None,
        "total": len(story.run.effects),
    }


def said_page(story: Story, before: int = 0, limit: int = PAGE) -> dict[str, Any]:
    """The latest of what was said (before this event), oldest first."""
    said: Sequence[Said] = [one for one in story.said if not before or one.seq < before]
    page = said[-limit:]
    return {"said": [_said(story, one) for one in page], "before": page[0].seq if len(said) > len(page) else None}


def _said(story: Story, one: Said) -> dict[str, Any]:
    return {
        "seq": one.seq, "at": moment(one.at), "kind": one.kind, "by": one.by,
        "text": one.text[:WORDS], "cut": len(one.text) > WORDS, "length": len(one.text),
        "reasoning": one.reasoning[:WORDS], "effect": one.n or None,
        "calls": [
            {"n": n, "tool": story.run.effects[n].call.tool, "state": story.run.effects[n].status} for n in one.calls
        ],
    }  # fmt: skip


def limits_view(limits: Limits, currency: str) -> dict[str, Any]:
    """Limits as the contract writes them; wall time in seconds."""
    found = msgspec.structs.asdict(limits)
    found["money"] = None if limits.money is None else money(limits.money, currency)
    found["wall"] = None if limits.wall is None else limits.wall / 1000
    return found
