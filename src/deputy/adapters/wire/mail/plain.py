"""The words of a letter: from bytes in some charset, or from HTML, to text as a person would see it."""

import codecs
import re
from html.parser import HTMLParser

from deputy.adapters.wire.mail.addresses import without_hidden

__all__ = ["in_charset", "readable"]

_MOST_MARKUP = 400_000  # characters of HTML that are looked at
_MOST_TEXT = 400_000  # bytes of text
_LONGEST_TAG = 10_000
_SLOW = frozenset(("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf_7"))
_OTHER_NAMES = {"gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "ks_c_5601-1987": "cp949", "cp-850": "cp850"}
_BLOCKS = frozenset(
    ("address", "article", "blockquote", "br", "div", "dl", "dt", "dd", "footer", "h1", "h2", "h3", "h4", "h5", "h6",
     "header", "hr", "li", "ol", "p", "pre", "section", "table", "tr", "ul")
)  # fmt: skip
_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"))
_SILENT = frozenset(("script", "style", "head", "title", "template", "noscript", "svg", "math", "object", "select"))
_UNSEEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0(?![.\d])|max-height\s*:\s*0"
)


def in_charset(content: bytes, charset: str) -> str:
    """Bytes as text: by the charset they are said to be in, or the one that fits; what fits none becomes �."""
    for name in dict.fromkeys((_known(charset), "utf-8")):
        if name:
            try:
                return content.decode(name)
            except (UnicodeError, ValueError, LookupError):
                continue
    return content.decode(_known(charset) or "utf-8", "replace")


def readable(content: bytes, charset: str, kind: str) -> tuple[str, list[str]]:
    """The text of a part, and what is odd about it."""
    problems: list[str] = []
    most = _MOST_MARKUP if kind == "text/html" else _MOST_TEXT
    if len(content) > most:
        problems.append("its text is longer than can be shown")
    text = in_charset(content[:most], charset).replace("\r\n", "\n").replace("\r", "\n")
    if "\N{REPLACEMENT CHARACTER}" in text:
        problems.append("some characters could not be read")
    if kind == "text/html":
        text, hides = _from_markup(text)
        if hides:
            problems.append("it has text that is not shown to people, which was left out")
    seen = without_hidden(text.replace("\x00", ""))
    if len(seen) < len(text):
        problems.append("invisible or reordering characters were left out")
    return seen, problems


def _known(charset: str) -> str:
    """A charset's own name, if it is one that turns bytes into text in time that grows with their number."""
    word = charset.strip().strip("\"'").lower()[:40]
    try:
        found = codecs.lookup(_OTHER_NAMES.get(word, word))
    except (LookupError, ValueError, UnicodeError):
        return ""
    text = getattr(found, "_is_text_encoding", False)
    return found.name if text and found.name.replace("-", "_") not in _SLOW else ""


class _Text(HTMLParser):
    """Collects what a reader would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hides = False
        self._unseen: list[str] = []  # elements that are open and not shown, outermost first
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        given = dict(attrs)
        hidden = "hidden" in given or _UNSEEN.search((given.get("style") or "").lower()[:2_000]) is not None
        if tag not in _VOID and (self._unseen or hidden or tag in _SILENT):
            if len(self._unseen) < 200:
                self._unseen.append(tag)
            self.hides = self.hides or (hidden and tag not in _SILENT)
            return
        if tag in _BLOCKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" \t")
        elif tag == "a":
            self._link = (given.get("href") or "")[:500]

    def handle_endtag(self, tag: str) -> None:
        """End an element; one that was never begun ends nothing."""
        if self._unseen:
            if tag in self._unseen:
                del self._unseen[len(self._unseen) - 1 - self._unseen[::-1].index(tag) :]
            return
        if tag == "a" and self._link.startswith(("http:", "https:", "mailto:")):
            if self._link.removeprefix("mailto:") not in "".join(self.parts[-3:]):
                self.parts.append(f" <{self._link}>")
            self._link = ""
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Take text that is shown."""
        if not self._unseen:
            self.parts.append(re.sub(r"\s+", " ", data))


def _from_markup(markup: str) -> tuple[str, bool]:
    parser = _Text()
    try:
        parser.feed(_tidied(markup))
        parser.close()
    except (ValueError, AssertionError, RecursionError):
        parser.parts.append("�")
    text = re.sub(r"[ \t]+", " ", "".join(parser.parts))
    return re.sub(r" ?\n[ \n]*\n ?", "\n\n", re.sub(r" ?\n ?", "\n", text)).strip(), parser.hides


def _tidied(markup: str) -> str:
    """Markup without comments and declarations, in which every `<` begins a whole tag: Python's parser takes a time
    that grows with the square of what is not closed.
    """
    parts: list[str] = []
    at = 0
    while (begin := markup.find("<", at)) >= 0:
        parts.append(markup[at:begin])
        mark = markup[begin + 1 : begin + 2]
        if mark in ("!", "?"):
            end = "-->" if markup.startswith("<!--", begin) else ">"
            close = markup.find(end, begin + 2)
            if close < 0:
                return "".join(parts)
            at = close + len(end)
            continue
        following = markup.find("<", begin + 1)
        close = markup.find(">", begin + 1, following if following >= 0 else len(markup))
        if close >= 0 and (mark == "/" or (mark.isascii() and mark.isalpha())):
            parts.append(markup[begin : close + 1] if close - begin < _LONGEST_TAG else "")
            at = close + 1
        else:
            parts.append("&lt;")
            at = begin + 1
    parts.append(markup[at:])
    return "".join(parts)
