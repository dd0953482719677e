"""A whole kernel on a store of your choice, with stand-ins for the outside: for tests and benchmarks."""

from collections.abc import Mapping, Sequence

from deputy.adapters.wire.schema import Validator
from deputy.base.clock import Clock
from deputy.domain.agent import Agent
from deputy.domain.builtin import BUILT_IN
from deputy.domain.catalogue import Route
from deputy.domain.principal import Directory, Person, person_principal
from deputy.kernel.built_in import BuiltIn
from deputy.kernel.execute import Executor
from deputy.kernel.gate import Gate
from deputy.kernel.policy import Policy
from deputy.kernel.procedure import Procedure
from deputy.kernel.recovery import Pinned, Recovery
from deputy.kernel.schedule import Worker, WorkerSettings
from deputy.kernel.start import new_run
from deputy.kernel.turns import Turns
from deputy.kernel.visit import Catalogue, Check, Rules
from deputy.ports.model import Model
from deputy.ports.store import Commit, Store
from deputy.ports.tool import Tool
from deputy.testing.fakes import CountingTools

__all__ = ["TESTERS", "Workbench"]

TESTERS = Directory(
    people={
        "wei": Person(id="wei", name="Wei Chen", manager="lin", roles=("owner",)),
        "lin": Person(id="lin", name="Lin Hao", roles=("approver",)),
    }
)


def compile_schema(parameters: Mapping[str, object]) -> Check:
    """What the product compiles schemas with."""
    return Validator(dict(parameters)).problem


class Workbench:
    """Agents, tools and a model around a kernel; every part can be changed while it runs."""

    def __init__(
        self, store: Store, clock: Clock, *, agents: Sequence[Agent], tools: CountingTools, model: Model,
        directory: Directory = TESTERS, procedures: Mapping[str, Procedure] | None = None,
    ) -> None:  # fmt: skip
        self.store, self.clock, self.tools, self.model = store, clock, tools, model
        self.agents = {agent.name: agent for agent in agents}
        self.procedures = dict(procedures or {})
        self.route = Route(name="default")
        self.policy = Policy(directory, self_approval=False)
        self.frozen: frozenset[str] = frozenset()
        self.rules = Rules(
            clock=clock, policy=lambda: self.policy, directory=lambda: directory, agent=self._agent, route=self._route,
            frozen=lambda: self.frozen,
        )  # fmt: skip
        self.gate = Gate(Executor(clock, model_for=self._model, tool_for=self._tool), BuiltIn(), Turns(clock))
        self._catalogue = Catalogue({**BUILT_IN, **tools.specs}, compile_schema)
        self.recovery = Recovery(store, self.rules, self.gate, self._pin)
        self.crashes: list[BaseException] = []

    def _agent(self, name: str) -> Agent | None:
        return self.agents.get(name)

    def _route(self, _name: str) -> Route:
        return self.route

    def _model(self, _route: str) -> Model:
        return self.model

    def _tool(self, _version: str, _name: str) -> Tool:
        return self.tools

    async def _pin(self, agent: str, _version: str) -> Pinned:
        return Pinned(self.agents[agent], self._catalogue, self.procedures.get(agent))

    async def start(self, agent: str, task: str = "work", *, on_behalf_of: str = "wei") -> str:
        """Create a run; returns its id."""
        run = new_run(
            self.agents[agent], task, at=self.clock.now(), by=person_principal(on_behalf_of), on_behalf_of=on_behalf_of
        )
        await self.store.commit(Commit(run=run.id, lease=None, children=[run]))
        return run.id

    def worker(self, settings: WorkerSettings | None = None) -> Worker:
        """A worker of this kernel."""
        return Worker(
            self.store, self.clock, self.recovery, settings,
            crashed=lambda _run, exc: self.crashes.append(exc),
        )  # fmt: skip

    async def work(self, *only: str) -> None:
        """Drive everything that can go on; raises what went wrong in the kernel itself."""
        await self.worker().run(until_idle=True, only=only)
        if self.crashes:
            raise self.crashes[0]
