"""Where a command writes: results to stdout, remarks to stderr, colours only where somebody can see them."""

import contextlib
import io
import json
import shlex
import shutil
import sys
from collections.abc import Callable, Generator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from deputy.cli.text import one_line, plain

__all__ = ["Terminal"]


class _Console(Console):
    """Tells us that nobody reads any more, instead of ending the process amid an effect."""

    def on_broken_pipe(self) -> None:
        """Say so to whoever writes."""
        raise BrokenPipeError


class Terminal:
    """The terminal of one command, and how it was called."""

    def __init__(self, *, as_json: bool = False, workspace: str | None = None) -> None:
        self.as_json, self.workspace = as_json, workspace
        for stream in (sys.stdout, sys.stderr):  # a terminal without our signs is no reason to fail
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        columns = shutil.get_terminal_size((120, 40)).columns
        options = {"highlight": False, "markup": False, "emoji": False, "soft_wrap": False}
        self.out = _Console(file=sys.stdout, width=columns, **options)  # pyright: ignore[reportArgumentType]
        self.err = _Console(file=sys.stderr, width=columns, **options)  # pyright: ignore[reportArgumentType]

    @property
    def width(self) -> int:
        """Columns to write in."""
        return max(self.out.width, 40)

    def say(self, text: str | Text = "", style: str = "") -> None:
        """Write a line for people, wrapped; what came from outside must be harmless already."""
        if not self.as_json:
            self.out.print(Text(text, style=style) if isinstance(text, str) else text)

    def line(self, text: Text) -> None:
        """Write exactly one line, cut where a terminal ends."""
        if not self.as_json:
            cut = self.out.is_terminal
            self.out.print(text, no_wrap=True, overflow="ellipsis" if cut else "ignore", crop=cut)

    def quote(self, text: str, label: str = "", after: str = "") -> None:
        """Write somebody else's words behind a bar, wrapped, so that nothing in them can pass for ours.

        `label` stands before the first line, `after` beside a single short one or else below, and both are ours.
        """
        if self.as_json:
            return
        indent = " " * cell_len(label)
        room = max(self.width - cell_len(label) - 3, 20)
        lines = [Text(piece.plain) for line in plain(text).split("\n") for piece in Text(line).wrap(self.out, room)]
        beside = after if len(lines) == 1 and lines[0].cell_len + cell_len(after) + 2 < room else ""
        for place, line in enumerate(lines or [Text()]):
            shown = Text().append(indent if place else label, style="dim").append("│ ", style="dim").append_text(line)
            if beside:
                shown.append(f"  {after}", style="red")
            self.out.print(shown, no_wrap=True, overflow="ignore", crop=False)
        if after and not beside:
            self.out.print(Text(f"{indent}{after}", style="red"))

    def note(self, text: str, style: str = "yellow") -> None:
        """Remark something beside the results."""
        self.err.print(Text(f"deputy: {one_line(text)}", style=style))

    def address(self, text: str) -> None:
        """Write an address for somebody to open, never broken, beside the results."""
        self.err.print(Text(one_line(text), style="bold"), no_wrap=True, overflow="ignore", crop=False)

    def emit(self, value: object) -> None:
        """Write a value for programs."""
        unicode = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.write(json.dumps(value, ensure_ascii=not unicode, default=str) + "\n")

    def command(self, *words: str) -> str:
        """What to type in order to give another command here."""
        where = ["--workspace", self.workspace] if self.workspace is not None else []
        return shlex.join(["deputy", *words, *where])

    def commands(self, lines: Sequence[str], indent: str = "  ") -> None:
        """Write commands to type, one a line, never broken: they are there to be copied."""
        for line in lines:
            self.out.print(Text(indent + one_line(line), style="bold"), no_wrap=True, overflow="ignore", crop=False)

    @contextlib.contextmanager
    def busy(self, what: str) -> Generator[Callable[[str], None]]:
        """Show that something takes long, while it does and somebody watches; yields how to say at what it is."""
        console = self.out if self.out.is_terminal and not self.as_json else self.err
        if not console.is_terminal:
            yield lambda _: None
            return
        with console.status(one_line(f"{what} …"), spinner="dots") as status:
            yield lambda now: status.update(one_line(f"{what}: {now} …"))
