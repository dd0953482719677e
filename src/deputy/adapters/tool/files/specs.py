"""The `files.*` tools as the gate and a model see them."""

from typing import Literal

from deputy.adapters.tool.files.paths import LONGEST_PATH
from deputy.domain.effect import EffectClass, Repeat, ToolSpec
from deputy.domain.label import TRUSTED, Label, Trust

__all__ = ["DELETE", "FILES", "HISTORY", "LIST", "READ", "WRITE"]

_REMEMBERED = 3650 * 86_400.0  # seconds: a folder knows its effects for as long as it exists
_DEADLINE = 20.0

_PATH: dict[str, object] = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_PATH,
    "description": "path below this run's own folder, such as `reports/july.md`",
}
_ENCODING: dict[str, object] = {
    "type": "string",
    "enum": ["utf-8", "base64"],
    "description": "how `content` is written: as text, or as base64 of the bytes",
}
_MADE_BY_US = ("version", "size", "digest", "at", "effect", "deleted")


def _spec(
    name: str, description: str, required: dict[str, object], optional: dict[str, object],
    *, effect: Literal["read", "write"] = "read", authority: tuple[str, ...] = (), output: Label,
) -> ToolSpec:  # fmt: skip
    classes: dict[str, tuple[EffectClass, Repeat]] = {"read": ("read", "safe"), "write": ("write", "keyed")}
    cls, repeat = classes[effect]
    parameters: dict[str, object] = {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }
    return ToolSpec(
        name=name, description=description, parameters=parameters, effect=cls, repeat=repeat, authority=authority,
        output=output, keyed_for=_REMEMBERED, deadline=_DEADLINE,
    )  # fmt: skip


def _outside(where: str = "") -> Label:
    """Anybody may have chosen names and contents; what we count and compute ourselves is ours."""
    ours: dict[str, Trust] = {f"{where}{name}": "trusted" for name in _MADE_BY_US}
    return Label(trust="untrusted", paths=ours)


READ = _spec(
    "files.read",
    "Read a file of this run's own folder, as it is now or as it was in an earlier version. A file that is not text"
    " comes as base64.",
    {"path": _PATH},
    {
        "version": {
            "type": "integer",
            "minimum": 1,
            "description": "which version, as files.history numbers them; by default the latest",
        },
        "encoding": _ENCODING,
    },
    output=_outside(),
)

WRITE = _spec(
    "files.write",
    "Write a file of this run's own folder, whole; folders are made as needed. If the file exists, what it was is kept"
    " as an earlier version.",
    {"path": _PATH, "content": {"type": "string", "description": "everything that is to stand in the file"}},
    {"encoding": _ENCODING},
    effect="write",
    authority=("path", "content"),
    output=TRUSTED,
)

LIST = _spec(
    "files.list",
    "List the files of this run's own folder: path, latest version, size in bytes, SHA-256 and time.",
    {},
    {"folder": _PATH | {"description": "list only what lies below this folder, such as `reports`"}},
    output=_outside("files[]."),
)

DELETE = _spec(
    "files.delete",
    "Delete a file of this run's own folder. Its versions are kept, and can still be read.",
    {"path": _PATH},
    {},
    effect="write",
    authority=("path",),
    output=TRUSTED,
)

HISTORY = _spec(
    "files.history",
    "List the versions of one file of this run's own folder, latest first: number, SHA-256, size in bytes, time, and"
    " the effect that wrote or deleted it.",
    {"path": _PATH},
    {},
    output=_outside("versions[]."),
)

FILES: tuple[ToolSpec, ...] = (READ, WRITE, LIST, DELETE, HISTORY)
