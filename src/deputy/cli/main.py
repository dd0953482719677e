"""The entry point: says the version at once, and loads the commands for everything else."""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = list(sys.argv[1:] if args is None else args)
    if given == ["--version"]:
        from deputy import __version__

        sys.stdout.write(f"deputy {__version__}\n")
        return 0
    from deputy.cli.application import run

    return run(given)
