"""What a shell offers while somebody types: agents, runs and items of the workspace; nothing where one cannot tell."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import typer

from deputy.base.errors import DeputyError

if TYPE_CHECKING:
    from deputy.app.bootstrap import Office

__all__ = ["agents", "examples", "items", "people", "runs", "secrets"]


def agents(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of agents."""
    return _settled(ctx, incomplete, "agents")


def people(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of people."""
    return _settled(ctx, incomplete, "people")


def examples(incomplete: str) -> list[str]:
    """Names of shipped examples."""
    from deputy.app.examples import examples

    return [name for name in examples() if name.startswith(incomplete)]


def runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Runs, as `deputy ps` names them; the open ones first."""

    async def found(office: "Office") -> list[str]:
        from deputy.app.queries import runs, shortest

        rows = [*await runs(office), *await runs(office, everything=True, most=20)]
        return [await shortest(office, "run", name) for name in dict.fromkeys(row.id for row in rows[:50])]

    return _open(ctx, incomplete, found)


def items(ctx: typer.Context, incomplete: str) -> list[str]:
    """What waits for people, as `deputy inbox` names it."""

    async def found(office: "Office") -> list[str]:
        from deputy.app.queries import inbox, shortest

        waiting = [item.id for item, asked in await inbox(office) if asked.kind != "message"]
        return [await shortest(office, "item", name) for name in waiting[:50]]

    return _open(ctx, incomplete, found)


def secrets(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of secrets that are set."""

    async def found(office: "Office") -> list[str]:
        return office.secrets.kept.names()

    return _open(ctx, incomplete, found)


def _workspace(ctx: typer.Context) -> str | None:
    named = [context.params.get("workspace") for context in (ctx, ctx.find_root())]
    return next((name for name in named if isinstance(name, str)), None)


def _settled(ctx: typer.Context, incomplete: str, what: str) -> list[str]:
    from deputy.app.config import find_workspace, load

    with contextlib.suppress(DeputyError):
        settings = load(find_workspace(None, _workspace(ctx)))
        names = settings.agents if what == "agents" else settings.directory.people
        return [name for name in names if name.startswith(incomplete)]
    return []


def _open(ctx: typer.Context, incomplete: str, names: Callable[["Office"], Awaitable[list[str]]]) -> list[str]:
    from deputy.app.bootstrap import office

    async def found() -> list[str]:
        async with office(_workspace(ctx)) as opened:
            return await names(opened)

    with contextlib.suppress(DeputyError):
        return [name for name in asyncio.run(found()) if name.startswith(incomplete)]
    return []
