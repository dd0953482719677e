"""Addresses of mail: which ones we write to, and what in a name is not what it seems."""

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["AddressRefused", "checked", "checked_line", "disguise", "domain_of", "same_address", "without_hidden"]

LONGEST_LINE = 998  #: characters of one header's value that we write
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TOGETHER = frozenset(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "FULLWIDTH", "IDEOGRAPHIC"))
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


class AddressRefused(ValueError):
    """Nothing is written to this; its text says why, in one sentence."""


def checked(address: str) -> str:
    """One plain address, its domain as the network spells it; raises AddressRefused. Nothing is repaired."""
    shown = f"`{without_hidden(address)[:100]}`"
    if not address.isprintable() or len(address) > 254:
        raise AddressRefused(f"{shown} is no address: it has invisible characters in it, or is too long.")
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise AddressRefused(f"{shown} is no address; write it as name@company.example, without a display name.")
    if not unicodedata.is_normalized("NFC", address):
        raise AddressRefused(f"{shown} is not written in Unicode's form NFC.")
    if len(local.encode()) > 64 or not _ATOM.fullmatch("".join("a" if c.isalnum() else c for c in local)):
        raise AddressRefused(f"{shown} is no address: its name has characters that have no place there.")
    if _mixes(local):
        raise AddressRefused(f"{shown} mixes scripts that look alike.")
    return f"{local}@{_domain(domain, shown)}"


def checked_line(text: str, what: str) -> str:
    """A header's value that we write, such as a subject: one line, visible, not long. Raises AddressRefused."""
    if "\r" in text or "\n" in text:
        raise AddressRefused(f"The {what} has a line break in it.")
    if len(text) > LONGEST_LINE:
        raise AddressRefused(f"The {what} is longer than {LONGEST_LINE} characters.")
    if without_hidden(text) != text:
        raise AddressRefused(f"The {what} has invisible characters in it.")
    return text


def disguise(name: str, address: str) -> str:
    """What is wrong with a display name beside its address, in a few words; empty if nothing."""
    if without_hidden(name) != name:
        return "the sender's name has invisible or reordering characters"
    claimed = re.search(r"[^\s<>\"'(),;]+@[^\s<>\"'(),;]+", unicodedata.normalize("NFKC", name))
    if claimed and not same_address(claimed[0], address):
        return "the sender's name contains another address"
    if _mixes(name) or _mixes(address):
        return "the sender's name or address mixes scripts that look alike"
    return ""


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are of the same mailbox, as the directory compares them."""
    return bool(one) and one.casefold() == other.casefold()


def domain_of(address: str) -> str:
    """The domain of an address, in small letters."""
    return address.rpartition("@")[2].casefold()


def without_hidden(text: str) -> str:
    """A text without what cannot be seen or turns the order of what can; line ends and tabs stay."""
    if text.isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _HIDDEN)


def _domain(domain: str, shown: str) -> str:
    if any(_mixes(label) for label in domain.split(".")):
        raise AddressRefused(f"{shown} mixes scripts that look alike.")
    try:
        spelled = domain if domain.isascii() else domain[:253].encode("idna").decode("ascii")
    except UnicodeError:
        raise AddressRefused(f"{shown} has no domain that the network knows.") from None
    labels: Sequence[str] = spelled.lower().split(".")
    if len(spelled) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused(f"{shown} has no domain that the network knows.")
    return spelled.lower()


def _mixes(text: str) -> bool:
    """Whether letters of several scripts stand in one word."""
    return not text.isascii() and any(len(_scripts(word)) > 1 for word in re.split(r"[\s@.,;<>()\"/-]+", text))


def _scripts(word: str) -> frozenset[str]:
    first = {unicodedata.name(c, "").partition(" ")[0] for c in word if c.isalpha()}
    return frozenset("CJK" if name in _TOGETHER else name for name in first if name)
