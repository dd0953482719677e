"""Write, try and deploy agents: what is wrong with a draft, what it may do, and how it comes into force at once.

The files on disk are the truth. A draft is judged beside them, deployed only where nobody changed them meanwhile, and
in force as soon as it is written, all of it; who did so, and what it widens, stands in the workspace's journal first.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from deputy.adapters.agent_folder import NAME, held, put, writable
from deputy.app import rights
from deputy.app.authority import Comparison, compare, in_words
from deputy.app.bootstrap import Office
from deputy.app.commands import Asking
from deputy.app.config import Deployed, Settings
from deputy.app.config.agents import AGENT_NAME
from deputy.app.config.bundle import agent_file, agent_texts, version_of
from deputy.app.config.draft import judge
from deputy.base.canonical import canonical, digest
from deputy.base.errors import ConfigError, Conflict, NotFound, UsageError
from deputy.base.ids import new_run_id
from deputy.domain.agent import Bundle
from deputy.domain.principal import Person, person_principal
from deputy.kernel.start import Request, new_run
from deputy.ports.store import Blob, Commit

__all__ = ["Check", "Finding", "Source", "attempt", "bundle_of", "check", "deploy", "diff", "roll_back", "source"]

Files = Mapping[str, str | None]  #: an agent's own files by their path in its folder; None is one that goes
MOST_FILES = 50  #: of a draft
WORDS = 2.0  #: seconds for tools to be listed
LONGEST = 800_000  #: characters of a draft


class Finding(NamedTuple):
    """Something wrong with a draft, or worth a look."""

    level: str
    file: str  #: in the agent's folder, or in the workspace where it lies elsewhere
    line: int | None
    column: int | None
    code: str
    message: str
    remedy: str


class Check(NamedTuple):
    """What a draft is worth."""

    version: str  #: that it would have; "" while something is wrong
    findings: Sequence[Finding]
    authority: Comparison | None  #: beside what is in force


class Source(NamedTuple):
    """An agent's own files as they lie on disk."""

    agent: str
    files: Mapping[str, str]
    digest: str  #: of them all
    version: str  #: "" while something is wrong with them
    deployed: str  #: the version that was deployed last
    findings: Sequence[Finding]


async def source(office: Office, name: str, person: Person) -> Source:
    """The files of an agent as they are now, and whether they are in force."""
    rights.require(person, "agents.source")
    _named(name)
    files = _own(office.settings, name)
    if not files:
        raise NotFound(f"There is no agent {name!r}.", "`agents/` has a folder for every agent.")
    deployed, findings = _judged(office.settings, name, files)
    version = deployed.agent.version if deployed is not None else ""
    wrong = office.deployment.wrong
    if wrong is not None and not findings:
        findings = [_finding(name, wrong)]
    return Source(name, files, digest_of(files), version, await office.history.last(name), findings)


def digest_of(files: Mapping[str, str]) -> str:
    """What tells apart what an agent's own files say; "" where there are none."""
    return digest(canonical(dict(files))) if files else ""


async def check(office: Office, name: str, files: Files, person: Person) -> Check:
    """Judge a draft beside what is on disk; changes nothing."""
    rights.require(person, "agents.deploy")
    texts = _drafted(_own(office.settings, _named(name)), files)
    deployed, findings = _judged(office.settings, name, texts)
    if deployed is not None:
        findings += await _unknown(office, deployed)
    authority = None if deployed is None else compare(office.settings.agents.get(name), deployed)
    return Check(deployed.agent.version if deployed else "", findings, authority)


async def deploy(
    office: Office, name: str, files: Files, base: str, person: Person, asking: Asking | None = None
) -> Check:
    """Let a draft take effect, unless the files are no longer those it was based on (`base`, their digest).

    A new agent has no base. Of a request that comes again nothing comes if the first was carried out.
    """
    rights.require(person, "agents.deploy")
    _named(name)
    async with held(office.settings.folder, office.clock):
        own = _own(office.settings, name)
        texts = _drafted(own, files)
        if digest_of(own) != base and not (asking is not None and asking.again and own == texts):
            what = "exists already" if not base else "was changed by somebody else meanwhile"
            raise Conflict(f"The agent `{name}` {what}.", "Look at what it says now, and take over what you need.")
        found = await _put(office, name, own, texts, person, "")
    await office.take_over()
    return found


async def roll_back(office: Office, name: str, version: str, base: str, person: Person) -> Check:
    """Bring back an earlier version's own files, as a new deployment."""
    rights.require(person, "agents.deploy")
    bundle = await bundle_of(office, _named(name), version)
    async with held(office.settings.folder, office.clock):
        own = _own(office.settings, name)
        if digest_of(own) != base:
            message = f"The agent `{name}` was changed by somebody else meanwhile."
            raise Conflict(message, "Look at what it says now, and decide again.")
        prefix = f"agents/{name}/"
        texts = {path.removeprefix(prefix): text for path, text in bundle.files.items() if path.startswith(prefix)}
        found = await _put(office, name, own, texts, person, f"back to {version_of(bundle)[:12]}; ")
    await office.take_over()
    return found


async def _put(
    office: Office, name: str, own: Mapping[str, str], texts: Mapping[str, str], person: Person, said: str
) -> Check:
    deployed, findings = _judged(office.settings, name, texts)
    if deployed is None:
        first = findings[0]
        place = f"{first.file}:{first.line}: " if first.line else ""
        raise UsageError(f"Nothing was deployed: {place}{first.message}", first.remedy)
    before = office.settings.agents.get(name)
    authority = compare(before, deployed)
    changed: dict[str, str | None] = {path: text for path, text in texts.items() if own.get(path) != text}
    changed |= dict.fromkeys(path for path in own if path not in texts)
    version = deployed.agent.version
    if changed or version != await office.history.last(name):
        by = person_principal(person.id)
        await office.history.note(deployed, by, said + in_words(authority.changes))
        try:
            if changed:
                await put(office.settings.folder, name, changed)
        except UsageError:
            if before is not None:
                await office.history.note(before, by, "it could not be written, and stays")
            raise
    return Check(version, findings, authority)


async def attempt(
    office: Office, name: str, task: str, what: Files | str, person: Person, asking: Asking | None = None
) -> str:
    """Let a draft (its files) or a version try a task in shadow: it only reads. Returns the run's id."""
    rights.require(person, "agents.deploy")
    if not task.strip():
        raise UsageError("The task is empty.", "Say what it shall try.")
    if isinstance(what, str):
        bundle = await bundle_of(office, _named(name), what)
        prefix = f"agents/{name}/"
        texts = {path.removeprefix(prefix): text for path, text in bundle.files.items() if path.startswith(prefix)}
    else:
        texts = _drafted(_own(office.settings, _named(name)), what)
    deployed, findings = _judged(office.settings, name, texts)
    if deployed is None:
        raise UsageError(f"It cannot be tried: {findings[0].message}", findings[0].remedy)
    await office.store.put_blob(Blob(deployed.agent.version, canonical(deployed.bundle)))
    by, at = person_principal(person.id), office.clock.now() if asking is None else asking.at
    key, how = (new_run_id(), "files") if asking is None else (asking.key, asking.how)
    run = new_run(
        deployed.agent, task, at=at, by=by, on_behalf_of=person.id, cause=Request(key, how, trial=True)
    )  # fmt: skip
    if asking is None or not asking.again or await office.store.run(run.id) is None:
        await office.store.commit(Commit(run=run.id, lease=None, children=[run]))
    return run.id


async def diff(office: Office, name: str, one: str, other: str, person: Person) -> tuple[str, str, Comparison]:
    """How a version differs from another; by default, what is in force from what was before it."""
    rights.require(person, "agents.source")
    deployments = await office.history.of(_named(name))
    current = office.settings.agents.get(name)
    new = other or (current.agent.version if current else deployments[-1].version if deployments else "")
    if not new:
        raise NotFound(f"There is no agent {name!r}.", "`agents/` has a folder for every agent.")
    old = one or next((d.version for d in reversed(deployments) if d.version != new), "")
    after = await _past(office, name, new)
    before = await _past(office, name, old) if old else None
    return (before.agent.version if before else ""), after.agent.version, compare(before, after)


# -- versions


async def bundle_of(office: Office, name: str, version: str) -> Bundle:
    """The files of a version that was deployed, by the beginning of its digest."""
    known = {d.version for d in await office.history.of(name)}
    found = sorted(v for v in known if v.startswith(version)) if len(version) >= 6 else []
    if len(found) != 1:
        what = "several versions" if found else "no version"
        raise NotFound(f"{name} has {what} {version[:20]!r}.", f"See `deputy agent versions {name}`.")
    body = (await office.store.blobs([found[0]])).get(found[0])
    if body is None:
        raise NotFound(f"The files of version {version[:12]} are not kept.", "Take another version.")
    return msgspec.json.decode(body, type=Bundle)


async def _past(office: Office, name: str, version: str) -> Deployed:
    """A version that was deployed, by the beginning of its digest."""
    return await office.versions.past(name, version_of(await bundle_of(office, name, version)))


# -- inside


def _named(name: str) -> str:
    if not AGENT_NAME.fullmatch(name):
        raise UsageError(f"{name[:80]!r} is no name for an agent.", "Use at most 64 of a-z, 0-9 and -.")
    return name


def _own(settings: Settings, name: str) -> dict[str, str]:
    """The agent's own texts on disk, by their path in its folder."""
    texts = agent_texts(settings.folder, name)
    return {path.removeprefix(agent_file(name, "")): text for path, text in texts.items()}


def _drafted(own: Mapping[str, str], files: Files) -> dict[str, str]:
    """What there would be with a draft in force; refuses names that lead elsewhere, and code."""
    if len(files) > MOST_FILES or sum(len(text or "") for text in files.values()) > LONGEST:
        raise UsageError("The draft is too large.", "Put large files into the folder by hand.")
    for path, text in files.items():
        if own.get(path) == text:
            continue
        if not NAME.fullmatch(path):
            raise UsageError(f"{path[:80]!r} is no name of a file here.", "Use letters, digits, `_`, `-`, `.`, `/`.")
        if not writable(path):
            raise UsageError(f"`{path}` cannot be changed from here.", "Code is changed where it is kept, on disk.")
        if text is not None and ("\0" in text or not _encodes(text)):
            raise UsageError(f"`{path}` has characters that no text has.", "Remove them.")
    return {path: text for path, text in {**own, **files}.items() if text is not None}


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _judged(settings: Settings, name: str, texts: Mapping[str, str]) -> tuple[Deployed | None, list[Finding]]:
    deployed, wrong = judge(name, {agent_file(name, path): text for path, text in texts.items()}, settings)
    return deployed, [_finding(name, exc) for exc in wrong]


def _finding(name: str, exc: UsageError) -> Finding:
    if isinstance(exc, ConfigError):
        file = exc.file.removeprefix(agent_file(name, ""))
        return Finding("error", file, exc.line, exc.column, exc.code, exc.sentence, exc.remedy)
    return Finding("error", "", None, None, exc.code, exc.message, exc.remedy)


async def _unknown(office: Office, deployed: Deployed) -> list[Finding]:
    found: list[Finding] = []
    try:
        async with asyncio.timeout(WORDS):
            for one in await office.toolbox.unknown(deployed):
                message = f"`{one.pattern}` names no tool that exists."
                found.append(Finding("warning", "AGENT.md", one.line, one.column, "unknown_tool", message, one.remedy))
    except TimeoutError:
        pass  # a server is slow to start: what it lists is known at the next check
    return found
