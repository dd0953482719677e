"""Describes the machine that a measurement ran on, without the name of anything on it.

The one figure that decides most others is measured here: how long this disk takes to make 4 KiB durable.
"""

import contextlib
import ctypes
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import TypedDict

SYNCS = 200
BLOCK = b"\xa5" * 4096
FILESYSTEMS = {
    0xEF53: "ext2/3/4",
    0x58465342: "xfs",
    0x9123683E: "btrfs",
    0x2FC12FC1: "zfs",
    0xF2F52010: "f2fs",
    0x794C7630: "overlay",
    0x01021994: "tmpfs",
    0x858458F6: "ramfs",
    0x6969: "nfs",
    0x65735546: "fuse",
    0x01021997: "9p",
    0x6A656A63: "virtiofs",
}
VOLATILE = ("tmpfs", "ramfs")
DOUBTFUL = ("overlay", "nfs", "fuse", "9p", "virtiofs")


class Machine(TypedDict):
    """What a reader needs to judge the figures."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    sqlite: str
    filesystem: str
    fdatasync_us: float
    fdatasync_p90_us: float
    load_before: float


def filesystem(folder: Path) -> str:
    """Return the kind of filesystem that a folder is on."""
    buffer = ctypes.create_string_buffer(256)  # struct statfs; its first word is the magic number
    try:
        statfs = ctypes.CDLL(None, use_errno=True).statfs
    except AttributeError:
        return "unknown"
    if statfs(os.fsencode(folder), buffer) != 0:
        return "unknown"
    magic = ctypes.c_long.from_buffer(buffer).value & 0xFFFFFFFF
    return FILESYSTEMS.get(magic, f"unknown ({magic:#x})")


def disk_warning(folder: Path) -> str | None:
    """Say what makes the folder a bad place to measure durability, if anything does."""
    kind = filesystem(folder)
    if kind in VOLATILE:
        return f"the data would lie in memory ({kind}), where nothing is durable: give a folder of a disk with --dir"
    if kind in DOUBTFUL:
        return f"the data lies on {kind}, which may not pass a sync on to a disk: check with --dir on another folder"
    return None


def sync_times_us(folder: Path) -> list[float]:
    """Append 4 KiB and `fdatasync` it, 200 times; return the times in order of size."""
    times: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        number = file.fileno()
        for at in range(SYNCS):
            begun = time.perf_counter()
            os.pwrite(number, BLOCK, at * len(BLOCK))
            os.fdatasync(number)
            times.append((time.perf_counter() - begun) * 1e6)
    return sorted(times)


def _field(path: str, name: str) -> str:
    with contextlib.suppress(OSError):
        for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return ""


def describe(folder: Path) -> Machine:
    """Describe this machine, and the disk that the folder is on."""
    times = sync_times_us(folder)
    memory_kib = _field("/proc/meminfo", "MemTotal").partition(" ")[0]
    return {
        "cpu": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory_kib or 0) / 2**20, 1),
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "filesystem": filesystem(folder),
        "fdatasync_us": round(statistics.median(times), 1),
        "fdatasync_p90_us": round(times[len(times) * 9 // 10], 1),
        "load_before": round(os.getloadavg()[0], 2),
    }
