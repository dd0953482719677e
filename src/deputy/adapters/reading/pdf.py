"""The text of a PDF, page by page, and the addresses it links to. No scripts, no forms, no attachments, no pictures."""

import io
import logging
from typing import Any

from deputy.adapters.reading.html import host_of
from deputy.adapters.reading.reader import Link, Text

__all__ = ["document"]

_MOST_PAGES = 200
_MOST_LINKS = 200


def document(body: bytes, most: int) -> Text:
    """What is to be read in a PDF."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.disable()
    try:
        reader = PdfReader(io.BytesIO(body), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            return Text(text="", error="The PDF is encrypted, and opening it needs a password.")
        pages = len(reader.pages)
        about = reader.metadata
        title = ((about.title if about is not None else "") or "")[:500]
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, OSError):
        return Text(text="", error="This is no PDF that can be read.")
    parts: list[str] = []
    links: dict[str, Link] = {}
    notes: list[str] = []
    room = most
    for number in range(min(pages, _MOST_PAGES)):
        try:
            page = reader.pages[number]
            text = page.extract_text()
            _links(page, links)
        except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, IndexError, OverflowError):
            notes.append(f"Page {number + 1} cannot be read.")
            continue
        parts.append(f"[page {number + 1}]\n{text.strip()}"[:room])
        room -= len(parts[-1])
        if room <= 0:
            notes.append(f"The text is cut off on page {number + 1} of {pages}.")
            break
    else:
        if pages > _MOST_PAGES:
            notes.append(f"Only {_MOST_PAGES} of {pages} pages were read.")
    if pages and not any(part.partition("\n")[2] for part in parts):
        notes.append("It holds no text; it may be a scan.")
    return Text(text="\n\n".join(parts), title=title, links=tuple(links.values()), pages=pages, notes=tuple(notes[:20]))


def _links(page: Any, found: dict[str, Link]) -> None:
    for reference in page.get("/Annots", None) or ():
        if len(found) >= _MOST_LINKS:
            return
        action = reference.get_object().get("/A", {})
        url = action.get_object().get("/URI") if action else None
        if isinstance(url, str) and (host := host_of(url)):
            found.setdefault(url, Link("", url[:2000], host))
