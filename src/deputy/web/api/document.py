"""The OpenAPI 3.1 document, made from the table of routes."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from deputy import __version__
from deputy.app.rights import RIGHTS
from deputy.domain.principal import ROLES
from deputy.web.api import shapes
from deputy.web.api.problems import TITLES, status_of
from deputy.web.api.table import Endpoint

__all__ = ["document"]

REF = "#/components/schemas/{name}"


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document."""
    types = [t for one in endpoints for t in (one.answer, one.body, one.query) if t is not None]
    _, components = msgspec.json.schema_components([*types, shapes.Problem], ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Deputy", "version": __version__,
            "description": "What people do with `deputy`, for programs. Times are RFC 3339 in UTC; amounts of "
            "money are decimal texts with their currency; members may be added in later versions.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`deputy token create`"},
                "session": {"type": "apiKey", "in": "cookie", "name": "deputy_session"},
            },
        },
    }  # fmt: skip


def _operation(one: Endpoint) -> dict[str, Any]:
    roles = [role for role in ROLES if role in RIGHTS[one.action]]
    statuses = {401, 403, 421, 503, *(status_of(error) for error in one.errors)}
    statuses |= {400} if one.query is not None or one.body is not None else set()
    statuses |= {400, 409, 422} if one.method != "GET" else set()
    statuses |= {413} if one.takes or one.body is not None else set()
    statuses |= {429} if one.kind == "text/event-stream" else set()
    answers: dict[str, Any] = {
        str(one.status): {"description": "Done.", "content": {one.kind: {"schema": _schema(one.answer)}}}
    }
    for status in sorted(statuses):
        content = {"application/problem+json": {"schema": {"$ref": REF.format(name="Problem")}}}
        answers[str(status)] = {"description": TITLES[status], "content": content}
    operation: dict[str, Any] = {
        "operationId": _name(one), "summary": one.summary, "x-roles": roles, "responses": answers,
        "parameters": [*_in_path(one.path), *_in_query(one.query), *_keys(one)],
    }  # fmt: skip
    if one.takes:
        body: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "maxLength": one.takes}}}
        operation["requestBody"] = {"required": True, "content": body}
    elif one.body is not None:
        content: dict[str, Any] = {"schema": _schema(one.body)}
        content["example"] = {} if one.example is None else one.example
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _schema(kind: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    return schema


def _name(one: Endpoint) -> str:
    words = re.findall(r"[a-z]+", re.sub(r"\{[a-z]+\}", "one", one.path))
    return "_".join([one.method.lower(), *words])


def _in_path(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"\{([a-z]+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _in_query(kind: Any) -> list[dict[str, Any]]:
    if kind is None:
        return []
    _, components = msgspec.json.schema_components([kind], ref_template=REF)
    properties: dict[str, Any] = components[kind.__name__]["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]


def _keys(one: Endpoint) -> list[dict[str, Any]]:
    if one.method == "GET" or one.pure:
        return []
    told = "One's own name for this request: sent again under it, it has the same answer and no second effect."
    schema = {"type": "string", "minLength": 1, "maxLength": 200}
    return [{"name": "Idempotency-Key", "in": "header", "required": True, "description": told, "schema": schema}]
