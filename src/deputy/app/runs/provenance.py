"""Where the arguments of an effect come from: back through answers of tools to what people wrote and mails said.

A value is traced where it stands, as it is or within a text, in what came before; that is an *exact* edge. What a
model or code composed is found nowhere: then everything that had reached it by then is named, and the edge is coarse.
"""

from collections.abc import Collection, Sequence
from typing import Any

from deputy.app.runs.cutting import cut
from deputy.app.runs.values import Hit, Places, leaves, sentence, trust_at
from deputy.app.story import Said, Story
from deputy.app.views import moment
from deputy.base.errors import NotFound
from deputy.domain.run import Effect

__all__ = ["provenance"]

MOST_NODES, DEEPEST, MOST_ARGUMENTS = 60, 8, 40
TELLING = 3  #: characters that a value needs for its origin to matter
SPOKEN = ("task", "material", "message", "answer")


def provenance(story: Story, n: int, argument: str = "") -> dict[str, Any]:
    """The graph behind an effect, or behind one of its arguments; raises NotFound."""
    effect = story.run.effects.get(n)
    if effect is None:
        raise NotFound(f"Run {story.run.id} has no effect {n}.", f"It has {len(story.run.effects)}.")
    if argument and argument not in effect.call.args:
        raise NotFound(f"Effect {n} has no argument {argument!r}.", f"It has {', '.join(effect.call.args) or 'none'}.")
    return _Tracer(story).trace(effect, argument)


def covering(found: Collection[Sequence[Hit]]) -> list[str]:
    """The fewest sources that hold all values, as far as a greedy choice finds them: what stands in one place together
    came from there together. Of equals the earliest is chosen, what comes later repeats it; values that stand in many
    places weigh little."""
    open_values = [hits for hits in found if hits]
    chosen: list[str] = []
    while open_values:
        weight: dict[str, float] = {}
        first: dict[str, int] = {}
        for hits in open_values:
            for hit in hits:
                weight[hit.source] = weight.get(hit.source, 0.0) + (1.0 if hit.whole else 0.7) / len(hits)
                first[hit.source] = hit.order
        best = max(weight, key=lambda source: (round(weight[source], 3), -first[source]))
        chosen.append(best)
        open_values = [hits for hits in open_values if all(hit.source != best for hit in hits)]
    return chosen


class _Tracer:
    def __init__(self, story: Story) -> None:
        self._story, self._run = story, story.run
        self._nodes: dict[str, dict[str, Any]] = {}
        self._edges: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        self._places = Places()
        self._spoken = {self._name(one): one for one in story.said if one.kind in SPOKEN}
        for name, one in self._spoken.items():
            self._places.add(one.seq, name, one.text)
        for effect in self._run.effects.values():
            if effect.kind == "tool" and effect.status == "done" and effect.result is not None:
                self._places.add(self._over(effect.n), f"effect:{effect.n}", effect.result)

    @staticmethod
    def _name(one: Said) -> str:
        return one.kind if one.kind in ("task", "material") else f"said:{one.seq}"

    def _over(self, n: int) -> int:
        """The event by which an effect was over."""
        return self._story.facts[n].over

    def trace(self, effect: Effect, argument: str) -> dict[str, Any]:
        """All of it."""
        self._effect(effect, 0, {argument} if argument else None)
        self._authorised(effect)
        return {
            "run": self._run.id,
            "effect": f"{self._run.id}.{effect.n}",
            "argument": argument or None,
            "nodes": list(self._nodes.values()),
            "edges": list(self._edges.values()),
            "exact": all(edge["exact"] for edge in self._edges.values()),
            "bounded": self._places.bounded or len(self._nodes) >= MOST_NODES,
        }

    # -- nodes

    def _node(self, name: str, kind: str, **rest: Any) -> bool:
        """Put a node into the graph; False where it is there already, or too many are."""
        if name in self._nodes or len(self._nodes) >= MOST_NODES:
            return False
        plain = {"title": "", "text": "", "at": None, "by": None, "trust": "trusted", "source": None, "n": None}
        self._nodes[name] = {"id": name, "kind": kind, **plain, "run": None, "args": {}, **rest}
        return True

    def _edge(self, source: str, target: str, kind: str, argument: str = "", **rest: Any) -> None:
        if source in self._nodes and target in self._nodes:
            key = (source, target, kind, argument)
            plain = {"path": "", "text": "", "trust": "trusted"}
            self._edges.setdefault(
                key, {"source": source, "target": target, "kind": kind, "argument": argument or None, **plain, **rest}
            )

    def _effect(self, effect: Effect, depth: int, only: set[str] | None = None) -> None:
        name, facts = f"effect:{effect.n}", self._story.facts[effect.n]
        fresh = self._node(
            name, "effect", title=effect.call.tool, n=effect.n, at=moment(facts.begun or facts.proposed),
            trust="untrusted" if effect.label.tainted else "trusted", source=effect.label.source or None,
            args=cut(effect.call.args).value,
        )  # fmt: skip
        if not fresh or depth >= DEEPEST:
            return
        values = [
            (path, value)
            for path, value in list(leaves(effect.call.args))[:MOST_ARGUMENTS]
            if only is None or path.partition(".")[0].partition("[")[0] in only
        ]
        found = {path: self._places.find(value, facts.seq) for path, value in values}
        cover = covering(found.values())
        untraced = [value for path, value in values if not self._value(effect, path, value, found[path], cover, depth)]
        telling = any(len(value) >= TELLING for value in untraced)
        self._composed(
            effect, known=len(untraced) < len(values), coarse=telling and (depth == 0 or len(untraced) == len(values))
        )

    # -- edges

    def _value(
        self, effect: Effect, path: str, value: str, found: Sequence[Hit], cover: Sequence[str], depth: int
    ) -> bool:
        """Where one value of an effect's arguments stood before; False where it stands nowhere."""
        target, facts = f"effect:{effect.n}", self._story.facts[effect.n]
        edit = next((word for word in reversed(facts.words) if word.edit and path.partition(".")[0] in word.edit), None)
        if edit is not None:
            person = f"edit:{edit.item}"
            self._node(person, "person", title=edit.by, by=edit.by, at=moment(edit.at), text=value)
            self._edge(person, target, "edited", path, exact=True, text=value)
            return True
        hits = sorted((hit for hit in found if hit.source in cover), key=lambda hit: cover.index(hit.source))[:1]
        if hits and depth == 0 and self._trust(hits[0]) == "untrusted":  # where our own books say the same, both count
            hits += [hit for hit in found if hit.whole and self._is_of_books(hit)][:1]
        for hit in hits:
            self._source(hit, depth)
            self._edge(
                hit.source, target, "value", path, path=hit.path, text=hit.text, exact=True,
                trust=self._trust(hit), whole=hit.whole, value=value[:200],
            )  # fmt: skip
        return bool(hits)

    def _source(self, hit: Hit, depth: int) -> None:
        if hit.source in self._spoken:
            self._say(hit.source, hit.text)
        else:
            self._effect(self._run.effects[int(hit.source.partition(":")[2])], depth + 1)

    def _trust(self, hit: Hit) -> str:
        if hit.source in self._spoken:
            return self._spoken_trust(self._spoken[hit.source])
        return trust_at(self._run.effects[int(hit.source.partition(":")[2])].label, hit.path)

    def _is_of_books(self, hit: Hit) -> bool:
        effect = None if hit.source in self._spoken else self._run.effects[int(hit.source.partition(":")[2])]
        return effect is not None and effect.cls == "read" and self._trust(hit) == "trusted"

    def _spoken_trust(self, one: Said) -> str:
        started = self._run.started
        if started is not None and one.kind == "task":
            return "untrusted" if started.label.tainted else "trusted"
        if started is not None and one.kind == "material" and started.occasion is not None:
            return "untrusted" if started.occasion.label.tainted else "trusted"
        return "trusted"

    def _say(self, name: str, text: str = "") -> None:
        one = self._spoken.get(name)
        if one is None:
            return
        kind = "material" if one.kind == "material" else "person"
        source = None
        occasion = self._run.started.occasion if self._run.started is not None else None
        title = one.kind
        if one.kind == "material" and occasion is not None:
            source, title = occasion.label.source or occasion.kind, occasion.title or occasion.kind
        shown = text or sentence(one.text, 0, 0) or one.text[:300]
        self._node(
            name, kind, title=title, by=one.by, at=moment(one.at), text=shown, source=source,
            trust=self._spoken_trust(one),
        )  # fmt: skip
        if one.kind == "task" and self._run.started is not None and self._run.started.parent:
            above = f"run:{self._run.started.parent}"
            parent = f"{self._run.started.parent}.{self._run.started.parent_n}"
            self._node(above, "run", title=parent, run=self._run.started.parent, n=self._run.started.parent_n)
            self._edge(above, name, "started", exact=True)

    def _composed(self, effect: Effect, *, known: bool, coarse: bool) -> None:
        """Who chose the arguments: a model's reply, or code; and, where nothing was found, all that it knew."""
        name, facts = f"effect:{effect.n}", self._story.facts[effect.n]
        started = self._run.started
        who = name
        if facts.proposed_by:
            who = f"model:{facts.proposed_by}"
            reply = next((one for one in self._story.said if one.n == facts.proposed_by and one.kind == "reply"), None)
            self._node(
                who, "model", n=facts.proposed_by, title="rehearsal" if reply and reply.by == "rehearsal" else "model",
                text=reply.text[:300] if reply else "", at=moment(facts.proposed), trust="untrusted" if
                self._run.taints else "trusted",
            )  # fmt: skip
            self._edge(who, name, "proposed", exact=True)
        if not known and not coarse and started is not None:
            self._say("task")
            self._edge("task", who, "started", exact=True)
        if not coarse or started is None:
            return
        self._say("task")
        self._edge("task", who, "context", exact=False)
        if facts.proposed_by:
            for source in self._earlier(facts.seq):
                self._effect_or_said(source)
                self._edge(source, who, "context", exact=False, trust="untrusted")

    def _earlier(self, seq: int) -> list[str]:
        """Everything untrusted that had reached the run by then: the label of its whole context."""
        found = [name for name, one in self._spoken.items() if one.seq < seq and self._spoken_trust(one) == "untrusted"]
        found += [
            f"effect:{effect.n}"
            for effect in self._run.effects.values()
            if effect.kind == "tool" and effect.label.tainted and self._over(effect.n) < seq
        ]
        return found[-10:]

    def _effect_or_said(self, name: str) -> None:
        if name in self._spoken:
            self._say(name)
        else:
            self._effect(self._run.effects[int(name.partition(":")[2])], DEEPEST - 2)

    def _authorised(self, effect: Effect) -> None:
        """The people who said yes to it, or settled it."""
        for word in self._story.facts[effect.n].words:
            if word.what in ("approved", "settled"):
                name = f"{word.what}:{word.item or word.at.isoformat()}"
                self._node(name, "approval", title=word.what, by=word.by, at=moment(word.at), text=word.text)
                self._edge(name, f"effect:{effect.n}", "authorised", exact=True)
