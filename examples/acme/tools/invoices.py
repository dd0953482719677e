"""The tools that agents read invoices with: what lies in the folder, and what stands in one file of it."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
from tools import arithmetic, ubl
from tools.document import Finding, Invoice
from tools.folder import Folder
from tools.refusal import Refused
from tools.wording import hidden_characters, mixed_scripts, shown

import deputy

__all__ = ["findings", "list_invoices", "read_attached_invoice", "read_invoice"]

WORKSPACE = Path(__file__).resolve().parent.parent
INVOICES = "invoices"
_EMPTY: dict[str, Any] = {"name": "", "size": 0, "sha256": None, "refused": None, "invoice": None, "findings": []}


@deputy.tool(effect="read", repeat="safe", output="untrusted")
def list_invoices(folder: str = INVOICES) -> list[dict[str, Any]]:
    """List the files of a folder of the workspace: name, size, and SHA-256 (null for what is too big or no file)."""
    return [entry._asdict() for entry in Folder(WORKSPACE, folder).entries()]


@deputy.tool(effect="read", repeat="safe", output="untrusted")
def read_invoice(name: str) -> dict[str, Any]:
    """Read one UBL invoice or credit note of the folder `invoices`, with what is wrong with it.

    `invoice` is null where the file was refused; `refused` then has a stable code and one sentence.
    """
    try:
        return _answer(name, Folder(WORKSPACE, INVOICES).read(name).data)
    except Refused as refused:
        return {**_EMPTY, "name": name, "refused": {"code": refused.code, "why": refused.why}}


@deputy.tool(effect="read", repeat="safe", output="untrusted")
def read_attached_invoice(name: str, content: str, encoding: Literal["utf-8", "base64"]) -> dict[str, Any]:
    """Read one UBL invoice or credit note that was attached to a letter; answers as `read_invoice` does."""
    return _answer(name, content.encode() if encoding == "utf-8" else base64.b64decode(content, validate=True))


def _answer(name: str, data: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = {**_EMPTY, "name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    try:
        if not data:
            raise Refused("empty", "The file is empty.")
        invoice = ubl.read(data)
    except Refused as refused:
        return {**answer, "refused": {"code": refused.code, "why": refused.why}}
    return {**answer, "invoice": msgspec.to_builtins(invoice), "findings": msgspec.to_builtins(findings(invoice))}


def findings(invoice: Invoice) -> list[Finding]:
    """All that is wrong with a document in itself: its figures, and text that is made to deceive."""
    return [*arithmetic.check(invoice), *_deceptive(invoice)]


def _deceptive(invoice: Invoice) -> Iterator[Finding]:
    for place, text in _texts(msgspec.to_builtins(invoice), ""):
        if hidden := hidden_characters(text):
            sentence = f"The text {shown(text, 60)!r} ({place}) contains hidden characters: {', '.join(hidden[:3])}."
            yield Finding(rule="hidden-characters", sentence=sentence)
    for called, text in (("number", invoice.number), ("order number", invoice.order or "")):
        if scripts := mixed_scripts(text):
            sentence = f"The {called} {shown(text)!r} mixes letters of several alphabets: {' and '.join(scripts)}."
            yield Finding(rule="mixed-alphabets", sentence=sentence)


def _texts(value: object, place: str) -> Iterator[tuple[str, str]]:
    """Every text in a value of JSON's types, with the names of the fields that lead to it."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for field, inner in cast("dict[str, object]", value).items():
            yield from _texts(inner, f"{place} {field}".strip().replace("_", " "))
    elif isinstance(value, list | tuple):
        for inner in cast("Sequence[object]", value):
            yield from _texts(inner, place)
