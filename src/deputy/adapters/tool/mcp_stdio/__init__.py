"""Tools of MCP servers that are child processes: one process per server and worker, started when first needed.

The protocol is spoken by a thin client of our own instead of the SDK's `ClientSession` over its stdio transport,
because that one cannot tell what the gate must know, nor bound what a server may cost us (mcp 2.3.0):

- *was it sent?* A request is handed to a task and a stream; whether a byte of it left the process is nobody's to ask,
  and everything that ends without an answer would have to be in doubt;
- *what did it answer?* A result is checked against the tool's output schema after the fact, listing the tools again
  if need be, and raises: of a payment that was made nothing would be left but an error;
- *how much?* A line is read to its end before it is looked at, whatever its length, and every notification is a task;
- *is it gone?* The server is killed as a process group, from within the worker: after the worker's kill -9 there is
  nobody to do it, and a child that left the group is not found.

Both eras are spoken: 2026-07-28, where every request stands for itself, and the versions that begin with a handshake.
The tests hold this client against the SDK's own servers, and its versions and keys against the SDK's constants.

A child that let a deadline pass is *retired*: it is asked nothing more, and ends when its other calls have ended. So an
attempt that was given up always ends with its process, `quiesce` waits for exactly that, and a server that hangs
hangs once. What the tools are called, how careful to be and what a result means is in `wire.mcp.reading`; who kills
whom, in `keeper`.
"""

from deputy.adapters.tool.mcp_stdio.host import McpStdio, StdioServer, Unavailable

__all__ = ["McpStdio", "StdioServer", "Unavailable"]
