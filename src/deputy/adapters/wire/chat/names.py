"""The names of tools on the wire, which allows fewer letters than we do."""

import re
from collections.abc import Iterable

from deputy.base.canonical import digest
from deputy.base.errors import ConfigError

__all__ = ["ToolNames", "wire_name"]

MAX_NAME = 64

_WORDS = r"[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*"
_SPEAKABLE = re.compile(rf"_?{_WORDS}(?:\.{_WORDS})*")  # "." becomes "__" and back, and nothing else does
_UNSPEAKABLE = re.compile(r"[^A-Za-z0-9_-]")


def wire_name(tool: str) -> str:
    """A tool's name in the letters the wire allows: the same for the same tool, and another for another.

    The dot becomes two underscores; what does not fit that way is shortened and told apart by a digest, behind three
    underscores, which no other name has.
    """
    name = tool.replace(".", "__")
    if len(name) <= MAX_NAME and _SPEAKABLE.fullmatch(tool):
        return name
    mark = digest(tool.encode("utf-8", "surrogatepass"))[:12]
    return f"{_UNSPEAKABLE.sub('_', name)[: MAX_NAME - 15]}___{mark}"


class ToolNames:
    """The tools on offer by the names the wire has for them."""

    def __init__(self, tools: Iterable[str]) -> None:
        self._tools: dict[str, str] = {}
        for tool in tools:
            other = self._tools.setdefault(wire_name(tool), tool)
            if other != tool:
                raise ConfigError(f"The tools `{other}` and `{tool}` look the same to a model.", "Rename one of them.")

    def tool(self, name: str) -> str:
        """The tool a model means; a name that nobody offered is only translated, for the gate to refuse."""
        if name in self._tools:
            return self._tools[name]
        tool = name.replace("__", ".")
        return tool if wire_name(tool) == name else name
