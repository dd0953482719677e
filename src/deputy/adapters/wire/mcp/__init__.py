"""What every transport of MCP says: versions, envelopes, and why there is no answer. No I/O.

Two eras: 2026-07-28, where every request stands for itself, and the versions that begin with a handshake.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Literal, cast

import msgspec

__all__ = [
    "AGENT", "ANSWERS", "CAPABILITIES", "EFFECT_ID", "HANDSHAKE_VERSIONS", "METHOD_NOT_FOUND", "MODERN_VERSION",
    "OPEN_FIRST", "PERSON", "UNSUPPORTED_VERSION", "Answer", "Trouble", "answer_of", "client_info", "envelope",
    "is_modern", "is_stranger", "names_modern",
]  # fmt: skip

MODERN_VERSION = "2026-07-28"  #: needs no handshake: every request says what it needs
HANDSHAKE_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")  #: begin with `initialize`
EFFECT_ID = "deputy/effect-id"  #: in the `_meta` of a call: the effect's id, the same on every attempt
AGENT, PERSON = "deputy/agent", "deputy/on-behalf-of"  #: to a server on this machine: who acts, and for whom
CAPABILITIES: dict[str, object] = {"elicitation": {"form": {}, "url": {}}}  #: what a server may ask people
UNSUPPORTED_VERSION, METHOD_NOT_FOUND, OPEN_FIRST = -32022, -32601, -32042
ANSWERS = frozenset(("inputResponses", "requestState"))  #: of a call that asked first, in the current version
_ENVELOPE = "io.modelcontextprotocol/"


class Trouble(msgspec.Struct, frozen=True):
    """Why there is no answer, as a sentence whose subject is the server.

    `unsent`: certainly not one byte of the question left us; `too_late`: nor may it any more; `barred`: the server let
    nobody in, so that nothing was begun; `refused`: it answered with an error; `unreadable`: what it answered cannot be
    read; `cut`: it ended, or broke the rules.
    """

    kind: Literal["unsent", "too_late", "barred", "refused", "unreadable", "cut"]
    message: str
    code: int = 0
    data: object = None


Answer = dict[str, object] | Trouble


def client_info() -> dict[str, object]:
    """Who asks."""
    return {"name": "deputy", "version": str(getattr(sys.modules.get("deputy"), "__version__", ""))}


def envelope(capabilities: Mapping[str, object]) -> dict[str, object]:
    """What every request of the current version says of itself, in its `_meta`."""
    stated = {"protocolVersion": MODERN_VERSION, "clientInfo": client_info(), "clientCapabilities": capabilities}
    return {_ENVELOPE + name: value for name, value in stated.items()}


def answer_of(message: Mapping[str, object], say: Callable[[str], str]) -> Answer | None:
    """The answer that a JSON-RPC message is, or None if it is none."""
    if isinstance(error := message.get("error"), dict):
        told = cast("dict[str, object]", error)
        code, text = told.get("code"), told.get("message")
        number = code if isinstance(code, int) else 0
        return Trouble("refused", f"answered with error {number}: {say(str(text))}", number, told.get("data"))
    if isinstance(result := message.get("result"), dict):
        return cast("dict[str, object]", result)
    if "id" in message:
        return Trouble("unreadable", "gave an answer that is neither a result nor an error")
    return None


def is_modern(answer: Answer | None) -> bool:
    """Whether this answer to `server/discover` is that of a server which speaks the current version."""
    versions = answer.get("supportedVersions") if isinstance(answer, dict) else None
    return isinstance(versions, list) and MODERN_VERSION in versions


def names_modern(trouble: Trouble) -> bool:
    """Whether a refusal of our version names just that version as one that would do."""
    data: object = trouble.data
    supported = cast("dict[str, object]", data).get("supported") if isinstance(data, dict) else None
    return trouble.code == UNSUPPORTED_VERSION and isinstance(supported, list) and MODERN_VERSION in supported


def is_stranger(trouble: Trouble) -> bool:
    """Whether the server refused to be discovered, naming versions of which we know none."""
    data: object = trouble.data
    if trouble.code != UNSUPPORTED_VERSION or not isinstance(data, dict):
        return False
    supported = cast("dict[str, object]", data).get("supported")
    return isinstance(supported, list) and not any(v in HANDSHAKE_VERSIONS for v in cast("list[object]", supported))
