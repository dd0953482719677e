"""Writes results into `bench/RESULTS.md`, between its two markers: the targets, the peers, the machine, the commands.

`python -m bench.report FILE` writes those of a `--json` file again. Every number shown is a median over the rounds; a
ratio is the median of the ratios of neighbours: a peer's run, and Deputy's right after it.
"""

import argparse
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypedDict

from bench.machine import Machine
from bench.programs import ROOT, TURN_TAKER, Line

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
HIDDEN = ("measure", "peer", "program", "round", "version", "settings", "runs", "steps", "steps_per_run", "seconds")


class Measured(TypedDict):
    """One whole measurement, as `--json` stores it."""

    date: str
    commands: list[str]
    rounds: int
    machine: Machine
    results: list[Line]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A bound on one figure of one of Deputy's programs."""

    measure: str
    key: str
    title: str
    bound: float
    unit: str
    limit: Literal["at most", "less than"] = "less than"

    def of(self, line: Mapping[str, Any]) -> bool:
        """Whether a line is of the program that this target is for."""
        return line.get("measure") == self.measure and (self.measure != "steps" or line["program"] == TURN_TAKER)

    def met(self, value: float) -> bool:
        """Whether a figure keeps within the bound."""
        return value <= self.bound if self.limit == "at most" else value < self.bound


TARGETS = (
    Target(
        measure="steps",
        key="cpu_us_per_step",
        title="processor time per step, standard pack on",
        bound=250,
        unit="µs",
        limit="at most",
    ),
    Target(
        measure="gate",
        key="beyond_commits_ms",
        title="latency a lone gate adds to an effect, beyond two commits",
        bound=1,
        unit="ms",
        limit="at most",
    ),
    Target(
        measure="journal",
        key="journal_ratio",
        title="journal bytes over unique content, 100 calls on a 200k-token conversation",
        bound=1.25,
        unit="",
        limit="at most",
    ),
    Target(
        measure="journal",
        key="growth",
        title="the same, linear: bytes a call at 100 calls over those at 25",
        bound=1.05,
        unit="",
        limit="at most",
    ),
    Target(measure="waiting", key="added_mb", title="memory of 100,000 waiting runs", bound=50, unit="MB"),
    Target(measure="waiting", key="resume_p99_ms", title="an approval resumes its run, p99", bound=100, unit="ms"),
    Target(
        measure="waiting",
        key="noticed_ms",
        title="another process's row is noticed",
        bound=25,
        unit="ms",
        limit="at most",
    ),
    Target(
        measure="waiting",
        key="noticed_busy_ms",
        title="the same, while the worker drives 16 runs",
        bound=25,
        unit="ms",
        limit="at most",
    ),
    Target(
        measure="restart", key="seconds", title="10,000 runs resumed after kill -9, none repeated", bound=10, unit="s"
    ),
    Target(
        measure="model-client",
        key="added_us",
        title="processor time that a model call takes beyond the openai SDK alone, 256 streams",
        bound=1000,
        unit="µs",
    ),
    Target(
        measure="console", key="list_p95_ms", title="a page of runs of 100,000, by any filter", bound=100, unit="ms"
    ),
    Target(measure="startup", key="version_ms", title="`deputy --version`", bound=200, unit="ms"),
    Target(measure="up", key="ready_ms", title="`deputy up` ready", bound=2000, unit="ms"),
    Target(
        measure="startup", key="import_ms", title="`import deputy`, beyond a bare interpreter", bound=150, unit="ms"
    ),
)
TIMES = {"langgraph": 25, "dbos": 25, "restate": 5, "restate-python": 5}  # Deputy's steps/s over each peer's


def medians(lines: Sequence[Line]) -> Line:
    """Return one line for many of the same program: the median of each number, the rest as in the last."""
    merged = dict(lines[-1])
    for key, value in merged.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            merged[key] = statistics.median([line[key] for line in lines if key in line])
    return merged


def by_program(results: Iterable[Line]) -> dict[str, Line]:
    """Return each program's median line; a program that never succeeded keeps its last line."""
    lines: dict[str, list[Line]] = {}
    for line in results:
        lines.setdefault(line["program"], []).append(line)
    return {name: medians([line for line in each if succeeded(line)] or each) for name, each in lines.items()}


def succeeded(line: Mapping[str, Any]) -> bool:
    """Whether a line holds figures."""
    return "failed" not in line and "not_available" not in line


def times_faster(results: Sequence[Line], peer: str) -> float | None:
    """Return how many times as many steps a second Deputy did as a peer, from their neighbouring runs."""
    ratios: list[float] = []
    for line, following in pairwise(results):
        if line["program"] == peer and following["program"] == TURN_TAKER and succeeded(line) and succeeded(following):
            ratios.append(following["steps_per_s"] / line["steps_per_s"])
    return statistics.median(ratios) if ratios else None


def number(value: float) -> str:
    """Show a figure with three digits that mean something, and a count as it is."""
    size = abs(value)
    if size >= 1000 or isinstance(value, int):
        return f"{value:,.0f}"
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a Markdown table; a bar inside a cell is escaped."""
    shown = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *shown)]


def verdict(met: bool | None) -> str:
    """Say whether a target is met."""
    return {True: "met", False: "**missed**", None: "not measured"}[met]


def target_rows(results: Sequence[Line], programs: Mapping[str, Line]) -> Iterable[list[str]]:
    """Return one row per target, measured or not."""
    deputy = programs.get(TURN_TAKER, {})
    own = f"{number(deputy['steps_per_s'])}/s" if deputy and succeeded(deputy) else "—"
    for peer, factor in TIMES.items():
        times = times_faster(results, peer)
        theirs = programs.get(peer)
        shown = f"{number(theirs['steps_per_s'])}/s" if theirs and succeeded(theirs) else "—"
        ratio = f"{number(times)} times" if times is not None else "—"
        met = None if times is None else times >= factor
        yield ["durable steps, 256 runs at once", f"≥ {factor} times {peer}", own, shown, ratio, verdict(met)]
    lines = [line for line in programs.values() if line.get("peer") == "deputy" and succeeded(line)]
    for target in TARGETS:
        values = [line[target.key] for line in lines if target.of(line) and target.key in line]
        sign = "≤" if target.limit == "at most" else "<"
        bound = f"{sign} {target.bound:g} {target.unit}".strip()
        own_value = f"{number(values[0])} {target.unit}".strip() if values else "—"
        theirs = _theirs(target, programs)
        yield [target.title, bound, own_value, theirs, "", verdict(target.met(values[0]) if values else None)]


def _theirs(target: Target, programs: Mapping[str, Line]) -> str:
    if target.measure != "steps":
        return ""
    lines = [(name, line) for name, line in programs.items() if name in TIMES and succeeded(line)]
    return ", ".join(f"{name} {number(line[target.key])}" for name, line in lines)


def setting(key: str, value: object) -> str:
    """Show one setting in a few words."""
    return f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"


def shown_settings(line: Mapping[str, Any]) -> str:
    """Show the settings of a line."""
    return ", ".join(setting(key, value) for key, value in line.get("settings", {}).items())


def step_rows(programs: Mapping[str, Line]) -> Iterable[list[str]]:
    """Return one row per program that does the job."""
    for name, line in programs.items():
        if name not in TIMES and line.get("measure") != "steps":
            continue
        if not succeeded(line):
            reason = line.get("not_available") or line.get("failed")
            yield [name, line.get("version", "—"), f"not available: {reason}", "—", "—", "—"]
            continue
        settings = shown_settings(line)
        figures = [number(line[key]) for key in ("steps_per_s", "cpu_us_per_step", "db_bytes_per_step")]
        yield [name, line["version"], *figures, settings]


def other_rows(programs: Mapping[str, Line]) -> Iterable[list[str]]:
    """Return what the programs say that do another job, figure by figure."""
    for name, line in programs.items():
        if name in TIMES or line.get("measure") == "steps":
            continue
        if not succeeded(line):
            yield [name, "not available", str(line.get("not_available") or line.get("failed"))]
            continue
        for key, value in line.items():
            if key not in HIDDEN:
                yield [name, key.replace("_", " "), number(value) if isinstance(value, (int, float)) else str(value)]
        yield [name, "settings", shown_settings(line)]


def machine_rows(machine: Machine) -> list[list[str]]:
    """Return what is said of the machine."""
    return [
        ["processor", f"{machine['cpu']}, {machine['cores']} cores"],
        ["memory", f"{machine['memory_gib']:g} GiB"],
        ["kernel", machine["kernel"]],
        ["Python", f"{machine['python']}, SQLite {machine['sqlite']}"],
        [
            "disk",
            f"{machine['filesystem']}; writing 4 KiB and `fdatasync` takes {number(machine['fdatasync_us'])} µs "
            f"(median of 200; 90 % within {number(machine['fdatasync_p90_us'])} µs)",
        ],
        ["load before", f"{machine['load_before']:g}"],
    ]


def render(measured: Measured) -> str:
    """Return the part of the page between the markers."""
    results = measured["results"]
    programs = by_program(results)
    others = list(other_rows(programs))
    rounds = measured["rounds"]
    parts = [
        [f"Measured on {measured['date']}; " + (f"medians of {rounds} rounds." if rounds > 1 else "one round.")],
        ["## Targets"],
        table(["measure", "target", "Deputy", "peers", "ratio", ""], target_rows(results, programs)),
        ["## The job: durable steps"],
        table(["program", "version", "steps/s", "µs of processor/step", "bytes/step", "settings"], step_rows(programs)),
        *([["## Other figures"], table(["program", "figure", "value"], others)] if others else []),
        ["## Machine"],
        table(["", ""], machine_rows(measured["machine"])),
        ["## Commands"],
        ["```console", *(f"$ {command}" for command in measured["commands"]), "```"],
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def write(measured: Measured, path: Path = RESULTS) -> None:
    """Replace what stands between the markers of the page; the rest of it is written by people."""
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} lacks the markers `{BEGIN}` and `{END}`: put them back where the results belong")
    path.write_text(f"{before}{BEGIN}\n\n{render(measured)}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Write the results of a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="what `python -m bench --json` wrote")
    measured: Measured = json.loads(parser.parse_args().file.read_text(encoding="utf-8"))
    write(measured)
    print(f"{RESULTS.relative_to(ROOT)} written")


if __name__ == "__main__":
    main()
