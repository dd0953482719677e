"""Fetch pages and documents of the web that the workspace allows, as text."""

from deputy.adapters.tool.http.host import HttpTools, Site

__all__ = ["HttpTools", "Site"]
