"""What a route is asked to prove itself: small prompts, and one long beginning to see whether it is remembered."""

from typing import NamedTuple

from deputy.domain.catalogue import Price
from deputy.domain.message import Message, Prompt, Reply, Script, ToolOffer, Usage

__all__ = [
    "ANSWER", "CACHED", "FORCED", "PARALLEL", "PLAIN", "SCHEMA", "SHAPED", "THINKS", "TOOL", "TYPICAL", "Question",
    "again", "thousand",
]  # fmt: skip

ANSWER = 1024  #: tokens of a reply that may think first
THINKS = 1024  #: tokens that it may think, where that is counted apart
SHORT = 32  #: tokens of a reply that only has to begin

WEATHER = ToolOffer(
    "weather",
    "The weather in a city, now.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
)
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "place",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
            "required": ["city", "country"],
            "additionalProperties": False,
        },
    },
}


class Question(NamedTuple):
    """A prompt, and what is said beside it."""

    prompt: Prompt
    also: dict[str, object]


def _asked(
    text: str, *, tools: tuple[ToolOffer, ...] = (), system: str = "", tokens: int = ANSWER, **also: object
) -> Question:
    messages = (Message("system", system or "You help to test a connection. Be brief."), Message("user", text))
    return Question(_prompt(messages, tools, tokens), also)


def _prompt(messages: tuple[Message, ...], tools: tuple[ToolOffer, ...], tokens: int) -> Prompt:
    return Prompt(
        route="doctor", agent="doctor", version="", messages=messages, tools=tools, max_tokens=tokens,
        script=Script(messages[-1].text, (), (0,)),
    )  # fmt: skip


PLAIN = _asked("Answer with the one word: ready")
TOOL = _asked("What is the weather in Paris? Call the tool.", tools=(WEATHER,))
PARALLEL = _asked(
    "What is the weather in Paris, and what is it in Oslo? Call the tool for both cities at once.", tools=(WEATHER,)
)
SHAPED = _asked("Where is the Eiffel Tower? Answer in JSON with `city` and `country`.", response_format=SCHEMA)
FORCED = _asked("Say hello.", tools=(WEATHER,), tool_choice={"type": "function", "function": {"name": WEATHER.name}})
_RULE = "{0}. Rule {0} of the handbook: file {1} before {2}."
_LONG = "\n".join(_RULE.format(n, n * 7919 % 10007, n * 104729 % 10009) for n in range(200))
CACHED = tuple(
    _asked(f"Which file has rule {n}?", system=f"The handbook.\n{_LONG}", tokens=SHORT) for n in (3, 50, 120)
)


def again(first: Prompt, reply: Reply) -> Question:
    """The question with which a tool's results, and what was thought before, go back."""
    said = Message("assistant", reply.text, reply.reasoning, reply.calls)
    results = tuple(Message("tool", '{"degrees": 18, "sky": "clear"}', call_id=call.id) for call in reply.calls)
    return Question(_prompt((*first.messages, said, *results), first.tools, ANSWER), {})


# -- what a run costs

TYPICAL = "6 model calls, beginning at 3,000 tokens and growing by 500 a call, with 250 tokens answered each"


def thousand(price: Price, hits: float) -> int:
    """Micros for a thousand typical runs, where this share of what was sent before is read from the cache."""
    total = 0
    for n in range(6):
        before = 3000 + 500 * (n - 1) if n else 0
        total += price.of(Usage(input=3000 + 500 * n, output=250, cached=int(before * hits)))
    return total * 1000
