"""Stand over a server's processes, so that none of them outlives the worker, whatever becomes of it.

Not a module but a program, run beside the worker for each server: `keeper.py LIFE ENVIRONMENT WORKER COMMAND…`.
ENVIRONMENT is a file with the server's variables (`NAME=value`, ended by zeros), which the keeper does not have in its
own: there may be secrets in them. LIFE is a pipe whose other end the worker alone holds: when it closes, because the
worker closed it or died, everything that the command started is killed, also what calls itself a daemon (orphans come
to us, on Linux). A byte on it asks the server politely first (SIGTERM). When the server ends by itself, what it left
behind is killed too. The keeper ends when nothing is left, with the server's status; so the worker, by reaping one
process, knows that all are gone.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LINUX = sys.platform == "linux"


def _prctl(option: int, value: int) -> None:
    if _LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _become(command: list[str], environment: dict[bytes, bytes], keeper: int) -> None:
    """Turn this fork into the server, which dies with the keeper."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        os._exit(1)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them; others must not inherit that
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environment)
    except (OSError, ValueError) as e:
        os.write(2, f"{command[0]}: {getattr(e, 'strerror', None) or e}\n".encode())
        os._exit(127)


def _children() -> list[int] | None:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return None


def _kill_all() -> None:
    """Kill and reap everything below us: who dies leaves its children to us, until there are none."""
    while True:
        children = _children()
        if children is None:  # a system that does not say: the whole group then, and us with it
            os.killpg(0, signal.SIGKILL)
        for pid in children or ():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _watch(life: int, woken: int, server: int) -> int:
    """Wait for the end of the server or of the worker; returns the exit status to pass on."""
    while True:
        ready, _, _ = select.select([life, woken], [], [])
        if life in ready:
            if not os.read(life, 1):
                return 0
            with contextlib.suppress(OSError):
                os.kill(server, signal.SIGTERM)
        if woken in ready:
            if signal.SIGTERM in os.read(woken, 512):
                return 0
            while True:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    return 0
                if pid == server:
                    return os.waitstatus_to_exitcode(status)
                if not pid:
                    break


def _wake(_number: int, _frame: object) -> None:
    """Nothing: that it came is read from the pipe."""


def _read(handed: int) -> dict[bytes, bytes]:
    with open(handed, "rb") as file:
        pairs = (entry.partition(b"=") for entry in file.read().split(b"\0") if entry)
        return {name: value for name, _, value in pairs}


def main(life: int, handed: int, worker: int, command: list[str]) -> int:
    """Start the command, and end when nothing of it is left."""
    os.set_inheritable(life, False)
    environment = _read(handed)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for wanted in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(wanted, _wake)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    if os.getppid() != worker:
        return 0
    keeper = os.getpid()
    server = os.fork()  # noqa: TID251 - the adapter that starts processes
    if not server:
        _become(command, environment, keeper)
    environment.clear()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # the server's alone: when it ends, the worker reads the end of the file
        os.dup2(null, standard)
    status = _watch(life, woken, server)
    _kill_all()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
