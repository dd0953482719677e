"""Stand-ins for the outside: a model that answers from a function, tools that count what they were asked to do."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from deputy.domain.effect import Done, Intent, Result, ToolRequest, ToolSpec
from deputy.domain.message import ModelCall, Prompt, Reply, Usage

__all__ = ["CountingTools", "StubModel", "calls", "says"]


def says(text: str, usage: Usage | None = None) -> Reply:
    """A reply of text alone."""
    return Reply(text=text, finish="stop", usage=usage or Usage())


def calls(*wanted: tuple[str, str]) -> Reply:
    """A reply that asks for tool calls: names and JSON arguments."""
    return Reply(
        calls=tuple(ModelCall(f"c{i}", tool, arguments) for i, (tool, arguments) in enumerate(wanted)),
        finish="tool_calls",
    )


class StubModel:
    """A `Model` whose reply is a function of the prompt."""

    def __init__(self, answer: Callable[[Prompt], Reply | Result]) -> None:
        self._answer = answer
        self.asked: list[Prompt] = []

    async def complete(self, intent: Intent) -> Result:
        assert isinstance(intent.request, Prompt)
        self.asked.append(intent.request)
        answer = self._answer(intent.request)
        return Done(answer) if isinstance(answer, Reply) else answer

    async def close(self) -> None:
        pass


class CountingTools:
    """A `Tool` host with one function for each tool; remembers the key and arguments of every call."""

    def __init__(self, specs: Sequence[ToolSpec]) -> None:
        self.specs = {spec.name: spec for spec in specs}
        self.calls: list[tuple[str, str, Mapping[str, object]]] = []
        self.answer: Callable[[Intent], Awaitable[Result]] | None = None

    def count(self, tool: str) -> int:
        """How often a tool was called."""
        return sum(name == tool for name, _, _ in self.calls)

    async def catalogue(self) -> Sequence[ToolSpec]:
        return list(self.specs.values())

    async def invoke(self, intent: Intent) -> Result:
        assert isinstance(intent.request, ToolRequest)
        self.calls.append((intent.request.spec.name, intent.key, intent.request.args))
        return await self.answer(intent) if self.answer is not None else Done({"ok": True})

    async def quiesce(self, key: str) -> None:
        pass

    async def close(self) -> None:
        pass
