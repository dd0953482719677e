"""Put a torch for processors alone, and what a small Qwen needs besides, into an environment; a part of `make setup`.

A plain `torch` from an index is gigabytes for graphics cards. So a wheel is taken only from a folder that pip's own
settings name (`find-links`), and only one that says that it is for processors. Where there is none, nothing is
installed, this says so, and the tests that need it skip.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parents[2] / "requirements-qwen.lock"
WHEEL = "torch-*+cpu-*.whl"


def links() -> list[Path]:
    """The folders that pip looks into for wheels."""
    said = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    found = re.findall(r"find-links='([^']*)'", said)
    return [Path(part.removeprefix("file://")) for each in found for part in each.split()]


def main() -> None:
    """Install both, or say why not; never fail what called this."""
    wheels = sorted({wheel for folder in links() if folder.is_dir() for wheel in folder.glob(WHEEL)})
    if not wheels:
        print("No torch for processors alone in pip's find-links: the tests skip their real model.", file=sys.stderr)
        return
    uv = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet"]
    environment = {**os.environ, "VIRTUAL_ENV": str(Path(sys.executable).parents[1])}
    for rest in (["--no-index", "--no-deps", str(wheels[-1])], ["--no-deps", "--require-hashes", "-r", str(LOCK)]):
        done = subprocess.run([*uv, *rest], capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            print(f"The tests skip their real model: {done.stderr.strip()[-300:]}", file=sys.stderr)
            return


if __name__ == "__main__":
    main()
