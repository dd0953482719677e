"""The `mail.*` tools as the gate and a model see them."""

from collections.abc import Mapping

from deputy.domain.effect import ToolSpec
from deputy.domain.label import TRUSTED, Label, Trust

__all__ = ["LONGEST_BODY", "MOST_FOUND", "READ_TOGETHER", "specs_of"]

MOST_FOUND = 50  #: letters of one search
READ_TOGETHER = 256 * 1024  #: bytes of an attachment that are returned
LONGEST_BODY = 200_000  #: characters of a letter that is sent
_DEADLINE = 60.0
_SENDING = 300.0

Schema = Mapping[str, object]
_PLACE: Schema = {"type": "string", "minLength": 3, "maxLength": 400}
_LETTER: Schema = {**_PLACE, "description": "the letter's id, as search and read give it"}
_FOLDER: Schema = {"type": "string", "minLength": 1, "maxLength": 200, "description": "a folder; by default INBOX"}
_TIME: Schema = {"type": "string", "maxLength": 40}
_ADDRESS: Schema = {"type": "string", "minLength": 3, "maxLength": 254}
_ADDRESSES: Schema = {"type": "array", "items": _ADDRESS, "maxItems": 100}
_BODY: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_BODY, "description": "plain text"}
_ENCLOSED: Schema = {
    "type": "array",
    "maxItems": 50,
    "description": "files of this run's own folder, each in one version, as the files tools number them",
    "items": {
        "type": "object",
        "properties": {"path": {"type": "string", "minLength": 1}, "version": {"type": "integer", "minimum": 1}},
        "required": ["path", "version"],
        "additionalProperties": False,
    },
}


def _labelled(trusted: tuple[str, ...]) -> Label:
    ours: dict[str, Trust] = dict.fromkeys(trusted, "trusted")
    return Label(trust="untrusted", paths=ours)


_LISTED = ("id", "received", "unread", "flagged", "size", "thread", "sender.authenticated")
_FOUND = _labelled((*(f"letters[].{name}" for name in _LISTED), "more"))
_READ = _labelled((*_LISTED, "date", "attachments[].id", "attachments[].size", "bounce.effect", "bounce.action"))
_CONTENT = _labelled(("id", "size", "encoding"))
_SENT = _labelled(("message_id", "recipients"))


def _parameters(required: Mapping[str, Schema], optional: Mapping[str, Schema]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def specs_of(prefix: str, *, sends: bool) -> tuple[ToolSpec, ...]:
    """The tools of a mailbox; those that send only where there is a way out."""
    return (*_reading(prefix), *_sorting(prefix), *(_sending(prefix) if sends else ()))


def _read(name: str, description: str, parameters: dict[str, object], output: Label) -> ToolSpec:
    return ToolSpec(
        name=name, description=description, parameters=parameters, effect="read", repeat="safe", output=output,
        deadline=_DEADLINE,
    )  # fmt: skip


def _reading(prefix: str) -> tuple[ToolSpec, ...]:
    found: dict[str, Schema] = {
        "folder": _FOLDER,
        "from": {"type": "string", "maxLength": 200, "description": "part of the sender's name or address"},
        "subject": {"type": "string", "maxLength": 200, "description": "part of the subject"},
        "text": {"type": "string", "maxLength": 200, "description": "words in the letter"},
        "since": {**_TIME, "description": "received at or after this date or time (RFC 3339)"},
        "before": {**_TIME, "description": "received before this date or time (RFC 3339)"},
        "unread": {"type": "boolean"},
        "thread": {**_PLACE, "description": "a letter's id: only letters of its thread"},
        "most": {"type": "integer", "minimum": 1, "maximum": MOST_FOUND, "description": "by default 20"},
    }
    part: dict[str, Schema] = {
        "letter": _LETTER,
        "attachment": {"type": "string", "pattern": r"^[0-9]{1,5}(\.[0-9]{1,5}){0,60}$", "description": "its id"},
    }
    encoding: dict[str, Schema] = {"encoding": {"type": "string", "enum": ["utf-8", "base64"]}}
    return (
        _read(
            f"{prefix}.search",
            "Find letters in one folder, the newest first. `sender.authenticated` says whether the mail server"
            " vouched for the sender; a sender without it may be anybody.",
            _parameters({}, found), _FOUND,
        ),
        _read(
            f"{prefix}.read",
            "Read a letter: headers, readable text, and its attachments with their ids. It is not marked as read.",
            _parameters({"letter": _LETTER}, {}), _READ,
        ),
        _read(
            f"{prefix}.attachment",
            f"Read an attachment of at most {READ_TOGETHER // 1024} KiB, as text or as base64. A larger one can be"
            f" saved with {prefix}.save_attachment.",
            _parameters(part, encoding), _CONTENT,
        ),
        _read(f"{prefix}.folders", "List the mailbox's folders.", _parameters({}, {}), _labelled(())),
        ToolSpec(
            name=f"{prefix}.save_attachment",
            description="Save an attachment as a file of this run's own folder.",
            parameters=_parameters(
                {**part, "path": {"type": "string", "minLength": 1, "description": "such as `in/invoice.xml`"}}, {}
            ),
            effect="write", repeat="keyed", keyed_for=3650 * 86_400.0, authority=("letter", "attachment", "path"),
            output=TRUSTED, deadline=_DEADLINE,
        ),
    )  # fmt: skip


def _sorting(prefix: str) -> tuple[ToolSpec, ...]:
    flags: dict[str, Schema] = {"read": {"type": "boolean"}, "flagged": {"type": "boolean"}}
    return (
        ToolSpec(
            name=f"{prefix}.mark", description="Mark a letter as read or unread, flagged or not.",
            parameters=_parameters({"letter": _LETTER}, flags), effect="write", repeat="safe",
            authority=("letter",), output=TRUSTED, deadline=_DEADLINE,
        ),
        ToolSpec(
            name=f"{prefix}.move", description="Move a letter to another folder that exists. It gets a new id.",
            parameters=_parameters({"letter": _LETTER, "folder": {**_FOLDER, "description": "where to"}}, {}),
            effect="write", repeat="safe", authority=("letter", "folder"), output=TRUSTED, deadline=_DEADLINE,
        ),
    )  # fmt: skip


def _sending(prefix: str) -> tuple[ToolSpec, ...]:
    written: dict[str, Schema] = {
        "to": {**_ADDRESSES, "minItems": 1, "description": "plain addresses, without display names"},
        "subject": {"type": "string", "minLength": 1, "maxLength": 900},
        "text": _BODY,
    }
    optional: dict[str, Schema] = {
        "cc": _ADDRESSES,
        "bcc": _ADDRESSES,
        "attachments": _ENCLOSED,
        "letter": {**_PLACE, "description": "a letter's id: send it into the thread of that letter"},
    }
    answered: dict[str, Schema] = {
        "letter": _LETTER,
        "to": {**_ADDRESS, "description": "the letter's sender, as read shows it; nobody else can be answered"},
        "text": _BODY,
    }
    return (
        ToolSpec(
            name=f"{prefix}.send",
            description="Send a letter. Where the mail server refuses one recipient, nobody gets it.",
            parameters=_parameters(written, optional), effect="send", repeat="never",
            authority=("to", "cc", "bcc", "subject", "attachments"), output=_SENT, deadline=_SENDING,
            verify=f"{prefix}.sent", conclusive=True, summary="Send a letter to {to}: {subject}",
        ),
        ToolSpec(
            name=f"{prefix}.reply",
            description="Answer a letter, in its thread, to its sender alone; only where the mail server vouched for"
            " the sender, and never to what no person wrote.",
            parameters=_parameters(answered, {"attachments": _ENCLOSED}), effect="send", repeat="never",
            authority=("letter", "to", "attachments"), output=_SENT, deadline=_SENDING,
            verify=f"{prefix}.sent", conclusive=True, summary="Answer a letter, to {to}",
        ),
        _read(
            f"{prefix}.sent",
            "Look up whether the letter of an effect was sent.",
            _parameters({"effect_id": {"type": "string", "minLength": 3, "maxLength": 100}}, {}),
            _labelled(("found", "message_id")),
        ),
    )  # fmt: skip
