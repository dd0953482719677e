"""Reads XML from strangers into plain nodes, in bounded memory and time; knows nothing of invoices.

No document type, no entities, nothing from elsewhere; few encodings, limited depth, elements, attributes and tags. The
first thing out of bounds ends the reading.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError
from tools.refusal import Refused

__all__ = ["MAX_DEPTH", "MAX_ELEMENTS", "Node", "parse"]

MAX_DEPTH = 32
MAX_ELEMENTS = 100_000
_MAX_ATTRIBUTES = 64
_MAX_TAG_BYTES = 1024 * 1024
_CHUNK = 64 * 1024
_ENCODINGS = frozenset(("utf-8", "utf-16", "us-ascii", "iso-8859-1"))
_NO_ATTRIBUTES: Mapping[str, str] = {}


@dataclass(slots=True)
class Node:
    """One element: its name as `{namespace}local`, its attributes, its own text, its children."""

    tag: str
    attributes: Mapping[str, str]
    text: str = ""
    children: list["Node"] = field(default_factory=list["Node"])

    def named(self, tag: str) -> Iterator["Node"]:
        """The children of that name, in order."""
        return (child for child in self.children if child.tag == tag)


class _Tree:
    """What the parser calls while it reads; ends the reading where a limit is passed."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Node] = []
        self._texts: list[list[str]] = []
        self._elements = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            why = f"The file has more than {MAX_ELEMENTS:,} elements; no invoice needs as many."
            raise Refused("too-many-elements", why)
        if len(self._open) >= MAX_DEPTH:
            raise Refused("too-deep", f"The file nests elements more than {MAX_DEPTH} deep; no invoice does.")
        if len(attributes) > _MAX_ATTRIBUTES:
            raise Refused("tag-too-big", f"An element has more than {_MAX_ATTRIBUTES} attributes; no invoice does.")
        node = Node(tag, dict(attributes) if attributes else _NO_ATTRIBUTES)
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)
        self._texts.append([])

    def data(self, text: str) -> None:
        self._texts[-1].append(text)

    def end(self, tag: str) -> None:
        self._open.pop().text = "".join(self._texts.pop()).strip()

    def close(self) -> None:
        return None


def _declared(version: str, encoding: str | None, standalone: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        why = "The file declares an unusual character encoding; Peppol invoices are UTF-8."
        raise Refused("encoding", why)


def parse(data: bytes) -> Node:
    """The root element of a document."""
    tree = _Tree()
    parser = DefusedXMLParser(target=tree, forbid_dtd=True)
    expat = cast("Any", parser.parser)
    expat.XmlDeclHandler = _declared
    try:
        for start in range(0, len(data), _CHUNK):
            parser.feed(data[start : start + _CHUNK])
            if start - int(expat.CurrentByteIndex) > _MAX_TAG_BYTES:
                raise Refused("tag-too-big", "A tag or comment of the file is larger than 1 MB; no invoice needs it.")
        parser.close()
    except DefusedXmlException as error:
        why = "The file brings its own document type or entities, a way to attack the reader; invoices have none."
        raise Refused("dtd", why) from error
    except ParseError as error:
        line, column = error.position
        where = f"line {line}, column {column + 1}"
        why = f"The file is not well-formed XML, or not in the encoding it declares: it breaks at {where}."
        raise Refused("not-xml", why) from error
    except (LookupError, ValueError) as error:
        raise Refused("encoding", "The file uses a character encoding that cannot be read.") from error
    if tree.root is None:
        raise Refused("not-xml", "The file holds no XML element.")
    return tree.root
