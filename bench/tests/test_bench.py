"""The harness keeps its promises: what is counted, who takes turns, what the page says. No figure is asserted."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench import machine, programs, report, startup
from bench.__main__ import command_line, parse, turns
from bench.job import Job, Meter, World, folder_bytes, sqlite_settings
from bench.programs import PEERS, TURN_TAKER, Interpreters, Program

DEPUTY = Program(name=TURN_TAKER, module="bench.deputy_steps")
ALONE = Program(name="deputy-journal", module="bench.deputy_journal")
MACHINE: machine.Machine = {
    "cpu": "A | processor",
    "cores": 2,
    "memory_gib": 24.0,
    "kernel": "Linux 6",
    "python": "3.11.7",
    "sqlite": "3.40.1",
    "filesystem": "ext2/3/4",
    "fdatasync_us": 170.0,
    "fdatasync_p90_us": 200.0,
    "load_before": 0.1,
}


def line(program: str, rate: float, number: int = 1) -> dict[str, Any]:
    return {
        "measure": "steps",
        "peer": "deputy" if program == TURN_TAKER else program,
        "program": program,
        "round": number,
        "version": "1",
        "steps_per_s": rate,
        "cpu_us_per_step": 200.0,
        "db_bytes_per_step": 900.0,
        "settings": {"payload": 200},
    }


def measured(*results: dict[str, Any]) -> report.Measured:
    return {"date": "2026-01-01", "commands": ["make bench"], "rounds": 1, "machine": MACHINE, "results": list(results)}


def drive(job: Job) -> tuple[Meter, int]:
    async def main() -> tuple[Meter, int]:
        meter, started = Meter(job), 0

        async def one_run(_: str) -> None:
            nonlocal started
            started += 1
            for _step in range(job.steps):
                await asyncio.sleep(0)
                meter.step()
                if meter.over:
                    return

        await meter.drive(one_run)
        return meter, started

    return asyncio.run(main())


def test_without_a_window_every_run_runs_once_and_every_step_counts(tmp_path: Path) -> None:
    meter, started = drive(Job(folder=tmp_path, runs=4, steps=3))
    result = meter.result(peer="x", version="1", db_bytes=0, settings={})
    assert (started, result["steps"], result["runs"]) == (4, 12, 4)


def test_a_window_covers_whole_generations_of_runs(tmp_path: Path) -> None:
    meter, started = drive(Job(folder=tmp_path, runs=4, steps=3, seconds=0.02))
    result = meter.result(peer="x", version="1", db_bytes=0, settings={})
    assert result["steps"] % 12 == 0
    assert result["seconds"] >= 0.02
    assert started >= 4


def test_a_run_that_fails_ends_the_measurement(tmp_path: Path) -> None:
    async def main() -> None:
        async def one_run(_: str) -> None:
            raise ValueError("broken")

        await Meter(Job(folder=tmp_path, runs=2, seconds=5)).drive(one_run)

    with pytest.raises(ExceptionGroup):
        asyncio.run(main())


def test_no_two_replies_are_equal(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(Job(folder=tmp_path, payload=50))
        replies = [await world.reply(run, n) for run in ("a", "b") for n in range(3)]
        results = [await world.lookup(reply["call"]) for reply in replies]
        assert len({reply["text"] for reply in replies}) == len({result["text"] for result in results}) == 6
        assert {len(each["text"]) for each in (*replies, *results)} == {50}

    asyncio.run(main())


def test_a_connection_that_is_not_synchronous_is_refused() -> None:
    assert sqlite_settings([("journal_mode", "wal"), ("synchronous", 2)])
    with pytest.raises(RuntimeError):
        sqlite_settings([("journal_mode", "wal"), ("synchronous", 1)])


def test_a_peer_and_deputy_take_turns_and_the_rest_run_once_after_them() -> None:
    langgraph, dbos = PEERS[:2]
    order = [program.name for _, program in turns([langgraph, dbos, DEPUTY, ALONE], 2)]
    assert order == ["langgraph", TURN_TAKER, "dbos", TURN_TAKER] * 2 + ["deputy-journal"]


def test_deputy_alone_still_has_its_rounds() -> None:
    assert [number for number, _ in turns([DEPUTY], 3)] == [1, 2, 3]


def test_the_command_shown_names_no_folder(tmp_path: Path) -> None:
    options = parse(["dbos", "--dir", str(tmp_path), "--json", str(tmp_path / "x.json"), "--steps", "5"])
    assert command_line(options.names, options) == "python -m bench dbos --seconds 10 --rounds 3 --steps 5"


def test_an_unknown_program_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["nobody"])
    assert "no program `nobody`" in capsys.readouterr().err


def test_a_ratio_is_taken_between_neighbours() -> None:
    results = [
        line("dbos", 100, 1),
        line(TURN_TAKER, 3000, 1),
        line("dbos", 200, 2),
        line(TURN_TAKER, 8000, 2),
        line("dbos", 100, 3),
        line(TURN_TAKER, 2000, 3),
    ]
    assert report.times_faster(results, "dbos") == 30
    assert report.times_faster(results, "langgraph") is None


def test_a_failed_round_leaves_the_others_their_median() -> None:
    failed: dict[str, Any] = {"program": "dbos", "peer": "dbos", "failed": "not finished after 1 s"}
    programs_seen = report.by_program([line("dbos", 100), failed, line("dbos", 300)])
    assert programs_seen["dbos"]["steps_per_s"] == 200


def test_the_page_shows_what_is_met_missed_and_not_available() -> None:
    gone: dict[str, Any] = {"program": "restate", "peer": "restate", "measure": "steps", "not_available": "no server"}
    page = report.render(measured(line("dbos", 100), line(TURN_TAKER, 3000), gone))
    assert "| ≥ 25 times dbos | 3,000/s | 100/s | 30.0 times | met |" in page
    assert "not available: no server" in page
    assert "| ≥ 5 times restate | 3,000/s | — | — | not measured |" in page
    assert "≤ 250 µs | 200 µs | dbos 200 |" in page
    assert "A \\| processor" in page


def test_a_missed_target_is_said_to_be_missed() -> None:
    page = report.render(measured(line("dbos", 200), line(TURN_TAKER, 3000)))
    assert "15.0 times | **missed** |" in page


def test_only_what_stands_between_the_markers_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    report.write(measured(line("dbos", 100)), path)
    page = path.read_text(encoding="utf-8")
    assert page.startswith("before\n")
    assert page.endswith(f"{report.END}\nafter\n")
    assert "old" not in page
    path.write_text("no markers", encoding="utf-8")
    with pytest.raises(ValueError, match="markers"):
        report.write(measured(), path)


def run_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, timeout: float = 20) -> dict[str, Any]:
    (tmp_path / "stand_in.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(programs, "ROOT", tmp_path)
    own = Path(sys.executable)
    program = Program(name="stand-in", module="stand_in")
    return programs.run(program, Job(folder=tmp_path), interpreters=Interpreters(peers=own, own=own), timeout=timeout)


def test_the_last_line_of_a_program_is_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    got = run_module(tmp_path, monkeypatch, 'print("noise")\nprint(\'{"measure": "steps", "peer": "x"}\')')
    assert got == {"measure": "steps", "peer": "x", "program": "stand-in"}


def test_a_program_that_breaks_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_module(tmp_path, monkeypatch, 'raise SystemExit("no disk")')["failed"] == "no disk"
    assert "no JSON object" in run_module(tmp_path, monkeypatch, 'print("17")')["failed"]


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import pathlib, subprocess, sys, time\n"
        'child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])\n'
        'pathlib.Path("child").write_text(str(child.pid))\n'
        "time.sleep(60)\n"
    )
    assert "not finished" in run_module(tmp_path, monkeypatch, code, timeout=2)["failed"]
    assert any(is_gone((tmp_path / "child").read_text()) for _ in range(50))


def is_gone(pid: str) -> bool:
    """Look whether a process has ended, and if not, give it a moment."""
    state = Path("/proc") / pid / "stat"
    if not state.exists() or state.read_text().rpartition(")")[2].split()[0] in "ZX":
        return True
    time.sleep(0.1)
    return False


def test_the_machine_is_described_without_its_names(tmp_path: Path) -> None:
    described = machine.describe(tmp_path)
    assert described["cores"] >= 1
    assert described["fdatasync_us"] > 0
    assert "/" not in described["kernel"]


def test_memory_is_no_disk() -> None:
    if machine.filesystem(Path("/dev/shm")) != "tmpfs":
        pytest.skip("no tmpfs here")
    assert machine.disk_warning(Path("/dev/shm")) is not None


def test_holes_in_files_are_not_counted(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**20)
    (tmp_path / "small").write_bytes(b"12345")
    assert folder_bytes(tmp_path) == 5


def test_commands_take_turns_and_a_failing_one_is_named() -> None:
    assert set(startup.medians_ms({"a": [sys.executable, "-c", "pass"]}, 1)) == {"a"}
    with pytest.raises(startup.CommandFailed, match="broken"):
        startup.once_ms([sys.executable, "-c", "raise SystemExit('broken')"])
