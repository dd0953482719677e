"""Which worker lives: a heartbeat row and a locked file for each, and epochs that end what the dead still hold.

A free lock means that the process is gone: its runs are claimable at once. A held lock and a heartbeat older than
the lease (`LEASE` seconds, unless said otherwise) mean that it is stopped or stuck: its epoch is bumped, and nothing it
commits is accepted any more.
"""

import fcntl
import os
from pathlib import Path
from typing import NamedTuple

from deputy.adapters.store.sqlite.connection import Database, statement
from deputy.base.errors import LeaseLost
from deputy.ports.store import Lease, Worker

__all__ = ["LEASE", "Leases"]

LEASE = 10.0  #: seconds without a heartbeat after which a worker's runs go to others


class _Beat(NamedTuple):
    id: str
    epoch: int
    pid: int
    kind: str
    boot: str
    beat: float


class Leases:
    """The workers' table and their lock files; called in the writer's thread, inside its transactions."""

    def __init__(self, database: Database, folder: Path, boot_id: str, lease: float = LEASE) -> None:
        self._database, self._folder, self._boot, self.lease = database, folder, boot_id, lease
        self._locks: dict[str, int] = {}

    def join(self, worker: str, kind: str, now: float) -> Lease:
        """Register a worker of this process, holding its lock file."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._file(worker), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._locks[worker] = handle
        self._database.execute(statement("insert_worker"), (worker, os.getpid(), kind, self._boot, now))
        return Lease(worker, 1)

    def beat(self, lease: Lease, now: float) -> None:
        """Renew; raises LeaseLost if the epoch has moved on."""
        self._database.execute(statement("beat"), (now, lease.worker, lease.epoch))
        if not self._database.changes():
            raise LeaseLost(f"worker {lease.worker} was taken for dead; its runs belong to others now")

    def leave(self, lease: Lease) -> None:
        """Unregister and let go of the file."""
        if self._database.execute(statement("epoch_of"), (lease.worker,)).get == lease.epoch:
            self._database.execute(statement("release_runs"), (lease.worker,))
            self._database.execute(statement("delete_worker"), (lease.worker,))
        self.unlock(lease.worker)

    def unlock(self, worker: str) -> None:
        """Let go of a worker's lock file."""
        if (handle := self._locks.pop(worker, None)) is not None:
            self._file(worker).unlink(missing_ok=True)
            os.close(handle)

    def unlock_all(self) -> None:
        """Let go of every lock file of this process."""
        for worker in list(self._locks):
            self.unlock(worker)

    def lost(self, now: float) -> list[str]:
        """Workers that are dead, or alive but silent for too long."""
        return [b.id for b in self._beats() if b.id not in self._locks and self._is_lost(b, now)]

    def reap(self, worker: str, now: float) -> int:
        """End a lost worker's leases and make its runs claimable; returns how many there were."""
        found = next((b for b in self._beats() if b.id == worker), None)
        if found is None or not self._is_lost(found, now):
            return 0
        self._database.execute(statement("release_runs"), (worker,))
        released = self._database.changes()
        if self._dead(found):
            self._database.execute(statement("delete_worker"), (worker,))
            self._file(worker).unlink(missing_ok=True)
        else:
            self._database.execute(statement("bump"), (worker, found.epoch))
        return released

    def workers(self, now: float) -> list[Worker]:
        """All registered workers, and whether each lives."""
        return [Worker(b.id, b.epoch, b.pid, b.kind, not self._is_lost(b, now)) for b in self._beats()]

    def _beats(self) -> list[_Beat]:
        return [_Beat(*row) for row in self._database.execute(statement("workers"))]

    def _is_lost(self, beat: _Beat, now: float) -> bool:
        return self._dead(beat) or now - beat.beat > self.lease

    def _dead(self, beat: _Beat) -> bool:
        if beat.id in self._locks:
            return False
        if beat.boot != self._boot:
            return True  # the machine was restarted since
        try:
            handle = os.open(self._file(beat.id), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(handle)
        return True

    def _file(self, worker: str) -> Path:
        return self._folder / f"{worker}.lock"
