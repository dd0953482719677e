"""`headers` of a connection over HTTP: values that hold a secret stand there by reference only."""

import re

from deputy.app.config import values
from deputy.app.config.document import Table, Wrong

__all__ = ["header", "headers"]

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_SECRET_HEADER = re.compile(r"authorization|cookie|key|token|secret|password", re.IGNORECASE)


def headers(table: Table) -> dict[str, str]:
    """The table's `headers`; a name that speaks of a secret takes a reference and no value."""
    found = table.get("headers", values.map_of(values.line, header), {})
    for name, value in found.items():
        if _SECRET_HEADER.search(name) and not values.REFERENCE.fullmatch(value):
            message = f"The header `{name}` in {table.title} holds a secret itself."
            remedy = "Put its whole value into an environment variable, and write `env:` and the variable's name."
            raise table.document.wrong((*table.where, "headers", name), message, remedy)
    return found


def header(value: object) -> str:
    """The name of a header of HTTP."""
    if not isinstance(value, str) or not _HEADER.fullmatch(value):
        raise Wrong("named as a header of HTTP is", "Use letters, digits and - in its name.", secret=True)
    return value
