"""What people last looked at of each server's tools; one that changed since is denied until somebody looks again.

The first sight of a tool pins its name, description and parameters in the workspace's own journal, so that all workers
know them and the record shows who accepted what. A server may change a tool's words between two calls (a "rug pull"),
and words reach the model: so until a person accepts a change, agents go on seeing the tool as it was, and the gate
denies it under the rule `tool-changed`.
"""

from collections.abc import Mapping, Sequence
from difflib import unified_diff
from typing import NamedTuple

import msgspec

from deputy.base.canonical import canonical, digest
from deputy.base.clock import Clock
from deputy.domain.chain import link
from deputy.domain.effect import ToolSpec
from deputy.domain.event import Workspace, event_from
from deputy.domain.principal import SYSTEM
from deputy.domain.stow import stow
from deputy.ports.store import Blob, Row, Store

__all__ = ["Change", "Manifest", "Pins", "changes_of"]


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """A tool as people (or, at first sight, nobody yet) looked at it; its digest is that of the tool's spec."""

    name: str
    description: str
    parameters: dict[str, object]

    @property
    def digest(self) -> str:
        """The `schema_digest` of the spec that it was."""
        return digest(canonical([self.name, self.description, self.parameters]))


Manifest = dict[str, Seen]  #: of one server, by the tool's name


class Change(NamedTuple):
    """A tool that is not as it was pinned, and how, as the lines of a diff."""

    tool: str
    lines: tuple[str, ...]


class Pins:
    """The pins of a workspace."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._read = 0
        self._names: dict[str, str] = {}  # of the manifests, by server
        self._manifests: dict[str, Manifest] = {}
        self._settled: dict[str, tuple[Sequence[ToolSpec], str, tuple[ToolSpec, ...]]] = {}

    async def settled(self, server: str, specs: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        """The tools as agents may see and call them: as listed, or as they were and marked as changed."""
        known = self._settled.get(server)
        if (
            known is not None
            and (known[0] is specs or known[0] == specs)
            and known[1] == self._names.get(server)
            and not _any(known[2])
        ):
            return known[2]
        await self._refresh()
        manifest = self._manifests.get(server, {})
        if new := {spec.name: _seen(spec) for spec in specs if spec.name not in manifest}:
            manifest = await self._keep(server, {**manifest, **new}, what="pinned", by=SYSTEM)
        found = tuple(_marked(spec, manifest[spec.name]) for spec in specs)
        self._settled[server] = (specs, self._names[server], found) if specs else (specs, "", found)
        return found

    async def manifests(self) -> Mapping[str, Manifest]:
        """What is pinned, by server."""
        await self._refresh()
        return dict(self._manifests)

    async def changes(self, server: str, specs: Sequence[ToolSpec]) -> list[Change]:
        """How a server's tools differ from what was pinned."""
        await self._refresh()
        return changes_of(self._manifests.get(server, {}), specs)

    async def accept(self, server: str, specs: Sequence[ToolSpec], by: str) -> None:
        """Pin these tools as they are now."""
        await self._refresh()
        new = {spec.name: _seen(spec) for spec in specs}
        await self._keep(server, {**self._manifests.get(server, {}), **new}, what="accepted", by=by)

    # -- inside

    async def _refresh(self) -> None:
        """Take in what was pinned or accepted since, here or by another process."""
        for row in await self._store.rows("workspace", self._read):
            self._read = row.seq
            event = event_from(row.body)
            if isinstance(event, Workspace) and event.what in ("pinned", "accepted"):
                self._names[event.subject] = event.version
                self._manifests.pop(event.subject, None)
        missing = {name: server for server, name in self._names.items() if server not in self._manifests}
        for name, body in (await self._store.blobs(list(missing))).items() if missing else ():
            for server in [s for s, n in self._names.items() if n == name]:
                self._manifests[server] = msgspec.json.decode(body, type=Manifest)

    async def _keep(self, server: str, manifest: Manifest, *, what: str, by: str) -> Manifest:
        body = canonical(manifest)
        name = digest(body)
        await self._store.put_blob(Blob(name, body))
        at = self._clock.now()
        if what == "pinned":
            event = Workspace(at=at, what="pinned", by=by, subject=server, version=name)
        else:
            event = Workspace(at=at, what="accepted", by=by, subject=server, version=name)
        stored, _ = stow(event)
        await self._store.note(lambda seq, last: Row(seq, link(last, "workspace", seq, stored), stored))
        self._names[server], self._manifests[server] = name, manifest
        return manifest


def changes_of(manifest: Mapping[str, Seen], specs: Sequence[ToolSpec]) -> list[Change]:
    """How tools differ from what was pinned, each as a diff that a person can read."""
    changed = [(spec, manifest[spec.name]) for spec in specs if spec.name in manifest]
    return [
        Change(spec.name, tuple(unified_diff(_text(seen), _text(_seen(spec)), "accepted", "now", lineterm="", n=2)))
        for spec, seen in changed
        if seen.digest != spec.schema_digest
    ]


def _marked(spec: ToolSpec, seen: Seen) -> ToolSpec:
    if seen.digest == spec.schema_digest:
        return spec
    what = " and ".join(
        word
        for word, same in (
            ("description", seen.description == spec.description), ("parameters", seen.parameters == spec.parameters)
        )
        if not same
    )  # fmt: skip
    server = spec.name.partition(".")[0]
    why = f"The {what} of `{spec.name}` changed since people last looked: `deputy mcp accept {server}` shows how."
    return msgspec.structs.replace(spec, description=seen.description, parameters=seen.parameters, changed=why)


def _seen(spec: ToolSpec) -> Seen:
    return Seen(spec.name, spec.description, spec.parameters)


def _any(specs: Sequence[ToolSpec]) -> bool:
    return any(spec.changed for spec in specs)


def _text(seen: Seen) -> list[str]:
    """A tool as lines: its words as they are, its parameters as indented JSON."""
    schema = msgspec.json.format(canonical(seen.parameters), indent=2).decode()
    return [*(seen.description.splitlines() or ["(no description)"]), "", *schema.splitlines()]
