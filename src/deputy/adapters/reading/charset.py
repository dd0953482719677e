"""Bytes as text: by byte order mark, by what was said of them, by what they say themselves, else as UTF-8 or Latin."""

import codecs
import re

__all__ = ["decoded"]

# Encodings of text that the web has; Python's others (idna, unicode_escape, utf-7, …) are none.
_KNOWN = frozenset(
    ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "ascii", "latin-1", "iso8859-1", "gb18030", "gbk", "gb2312", "big5",
     "big5hkscs", "euc_jp", "shift_jis", "cp932", "iso2022_jp", "euc_kr", "cp949", "koi8-r", "koi8-u", "cp866",
     "mac-roman", "tis-620", *(f"iso8859-{n}" for n in range(2, 17)), *(f"cp125{n}" for n in range(9)), "cp874"]
)  # fmt: skip
# What the label means in practice: browsers read the larger set.
_LARGER = {"ascii": "cp1252", "latin-1": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030",
           "shift_jis": "cp932", "euc_kr": "cp949", "iso8859-9": "cp1254", "iso8859-11": "cp874",
           "tis-620": "cp874"}  # fmt: skip
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)


def decoded(body: bytes, said: str = "", *, html: bool = False) -> str:
    """These bytes as text; what is no character of the encoding becomes U+FFFD."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    name = _codec(said)
    if not name and (found := (html and _META.search(body[:4096])) or _XML.search(body[:512])):
        name = _codec(found[1].decode("ascii"))
        name = "utf-8" if name.startswith("utf-16") else name  # it was read as ASCII so far
    if name:
        return body.decode(name, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        cut = error.end >= len(body) and error.reason == "unexpected end of data"
        return body.decode("utf-8", "replace") if cut else body.decode("cp1252", "replace")


def _codec(label: str) -> str:
    try:
        name = codecs.lookup(label.strip("\"' ")).name if label else ""
    except (LookupError, ValueError):
        return ""
    return _LARGER.get(name, name) if name in _KNOWN else ""
