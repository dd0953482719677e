"""A calendar's tools as the gate and a model see them."""

from collections.abc import Iterator

from deputy.domain.effect import ToolSpec
from deputy.domain.label import TRUSTED, UNTRUSTED

__all__ = ["specs_of"]

_REMEMBERED = 3650 * 86_400.0  # seconds: an event knows its effect for as long as it exists
_WHEN = "a day (2026-11-24) or a time (2026-11-24T10:00, in the calendar's zone unless it has one)"
_ID: dict[str, object] = {"type": "string", "minLength": 1, "maxLength": 1000, "description": "the event's `id`"}
_ETAG: dict[str, object] = {
    "type": "string", "minLength": 1, "maxLength": 300, "description": "its `etag`, as it was last read"
}  # fmt: skip
_TEXTS: dict[str, object] = {
    "title": {"type": "string", "minLength": 1, "maxLength": 300},
    "location": {"type": "string", "maxLength": 300},
    "description": {"type": "string", "maxLength": 5000},
}
_TIMES: dict[str, object] = {
    "start": {"type": "string", "minLength": 10, "maxLength": 40, "description": _WHEN},
    "end": {"type": "string", "minLength": 10, "maxLength": 40,
            "description": "likewise, exclusive; an hour after `start` unless given, or a day"},
}  # fmt: skip
_REPEATS: dict[str, object] = {
    "type": "object",
    "properties": {"every": {"enum": ["day", "week", "month", "year"]},
                   "times": {"type": "integer", "minimum": 2, "maximum": 400}},
    "required": ["every", "times"],
    "additionalProperties": False,
}  # fmt: skip
_SPAN: dict[str, object] = {
    "from": {"type": "string", "minLength": 10, "maxLength": 40, "description": _WHEN},
    "to": {"type": "string", "minLength": 10, "maxLength": 40, "description": "likewise, exclusive; within a year"},
}


def _object(required: tuple[str, ...], **properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def specs_of(prefix: str, *, write: bool, invitations: bool, deadline: float) -> Iterator[ToolSpec]:
    """The tools of one calendar; those that change it only with `write`, those that reach others with `invitations`."""
    yield ToolSpec(
        name=f"{prefix}.events", effect="read", repeat="safe", output=UNTRUSTED, deadline=deadline,
        description="The events of a span of time, recurring ones written out. What they say was written by others.",
        parameters=_object(("from", "to"), **_SPAN),
    )  # fmt: skip
    yield ToolSpec(
        name=f"{prefix}.free", effect="read", repeat="safe", output=TRUSTED, deadline=deadline,
        description="When the calendar is busy in a span of time, and the free times of at least so many minutes.",
        parameters=_object(("from", "to"), **_SPAN, minutes={"type": "integer", "minimum": 1, "maximum": 1440}),
    )  # fmt: skip
    yield ToolSpec(
        name=f"{prefix}.find", effect="read", repeat="safe", output=UNTRUSTED, deadline=deadline,
        description="The event that an effect has made, if it is there.",
        parameters=_object(("effect_id",), effect_id={"type": "string", "minLength": 1, "maxLength": 100}),
    )  # fmt: skip
    if not write:
        return
    made = (*_TEXTS, *_TIMES, "repeats")
    yield ToolSpec(
        name=f"{prefix}.create", effect="write", repeat="keyed", keyed_for=_REMEMBERED, authority=made,
        verify=f"{prefix}.find", conclusive=True, output=TRUSTED, deadline=deadline,
        description="Make an event that concerns nobody but the calendar's owner.",
        parameters=_object(("title", "start"), **_TEXTS, **_TIMES, repeats=_REPEATS),
    )  # fmt: skip
    if invitations:
        people = {"type": "array", "minItems": 1, "maxItems": 50, "uniqueItems": True, "description": "mail addresses",
                  "items": {"type": "string", "pattern": "^[^\\s@<>,;:\"]{1,64}@[^\\s@<>,;:\"]{1,190}$"}}  # fmt: skip
        yield ToolSpec(
            name=f"{prefix}.invite", effect="send", repeat="keyed", keyed_for=_REMEMBERED,
            authority=(*made, "attendees"), verify=f"{prefix}.find", conclusive=True, output=TRUSTED, deadline=deadline,
            description="Make an event and invite people to it; the server sends them an invitation.",
            parameters=_object(("title", "start", "attendees"), **_TEXTS, **_TIMES, repeats=_REPEATS, attendees=people),
        )  # fmt: skip
    alone = "" if invitations else " Events with other people in them are left alone."
    yield ToolSpec(
        name=f"{prefix}.update", effect="send" if invitations else "write", repeat="keyed", keyed_for=_REMEMBERED,
        authority=("id", "etag", *_TEXTS, *_TIMES), output=TRUSTED, deadline=deadline,
        description=f"Change an event, unless it was changed since it was read. Of a recurring one, all of it.{alone}",
        parameters=_object(("id", "etag"), id=_ID, etag=_ETAG, **_TEXTS, **_TIMES),
    )  # fmt: skip
    yield ToolSpec(
        name=f"{prefix}.delete", effect="irreversible", repeat="keyed", keyed_for=_REMEMBERED,
        authority=("id", "etag"), output=TRUSTED, deadline=deadline,
        description=f"Delete an event, unless it was changed since it was read. Of a recurring one, all of it.{alone}",
        parameters=_object(("id", "etag"), id=_ID, etag=_ETAG),
    )  # fmt: skip
