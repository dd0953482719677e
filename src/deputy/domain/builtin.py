"""The tools every workspace has because the kernel itself performs them, inside one commit: people and child runs."""

from deputy.domain.effect import ToolSpec
from deputy.domain.label import TRUSTED, UNTRUSTED

__all__ = ["AGENT_RUN", "BUILT_IN", "PERSON_ASK", "PERSON_TELL"]

_TEXT: dict[str, object] = {"type": "string", "minLength": 1}
_WHO: dict[str, object] = {
    "type": "string",
    "description": "a person's id or e-mail, `group:ID`, `role:NAME` or `manager`; by default the person acted for",
}

PERSON_ASK = ToolSpec(
    name="person.ask",
    description="Ask people a question and wait for the answer.",
    parameters={
        "type": "object",
        "properties": {
            "question": _TEXT,
            "to": _WHO,
            "options": {"type": "array", "items": _TEXT, "description": "the answers to choose from"},
        },
        "required": ["question"],
        "additionalProperties": False,
    },
    effect="send",
    repeat="keyed",
    authority=("to", "question"),
    output=TRUSTED,
)

PERSON_TELL = ToolSpec(
    name="person.tell",
    description="Put a message into people's inbox.",
    parameters={
        "type": "object",
        "properties": {"to": _WHO, "text": _TEXT},
        "required": ["text"],
        "additionalProperties": False,
    },
    effect="send",
    repeat="keyed",
    authority=("to", "text"),
    output=TRUSTED,
)

AGENT_RUN = ToolSpec(
    name="agent.run",
    description="Let another agent carry out a task, on behalf of the same person, and wait for its answer.",
    parameters={
        "type": "object",
        "properties": {"agent": _TEXT, "task": _TEXT},
        "required": ["agent", "task"],
        "additionalProperties": False,
    },
    effect="write",
    repeat="keyed",
    authority=("agent", "task"),
    output=UNTRUSTED,
)

BUILT_IN = {spec.name: spec for spec in (PERSON_ASK, PERSON_TELL, AGENT_RUN)}
