"""A scripted stand-in for a model: reply n answers model call n, and every reply says that it was rehearsed."""

from collections.abc import Callable

from deputy.adapters.model.rehearsal.script import RehearsalScript, parse
from deputy.base.errors import ConfigError, DeputyError, NotFound
from deputy.domain.effect import Done, Failed, Intent, Result
from deputy.domain.message import Prompt

__all__ = ["Rehearsal", "RehearsalScript", "parse"]


class Rehearsal:
    """The model of the route "rehearsal"; `script_for` finds the script of an agent's version."""

    def __init__(self, script_for: Callable[[str, str], RehearsalScript]) -> None:
        self._script_for = script_for

    async def complete(self, intent: Intent) -> Result:
        """Answer from the script; a script that is missing, wrong or used up fails the call."""
        prompt = intent.request
        if not isinstance(prompt, Prompt):
            raise TypeError(f"{prompt.spec.name!r} is a tool; a model is asked with a `Prompt`")
        try:
            script = self._script_for(prompt.agent, prompt.version)
        except (ConfigError, NotFound) as error:
            return Failed("rehearsal_error", error.message)
        try:
            return Done(script.reply(prompt.script))
        except DeputyError as error:
            return Failed(error.code, error.message)

    async def close(self) -> None:
        """Nothing is held open."""
