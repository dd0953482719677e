"""The dated data on models, servers and plans, read from the package when it is first needed."""

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files

import msgspec

from deputy.domain.capability import Capabilities

__all__ = ["capabilities"]


@cache
def capabilities() -> Capabilities:
    """What is known of models, servers and plans."""
    text = files("deputy.domain").joinpath("qwen.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text, parse_float=Decimal), Capabilities)
