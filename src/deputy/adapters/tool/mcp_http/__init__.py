"""Tools of MCP servers that are reached over HTTP: the protocol's streamable HTTP transport, both eras.

Like its sibling over stdio this is a thin client of our own, over `egress`, for the same reasons (ADR 0018) and one
more: the SDK's transport hides from its caller whether a request had left when the line was cut, keeps a task and a
stream for every request, and reads a JSON answer whole, whatever its length.

Nothing here outlives a call: no task, no open stream, no queue; what is kept between calls is a version, a session's
name, and the list of tools. A call that ends without an answer is Unknown if its first byte had left, and Failed if
not; that is for `egress` to say, which sees it leave. What a server answers instead of beginning (who are you, wrong
address, unknown session) is `barred`: certainly nothing happened.

`exchange` puts one message and reads its answer, `session` agrees on a version and knows the server's tools, `host` is
what the gate calls, `tokens` keeps and renews what a login gave, and `login` is that login.
"""

from deputy.adapters.tool.mcp_http.host import HttpServer, McpHttp, Unavailable

__all__ = ["HttpServer", "McpHttp", "Unavailable"]
