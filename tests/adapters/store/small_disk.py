"""A program: fill the space there is with a database, make room, and go on; exits 0 if all was as it should be.

It stands by itself because what it needs (a file system of a few hundred KiB, or a limit on the size of files) is a
property of its process: `python -m tests.adapters.store.small_disk FOLDER BALLAST LIMIT`, with the bytes that a file of
ballast takes at first, and the bytes that a file may have at first (0: as many as it likes).
"""

import resource
import sys
from pathlib import Path

from tests.adapters.store.playing import booked, play, wrong_with

from deputy.base.errors import StoreFull
from deputy.testing.conformance.world import World, answers_of


async def _fill(world: World) -> None:
    """Commit until nothing fits; what did not was refused as it should be, and nothing of it was kept."""
    hands = await world.hold("r-1", "r-2", "r-3")
    for n in range(400):
        answers = await answers_of(*[booked(hand, n) for hand in hands])
        if any(answers):
            assert all(answer is None or isinstance(answer, StoreFull) for answer in answers), answers
            return
    raise AssertionError("it never was full")


async def _go_on(world: World) -> None:
    assert await wrong_with(world.store) == []
    for hand in await world.hold(*[f"r-{len(await world.store.runs())}-{n}" for n in range(3)]):
        await booked(hand, 0)
    assert await wrong_with(world.store) == []


def _main(folder: Path, ballast: int, limit: int) -> None:
    file, weight = folder / "deputy.db", folder / "ballast"
    weight.write_bytes(bytes(ballast))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit or hard, hard))

    def make_room() -> None:
        weight.unlink()
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    async def work(world: World) -> None:
        await _fill(world)
        make_room()
        await _go_on(world)

    try:
        play(file, work)
    except StoreFull:  # before there was anything
        make_room()
    play(file, _go_on)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
