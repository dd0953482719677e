"""What people do about servers of tools: look at what changed of their tools, and accept it."""

from deputy.app.bootstrap import Office
from deputy.app.config import McpServer
from deputy.app.config.document import did_you_mean
from deputy.app.pins import Change
from deputy.base.errors import Conflict, Forbidden, NotFound
from deputy.domain.principal import Person, person_principal

__all__ = ["accept", "changes", "server_named"]


def server_named(office: Office, name: str) -> McpServer:
    """The server of this name; raises NotFound."""
    servers = {c.name: c for c in office.settings.connections.values() if isinstance(c, McpServer)}
    if (found := servers.get(name)) is not None:
        return found
    known = ", ".join(sorted(servers)) or "none"
    raise NotFound(f"There is no server {name!r}.", did_you_mean(name, tuple(servers)) or f"deputy.toml has {known}.")


async def changes(office: Office, name: str, tool: str | None = None) -> list[Change]:
    """How a server's tools (or one of them) differ from what people last looked at."""
    specs = await office.versions.listed(server_named(office, name))
    full = tool if tool is None or tool.startswith(f"{name}.") else f"{name}.{tool}"
    if full is not None and full not in {spec.name for spec in specs}:
        remedy = did_you_mean(full, tuple(spec.name for spec in specs)) or "`deputy doctor` counts its tools."
        raise NotFound(f"The server {name!r} has no tool {full!r}.", remedy)
    await office.versions.pins.settled(name, specs)
    return [c for c in await office.versions.pins.changes(name, specs) if full in (None, c.tool)]


async def accept(office: Office, name: str, seen: list[Change], person: Person) -> None:
    """Let agents use these tools as they are now; raises Forbidden, and Conflict where they changed meanwhile."""
    if not {"owner", "admin", "approver"}.intersection(person.roles):
        raise Forbidden(f"{person.id} may not accept a changed tool.", "An owner, an admin or an approver may.")
    wanted = {change.tool for change in seen}
    listed = await office.versions.listed(server_named(office, name))
    specs = [spec for spec in listed if spec.name in wanted]
    if await office.versions.pins.changes(name, specs) != seen:
        raise Conflict("The tools changed once more meanwhile.", "Look at them again.")
    await office.versions.pins.accept(name, specs, person_principal(person.id))
