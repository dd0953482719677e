"""A database's tools as the gate and a model see them."""

from collections.abc import Iterator

from deputy.domain.effect import ToolSpec
from deputy.domain.label import UNTRUSTED, Label

__all__ = ["specs_of"]

_LONGEST = 20_000


def specs_of(prefix: str, kind: str, *, write: bool, output: Label, deadline: float) -> Iterator[ToolSpec]:
    """The tools of one database."""
    dialect = "SQLite" if kind == "sqlite" else "PostgreSQL"
    mark = "?" if kind == "sqlite" else "$1, $2"
    asking: dict[str, object] = {
        "type": "object",
        "properties": {
            "sql": {"type": "string", "minLength": 1, "maxLength": _LONGEST,
                    "description": f"one statement of {dialect}; values as parameters ({mark}), never within the text"},
            "params": {"type": "array", "maxItems": 500, "description": "the values of the parameters, in order",
                       "items": {"type": ["string", "number", "boolean", "null", "array", "object"]}},
        },
        "required": ["sql"],
        "additionalProperties": False,
    }  # fmt: skip
    yield ToolSpec(
        name=f"{prefix}.query",
        description=f"Read from the {dialect} database by one SELECT. Exact numbers come as texts, times as RFC 3339,"
        " bytes as base64. `truncated` says that there is more: ask for fewer rows or columns.",
        parameters=asking, effect="read", repeat="safe", authority=("sql", "params"), output=output, deadline=deadline,
    )  # fmt: skip
    yield ToolSpec(
        name=f"{prefix}.tables",
        description=f"The tables and views of the {dialect} database, with their columns; or one of them.",
        parameters={
            "type": "object",
            "properties": {"table": {"type": "string", "maxLength": 200, "description": "the name of one table"}},
            "additionalProperties": False,
        },
        effect="read", repeat="safe", output=UNTRUSTED, deadline=deadline,
    )  # fmt: skip
    if write:
        yield ToolSpec(
            name=f"{prefix}.execute",
            description=f"Change the {dialect} database by one statement, in a transaction of its own.",
            parameters=asking, effect="irreversible", repeat="never", authority=("sql", "params"), output=output,
            deadline=deadline,
        )  # fmt: skip
