"""What the far side of a tool call asks people for: flat forms of text, numbers, yes or no, and choices; or to open a
page and do something there.

Pure: reads the form, and makes of a person's words an answer that fits it. The words of a form are the outsider's.
"""

import re
from collections.abc import Mapping
from typing import cast

import msgspec

__all__ = [
    "DONE", "MOST_FIELDS", "OPEN", "Field", "Form", "Link", "content_of", "fields_of", "form_of", "link_of", "opening",
]  # fmt: skip

MOST_FIELDS = 50
OPEN = "deputy/open"  #: in the schema of a form that asks to open a page: `url`, `host`, and whether to call `again`
DONE = "done"  #: what people answer to such a form
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_TRUE, _FALSE = frozenset(("true", "yes", "y", "ja", "是")), frozenset(("false", "no", "n", "nein", "否"))


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One form: its words, and the JSON Schema of its fields."""

    message: str
    schema: dict[str, object]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a form, as people see it."""

    name: str
    kind: str  #: text, number, integer, boolean, choice or choices
    required: bool = False
    title: str = ""
    description: str = ""
    options: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()  #: of the options, where they have any
    default: object = None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A page that people are asked to open, and whose server it is on."""

    url: str
    host: str
    again: bool = False  #: whether the server hears no answer, and the call is made again instead


def opening(message: str, link: Link) -> Form:
    """The form that asks to open a page; it is answered `done`, or declined. Nobody but a person opens it."""
    words = f"{message}\nThe page is on {link.host}. Open it only if you know why; Deputy does not.\n{link.url}"
    answer = {"type": "string", "enum": [DONE], "description": "once you have done there what it asks for"}
    return Form(
        message=words,
        schema={
            "type": "object", "properties": {"answer": answer}, "required": ["answer"],
            OPEN: {"url": link.url, "host": link.host, "again": link.again},
        },
    )  # fmt: skip


def link_of(schema: Mapping[str, object]) -> Link | None:
    """The page that a form asks to open, if it does."""
    given = _mapping(schema.get(OPEN))
    return Link(url=_text(given["url"]), host=_text(given["host"]), again=bool(given["again"])) if given else None


def form_of(params: object) -> Form | None:
    """The form that an `elicitation/create` asks for, or None where it is none that we can show."""
    if not isinstance(params, Mapping):
        return None
    given = cast("Mapping[str, object]", params)
    schema = given.get("requestedSchema")
    if given.get("mode", "form") != "form" or not isinstance(given.get("message"), str):
        return None
    if not isinstance(schema, dict) or cast("dict[str, object]", schema).get("type") != "object":
        return None
    plain = {name: value for name, value in cast("dict[str, object]", schema).items() if name != OPEN}
    form = Form(message=str(given["message"]), schema=plain)
    names = form.schema.get("properties", {})
    if not isinstance(names, dict) or len(cast("dict[str, object]", names)) > MOST_FIELDS:
        return None
    return form if all(field.kind for field in fields_of(form.schema)) else None


def fields_of(schema: Mapping[str, object]) -> tuple[Field, ...]:
    """The fields of a form's schema, in its order; of one that cannot be shown the kind is empty."""
    required = schema.get("required")
    needed = cast("list[object]", required) if isinstance(required, list) else []
    found: list[Field] = []
    for name, value in _mapping(schema.get("properties")).items():
        said = _mapping(value)
        options, titles = _options(said)
        found.append(
            Field(
                name=name, kind=_kind(said, options), required=name in needed, title=_text(said.get("title")),
                description=_text(said.get("description")), options=options, titles=titles,
                default=said.get("default"),
            )
        )  # fmt: skip
    return tuple(found)


def content_of(text: str, schema: Mapping[str, object]) -> dict[str, object]:
    """A person's words as an answer: a JSON object, or the bare value of a form's only (required) field.

    Fields that are not given have their default. Raises ValueError, with a sentence, where the words are no answer;
    whether the answer fits the schema is for a validator to say.
    """
    fields = fields_of(schema)
    given = _object(text)
    if given is None:
        asked = [f for f in fields if f.required] or list(fields)
        if len(asked) != 1:
            names = ", ".join(f"`{field.name}`" for field in fields)
            raise ValueError(f"It asks for {names or 'nothing'}: answer with a JSON object of them.")
        given = {asked[0].name: _value(text.strip(), asked[0])}
    defaults = {f.name: f.default for f in fields if f.default is not None and f.name not in given}
    return {**defaults, **given}


def _value(text: str, field: Field) -> object:
    match field.kind:
        case "boolean":
            word = text.casefold()
            if word not in _TRUE | _FALSE:
                raise ValueError(f"`{field.name}` is answered with yes or no.")
            return word in _TRUE
        case "integer" | "number":
            if (number := _NUMBER.fullmatch(text)) is None or (number[1] and field.kind == "integer"):
                raise ValueError(f"`{field.name}` is answered with a{' whole' * (field.kind == 'integer')} number.")
            return float(text) if number[1] else int(text)
        case "choice":
            return _choice(text, field)
        case "choices":
            return [_choice(part.strip(), field) for part in text.split(",") if part.strip()]
        case _:
            return text


def _choice(text: str, field: Field) -> str:
    for option, title in zip(field.options, field.titles or field.options, strict=True):
        if text.casefold() in (option.casefold(), title.casefold()):
            return option
    raise ValueError(f"{text!r} is none of the answers to choose from: {', '.join(field.titles or field.options)}.")


def _kind(said: Mapping[str, object], options: tuple[str, ...]) -> str:
    kind = said.get("type")
    if kind == "array":
        return "choices" if options else ""
    if kind == "string":
        return "choice" if options else "text"
    return kind if kind in ("integer", "number", "boolean") else ""


def _options(said: Mapping[str, object]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What can be chosen, in the spellings that the protocol has had: enum, enumNames, oneOf and anyOf of constants."""
    place = _mapping(said.get("items")) if said.get("type") == "array" else said
    named = place.get("oneOf", place.get("anyOf"))
    if isinstance(named, list):
        pairs = [_mapping(entry) for entry in cast("list[object]", named)]
        options = tuple(_text(pair.get("const")) for pair in pairs)
        return options, tuple(_text(pair.get("title")) or option for pair, option in zip(pairs, options, strict=True))
    options = _texts(place.get("enum"))
    titles = _texts(place.get("enumNames"))
    return options, titles if len(titles) == len(options) else ()


def _object(text: str) -> dict[str, object] | None:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(entry for entry in cast("list[object]", value) if isinstance(entry, str))
