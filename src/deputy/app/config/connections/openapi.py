"""`[openapi.NAME]`: an API with a document that describes it."""

from collections.abc import Iterator

import msgspec

from deputy.app.config import values
from deputy.app.config.connections.base import Server, read_tools
from deputy.app.config.connections.headers import header, headers
from deputy.app.config.document import Table, Where, Wrong

__all__ = ["OpenApi", "read"]

_MOST_BYTES = 8_000_000


class OpenApi(Server, frozen=True, kw_only=True):
    """An API; `document` relative to the workspace, `headers` perhaps references, `bearer` and `password` always."""

    document: str
    base_url: str
    headers: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    bearer: str = ""
    user: str = ""
    password: str = ""
    key_header: str = "Idempotency-Key"
    limit: int = 1_000_000

    def references(self) -> Iterator[tuple[str, Where]]:
        """The token, the password, and headers that stand for secrets."""
        for key in ("bearer", "password"):
            if value := getattr(self, key):
                yield value, (key,)
        for name, value in self.headers.items():
            if values.REFERENCE.fullmatch(value):
                yield value, ("headers", name)


def read(name: str, table: Table) -> OpenApi:
    """The table `[openapi.NAME]`."""
    table.only(
        "document", "base_url", "headers", "bearer", "user", "password", "key_header", "deadline", "limit", "tools"
    )
    if ("user" in table) != ("password" in table):
        key = "user" if "user" in table else "password"
        raise table.wrong(key, f"{table.title} has `{key}` alone.", "Give both `user` and `password`.")
    if "bearer" in table and "password" in table:
        raise table.wrong("bearer", f"{table.title} has both `bearer` and `password`.", "Remove one of them.")
    return OpenApi(
        name=name, document=table.need("document", _path, "Name the file of the OpenAPI document."),
        base_url=table.need("base_url", values.url, "Give the address that the document's paths begin with."),
        headers=headers(table), bearer=table.get("bearer", values.reference, ""),
        user=table.get("user", values.line, ""), password=table.get("password", values.reference, ""),
        key_header=table.get("key_header", header, "Idempotency-Key"),
        deadline=table.get("deadline", values.duration, None), limit=table.get("limit", _bytes, 1_000_000),
        tools=read_tools(name, table),
    )  # fmt: skip


def _path(value: object) -> str:
    found = values.line(value)
    if found.startswith("/") or ".." in found.split("/"):
        raise Wrong("a file within the workspace", "Write its path from the workspace's folder.")
    return found


def _bytes(value: object) -> int:
    found = values.count(value)
    if found > _MOST_BYTES:
        raise Wrong(f"a number of bytes of at most {_MOST_BYTES}", "Choose a smaller limit.")
    return found
