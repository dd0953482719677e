"""The side that answers: `python -m deputy.adapters.confined.inside MODULE:FUNCTION MEMORY WRITES`.

It reads requests from its input, one after the other, until that ends. It leaves with whoever started it.
"""

import ctypes
import importlib
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def main(function: str, memory: int, writes: int) -> None:
    """Answer until there is nothing left to read."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not break the framing
    _confine(memory, writes)
    module, _, name = function.partition(":")
    answer: Callable[[bytes, Callable[[bytes], None]], bytes] = getattr(importlib.import_module(module), name)
    while (head := sys.stdin.buffer.read(4)) and len(head) == 4:
        request = sys.stdin.buffer.read(int.from_bytes(head, "big"))
        try:
            _send(channel, b"A", answer(request, lambda note: _send(channel, b"N", note)))
        except MemoryError:
            os._exit(3)
        except Exception as error:  # noqa: BLE001 - whatever a parser raises over a stranger's bytes is its answer
            _send(channel, b"E", type(error).__name__.encode())


def _confine(memory: int, writes: int) -> None:
    """Bound what this process may take, and let it end with its parent."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_FSIZE, (writes, writes))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _send(channel: BinaryIO, kind: bytes, body: bytes) -> None:
    channel.write(kind + len(body).to_bytes(4, "big") + body)
    channel.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
