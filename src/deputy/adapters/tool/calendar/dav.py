"""Requests to one CalDAV collection: reports, and single objects read and written under conditions."""

import base64
from collections.abc import Mapping
from urllib.parse import quote, unquote, urljoin, urlsplit
from xml.sax.saxutils import escape  # noqa: TID251 - writes XML, reads none

from deputy.adapters.egress import Answer, Egress, Timeouts

__all__ = ["Collection", "Outside"]

_MOST = 20_000_000  # bytes of a report
_ONE = 2_000_000  # bytes of an object
_REPORT = """<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:prop><D:getetag/><C:calendar-data/></D:prop>
<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
<C:time-range start="{start}" end="{end}"/></C:comp-filter></C:comp-filter></C:filter>
</C:calendar-query>"""
_KIND = b"""<?xml version="1.0" encoding="utf-8"?>
<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/></D:prop></D:propfind>"""


class Outside(Exception):
    """An object's address that is not one of this calendar."""


class Collection:
    """A calendar at an address, spoken to as one user; the password goes to that server and nowhere else."""

    def __init__(self, url: str, egress: Egress | None = None) -> None:
        self._url = url if url.endswith("/") else f"{url}/"
        self._egress = egress or Egress([url], timeouts=Timeouts(read=60.0), limit=_MOST)

    async def report(self, start: str, end: str, credentials: tuple[str, str]) -> Answer:
        """Every event that may take place between two instants (`20261124T000000Z`)."""
        body = _REPORT.format(start=escape(start), end=escape(end)).encode()
        headers = {"Depth": "1", "Content-Type": "application/xml; charset=utf-8"}
        return await self._send("REPORT", self._url, headers, credentials, body)

    async def kind(self, credentials: tuple[str, str]) -> Answer:
        """What the collection says that it is."""
        headers = {"Depth": "0", "Content-Type": "application/xml; charset=utf-8"}
        return await self._send("PROPFIND", self._url, headers, credentials, _KIND)

    async def get(self, href: str, credentials: tuple[str, str]) -> Answer:
        """One object."""
        return await self._send("GET", self._within(href), {}, credentials)

    async def put(self, href: str, text: str, condition: Mapping[str, str], credentials: tuple[str, str]) -> Answer:
        """Write one object, if the condition holds."""
        headers = {"Content-Type": "text/calendar; charset=utf-8", **condition}
        return await self._send("PUT", self._within(href), headers, credentials, text.encode())

    async def delete(self, href: str, etag: str, credentials: tuple[str, str]) -> Answer:
        """Delete one object, if it is as it was."""
        return await self._send("DELETE", self._within(href), {"If-Match": etag}, credentials)

    def named(self, name: str) -> str:
        """The place of an object of this name."""
        return urlsplit(urljoin(self._url, quote(name, safe=""))).path

    def admits(self, href: str) -> bool:
        """Whether this is the place of an object of this calendar."""
        try:
            self._within(href)
        except Outside:
            return False
        return True

    async def close(self) -> None:
        """Close every connection."""
        await self._egress.close()

    def _within(self, href: str) -> str:
        """The address of an object directly below the collection; raises Outside."""
        path = urlsplit(self._url).path
        name = href.removeprefix(path)
        plain = unquote(name)
        odd = any(c in plain for c in "/\\?#") or plain in ("", ".", "..") or not plain.isprintable()
        if not href.startswith(path) or odd or any(c in name for c in "?#"):
            raise Outside
        return urljoin(self._url, f"{path}{quote(plain, safe='@')}")

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], credentials: tuple[str, str], body: bytes | None = None
    ) -> Answer:
        token = base64.b64encode(":".join(credentials).encode()).decode()
        limit = _MOST if method == "REPORT" else _ONE
        named = {"Authorization": f"Basic {token}", **headers}
        return await self._egress.request(method, url, headers=named, content=body, limit=limit)
