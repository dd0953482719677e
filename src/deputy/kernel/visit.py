"""What a driver works with while it holds a run: the journal, the tools of the run's version, the current mandate."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from deputy.base.clock import Clock
from deputy.base.errors import NotFound
from deputy.domain.agent import Agent
from deputy.domain.catalogue import Route
from deputy.domain.effect import ToolSpec
from deputy.domain.event import Ended
from deputy.domain.principal import Directory
from deputy.domain.run import Run
from deputy.kernel.answer import Answers, Shape
from deputy.kernel.budget import UNLIMITED, Mandated
from deputy.kernel.journal import Journal
from deputy.kernel.policy import Policy
from deputy.ports.arrivals import Arrival

__all__ = ["FILES_WRONG", "Catalogue", "Check", "Rules", "Visit"]

FILES_WRONG = "!files"  #: stands among the frozen names while the workspace's files are wrong
Check = Callable[[Mapping[str, object]], str | None]  #: what is wrong with arguments, in one sentence


class Catalogue:
    """The tools that a version of an agent can name, with their compiled schemas."""

    def __init__(self, specs: Mapping[str, ToolSpec], compile_schema: Callable[[Mapping[str, object]], Check]) -> None:
        self.specs = dict(specs)
        self._compile = compile_schema
        self._checks: dict[str, Check] = {}
        self._digests: dict[str, str] = {}

    def find(self, name: str) -> ToolSpec | None:
        """The tool of this name."""
        return self.specs.get(name)

    def schema_digest(self, spec: ToolSpec) -> str:
        """The digest of a tool's name, description and parameters, computed once."""
        if spec.name not in self._digests:
            self._digests[spec.name] = spec.schema_digest
        return self._digests[spec.name]

    def problem(self, spec: ToolSpec, args: Mapping[str, object]) -> str | None:
        """What is wrong with arguments for a tool, in one sentence, or None."""
        check = self._checks.get(spec.name)
        if check is None:
            check = self._checks[spec.name] = self._compile(spec.parameters)
        return check(args)


class Rules(NamedTuple):
    """What holds in the workspace now; asked anew at every step, since files, people and switches change."""

    clock: Clock
    policy: Callable[[], Policy]
    directory: Callable[[], Directory]
    agent: Callable[[str], Agent | None]  #: the current mandate of an agent
    route: Callable[[str], Route]
    frozen: Callable[[], frozenset[str]]  #: as last seen; the commit of an intent looks again
    ended: Callable[[Run, Ended], Sequence[Arrival]] = lambda _run, _ended: ()  #: what a run's end sets off


class Visit:
    """One stay of a run with a worker, from claim to release."""

    __slots__ = (
        "_limited", "answers", "catalogue", "conversation", "hear", "journal", "pinned", "row", "rules", "run",
    )  # fmt: skip

    def __init__(self, rules: Rules, journal: Journal, pinned: Agent, catalogue: Catalogue) -> None:
        self.rules, self.journal, self.pinned, self.catalogue = rules, journal, pinned, catalogue
        self.run = journal.run  #: its state
        self.row = journal.row  #: what the table of runs knows of it
        self.hear: Callable[[], bool] = lambda: False  #: takes in what has arrived for the run, in mid-call
        self.conversation: Any = None  #: the model loop's, kept between its steps
        self.answers = None if pinned.answer is None else Answers(Shape(pinned.answer), catalogue.problem)
        self._limited: tuple[Agent | None, Mandated] = (None, UNLIMITED)
        journal.limits = self.limits

    @property
    def agent(self) -> Agent:
        """The agent's mandate as it is now, or, of a run that only tries, as its version declares it; raises NotFound
        if it is no longer deployed."""
        if self.run.started is not None and self.run.started.trial:
            return self.pinned
        agent = self.rules.agent(self.row.agent)
        if agent is None:
            raise NotFound(
                f"agent `{self.row.agent}` is not deployed any more",
                f"Put agents/{self.row.agent}/AGENT.md back, or cancel the run.",
            )
        return agent

    def limits(self) -> Mandated:
        """The limits of the run and of its agent's day, by the current mandate."""
        agent = self.agent
        if agent is not self._limited[0]:
            self._limited = (agent, Mandated(agent.run_limits, agent.day_limits))
        return self._limited[1]
