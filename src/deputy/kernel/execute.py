"""Hand a journaled intent to the port that performs it; imported by the gate alone.

Checked last, here: that the lease still holds on a clock that counts suspended time. Nothing is sent after it.
"""

from collections.abc import Callable, Coroutine
from typing import Any, assert_never

from deputy.base.clock import Clock
from deputy.domain.effect import NOT_SENT, Failed, Intent, Result, ToolRequest, Unknown
from deputy.domain.message import Prompt
from deputy.kernel.patience import Patience
from deputy.ports.model import Model
from deputy.ports.tool import Tool

__all__ = ["Executor"]

GRACE = 5.0  #: seconds beyond the deadline after which we stop waiting for an adapter that does not keep it


class Executor:
    """The only holder of the ports that reach outside."""

    def __init__(
        self, clock: Clock, *, model_for: Callable[[str], Model | None], tool_for: Callable[[str, str], Tool | None]
    ) -> None:
        self._clock, self._model_for, self._tool_for = clock, model_for, tool_for
        self._patience = Patience()

    async def __call__(self, intent: Intent) -> Result:
        """Perform an intent on the port for its kind; never raises for what the world does."""
        if self._clock.boot() >= intent.dispatch_by:
            return Failed(NOT_SENT, "The lease ran out before anything was sent.", retry=True)
        work = self._dispatch(intent)
        if isinstance(work, Failed):
            return work
        try:
            return await self._patience.wait(work, intent.deadline + GRACE)
        except TimeoutError:
            return Unknown("It did not end by its deadline.")

    def _dispatch(self, intent: Intent) -> Coroutine[Any, Any, Result] | Failed:
        match intent.request:
            case Prompt(route=route):
                model = self._model_for(route)
                if model is None:
                    return Failed("unknown_model", f"There is no model `{route}` in deputy.toml.")
                return model.complete(intent)
            case ToolRequest(spec=spec):
                tool = self._tool_for(intent.version, spec.name)
                if tool is None:
                    return Failed("unknown_tool", f"There is no tool `{spec.name}`.")
                return tool.invoke(intent)
            case _ as unreachable:
                assert_never(unreachable)

    async def quiesce(self, version: str, tool: str, key: str, longest: float) -> bool:
        """Whether no attempt of this effect is under way on our side any more, after at most so many seconds."""
        host = self._tool_for(version, tool)
        if host is None:
            return True
        try:
            await self._patience.wait(host.quiesce(key), longest + GRACE)
        except TimeoutError:
            return False
        return True
