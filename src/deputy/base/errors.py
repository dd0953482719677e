"""The error tree: one base, a stable code per error, one sentence, and what to do next.

DeputyError
├── UsageError            the command or a file is wrong: nothing was changed          (exit 2)
│   ├── ConfigError       a file of the workspace, with its line
│   ├── NotFound          no such run, item, agent or person
│   ├── Conflict          somebody else was first
│   └── Forbidden         this person may not do that
├── StoreError            the database cannot be used as it is
│   ├── StoreBusy         it may work a moment later
│   ├── StoreFull         no space is left on its disk
│   ├── StoreDamaged      its content is not what was written
│   └── StoreTooNew       a newer Deputy wrote it
├── CommitRefused         a precondition of a commit does not hold
│   ├── LeaseLost         another worker owns the run now
│   ├── OutOfSequence     the journal has moved on
│   ├── Frozen            a person has frozen the agent or the workspace
│   ├── GrantUsed         an approval serves one effect, once
│   ├── ArrivalTaken      a run came of this arrival already, or another of its trigger has to end first
│   └── OverBudget        the worst case does not fit
├── Stopping              this worker ends: it begins nothing new, and others go on with its runs
├── Overtaken             something arrived while a call waited for its turn: look at the run anew
└── ProcedureError        the code of a procedure breaks the rules of replay
"""

from typing import ClassVar, Literal

__all__ = [
    "ArrivalTaken", "CommitRefused", "ConfigError", "Conflict", "DeputyError", "Forbidden", "Frozen", "GrantUsed",
    "LeaseLost", "NotFound", "OutOfSequence", "OverBudget", "Overtaken", "ProcedureError", "StoreBusy", "StoreDamaged",
    "StoreError", "Stopping", "StoreFull", "StoreTooNew", "UsageError",
]  # fmt: skip


class DeputyError(Exception):
    """Base of every error raised on purpose: a sentence, and a remedy where there is one."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.extra: dict[str, object] = {}  #: what a program may want to know beside the words


class UsageError(DeputyError):
    """The command or a file is wrong; nothing was changed."""

    code = "usage"


class ConfigError(UsageError):
    """A file of the workspace is wrong: says which, where, and what would be right."""

    code = "configuration"

    def __init__(
        self, message: str, remedy: str = "", *, file: str = "", line: int | None = None, column: int | None = None,
        where: tuple[str | int, ...] = (),
    ) -> None:  # fmt: skip
        place = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(place + message, remedy)
        self.sentence = message  #: without its place
        self.file, self.line, self.column = file, line, column
        self.where = where  #: the keys and positions that lead to what is wrong


class NotFound(UsageError):
    """Nothing has this name or id."""

    code = "not_found"


class Conflict(UsageError):
    """Somebody else was first, or the thing is no longer in a state that allows this."""

    code = "conflict"


class Forbidden(UsageError):
    """This person may not do that."""

    code = "forbidden"


class StoreError(DeputyError):
    """The database cannot be used as it is."""

    code = "store"


class StoreBusy(StoreError):
    """Another process holds the database; a moment later it may work."""

    code = "store_busy"


class StoreFull(StoreError):
    """No space is left where the database lies; nothing of the commit was kept."""

    code = "store_full"


class StoreDamaged(StoreError):
    """The database's content is not what was written."""

    code = "store_damaged"


class StoreTooNew(StoreError):
    """A newer version of Deputy wrote this database."""

    code = "store_too_new"


class CommitRefused(DeputyError):
    """A precondition of a commit does not hold; nothing of it was written."""

    code = "commit_refused"


class LeaseLost(CommitRefused):
    """Another worker owns the run now; what this one still knows of it is worthless."""

    code = "lease_lost"


class OutOfSequence(CommitRefused):
    """The journal has moved on: the commit does not continue its last event."""

    code = "out_of_sequence"


class Frozen(CommitRefused):
    """A person has frozen the agent or the whole workspace."""

    code = "frozen"


class GrantUsed(CommitRefused):
    """The approval was already used; it serves one effect, once."""

    code = "grant_used"


class ArrivalTaken(CommitRefused):
    """A run came of this arrival already, or a run of its trigger that is open has to end first."""

    code = "arrival_taken"


class OverBudget(CommitRefused):
    """The worst case does not fit into an account."""

    code = "over_budget"

    def __init__(
        self, message: str, *, account: str, unit: Literal["money", "tokens", "steps", "wall"], spent: bool
    ) -> None:
        super().__init__(message)
        self.account = account
        self.unit: Literal["money", "tokens", "steps", "wall"] = unit
        self.spent = spent  #: True: only raising the limit helps; False: others hold what they may give back


class Stopping(DeputyError):
    """The worker was told to stop; a run goes on with the next one, and has lost nothing."""

    code = "stopping"


class Overtaken(DeputyError):
    """Something arrived for a run while a call of it waited for its turn; nothing was begun."""

    code = "overtaken"


class ProcedureError(DeputyError):
    """The code of a procedure breaks the rules of replay."""

    code = "procedure"
