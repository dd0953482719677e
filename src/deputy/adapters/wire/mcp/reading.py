"""What a server lists and answers, in our words: `ToolSpec`s and `Result`s. No I/O.

A server's annotations are hints and decide nothing. Every tool starts with the most careful setting, and the workspace
says otherwise. A tool that cannot be offered safely (a name given twice, a name or schema that is none) is left out,
with a sentence for whoever looks after the workspace.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import cast
from urllib.parse import urlsplit

from deputy.adapters.wire.mcp import EFFECT_ID, METHOD_NOT_FOUND, OPEN_FIRST, UNSUPPORTED_VERSION, Answer, Trouble
from deputy.adapters.wire.outside import excess, scrubbed, sentence
from deputy.adapters.wire.schema import Validator
from deputy.base.canonical import canonical, is_json
from deputy.base.errors import ConfigError
from deputy.domain.effect import NOT_SENT, Done, Failed, InputRequired, Result, ToolRequest, ToolSpec, Unknown
from deputy.domain.elicitation import Form, Link, form_of, opening

__all__ = ["call_params", "read_form", "read_result", "read_tools"]

_NAME = re.compile(r"[A-Za-z0-9_./-]{1,128}")
_MAX_DESCRIPTION = 20_000
_ADDRESS = re.compile(r"https?://[!-~]{1,2000}")  # a name in other letters is written as xn--…, and seen as such
_MAX_FORMS, _MAX_FORM, _MAX_STATE, _MAX_TOKEN = 10, 64 * 1024, 64 * 1024, 200

# What JSON-RPC and MCP define as said before a call has begun: parse error, invalid request, method not found, invalid
# params, header mismatch, missing capability, unsupported version, elicitation required.
_NOT_BEGUN = frozenset({-32700, -32600, METHOD_NOT_FOUND, -32602, -32020, -32021, UNSUPPORTED_VERSION, OPEN_FIRST})


def read_tools(
    server: str, listed: Sequence[object], deadline: float, settings: Callable[[str, ToolSpec], ToolSpec]
) -> tuple[tuple[ToolSpec, ...], tuple[str, ...]]:
    """The tools of a list that can be offered, as the workspace sets them; and what is wrong with the others."""
    tools = [cast("dict[str, object]", tool) if isinstance(tool, dict) else {} for tool in listed]
    names = [tool.get("name") for tool in tools]
    times = Counter(name for name in names if isinstance(name, str))
    specs: list[ToolSpec] = []
    problems: dict[str, None] = {}
    for name, tool in zip(names, tools, strict=True):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            problems[f"It lists a tool whose name is none: {sentence(repr(name), limit=100)}."] = None
        elif times[name] > 1:
            problems[f"It lists {name!r} {times[name]} times, so nobody can say which is meant."] = None
        elif why := _unusable(tool.get("inputSchema")):
            problems[f"The tool {name!r} cannot be offered: {why}"] = None
        else:
            description = tool.get("description")
            careful = ToolSpec(
                name=f"{server}.{name}",
                description=sentence(description, limit=_MAX_DESCRIPTION) if isinstance(description, str) else "",
                parameters=cast("dict[str, object]", tool["inputSchema"]),
                deadline=deadline,
            )
            specs.append(settings(name, careful))
    return tuple(specs), tuple(problems)


def _unusable(schema: object) -> str:
    if not isinstance(schema, dict) or cast("dict[str, object]", schema).get("type") != "object":
        return "the schema of its parameters is not that of an object."
    try:
        Validator(cast("dict[str, object]", schema))
    except ConfigError as e:
        return e.message
    return ""


def read_result(server: str, answer: Answer, *, sent: bool, safe: bool, secrets: Collection[str]) -> Result:
    """What came of a call. Where it may have happened and is not `safe` to repeat, that is Unknown and nothing less."""
    if isinstance(answer, Trouble) and answer.code == OPEN_FIRST and (pages := _pages(answer.data)):
        return InputRequired(server, pages)
    if isinstance(answer, Trouble):
        return _trouble(answer, sentence(f"The server {server!r} {answer.message}.", secrets), sent=sent, safe=safe)
    kind = answer.get("resultType", "complete")
    if kind == "input_required":
        return _input_required(server, answer)
    if kind != "complete":
        message = f"The server {server!r} gave an answer of the kind {sentence(repr(kind), limit=80)}."
        return Failed("result_unknown", message) if safe else Unknown(message)
    blocks = answer.get("content")
    content = cast("list[object]", blocks) if isinstance(blocks, list) else []
    if answer.get("isError"):
        texts = [part for part in map(_block, content) if isinstance(part, str)]
        return Failed("tool_error", sentence("\n".join(texts), secrets) or "The tool failed and did not say why.")
    value = answer["structuredContent"] if answer.get("structuredContent") is not None else _value(content)
    too_much = excess(value)
    if not too_much and is_json(value):
        return Done(scrubbed(value, secrets))
    code, problem = ("result_too_large", too_much) if too_much else ("result_not_json", "not JSON")
    if safe:
        return Failed(code, f"It ran, but its answer is {problem}.")
    message = f"It was done, but its answer is {problem}; nothing of it was kept."
    return Done({"not_kept": {"code": code, "message": message}})


def call_params(name: str, request: ToolRequest, key: str, who: Mapping[str, str] | None = None) -> dict[str, object]:
    """What a `tools/call` says: the tool, its arguments, the effect's id, and what people answered before it began.

    `who` goes to servers that may know who acts and for whom.
    """
    meta = {EFFECT_ID: key, **(who or {})}
    params: dict[str, object] = {"name": name, "arguments": dict(request.args), "_meta": meta}
    if (given := request.input) is not None:
        params |= {"inputResponses": dict(given.answers)} | ({"requestState": given.state} if given.state else {})
    return params


def read_form(params: object) -> Form | None:
    """The form of an `elicitation/create`, fit to be shown; None where it is none that can be."""
    if isinstance(params, dict) and (page := cast("dict[str, object]", params)).get("mode") == "url":
        return _page(page)
    form = form_of(cast("object", params))
    if form is None or excess(form.schema) or len(canonical(form.schema)) > _MAX_FORM or _unusable(form.schema):
        return None
    return Form(message=sentence(form.message) or "(It says nothing.)", schema=form.schema)


def _page(params: Mapping[str, object], *, again: bool = False) -> Form | None:
    """The form that asks people to open a page, if its address hides nothing."""
    url, message = params.get("url"), params.get("message")
    if not isinstance(url, str) or not isinstance(message, str) or not _ADDRESS.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.username is not None or parts.password is not None:
        return None  # a name before the host passes for the host
    return opening(sentence(message) or "(It says nothing.)", Link(url=url, host=host, again=again))


def _pages(data: object) -> dict[str, Form]:
    """The pages that a server wants opened before it takes the call; none where one of them cannot be shown."""
    listed = cast("dict[str, object]", data).get("elicitations") if isinstance(data, dict) else None
    pages: dict[str, Form] = {}
    for place, value in enumerate(cast("list[object]", listed)[: _MAX_FORMS + 1] if isinstance(listed, list) else ()):
        params = cast("dict[str, object]", value) if isinstance(value, dict) else {}
        page = _page(params, again=True) if params.get("mode") == "url" else None
        if page is None or place == _MAX_FORMS:
            return {}
        pages[f"page {place + 1}"] = page
    return pages


def _input_required(server: str, answer: Mapping[str, object]) -> Result:
    """What a server wants to know before it begins; anything but forms for people is declined, and nothing happened."""
    wanted, state = answer.get("inputRequests"), answer.get("requestState")
    requests = cast("dict[str, object]", wanted) if isinstance(wanted, dict) else {}
    forms: dict[str, Form] = {}
    for name, value in list(requests.items())[: _MAX_FORMS + 1]:
        request = cast("dict[str, object]", value) if isinstance(value, dict) else {}
        form = read_form(request.get("params")) if request.get("method") == "elicitation/create" else None
        if form is None or len(forms) == _MAX_FORMS or len(name) > _MAX_TOKEN:
            what = sentence(repr(request.get("method")), limit=80)
            message = f"Before it begins, the server {server!r} asks for what nobody here can give ({what})."
            return Failed("input_refused", message)
        forms[name] = form
    if not isinstance(state, str | None) or len(state or "") > _MAX_STATE:
        return Failed("input_refused", f"The server {server!r} asks back with a state that is none, or too long.")
    return InputRequired(server, forms, state or "")


def _trouble(trouble: Trouble, message: str, *, sent: bool, safe: bool) -> Result:
    match trouble.kind:
        case "unsent":
            return Failed(str(trouble.data or "unavailable"), message, retry=not trouble.data)
        case "too_late":
            return Failed(NOT_SENT, message, retry=True)
        case "barred":
            return Failed(trouble.data if isinstance(trouble.data, str) else "refused", message)
        case "refused" if trouble.code in _NOT_BEGUN:
            return Failed("refused", message)
        case "refused" if safe:
            return Failed("tool_error", message)
        case "unreadable" if safe:
            return Failed(str(trouble.data or "result_not_json"), message)
        case "refused" | "unreadable":
            return Unknown(message)
        case "cut":
            return Unknown(message) if sent else Failed("unavailable", message, retry=True)


def _value(content: Sequence[object]) -> object:
    """Text as one text; with anything else among it, a list in the order given; nothing as null."""
    parts = [_block(block) for block in content]
    if all(isinstance(part, str) for part in parts):
        return "\n".join(cast("list[str]", parts)) if parts else None
    return parts


def _block(block: object) -> object:
    """A block as a text, or as a note of what it is: bytes are counted, not carried."""
    if not isinstance(block, dict):
        return {"type": "unknown"}
    members = cast("dict[str, object]", block)
    if members.get("type") == "text" and isinstance(text := members.get("text"), str):
        return text
    inner = members.get("resource")
    source: Mapping[str, object] = cast("dict[str, object]", inner) if isinstance(inner, dict) else members
    note: dict[str, object] = {"type": str(members.get("type", "unknown"))}
    note |= {key: source[key] for key in ("uri", "name", "mimeType", "text") if isinstance(source.get(key), str)}
    encoded = source.get("data", source.get("blob"))
    if isinstance(encoded, str):
        note["bytes"] = max(len(encoded) * 3 // 4 - encoded[-2:].count("="), 0)
    return note
