"""Take the documentation at its word: write the files that a page shows, run the commands it shows, compare what comes.

A fenced block with a title is a file: ```` ```toml title="deputy.toml" ````. A `console` block is run: lines after `$ `
are commands (with `> ` in front of what continues one), the others are what they print. `…` stands for whatever comes:
alone on a line for any lines, inside a line for anything in it. Times, durations and digests need not agree. Ids of
runs in a page are named in a comment, `<!-- ids: r… r… -->`; each stands for the id that the run really got.

A command whose output is not shown must succeed; `echo $?` shows how one ended.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^(?P<ticks>`{3,})(?P<language>\w*)(?: +title=\"(?P<title>[^\"]+)\")? *$")
_IDS = re.compile(r"<!-- ids: (.+?) -->")
_MARK = "\x1edone"
_ID = "[0-9a-hjkmnp-tv-z]"
_LOOSE = {
    r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)": r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)",
    r"\b\d\d:\d\d:\d\d\b": r"\d\d:\d\d:\d\d",
    r"\b[0-9a-f]{12,64}\b": r"[0-9a-f]{12,64}",
    r"\b(?:now|\d+ seconds? ago)\b": r"(?:now|\d+ seconds? ago)",
    "…": ".*",
}


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    title: str
    text: str
    line: int  #: of the page


class Command(NamedTuple):
    """A command of a page, and what the page says that it prints."""

    words: str
    prints: tuple[str, ...]
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    opened: tuple[str, str, str, int] | None = None
    text: list[str] = []
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        if opened is None:
            if (found := _FENCE.match(line)) is not None:
                opened = (found["ticks"], found["language"], found["title"] or "", number)
                text = []
        elif line.strip() == opened[0]:
            yield Block(opened[1], opened[2], "".join(f"{one}\n" for one in text), opened[3])
            opened = None
        else:
            text.append(line)
    assert opened is None, f"{page.name}:{opened and opened[3]}: a block does not end"


def commands(block: Block) -> list[Command]:
    """What a console block lets one type."""
    found: list[Command] = []
    for number, line in enumerate(block.text.splitlines(), start=block.line + 1):
        if line.startswith("$ "):
            found.append(Command(line[2:], (), number))
        elif line.startswith("> ") and found and not found[-1].prints:
            found[-1] = found[-1]._replace(words=f"{found[-1].words}\n{line[2:]}")
        else:
            assert found, f"line {number} stands before any command"
            found[-1] = found[-1]._replace(prints=(*found[-1].prints, line))
    return found


class Reader:
    """Somebody who does what a page says, in a folder and a shell of their own."""

    def __init__(self, page: Path, folder: Path, *, replaced: Mapping[str, str] | None = None) -> None:
        self.page, self.at = page, folder  #: where they are
        named = _IDS.search(page.read_text("utf-8"))
        self.ids: dict[str, str] = dict.fromkeys(named[1].split() if named else (), "")
        self.replaced = dict(replaced or {})  #: texts of the page that stand for something else here
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder), "USER": "wei",
            "COLUMNS": "96", "LANG": "C.UTF-8",
        }  # fmt: skip

    def read(self) -> None:
        """Do everything, in order."""
        with subprocess.Popen(
            ["bash", "--norc", "--noprofile"], cwd=self.at, env=self.environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        ) as shell:  # fmt: skip
            try:
                for block in blocks(self.page):
                    if block.title:
                        self.write(block)
                    elif block.language == "console":
                        for command in commands(block):
                            self.compare(command, *self.type(shell, command))
            finally:
                os.killpg(shell.pid, signal.SIGKILL)

    def write(self, block: Block) -> None:
        """Put a file where its title says."""
        file = self.at / block.title
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._really(block.text), "utf-8")

    def type(self, shell: "subprocess.Popen[str]", command: Command) -> tuple[str, int]:
        """Run a command; what it printed, and its exit status."""
        words = self._really(command.words)
        for shown, real in self.ids.items():
            for form in (shown, shown[-4:]):
                if re.search(rf"\b{form}\b", words):
                    assert real, f"{self._place(command)}: {shown} was not seen before it is used"
                    words = re.sub(rf"\b{form}\b", real[-len(form) :], words)
        assert shell.stdin is not None and shell.stdout is not None
        shell.stdin.write(f"{{ {words}\n}} </dev/null\nstatus=$?; echo; echo '{_MARK}' $status $PWD; (exit $status)\n")
        shell.stdin.flush()
        printed: list[str] = []
        for line in shell.stdout:
            if line.startswith(_MARK):
                _, status, where = line.split(maxsplit=2)
                self.at = Path(where.strip())
                return "".join(printed).removesuffix("\n"), int(status)
            printed.append(line)
        raise AssertionError(f"{self._place(command)}: the shell ended:\n{''.join(printed)}")

    def compare(self, command: Command, printed: str, status: int) -> None:
        """See that a command prints what the page says."""
        lines = [_trimmed(line) for line in printed.strip("\n").splitlines()]
        if not command.prints:
            assert status == 0, f"{self._place(command)}: it ended with {status}:\n{printed}"
            return
        shown = [_trimmed(line) for line in command.prints]
        while shown and not shown[-1]:
            shown.pop()
        if (wrong := self._difference(shown, lines)) is not None:
            raise AssertionError(f"{self._place(command)}: {command.words!r} printed\n\n{printed}\n\n{wrong}")

    def _difference(self, shown: Sequence[str], lines: Sequence[str]) -> str | None:
        at = 0
        anything = False
        for line in shown:
            if line == "…":
                anything = True
                continue
            while True:
                if at == len(lines):
                    return f"where is: {line}"
                met = self._meets(line, lines[at])
                at += 1
                if met:
                    break
                if not anything:
                    return f"the page has: {line}\nit printed:   {lines[at - 1]}"
            anything = False
        return None if anything or at == len(lines) else f"the page does not have: {lines[at]}"

    def _meets(self, line: str, printed: str) -> bool:
        """Whether a printed line is what the page has, as far as it can be; learns what ids really are."""
        pattern, names = "", list[tuple[str, str]]()
        shown_ids = [form for shown in self.ids for form in (shown, shown[-4:])]
        loose = "|".join([*(f"(?<![0-9a-z]){form}(?![0-9a-z])" for form in shown_ids), *_LOOSE])
        at = 0
        for found in re.finditer(loose, line):
            pattern += re.escape(line[at : found.start()])
            at = found.end()
            shown = next((one for one in self.ids if found[0] in (one, one[-4:])), None)
            if shown is None:
                pattern += next(instead for form, instead in _LOOSE.items() if re.fullmatch(form, found[0]))
            else:
                names.append((shown, f"id{len(names)}"))
                real = self.ids[shown][-len(found[0]) :]
                pattern += f"(?P<{names[-1][1]}>{_ID}{{{len(found[0]) - len(real)}}}{real})"
        met = re.fullmatch(pattern + re.escape(line[at:]), printed)
        for shown, name in names if met else ():
            self.ids[shown] = max(self.ids[shown], met[name], key=len) if met else ""
        return met is not None

    def _really(self, text: str) -> str:
        for shown, real in self.replaced.items():
            text = text.replace(shown, real)
        return text

    def _place(self, command: Command) -> str:
        return f"{self.page.relative_to(ROOT)}:{command.line}"


def _trimmed(line: str) -> str:
    """A line without what differs every time: how long things took, and how wide the terminal is."""
    line = re.sub(r"\s+\d+ ms$", "", line.rstrip())
    return re.sub(r"─{3,}", "───", line)


def copied(example: Path, folder: Path) -> Path:
    """A copy of an example to work in."""
    left = shutil.ignore_patterns(".deputy", "__pycache__", "*.db", "*.db-*", "payments.txt")
    return Path(shutil.copytree(example, folder, ignore=left))
