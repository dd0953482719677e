"""Take in what is sent to `/hooks/PATH`: signed, recent, known once, and durable before it is acknowledged."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import msgspec

from deputy.app.bootstrap import Office
from deputy.app.occasions import arrival_of, with_text
from deputy.app.signatures import Signed, signed
from deputy.base.canonical import digest
from deputy.base.errors import StoreError, UsageError
from deputy.domain.label import Label
from deputy.domain.occasion import Attachment, Occasion
from deputy.domain.trigger import Trigger, Webhook

__all__ = ["Answer", "Bucket", "Door"]

BACKLOG = 10_000  #: arrivals of one hook that may wait for their runs
LONGEST_ID = 200
BURST = 0.1  #: part of a minute's requests that may come at once


class Answer(NamedTuple):
    """What the sender is told: a status of HTTP, and a word."""

    status: int
    word: str
    id: str = ""
    retry: int = 0  #: seconds after which to try again


class Bucket:
    """Requests that may come now: a minute's share, refilled as time passes."""

    def __init__(self, now: float, rate: int) -> None:
        self.rate, self._most, self._then = rate, max(1.0, rate * BURST), now
        self._left = self._most

    def take(self, now: float) -> bool:
        """Whether one more may come now."""
        self._left = min(self._most, self._left + max(0.0, now - self._then) * self.rate / 60)
        self._then = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Door:
    """The webhooks of a workspace, as its files declare them now."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._hooks: tuple[object, Mapping[str, tuple[Trigger, Webhook]]] = (None, {})
        self._buckets: dict[str, Bucket] = {}

    def find(self, path: str) -> tuple[Trigger, Webhook] | None:
        """The webhook of this path."""
        settings = self._office.settings
        if self._hooks[0] is not settings:
            found = {t.source.path: (t, t.source) for t in settings.triggers.values() if isinstance(t.source, Webhook)}
            self._hooks = (settings, found)
        return self._hooks[1].get(path)

    async def take(self, trigger: Trigger, hook: Webhook, headers: Mapping[str, str], body: bytes) -> Answer:
        """Judge a request, and keep what it brings; the answer is given once that is durable."""
        office = self._office
        now = office.clock.now()
        try:
            proof = signed(hook, office.secrets.lend(hook.secret), headers, body, now.timestamp())
        except UsageError as exc:
            office.notices(f"{trigger.key} cannot take anything in: {exc.message}")
            return Answer(503, "not_ready", retry=60)
        if proof is None:
            return Answer(401, "unsigned")
        bucket = self._buckets.get(trigger.key)
        if bucket is None or bucket.rate != hook.rate:
            bucket = self._buckets[trigger.key] = Bucket(office.clock.boot(), hook.rate)
        if not bucket.take(office.clock.boot()):
            return Answer(429, "too_many", retry=max(1, 60 // hook.rate))
        name = _name(hook, proof, headers, body)
        if name is None:
            return Answer(400, "no_id")
        occasion = Occasion(
            kind="webhook", trigger=trigger.key, id=name, at=now, title=f"POST /hooks/{hook.path}",
            label=Label(source=f"webhook {hook.path}"),
        )  # fmt: skip
        try:
            if await office.store.arrivals.pending(trigger.key) >= BACKLOG:
                return Answer(429, "too_many", retry=60)
            fresh, _ = await office.store.arrivals.arrive(_arrival(occasion, body))
        except StoreError as exc:
            office.notices(f"{exc.message}. {exc.remedy}")
            return Answer(503, "not_ready", retry=5)
        return Answer(202, "accepted" if fresh else "known", name)


def _arrival(occasion: Occasion, body: bytes) -> Any:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        file = Attachment("body.bin", digest(body), len(body))
        return arrival_of(msgspec.structs.replace(occasion, files=(file,)), (file.digest, body))
    occasion, blobs = with_text(occasion, text)
    return arrival_of(occasion, *blobs)


def _name(hook: Webhook, proof: Signed, headers: Mapping[str, str], body: bytes) -> str | None:
    """What tells a delivery apart; None where it should and does not."""
    if not hook.dedupe:
        return _short(proof.id) if proof.id else f"body:{digest(body)[:32]}"
    if hook.dedupe.startswith("header:"):
        found: object = headers.get(hook.dedupe.removeprefix("header:").lower())
    else:
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None
        for step in hook.dedupe.split("."):
            found = cast("dict[str, object]", found).get(step) if isinstance(found, dict) else None
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        return None
    return _short(str(found))


def _short(name: str) -> str:
    if len(name) <= LONGEST_ID and name.isprintable():
        return name
    return f"digest:{digest(name.encode('utf-8', 'replace'))[:32]}"
