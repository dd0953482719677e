"""A server as people write them, with the SDK."""

import asyncio

from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("sdk")
log: list[str] = []


@server.tool()
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def invoice(number: str) -> dict[str, object]:
    """An invoice."""
    return {"number": number, "amount": "12.50"}


@server.tool()
async def slow() -> str:
    """Takes its time."""
    log.append("began")
    try:
        await asyncio.sleep(3600)
    finally:
        log.append("ended")
    return "never"


@server.tool()
def what_happened() -> list[str]:
    """What became of slow calls."""
    return log


@server.tool()
def broken() -> str:
    """Raises."""
    raise ValueError("the books are closed")


@server.tool()
async def meta(ctx: Context) -> dict[str, object]:
    """The request's metadata."""
    return dict(ctx.request_context.meta or {})


if __name__ == "__main__":
    server.run("stdio")
