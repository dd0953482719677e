"""Who wrote a letter, as far as the receiving server checked it: the header Authentication-Results (RFC 8601).

Only the header of the server that is configured counts. That server removes headers in its name which came with a
letter (RFC 8601, section 5); where it does not, nothing here can tell.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from deputy.adapters.wire.mail.addresses import domain_of
from deputy.ports.mailbox import Sender

__all__ = ["authenticated"]

_LONGEST = 8_000  # characters of one header
_MOST = 50  # results in one header
_RESULT = re.compile(r"([a-z0-9-]+)\s*(?:/\s*\d+\s*)?=\s*([a-z]+)", re.IGNORECASE)
_PROPERTY = re.compile(r"([a-z]+)\s*\.\s*([a-z0-9-]+)\s*=\s*([^\s;]+)", re.IGNORECASE)


class _Result(NamedTuple):
    method: str
    result: str
    properties: dict[str, str]


def authenticated(sender: Sender, headers: Sequence[str], authserv_id: str) -> Sender:
    """The sender with what the configured server found out; `headers` are its Authentication-Results, topmost first."""
    if not sender.address:
        return _not(sender, "the letter does not name exactly one sender")
    if not authserv_id:
        return _not(sender, "no `authserv_id` is configured for this mailbox")
    results = [r for header in headers for r in _results(header, authserv_id)]
    if not results:
        return _not(sender, f"there is no Authentication-Results of {authserv_id}")
    domain = domain_of(sender.address)
    dmarc = [r for r in results if r.method == "dmarc"]
    for r in dmarc:
        if r.result not in ("pass", "none"):
            return _not(sender, f"{authserv_id} says dmarc={r.result}")
    if any(r.result == "pass" and r.properties.get("header.from", "").casefold() == domain for r in dmarc):
        return _is(sender, f"dmarc=pass for {domain}, says {authserv_id}")
    for r in results:
        if r.method == "dkim" and r.result == "pass" and _signer(r) == domain:
            return _is(sender, f"dkim=pass by {domain}, says {authserv_id}")
    return _not(sender, f"{authserv_id} vouches for no signature of {domain}")


def _is(sender: Sender, how: str) -> Sender:
    return Sender(address=sender.address, name=sender.name, authenticated=True, how=how)


def _not(sender: Sender, why: str) -> Sender:
    return Sender(address=sender.address, name=sender.name, authenticated=False, how=why)


def _signer(result: _Result) -> str:
    """The domain that signed; an identity within it must be of the same domain."""
    signed, identity = result.properties.get("header.d", ""), result.properties.get("header.i", "")
    named = identity.rpartition("@")[2]
    if signed and named and signed.casefold() != named.casefold():
        return ""
    return (signed or named).casefold()


def _results(header: str, authserv_id: str) -> Iterator[_Result]:
    if len(header) > _LONGEST:
        return
    parts = _bare(header).split(";")
    who = parts[0].split()
    if not who or who[0].casefold() != authserv_id.casefold() or who[1:] not in ([], ["1"]):
        return
    for part in parts[1 : _MOST + 1]:
        if found := _RESULT.match(part.strip()):
            named = _PROPERTY.findall(part.strip()[found.end() :])
            properties = {f"{kind}.{name}".lower(): value for kind, name, value in named}
            if len(properties) == len(named):  # one that says two things of one property says nothing
                yield _Result(found[1].lower(), found[2].lower(), properties)


def _bare(text: str) -> str:
    """The text without (comments) and "quoted strings", which may hold what the letter's writer chose.

    What they leave behind is no value; a text in which one of them does not end is nothing at all.
    """
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for c in text:
        if escaped:
            escaped = False
        elif c == "\\" and (depth or quoted):
            escaped = True
        elif c == '"' and not depth:
            quoted = not quoted
            kept.append('"')
        elif c == "(" and not quoted:
            depth += 1
        elif c == ")" and depth:
            depth -= 1
        elif not depth and not quoted:
            kept.append(c)
    return "".join(kept) if not depth and not quoted else ""
