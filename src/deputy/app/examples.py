"""Find the examples that ship with Deputy: beside the source tree, or inside the installed package."""

from importlib import resources
from pathlib import Path

from deputy.base.errors import NotFound

__all__ = ["example_named", "examples"]


def examples() -> dict[str, Path]:
    """The shipped examples by name."""
    package = Path(str(resources.files("deputy")))
    for folder in (package / "examples", package.parents[1] / "examples"):
        found = {path.parent.name: path.parent for path in sorted(folder.glob("*/deputy.toml"))}
        if found:
            return found
    return {}


def example_named(name: str) -> Path:
    """The folder of an example; raises NotFound."""
    found = examples()
    if name not in found:
        remedy = f"There are {', '.join(found)}." if found else "None is shipped with this installation."
        raise NotFound(f"There is no example {name!r}.", remedy)
    return found[name]
