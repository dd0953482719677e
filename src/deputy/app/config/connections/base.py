"""What every connection has: the name its tools begin with, the secrets it refers to, and what the operator says of its
tools.
"""

from collections.abc import Iterator

import msgspec

from deputy.app.config import values
from deputy.app.config.document import Table, Where, Wrong, shown
from deputy.domain.effect import EffectClass, Repeat, ToolSpec
from deputy.domain.label import Label

__all__ = ["Connection", "Server", "ToolSettings", "read_tools"]


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One table `[kind.name]` of deputy.toml: something outside that agents reach. `name` is its tools' prefix."""

    name: str
    title: str = ""  #: what its table is called: `mcp.erp`

    def references(self) -> Iterator[tuple[str, Where]]:
        """Every secret it refers to, as `env:NAME` or `secret:NAME`, and the keys that lead to it in its table."""
        yield from ()


class ToolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator says of the tools a pattern names; None where nothing is said. Durations are seconds."""

    pattern: str
    effect: EffectClass | None = None
    repeat: Repeat | None = None
    keyed_for: float | None = None
    verify: str = ""  #: the name the server gives it
    conclusive: bool | None = None
    authority: tuple[str, ...] | None = None
    output: Label | None = None
    deadline: float | None = None
    summary: str | None = None


class Server(Connection, frozen=True, kw_only=True):
    """A connection whose tools are declared by the far side, and made safe by what the operator says of them."""

    deadline: float | None = None
    tools: tuple[ToolSettings, ...] = ()

    def settings_for(self, tool: str) -> ToolSettings | None:
        """The one table that governs a tool of this server: its exact name before the longest literal prefix."""
        exact = next((s for s in self.tools if s.pattern == tool), None)
        prefixes = (s for s in self.tools if s.pattern.endswith("*") and tool.startswith(s.pattern[:-1]))
        return exact or max(prefixes, key=lambda s: len(s.pattern), default=None)

    def configured(self, tool: str, spec: ToolSpec) -> ToolSpec:
        """A tool's spec as the operator wants it; `tool` is the name the server gives it.

        What nobody says stays as it is in `spec`. Who names a tool in `verify` says that it reads; and a `read` is safe
        to repeat unless the operator says otherwise.
        """
        said = self.settings_for(tool) or ToolSettings(pattern=tool)
        changes: dict[str, object] = {} if self.deadline is None else {"deadline": self.deadline}
        for field in ("effect", "repeat", "keyed_for", "conclusive", "authority", "output", "deadline", "summary"):
            if (value := getattr(said, field)) is not None:
                changes[field] = value
        if said.verify:
            changes["verify"] = f"{self.name}.{said.verify}"
        if said.effect is None and any(other.verify == tool for other in self.tools):
            changes["effect"] = "read"
        if changes.get("effect") == "read":
            changes.setdefault("repeat", "safe")
        return msgspec.structs.replace(spec, **changes)


def read_tools(server: str, table: Table) -> tuple[ToolSettings, ...]:
    """The tables `[kind.name.tools.pattern]` of a server."""
    found: dict[str, ToolSettings] = {}
    for written, one in table.tables("tools"):
        try:
            pattern = values.pattern(written)
        except Wrong as no:
            raise one.document.wrong(one.where, f"{shown(written)} must be {no.needs}.", no.remedy) from None
        if pattern in found:
            message = f"{one.title} names the same tools as another table, and neither is more exact."
            raise one.document.wrong(one.where, message, "Make one table of the two.")
        found[pattern] = _tool(server, pattern, one)
    return tuple(found.values())


def _tool(server: str, pattern: str, table: Table) -> ToolSettings:
    table.only("effect", "repeat", "keyed_for", "verify", "conclusive", "authority", "output", "deadline", "summary")
    effect = values.choice("read", "write", "send", "irreversible", "execute")
    said = ToolSettings(
        pattern=pattern, effect=table.get("effect", effect, None),
        repeat=table.get("repeat", values.choice("safe", "keyed", "never"), None),
        keyed_for=table.get("keyed_for", values.duration, None), verify=table.get("verify", values.tool, ""),
        conclusive=table.get("conclusive", values.flag, None),
        authority=table.get("authority", values.list_of(values.line), None),
        output=table.get("output", values.label, None), deadline=table.get("deadline", values.duration, None),
        summary=table.get("summary", values.line, None),
    )  # fmt: skip
    if said.verify.startswith(f"{server}."):
        message = f"`verify` in {table.title} must name a tool as the server itself does, not '{said.verify}'."
        raise table.wrong("verify", message, f"Write '{said.verify.removeprefix(f'{server}.')}'.")
    if said.verify == pattern:
        raise table.wrong("verify", f"{table.title} is verified by itself.", "Name the tool that reads it back.")
    if said.keyed_for is not None and said.repeat != "keyed":
        message = f'`keyed_for` in {table.title} says nothing without `repeat = "keyed"`.'
        raise table.wrong("keyed_for", message, "Add that, or remove `keyed_for`.")
    if said.conclusive is not None and not said.verify:
        message = f"`conclusive` in {table.title} says nothing without `verify`."
        raise table.wrong("conclusive", message, "Name the tool that reads back, or remove `conclusive`.")
    return said
