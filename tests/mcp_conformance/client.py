"""The client that the official conformance suite drives: our adapter, and a person who always says yes.

Called as `client.py URL`. It lists the tools of the server and calls each, as the suite's scenarios expect, and logs in
where the server asks for it.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from deputy.adapters.egress import Egress
from deputy.adapters.tool.mcp_http import HttpServer, McpHttp
from deputy.adapters.tool.mcp_http.login import Redirect, Wish, log_in
from deputy.adapters.tool.mcp_http.tokens import Granted, Tokens
from deputy.adapters.wire.schema import Validator
from deputy.base.canonical import canonical
from deputy.base.clock import SystemClock
from deputy.base.errors import DeputyError
from deputy.domain.effect import Failed, Input, InputRequired, Intent, Result, ToolRequest, ToolSpec
from deputy.domain.elicitation import Form, content_of

SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
CONTEXT: dict[str, Any] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
METADATA_URL = "https://conformance-test.local/client-metadata.json"
SCHEMAS: dict[str, dict[str, object]] = {}
LOGINS = 3  #: how often somebody is asked before it is enough


class Memory:
    """A vault that forgets."""

    def __init__(self) -> None:
        self.text = ""

    @property
    def reference(self) -> str:
        return "secret:login"

    def read(self) -> str:
        return self.text

    def write(self, text: str) -> None:
        self.text = text

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        yield


class Person:
    """Opens the address, and is sent back with a code."""

    def __init__(self) -> None:
        self.told: Mapping[str, str] = {}

    async def show(self, address: str) -> None:
        egress = Egress([address])
        answer = await egress.request("GET", address)
        self.told = dict(parse_qsl(urlsplit(answer.headers.get("location", "")).query))
        await egress.close()

    async def answer(self) -> Mapping[str, str]:
        return self.told


def lend(reference: str) -> str:
    raise DeputyError(reference)


async def accept(_asker: str, form: Form) -> dict[str, object]:
    return {"action": "accept", "content": content_of("{}", form.schema)}


def intent_of(spec: ToolSpec, args: Mapping[str, object], given: Input | None) -> Intent:
    intent = Intent.__new__(Intent)
    intent.run, intent.key, intent.attempt = "r1", "r1.1", 1
    intent.request = ToolRequest(spec=spec, args=args, input=given)
    intent.deadline, intent.dispatch_by, intent.ask, intent.aloud = 20.0, float("inf"), accept, None
    return intent


def arguments_for(spec: ToolSpec) -> list[dict[str, object]]:
    """What to call a tool with: what the scenario names for it, else something for each required parameter."""
    said = [c["arguments"] for c in CONTEXT.get("toolCalls", []) if f"s.{c['name']}" == spec.name]
    if said:
        return said
    if spec.name == "s.json_schema_echo":
        return [{"schema": SCHEMAS["s.json_schema_2020_12_tool"]}]
    known = cast("dict[str, dict[str, Any]]", spec.parameters.get("properties") or {})
    simple: dict[str, object] = {"string": "x", "number": 1, "integer": 1, "boolean": True}
    needed = cast("list[str]", spec.parameters.get("required") or [])
    args = {name: simple.get(str(known.get(name, {}).get("type")), "x") for name in needed}
    return [args if Validator(spec.parameters).problem(args) is None else {}]


async def call(host: McpHttp, spec: ToolSpec, args: Mapping[str, object]) -> Result:
    result = await host.invoke(intent_of(spec, args, None))
    for _ in range(5):
        if not isinstance(result, InputRequired):
            break
        answers = {name: await accept("", form) for name, form in result.forms.items()}
        result = await host.invoke(intent_of(spec, args, Input(answers=answers, state=result.state)))
    return result


class Session:
    """The whole visit: hosts, logins, calls."""

    def __init__(self, url: str) -> None:
        self.url, self.vault, self.logins = url, Memory(), 0
        tokens = Tokens({}, lend, self.vault, SystemClock())
        server = HttpServer(name="s", url=url)
        self.host = McpHttp(server, egress=Egress([url]), clock=SystemClock(), lend=lend, authority=tokens)

    async def log_in(self) -> None:
        self.logins += 1
        if self.logins > LOGINS:
            raise DeputyError("Enough logins.")
        person = Person()
        redirect = Redirect("http://127.0.0.1:3000/callback", person.show, person.answer)
        before = self.granted()
        wish = Wish(
            client_id=CONTEXT.get("client_id", ""), client_secret=CONTEXT.get("client_secret", ""),
            client_metadata_url=METADATA_URL, challenge=self.host.challenge,
            granted_scope=before.scope if before else "",
            client=before.client if before else None,
        )  # fmt: skip
        self.vault.write(canonical(await log_in(self.url, wish, redirect, SystemClock())).decode())

    def granted(self) -> Granted | None:
        import msgspec

        return msgspec.json.decode(self.vault.text, type=Granted) if self.vault.text else None

    async def list(self) -> list[ToolSpec]:
        while True:
            try:
                return list(await self.host.catalogue())
            except DeputyError as e:
                if not self.host.challenge:
                    raise DeputyError(e.message) from e
                await self.log_in()

    async def visit(self) -> None:
        specs = await self.list()
        SCHEMAS.update((spec.name, spec.parameters) for spec in specs)
        for spec in specs:
            for args in arguments_for(spec):
                while True:
                    result = await call(self.host, spec, args)
                    sys.stdout.write(f"{spec.name} {args} {result}\n")
                    if not (isinstance(result, Failed) and result.code in ("unauthorized", "forbidden")):
                        break
                    await self.log_in()
        await self.host.close()


if __name__ == "__main__":
    asyncio.run(Session(sys.argv[-1]).visit())
