"""Each of Deputy's programs measures what it says, on little: it ends, and names its figures. No figure is asserted."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import deputy_journal, deputy_restart, report
from bench.__main__ import turns
from bench.programs import ROOT, TURN_TAKER, choose
from bench.stage import Babble, percentile, pss_kib
from bench.waiting_runs import approval, build, never_paid, payer
from deputy.adapters.store.sqlite import SqliteStore
from deputy.base.clock import SystemClock
from deputy.domain.chain import GENESIS, link

LITTLE = ("--runs=4", "--steps=2", "--seconds=0")


def said(program: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """What a program prints."""
    command = [sys.executable, "-m", f"bench.{program}", f"--folder={folder}", *LITTLE, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    line: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert line["settings"].get("synchronous", "full") == "full"
    return line


def promised(measure: str) -> set[str]:
    """The figures of a measure that have a target."""
    return {target.key for target in report.TARGETS if target.measure == measure}


PROGRAMS = {
    "gate": ("--samples=5",),
    "journal": ("--calls=8",),
    "waiting": ("--waiting=40", "--samples=4", "--idle-ms=50"),
    "restart": ("--in-flight=20",),
    "up": ("--times=1",),
}


@pytest.mark.parametrize("measure", PROGRAMS)
def test_a_program_names_the_figures_that_have_a_target(measure: str, tmp_path: Path) -> None:
    line = said(f"deputy_{measure}", tmp_path, *PROGRAMS[measure])
    assert line["measure"] == measure
    assert promised(measure) <= line.keys()


def test_the_client_for_models_is_measured_beside_the_sdk_and_bare_http(tmp_path: Path) -> None:
    line = said("model_client", tmp_path, "--streams=4", "--calls=8", "--chunks=3", "--turns=1")
    assert promised("model-client") <= line.keys()
    assert line["added_us"] == pytest.approx(line["deputy_us"] - line["sdk_us"], abs=0.2)
    assert 0 < line["raw_us"] < line["deputy_us"]


def test_the_parts_of_a_step_and_what_they_leave_are_the_whole(tmp_path: Path) -> None:
    line = said("deputy_cpu", tmp_path, "--long-runs=1")
    others = {"whole_us", "store_us", "of_10_us", "of_100_us", "of_400_us"}
    parts = sum(value for name, value in line.items() if name.endswith("_us") and name not in others)
    assert parts == pytest.approx(line["whole_us"], rel=0.001)


@pytest.mark.parametrize("processes", [1, 2])
def test_the_job_is_done_by_one_process_or_by_several(processes: int, tmp_path: Path) -> None:
    line = said("deputy_steps", tmp_path, f"--processes={processes}")
    assert (line["steps"], line["settings"]["processes"]) == (8, processes)


def test_several_processes_come_to_an_end_when_the_window_closes(tmp_path: Path) -> None:
    assert said("deputy_steps", tmp_path, "--processes=2", "--seconds=0.2")["steps"] % 8 == 0


def test_the_row_of_two_processes_is_taken_in_every_round_and_is_nobodys_neighbour() -> None:
    order = [program.name for _, program in turns(choose(["dbos", TURN_TAKER, "deputy-steps-2"]), 2)]
    assert order == ["dbos", TURN_TAKER, "deputy-steps-2"] * 2


def test_runs_that_are_made_to_wait_are_as_the_kernel_writes_them(tmp_path: Path) -> None:
    async def main() -> None:
        file = tmp_path / "deputy.db"
        await build(file, 5)
        store = SqliteStore.open(file, clock := SystemClock())
        runs = await store.runs()
        assert [(run.state, run.summary) for run in runs] == [("waiting", "approval")] * 5
        for run in runs:
            last = GENESIS
            for row in await store.rows(run.id):
                last = link(last, run.id, row.seq, row.body)
                assert row.link == last
        bench = payer(store, clock, never_paid)
        for item in await store.items():
            await store.deliver(approval(item, at=clock.now()))
        with pytest.raises(RuntimeError, match="has paid"):  # so they were taken up, and approved
            await bench.work()
        await store.close()

    asyncio.run(main())


def test_a_far_side_that_saw_something_twice_is_found() -> None:
    stopped = {"r1": "r1.4"}
    before = [("write", "r1.2"), ("done", "r1.2"), ("write", "r1.4")]
    clean = [*before, ("write", "r1.4"), ("done", "r1.4"), ("write", "r1.8"), ("done", "r1.8")]
    wanted = {f"r1.{2 * n + 2}" for n, tool in enumerate(deputy_restart.PLAN) if tool == "write"}
    assert wanted == {"r1.4", "r1.8"}
    judged = deputy_restart.judge([each for each in clean if each[1] != "r1.2"], 1, stopped)
    assert (judged["repeated_as_ruled"], judged["repeated_against_rules"]) == (1, 0)
    assert (judged["done_twice"], judged["lost"], judged["unwanted"]) == (0, 0, 0)
    judged = deputy_restart.judge([*clean, ("write", "r1.2"), ("done", "r1.4")], 3, stopped)
    assert (judged["repeated_against_rules"], judged["done_twice"], judged["unwanted"]) == (1, 1, 1)
    assert deputy_restart.judge(before, 3, stopped)["lost"] == 2


def test_what_is_said_is_as_long_as_it_was_to_be_and_never_the_same() -> None:
    talk = deputy_journal.Conversation(10, 1)
    assert abs(talk.unique - 81_500) < 1000
    assert len(set(talk.results)) == 10
    assert {len(text) for text in (Babble(1).text(n) for n in (1, 80, 999))} == {1, 80, 999}


def test_a_share_of_values_is_read_off_them() -> None:
    assert (percentile([3, 1, 2], 0.5), percentile(range(100), 0.99), percentile([7], 0.99)) == (2, 99, 7)


def test_a_process_knows_its_memory() -> None:
    assert pss_kib() > 1000
