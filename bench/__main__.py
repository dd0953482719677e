"""Measures Deputy and its peers in one run, and writes what it found: `python -m bench [NAME ...]`.

Programs that do the same job take turns, a peer and then Deputy, so that whatever else the machine does hits both
alike; three rounds, and medians. Programs without a peer run once, after them: they repeat what needs repeating.
"""

import argparse
import datetime
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench import machine, report
from bench.job import Job, add_job_arguments
from bench.programs import (
    ROOT,
    TURN_TAKER,
    Interpreters,
    Line,
    Program,
    choose,
    default_interpreter,
    last_line,
    programs,
    run,
)

DATA = Path(__file__).resolve().parent / ".data"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to run; all of {', '.join(programs())}")
    parser.add_argument("--seconds", type=float, default=10.0, help="window of each run of the job (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of turns (default 3)")
    add_job_arguments(parser)
    parser.add_argument(
        "--dir", type=Path, default=DATA, help="folder for the data, on a real disk (default bench/.data)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every line of every round to a file")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md although only some programs run")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds one program may take (default 600)")
    parser.add_argument("--peer-python", type=Path, default=default_interpreter(".venv-bench"), help=argparse.SUPPRESS)
    parser.add_argument("--python", type=Path, default=default_interpreter(".venv"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in programs()]
    if unknown:
        parser.error(f"no program `{unknown[0]}`: there are {', '.join(programs())}")
    if min(options.rounds, options.runs, options.steps) < 1 or options.seconds < 0:
        parser.error("rounds, runs and steps are at least 1, and seconds at least 0")
    return options


def turns(chosen: Sequence[Program], rounds: int) -> Iterator[tuple[int, Program]]:
    """Yield who runs when: in each round every peer and Deputy after it, and its other ways; then the rest once."""
    peers = [program for program in chosen if program.is_peer]
    own = next((program for program in chosen if program.name == TURN_TAKER), None)
    beside = [program for program in chosen if program.every_round]
    alone = [program for program in chosen if program not in (*peers, *beside, own)]
    for number in range(1, rounds + 1):
        for peer in peers:
            yield number, peer
            if own:
                yield number, own
        if own and not peers:
            yield number, own
        for program in beside:
            yield number, program
    for program in alone:
        yield 1, program


def shown(line: Line) -> str:
    """Return a line of progress."""
    if "steps_per_s" in line:
        return f"{line['steps_per_s']:>10,.1f} steps/s {line['cpu_us_per_step']:>10,.1f} µs of processor a step"
    if not report.succeeded(line):
        return f"  {'failed' if 'failed' in line else 'not available'}: {line.get('failed') or line['not_available']}"
    figures = (f"{key} {value}" for key, value in line.items() if key not in report.HIDDEN)
    return "  " + ", ".join(figures)


def prepare_npm(chosen: Sequence[Program], interpreters: Interpreters) -> None:
    """Install the peers that npm has; where that fails, their programs say that they are not available."""
    if any(program.module == "bench.peers.restate" for program in chosen):
        command = [str(interpreters.peers), "-m", "bench.npm"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"restate: {last_line(done.stdout) or last_line(done.stderr)}", file=sys.stderr)


def measure(chosen: Sequence[Program], job: Job, options: argparse.Namespace) -> list[Line]:
    """Let everybody have their turns, each with an empty folder."""
    interpreters = Interpreters(peers=options.peer_python, own=options.python)
    prepare_npm(chosen, interpreters)
    results: list[Line] = []
    for number, program in turns(chosen, options.rounds):
        folder = Path(tempfile.mkdtemp(prefix=f"{program.name}-", dir=job.folder))
        try:
            line = run(program, replace(job, folder=folder), interpreters=interpreters, timeout=options.timeout)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        results.append({**line, "round": number})
        print(f"{number}  {program.name:<16}{shown(line)}", flush=True)
    return results


def command_line(names: Sequence[str], options: argparse.Namespace) -> str:
    """Return the command that repeats this measurement, without the folders of this machine."""
    said = [f"--seconds {options.seconds:g}", f"--rounds {options.rounds}"]
    for name in ("runs", "steps", "payload", "model_ms", "tool_ms"):
        value = getattr(options, name)
        if value != getattr(Job, name):
            said.append(f"--{name.replace('_', '-')} {value:g}")
    return " ".join(["python -m bench", *names, *said])


def end(_number: int, _frame: object) -> None:
    """Leave in order, so that the program under way is ended too."""
    sys.exit(143)


def main() -> int:
    """Measure, and report; a program that failed makes the whole fail, one that is not available does not."""
    options = parse()
    signal.signal(signal.SIGTERM, end)
    options.dir.mkdir(parents=True, exist_ok=True)
    warning = machine.disk_warning(options.dir)
    if warning:
        print(f"warning: {warning}", file=sys.stderr)
    job = Job(
        folder=options.dir.resolve(),
        runs=options.runs,
        steps=options.steps,
        seconds=options.seconds,
        model_ms=options.model_ms,
        tool_ms=options.tool_ms,
        payload=options.payload,
    )
    described = machine.describe(options.dir)
    measured: report.Measured = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commands": ["make bench", command_line(options.names, options)],
        "rounds": options.rounds,
        "machine": described,
        "results": measure(choose(options.names), job, options),
    }
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    if options.write or not options.names:
        report.write(measured)
        print("bench/RESULTS.md written")
    return 1 if any("failed" in line for line in measured["results"]) else 0


if __name__ == "__main__":
    raise SystemExit(main())
