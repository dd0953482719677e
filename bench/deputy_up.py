"""How long `deputy up` takes until it is ready: from the start of its process to the first 200 of `/readyz`.

The workspace is the example company, whose ERP and bank are servers of their own. `ready_ms` is the very first start in
a folder that was just made: the database and the keys are made, and whatever a first start does. `again_ms` is the
next one. Both are medians.
"""

import argparse
import contextlib
import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import deputy
from bench.job import print_result
from bench.startup import deputy_command

TIMES = 5
PATIENCE = 60.0  # seconds
LOOK = 0.005  # seconds between questions whether it is ready


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def is_ready(port: int) -> bool:
    """Whether `/readyz` answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False


def start_ms(workspace: Path) -> float:
    """Start in this workspace, stop again, and return how long it took to be ready."""
    port = free_port()
    with tempfile.TemporaryFile() as said:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [*deputy_command(), "up", f"--port={port}"],
            cwd=workspace,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        try:
            while not is_ready(port):
                if process.poll() is not None or time.perf_counter() - begun > PATIENCE:
                    said.seek(0)
                    raise RuntimeError(f"it was never ready: {said.read()[-500:].decode(errors='replace')}")
                time.sleep(LOOK)
            return (time.perf_counter() - begun) * 1000
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


def main() -> None:
    """Measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder")
    parser.add_argument("--times", type=int, default=TIMES, help="workspaces that are made (default %(default)s)")
    known, _ = parser.parse_known_args()
    first: list[float] = []
    again: list[float] = []
    for number in range(known.times + 1):
        workspace = known.folder / f"company{number}"
        made = [*deputy_command(), "init", str(workspace), "--example", "acme"]
        subprocess.run(made, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=PATIENCE)
        once, twice = start_ms(workspace), start_ms(workspace)
        if number:  # the one before them all reads the program from the disk
            first.append(once)
            again.append(twice)
    figures = {"ready_ms": round(statistics.median(first), 1), "again_ms": round(statistics.median(again), 1)}
    settings = {"times": known.times, "writes_bytecode": not os.environ.get("PYTHONDONTWRITEBYTECODE")}
    print_result({"measure": "up", "peer": "deputy", "version": deputy.__version__, **figures, "settings": settings})


if __name__ == "__main__":
    sys.exit(main())
