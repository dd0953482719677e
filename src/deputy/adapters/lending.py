"""Lend secrets to one port, and see that it gives none away: what it returns or raises passes here.

Nothing is looked at where nothing was lent. A text that was lent is found as it is, and as an address, a program or
JSON would write it; not in pieces, and not encoded in other ways.
"""

import contextlib
import traceback
from collections.abc import Callable, Generator, Sequence
from typing import Literal, cast

import msgspec

from deputy.adapters.wire.outside import Forms, forms_of, hidden
from deputy.base.errors import DeputyError
from deputy.domain.effect import Aloud, Done, Failed, InputRequired, Intent, Result, ToolSpec, Unknown
from deputy.domain.elicitation import Form
from deputy.domain.message import Reply
from deputy.ports.model import Model
from deputy.ports.tool import Tool

__all__ = ["Lending", "LentModel", "LentTool"]

SCHEMES = ("Basic ", "Bearer ", "Token ")  #: of a header's value, before what is secret in it
REMEMBERED = 64  #: values: what was lent before a secret was changed may still come back


class Lending:
    """What one port was lent, for as long as it lives."""

    def __init__(self, lend: Callable[[str], str]) -> None:
        self._lend = lend
        self._lent: dict[str, str] = {}  # value to reference, oldest first
        self._forms: Forms = ()
        self._shown: tuple[Sequence[ToolSpec], Forms, Sequence[ToolSpec]] = ((), (), ())

    def lend(self, reference: str) -> str:
        """The value behind a reference; from now on it is looked for in all that comes back."""
        value = self._lend(reference)
        self.remember(value, reference)
        return value

    def remember(self, value: str, reference: str) -> None:
        """Look for this value, too, in all that comes back."""
        if value not in self._lent:
            self._lent[value] = reference
            while len(self._lent) > REMEMBERED:
                del self._lent[next(iter(self._lent))]
            named = [(v, f"[secret:{r.partition(':')[2]}]") for v, r in self._lent.items()]
            named += [(v.partition(" ")[2], word) for v, word in named if v.startswith(SCHEMES)]
            self._forms = forms_of(named)

    def text(self, text: str) -> str:
        """A text without what was lent."""
        return cast("str", hidden(text, self._forms)) if self._forms else text

    def result(self, result: Result) -> Result:
        """A result without what was lent."""
        if not self._forms:
            return result
        match result:
            case Done(Reply() as reply, cost, label):
                return Done(self._reply(reply), cost, label)
            case Done(value, cost, label):
                return Done(hidden(value, self._forms), cost, label)
            case Failed():
                return msgspec.structs.replace(result, code=self.text(result.code), message=self.text(result.message))
            case Unknown(message):
                return Unknown(self.text(message))
            case InputRequired(asker, forms, state):
                shown = msgspec.convert(hidden(msgspec.to_builtins(forms), self._forms), dict[str, Form])
                return InputRequired(asker, shown, self.text(state))

    def aloud(self, aloud: Aloud) -> Aloud:
        """Say what comes in pieces without what was lent: what may be the beginning of it waits for the next piece."""
        held = {"text": "", "reasoning": ""}

        def say(kind: Literal["text", "reasoning"], piece: str) -> None:
            if not piece:
                return
            text = self.text(held[kind] + piece)
            kept = _begun(text, self._forms)
            held[kind] = text[len(text) - kept :]
            aloud(kind, text[: len(text) - kept])

        return say

    def specs(self, specs: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        """Tools whose descriptions, which models are shown, hold nothing of what was lent."""
        if not self._forms:
            return specs
        if self._shown[0] is not specs or self._shown[1] is not self._forms:
            shown = tuple(
                msgspec.structs.replace(
                    spec, description=self.text(spec.description),
                    parameters=cast("dict[str, object]", hidden(spec.parameters, self._forms)),
                )
                for spec in specs
            )  # fmt: skip
            self._shown = (specs, self._forms, shown)
        return self._shown[2]

    @contextlib.contextmanager
    def errors(self) -> Generator[None]:
        """Let no error pass whose words, or whose causes' words, hold what was lent."""
        try:
            yield
        except DeputyError as exc:
            exc.message, exc.remedy = self.text(exc.message), self.text(exc.remedy)
            exc.args = (exc.message,)
            if self._told(exc):
                exc.__suppress_context__, exc.__cause__ = True, None
            raise
        except Exception as exc:
            if self._told(exc):
                defect = RuntimeError(self.text(f"{type(exc).__name__}: {exc}"))
                raise defect.with_traceback(exc.__traceback__) from None
            raise

    def _told(self, exc: BaseException) -> bool:
        text = "".join(traceback.format_exception(exc)) if self._forms else ""
        return self.text(text) != text

    def _reply(self, reply: Reply) -> Reply:
        calls = tuple(
            msgspec.structs.replace(
                call, tool=self.text(call.tool), arguments=self.text(call.arguments), id=self.text(call.id)
            )
            for call in reply.calls
        )
        return msgspec.structs.replace(
            reply, text=self.text(reply.text), reasoning=self.text(reply.reasoning), calls=calls
        )


def _begun(text: str, forms: Forms) -> int:
    """How much of the end of a text may be the beginning of what is hidden."""
    longest = min(len(text), len(forms[0][0]) - 1) if forms else 0
    return next((n for n in range(longest, 0, -1) if any(form.startswith(text[-n:]) for form, _ in forms)), 0)


class LentTool:
    """A host of tools that is lent secrets."""

    def __init__(self, tool: Tool, lending: Lending) -> None:
        self._tool, self._lending = tool, lending

    async def catalogue(self) -> Sequence[ToolSpec]:
        """The tools it offers."""
        with self._lending.errors():
            return self._lending.specs(await self._tool.catalogue())

    async def invoke(self, intent: Intent) -> Result:
        """Perform an intent."""
        with self._lending.errors():
            return self._lending.result(await self._tool.invoke(intent))

    async def quiesce(self, key: str) -> None:
        """Return once no attempt of the effect of this key is under way."""
        with self._lending.errors():
            await self._tool.quiesce(key)

    async def close(self) -> None:
        """Let go of everything."""
        with self._lending.errors():
            await self._tool.close()


class LentModel:
    """A server of models that is lent its key."""

    def __init__(self, model: Model, lending: Lending) -> None:
        self._model, self._lending = model, lending

    async def complete(self, intent: Intent) -> Result:
        """Answer the prompt of an intent."""
        with self._lending.errors():
            if intent.aloud is not None:
                intent.aloud = self._lending.aloud(intent.aloud)
            return self._lending.result(await self._model.complete(intent))

    async def close(self) -> None:
        """Let go of connections."""
        with self._lending.errors():
            await self._model.close()
