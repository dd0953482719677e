"""The operations of an OpenAPI document (3.0 and 3.1) as tools."""

from deputy.adapters.tool.openapi.host import Api, OpenApiTools

__all__ = ["Api", "OpenApiTools"]
