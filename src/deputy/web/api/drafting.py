"""The routes to write, try and deploy agents."""

from typing import Any, Literal

import msgspec

from deputy.app import blanks, drafts
from deputy.app.authority import Comparison
from deputy.app.mandates import vocabulary
from deputy.base.errors import ConfigError, Conflict, NotFound, UsageError
from deputy.web.api import shapes
from deputy.web.api.table import Asked, Endpoint

__all__ = ["DRAFTING"]

_EXAMPLE = "---\nname: greeter\nowner: wei\nmodel: rehearsal\n---\n\nGreet whoever is named.\n"


class Authority(shapes.Out):
    """How an agent differs from what it is compared with; `diffs` are unified, by file."""

    direction: shapes.Direction
    changes: list[shapes.AuthorityChange]
    diffs: dict[str, str]


class VersionsCompared(Authority):
    """How a version differs from another; `before` is empty where there was none."""

    before: str
    after: str


class DraftFinding(shapes.Out):
    """What is wrong with a draft, or worth a look; lines and columns count from 1."""

    level: Literal["error", "warning"]
    file: str
    line: int | None
    column: int | None
    code: str
    message: str
    remedy: str


class DraftChecked(shapes.Out):
    """What a draft is worth; `version` is empty, and `authority` null, while something is wrong."""

    version: str
    findings: list[DraftFinding]
    authority: Authority | None


class AgentSource(shapes.Out):
    """An agent's own files as they lie on disk; `digest` goes into `base` of what changes them."""

    agent: str
    files: dict[str, str]
    digest: str
    version: str
    deployed: str
    writable: list[str]
    findings: list[DraftFinding]


class AgentTemplate(shapes.Out):
    """What a new agent may begin with; `name` is to be replaced by the agent's."""

    template: str
    description: str
    name: str
    files: dict[str, str]


class KnownTool(shapes.Out):
    """A tool that can be granted."""

    name: str
    class_: str = msgspec.field(name="class")
    description: str


class KnownPerson(shapes.Out):
    """A person."""

    id: str
    name: str


class Vocabulary(shapes.Out):
    """The words that an agent's file may use in this workspace; `silent` are connections that did not list tools."""

    tools: list[KnownTool]
    silent: list[str]
    people: list[KnownPerson]
    approvers: list[str]
    models: list[str]
    agents: list[str]
    mailboxes: list[str]
    keys: dict[str, list[str]]


class Draft(shapes.Shape):
    """Files of an agent that differ from those on disk, by their path in its folder; null is one that goes."""

    agent: str
    files: dict[str, str | None]


class Deploy(shapes.Shape):
    """A draft, and the digest of the files that it was based on; "" for a new agent."""

    files: dict[str, str | None]
    base: str


class RollBack(shapes.Shape):
    """Which version comes back, and the digest of the files as they are now."""

    version: str
    base: str


class Try(shapes.Shape):
    """A task, for a draft (`files`), or for a version that was deployed."""

    task: str
    files: dict[str, str | None] | None = None
    version: str = ""


class Tried(shapes.Out):
    """The run that tries."""

    run: str


class Compared(shapes.Shape):
    """Which versions; by default the one in force, and the one before it."""

    before: str = ""
    after: str = ""


def _authority(found: Comparison | None) -> Any:
    if found is None:
        return None
    return {"direction": found.direction, "changes": msgspec.to_builtins(found.changes), "diffs": dict(found.diffs)}


def _findings(found: Any) -> list[dict[str, Any]]:
    return [finding._asdict() for finding in found]


def _checked(found: drafts.Check) -> Any:
    return {
        "version": found.version, "findings": _findings(found.findings), "authority": _authority(found.authority)
    }  # fmt: skip


async def source(asked: Asked) -> Any:
    """An agent's files."""
    found = await drafts.source(asked.office, asked.path["agent"], asked.caller.person)
    return {
        "agent": found.agent, "files": dict(found.files), "digest": found.digest, "version": found.version,
        "deployed": found.deployed, "writable": [path for path in found.files if drafts.writable(path)],
        "findings": _findings(found.findings),
    }  # fmt: skip


async def check(asked: Asked) -> Any:
    """Judge a draft."""
    return _checked(await drafts.check(asked.office, asked.body.agent, asked.body.files, asked.caller.person))


async def deploy(asked: Asked) -> Any:
    """Let a draft take effect."""
    body: Deploy = asked.body
    try:
        return _checked(
            await drafts.deploy(
                asked.office, asked.path["agent"], body.files, body.base, asked.caller.person, asked.asking
            )
        )
    except ConfigError as exc:  # of a draft, not of the workspace
        raise UsageError(exc.message, exc.remedy) from None


async def roll_back(asked: Asked) -> Any:
    """Bring a version back."""
    body: RollBack = asked.body
    person = asked.caller.person
    return _checked(await drafts.roll_back(asked.office, asked.path["agent"], body.version, body.base, person))


async def attempt(asked: Asked) -> Any:
    """Try in shadow."""
    body: Try = asked.body
    what = body.version or body.files or {}
    run = await drafts.attempt(
        asked.office, asked.path["agent"], body.task, what, asked.caller.person, asked.asking
    )  # fmt: skip
    return {"run": run}


async def diff(asked: Asked) -> Any:
    """Compare versions."""
    query: Compared = asked.query
    before, after, found = await drafts.diff(
        asked.office, asked.path["agent"], query.before, query.after, asked.caller.person
    )
    return {"before": before, "after": after, **_authority(found)}


async def templates(asked: Asked) -> Any:
    """What to begin with."""
    return blanks.blanks(asked.office, asked.caller.person)


async def words(asked: Asked) -> Any:
    """The words that a file may use."""
    return await vocabulary(asked.office, asked.caller.person)


_WRONG = (NotFound, Conflict, UsageError)

DRAFTING: tuple[Endpoint, ...] = (
    Endpoint(
        "GET", "/agents/{agent}/source", "agents.source",
        "An agent's own files as they lie on disk, what is wrong with them, and whether they are in force.", source,
        AgentSource, errors=_WRONG,
    ),
    Endpoint(
        "GET", "/agents/{agent}/diff", "agents.source",
        "How a version differs from another in what it may do and says; by default, the last deployment.", diff,
        VersionsCompared, query=Compared, errors=_WRONG,
    ),
    Endpoint("GET", "/templates", "agents.deploy", "What a new agent may begin with.", templates, list[AgentTemplate]),
    Endpoint("GET", "/vocabulary", "agents.source", "The words that an agent's file may use.", words, Vocabulary),
    Endpoint(
        "POST", "/agents/check", "agents.deploy",
        "Judge a draft beside what is on disk: what is wrong, and what it would widen or narrow. Changes nothing.",
        check, DraftChecked, body=Draft, errors=_WRONG, pure=True,
        example={"agent": "greeter", "files": {"AGENT.md": _EXAMPLE}},
    ),
    Endpoint(
        "POST", "/agents/{agent}/deploy", "agents.deploy",
        "Let a draft take effect, unless somebody changed the files meanwhile (409).", deploy, DraftChecked,
        body=Deploy, errors=_WRONG, example={"files": {"AGENT.md": _EXAMPLE}, "base": "0" * 64},
    ),
    Endpoint(
        "POST", "/agents/{agent}/rollback", "agents.deploy", "Bring an earlier version's own files back.", roll_back,
        DraftChecked, body=RollBack, errors=_WRONG, example={"version": "0123456789ab", "base": "0" * 64},
    ),
    Endpoint(
        "POST", "/agents/{agent}/try", "agents.deploy",
        "Let a draft or a version try a task in shadow: it reads, and nothing outside happens.", attempt, Tried,
        body=Try, errors=_WRONG, example={"task": "Process INV-7.", "files": {"AGENT.md": _EXAMPLE}}, status=201,
    ),
)  # fmt: skip
