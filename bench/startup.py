"""How long a process takes to start: `deputy --version`, and `import deputy` beyond a bare interpreter.

Each command is run 20 times by turns with the others, after one run that is thrown away, and its median is reported.
`python -m bench.startup -- COMMAND ...` measures any other command the same way.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.job import print_result

RUNS = 20
TIMEOUT = 60.0


class CommandFailed(Exception):
    """A command to be measured did not succeed."""


def once_ms(command: Sequence[str]) -> float:
    """Run a command and return how long that took."""
    begun = time.perf_counter()
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=TIMEOUT,
        check=False,
    )
    took = (time.perf_counter() - begun) * 1000
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise CommandFailed(f"{command[-1]!r} ended with {done.returncode}: {lines[-1] if lines else 'no output'}")
    return took


def medians_ms(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, float]:
    """Run commands by turns, so that noise hits all alike, and return each one's median."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            took = once_ms(command)
            if turn:
                times[name].append(took)
    return {name: round(statistics.median(each), 1) for name, each in times.items()}


def deputy_command() -> list[str]:
    """Return the command `deputy` of this interpreter's environment."""
    script = Path(sys.executable).with_name("deputy")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "deputy"]


def measure(runs: int) -> dict[str, Any]:
    """Measure Deputy's own start; a command that fails is left out, and the settings say why."""
    if importlib.util.find_spec("deputy") is None:
        return {"measure": "startup", "peer": "deputy", "not_available": "deputy is not installed here"}
    bare = [sys.executable, "-c", "pass"]
    commands = {"bare": bare, "import": [*bare[:-1], "import deputy"], "version": [*deputy_command(), "--version"]}
    settings: dict[str, Any] = {"runs": runs, "writes_bytecode": not os.environ.get("PYTHONDONTWRITEBYTECODE")}
    for name, command in tuple(commands.items()):
        try:
            once_ms(command)
        except CommandFailed as reason:
            settings[f"no {name}"] = str(reason)
            del commands[name]
    found = medians_ms(commands, runs)
    figures = {"bare_ms": found["bare"]}
    if "version" in found:
        figures["version_ms"] = found["version"]
    if "import" in found:
        figures["import_ms"] = round(found["import"] - found["bare"], 1)
    try:
        deputy = version("deputy")
    except PackageNotFoundError:
        deputy = "unknown"
    return {"measure": "startup", "peer": "deputy", "version": deputy, **figures, "settings": settings}


def main() -> None:
    """Measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=RUNS, help="runs of each command (default %(default)s)")
    parser.add_argument("command", nargs="*", help="another command to measure instead")
    known, _ = parser.parse_known_args()
    if known.command:
        found = medians_ms({"command": known.command}, known.times)
        print_result({"measure": "startup", "peer": "command", "command_ms": found["command"]})
    else:
        print_result(measure(known.times))


if __name__ == "__main__":
    main()
