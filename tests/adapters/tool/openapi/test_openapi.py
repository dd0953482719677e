"""Operations of a document against a real HTTP server: what is offered, what is sent, and what comes of it."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from tests.adapters.model.server import Answer, Server, serving
from tests.adapters.tool.hosts import intent_of

from deputy.adapters.tool.openapi import Api, OpenApiTools
from deputy.adapters.wire.schema import Validator
from deputy.base.clock import SystemClock
from deputy.base.errors import ConfigError
from deputy.domain.effect import NOT_SENT, Done, Failed, Result, ToolSpec, Unknown

Json = dict[str, Any]
SHOP = """
openapi: 3.1.0
info: {title: Shop, version: 2026-11-24}
paths:
  /orders/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string}}
    get:
      operationId: getOrder
      summary: One order
      parameters:
        - {name: fields, in: query, schema: {type: array, items: {type: string}}}
        - {name: tags, in: query, explode: false, schema: {type: array, items: {type: string}}}
        - {name: where, in: query, style: deepObject, explode: true, schema: {type: object}}
        - {name: X-Trace, in: header, schema: {type: string}}
        - {name: session, in: cookie, schema: {type: string}}
        - {name: Authorization, in: header, schema: {type: string}}
    put:
      operationId: changeOrder
      requestBody: {$ref: '#/components/requestBodies/Change'}
    delete: {}
  /orders:
    post:
      operationId: placeOrder
      description: Places an order.
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
  /search:
    post:
      operationId: search
      requestBody: {content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Node'}}}}}
  /upload: {post: {operationId: upload, requestBody: {content: {image/png: {}}}}}
  /outside:
    post:
      operationId: outside
      requestBody: {content: {application/json: {schema: {$ref: 'http://evil.example/x.json'}}}}
  /twice: {get: {operationId: twice}, post: {operationId: twice}}
  /bad/{x}: {get: {operationId: bad}}
components:
  requestBodies:
    Change:
      required: true
      content:
        application/json:
          schema: {type: object, required: [id], properties: {id: {type: integer}, note: {type: string}}}
  schemas:
    Order:
      type: object
      required: [item, lines]
      properties:
        item: {type: string, example: lamp}
        lines: {type: array, items: {$ref: '#/components/schemas/Line'}}
        made: {type: string, readOnly: true}
    Line: {type: object, properties: {n: {type: integer, exclusiveMinimum: 0}}}
    Node: {type: object, properties: {children: {type: array, items: {$ref: '#/components/schemas/Node'}}}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.yaml"
    path.write_text(SHOP)
    return path


def answer(value: object, status: int = 200, kind: str = "application/json") -> Answer:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Answer(status=status, headers={"Content-Type": kind}, pieces=[body])


def calling(
    file: Path,
    operation: str,
    args: Mapping[str, object],
    *answers: Answer,
    settings: Callable[[str, ToolSpec], ToolSpec] = lambda _, spec: spec,
    deadline: float = 20.0,
    base: str = "/v2",
    **more: Any,
) -> tuple[Result, Server]:
    async def scenario() -> tuple[Result, Server]:
        async with serving(*(answers or (answer({"ok": True}),))) as server:
            address = f"http://127.0.0.1:{server.port}{base}"
            tools = _tools(file, address, settings, **more)
            try:
                spec = {s.name: s for s in await tools.catalogue()}[f"shop.{operation}"]
                assert Validator(spec.parameters).problem(args) is None
                return await tools.invoke(intent_of(spec, args, deadline=deadline)), server
            finally:
                await tools.close()

    return asyncio.run(scenario())


def _tools(
    file: Path, url: str, settings: Callable[[str, ToolSpec], ToolSpec] = lambda _, spec: spec, **more: Any
) -> OpenApiTools:
    api = Api(name="shop", document=file, base_url=url, **more)
    return OpenApiTools(api, SystemClock(), lambda reference: f"secret-{reference[4:]}", settings)


def listed(file: Path) -> tuple[dict[str, ToolSpec], tuple[str, ...]]:
    async def scenario() -> tuple[dict[str, ToolSpec], tuple[str, ...]]:
        tools = _tools(file, "http://127.0.0.1:1")
        try:
            return {s.name: s for s in await tools.catalogue()}, tools.problems
        finally:
            await tools.close()

    return asyncio.run(scenario())


def keyed(_: str, spec: ToolSpec) -> ToolSpec:
    return ToolSpec(name=spec.name, parameters=spec.parameters, effect="irreversible", repeat="keyed")


def failure(result: Result) -> str:
    assert isinstance(result, Failed), result
    return result.code


# -- what is offered


def test_each_operation_is_a_tool_as_careful_as_its_method(file: Path):
    specs, _ = listed(file)
    assert {name: (s.effect, s.repeat) for name, s in specs.items()} == {
        "shop.getOrder": ("read", "safe"),
        "shop.changeOrder": ("irreversible", "never"),
        "shop.delete_orders_id": ("irreversible", "never"),
        "shop.placeOrder": ("irreversible", "never"),
        "shop.search": ("irreversible", "never"),
    }
    assert specs["shop.getOrder"].description == "One order"
    assert specs["shop.placeOrder"].output.tainted


def test_what_cannot_be_offered_is_left_out_and_said(file: Path):
    problems = "\n".join(listed(file)[1])
    for words in ("'upload'", "image/png", "'outside'", "evil.example", "'twice' is there 2 times", "needs 'x'"):
        assert words in problems


def test_parameters_and_body_are_one_flat_schema_and_equal_names_say_where_they_go(file: Path):
    specs, _ = listed(file)
    change = cast("Json", specs["shop.changeOrder"].parameters)
    assert set(change["properties"]) == {"id", "body_id", "note"}
    assert set(change["required"]) == {"id", "body_id"}
    place = cast("Json", specs["shop.placeOrder"].parameters)
    assert place["properties"] == {
        "item": {"type": "string"}, "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}}
    }  # fmt: skip
    assert "Authorization" not in cast("Json", specs["shop.getOrder"].parameters)["properties"]
    nested: Json = {"body": [{"children": [{"children": []}]}]}
    assert Validator(specs["shop.search"].parameters).problem(nested) is None


def test_the_words_of_3_0_are_translated(tmp_path: Path):
    file = tmp_path / "old.json"
    schema: Json = {"type": "object", "properties": {
        "a": {"type": "string", "nullable": True, "enum": ["x"]},
        "b": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        "c": {"$ref": "#/components/schemas/C", "description": "ignored beside"}}}  # fmt: skip
    file.write_text(json.dumps({
        "openapi": "3.0.3", "components": {"schemas": {"C": {"nullable": True, "allOf": [{"type": "string"}]}}},
        "paths": {"/x": {"post": {"operationId": "x", "requestBody": {"required": True, "content": {
            "application/json": {"schema": schema}}}}}}}))  # fmt: skip
    check = Validator(listed(file)[0]["shop.x"].parameters).problem
    assert check({"a": None, "b": 1, "c": None}) is None
    assert check({"b": 0}) is not None
    assert check({"a": "y"}) is not None


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "openapi: 2.0", "swagger: '2.0'", "openapi: 3.1.0\npaths: &a {x: *a}", "{not json", "a: [",
        "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]", "!!python/object/apply:os.system ['true']",
        "openapi: 3.1.0\nx: " + "[" * 100 + "]" * 100, "x" * 6_000_000,
    ],
)  # fmt: skip
def test_what_is_no_document_is_one_error(tmp_path: Path, text: str):
    file = tmp_path / "odd.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="OpenAPI document"):
        listed(file)
    with pytest.raises(ConfigError):
        listed(tmp_path / "absent.yaml")


def test_references_in_circles_and_into_nothing_leave_their_operation_out(tmp_path: Path):
    file = tmp_path / "loop.json"
    loop = {"$ref": "#/components/parameters/a"}
    file.write_text(json.dumps({
        "openapi": "3.1.0", "components": {"parameters": {"a": loop}},
        "paths": {"/a": {"get": {"operationId": "a", "parameters": [loop]}},
                  "/b": {"get": {"operationId": "b", "parameters": [{"$ref": "#/nowhere"}]}},
                  "/c": {"get": {"operationId": "c"}}, "/d": None, "/e": []}}))  # fmt: skip
    specs, problems = listed(file)
    assert set(specs) == {"shop.c"}
    assert len(problems) == 2


# -- what is sent


def test_arguments_go_where_the_document_says(file: Path):
    args = {
        "id": "a b",
        "fields": ["x", "y&z"],
        "tags": ["1", "2"],
        "where": {"k": "v"},
        "X-Trace": "t",
        "session": "s;x",
    }
    result, server = calling(file, "getOrder", args, answer({"id": 7}))
    assert result == Done({"id": 7})
    (request,) = server.received
    assert (request.method, request.path) == ("GET", "/v2/orders/a%20b?fields=x&fields=y%26z&tags=1,2&where[k]=v")
    assert (request.headers["x-trace"], request.headers["cookie"]) == ("t", "session=s%3Bx")


def test_a_body_is_put_together_from_its_members(file: Path):
    _, server = calling(file, "changeOrder", {"id": "7", "body_id": 8, "note": "ß"})
    assert (server.received[0].path, server.received[0].json) == ("/v2/orders/7", {"id": 8, "note": "ß"})
    nodes: Json = {"body": [{"children": []}]}
    _, server = calling(file, "search", nodes)
    assert cast("object", server.received[0].json) == [{"children": []}]


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "..\\x", "x\r\ny"])
def test_an_argument_cannot_lead_to_another_path(file: Path, value: str):
    result, server = calling(file, "getOrder", {"id": value})
    assert failure(result) == "invalid_arguments"
    assert server.connections == 0


def test_an_argument_cannot_add_a_header(file: Path):
    result, server = calling(file, "getOrder", {"id": "1", "X-Trace": "x\r\nX-Admin: 1"})
    assert failure(result) == "invalid_arguments"
    assert server.connections == 0


@pytest.mark.parametrize(
    ("more", "header", "expected"),
    [
        ({"bearer": "env:TOKEN"}, "authorization", "Bearer secret-TOKEN"),
        ({"user": "wei", "password": "env:PASS"}, "authorization", "Basic d2VpOnNlY3JldC1QQVNT"),
        ({"headers": {"X-Api-Key": "env:KEY", "X-Team": "a"}}, "x-api-key", "secret-KEY"),
    ],
)
def test_credentials_go_along_and_come_back_hidden(file: Path, more: Json, header: str, expected: str):
    echo = answer({"you sent": expected})
    result, server = calling(file, "getOrder", {"id": "1"}, echo, **more)
    assert server.received[0].headers[header] == expected
    assert isinstance(result, Done)
    assert expected.split()[-1] not in json.dumps(result.value)


def test_a_keyed_operation_carries_the_effects_id_and_another_none(file: Path):
    order: Json = {"item": "lamp", "lines": []}
    _, server = calling(file, "placeOrder", order, settings=keyed)
    assert server.received[0].headers["idempotency-key"] == "r1.1"
    _, server = calling(file, "placeOrder", order, settings=keyed, key_header="X-Request-Key")
    assert server.received[0].headers["x-request-key"] == "r1.1"
    _, server = calling(file, "placeOrder", order)
    assert "idempotency-key" not in server.received[0].headers


def test_a_redirect_is_not_followed_with_credentials(file: Path):
    away = Answer(status=302, headers={"Location": "http://127.0.0.2:1/"})
    result, server = calling(file, "getOrder", {"id": "1"}, away, bearer="env:TOKEN")
    assert failure(result) == "http_302"
    assert len(server.received) == 1


# -- what comes of it

ORDER: Json = {"item": "lamp", "lines": []}


def test_a_refusal_certainly_did_not_happen_and_is_told_briefly(file: Path):
    result, _ = calling(
        file, "placeOrder", ORDER, answer({"error": "x" * 50_000 + "secret-TOKEN"}, 422), bearer="env:TOKEN"
    )
    assert failure(result) == "http_422"
    assert isinstance(result, Failed)
    assert len(result.message) < 1_200
    hidden, _ = calling(file, "placeOrder", ORDER, answer({"error": "bad secret-TOKEN"}, 400), bearer="env:TOKEN")
    assert "secret-TOKEN" not in repr(hidden)


@pytest.mark.parametrize(
    "ending",
    [answer({}, 500), answer({}, 503), Answer(silent=True), Answer(ending="cut", pieces=[b"{"]), answer({}, 303)],
)
def test_what_may_have_happened_is_unknown_unless_it_only_reads(file: Path, ending: Answer):
    written, _ = calling(file, "placeOrder", ORDER, ending, deadline=0.5)
    assert isinstance(written, Unknown)
    read, _ = calling(file, "getOrder", {"id": "1"}, ending, deadline=0.5)
    assert isinstance(read, Failed)


def test_an_answer_that_is_too_long_or_no_json_loses_its_value_and_not_the_fact(file: Path):
    for odd in (answer({"x": "y" * 5_000}), answer(b"{", kind="application/json"), answer(b"[" * 500 + b"]" * 500)):
        written, _ = calling(file, "placeOrder", ORDER, odd, limit=2_000)
        assert isinstance(written, Done)
        assert "not_kept" in cast("Json", written.value)
        read, _ = calling(file, "getOrder", {"id": "1"}, odd, limit=2_000)
        assert isinstance(read, Failed)


def test_text_comes_as_text_and_bytes_are_counted(file: Path):
    assert calling(file, "getOrder", {"id": "1"}, answer(b"hello", kind="text/plain"))[0] == Done({"text": "hello"})
    picture = calling(file, "getOrder", {"id": "1"}, answer(b"\x89PNG", kind="image/png"))[0]
    assert picture == Done({"type": "image/png", "bytes": 4})
    assert calling(file, "getOrder", {"id": "1"}, Answer(status=204))[0] == Done(None)


def test_nothing_is_sent_after_the_lease_or_to_nobody(file: Path):
    async def scenario() -> tuple[Result, Result]:
        tools = _tools(file, "http://127.0.0.1:1")
        spec = {s.name: s for s in await tools.catalogue()}["shop.placeOrder"]
        try:
            return (
                await tools.invoke(intent_of(spec, ORDER, dispatch_by=0.0)),
                await tools.invoke(intent_of(spec, ORDER)),
            )
        finally:
            await tools.close()

    late, nobody = asyncio.run(scenario())
    assert (failure(late), failure(nobody)) == (NOT_SENT, "unreachable")


def test_a_changed_document_is_read_again(file: Path):
    async def scenario() -> tuple[int, int]:
        tools = _tools(file, "http://127.0.0.1:1")
        before = len(await tools.catalogue())
        file.write_text("openapi: 3.1.0\npaths: {/x: {get: {operationId: x}}}")
        after = len(await tools.catalogue())
        await tools.close()
        return before, after

    assert asyncio.run(scenario()) == (5, 1)
