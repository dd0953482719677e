"""How the tests of models make prompts and intents."""

from collections.abc import Sequence

from deputy.domain.effect import Intent
from deputy.domain.message import Message, Prompt, Script, ToolOffer

__all__ = ["intent_of", "offer", "prompt_of"]


def prompt_of(
    *messages: Message, tools: Sequence[ToolOffer] = (), max_tokens: int = 100, script: Script | None = None
) -> Prompt:
    """A prompt; without messages, one question."""
    return Prompt(
        route="default",
        agent="payables",
        version="v1",
        messages=messages or (Message("user", "What is due?"),),
        tools=tuple(tools),
        max_tokens=max_tokens,
        script=script or Script("What is due?", (), (0,)),
    )


def offer(name: str) -> ToolOffer:
    """A tool on offer."""
    return ToolOffer(name, f"Does {name}.", {"type": "object", "properties": {"id": {"type": "string"}}})


def intent_of(prompt: Prompt, *, deadline: float = 10.0) -> Intent:
    """An intent as the executor would hand it over."""
    intent = Intent.__new__(Intent)
    intent.run, intent.key, intent.attempt = "r1", "r1.1", 1
    intent.agent, intent.on_behalf_of = "payables", "wei"
    intent.request, intent.deadline, intent.dispatch_by = prompt, deadline, float("inf")
    intent.aloud = None
    return intent
