"""The models of an open workspace, each built when it is first asked, and anew when the files change."""

from collections.abc import Callable

import msgspec

from deputy.adapters.egress import Egress
from deputy.adapters.lending import Lending, LentModel
from deputy.adapters.model.openai_chat import OpenAIChat
from deputy.adapters.model.rehearsal import Rehearsal, RehearsalScript
from deputy.adapters.model.replicas import Replicas
from deputy.app.capabilities import capabilities
from deputy.app.config.settings import REHEARSAL, ModelRoute, Settings
from deputy.app.routes import endpoint_of, understood
from deputy.base.clock import Clock

__all__ = ["Models", "client_of"]


class Models:
    """Every model by its name in deputy.toml."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        lend: Callable[[str], str],
        script: Callable[[str, str], RehearsalScript],
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._settings, self._lend, self._script = settings, lend, script
        self._models: dict[str, LentModel | Rehearsal] = {}
        self._egress: Egress | None = None
        self._old: list[LentModel | Rehearsal | Egress] = []

    def of(self, name: str) -> LentModel | Rehearsal | None:
        """The model of this name, or None."""
        if name not in self._models:
            settings = self._settings()
            route = settings.route(name)
            if route is None:
                return None
            if route.provider == REHEARSAL:
                self._models[name] = Rehearsal(self._script)
            else:
                if self._egress is None:
                    self._egress = Egress([url for m in settings.models.values() for url in m.addresses])
                lending = Lending(self._lend)
                self._models[name] = LentModel(self._served(route, self._egress, lending.lend), lending)
        return self._models[name]

    def _served(self, route: ModelRoute, egress: Egress, lend: Callable[[str], str]) -> OpenAIChat | Replicas:
        currency = self._settings().currency
        places = [msgspec.structs.replace(route, base_url=url, replicas=()) for url in route.addresses]
        if len(places) == 1:
            return client_of(route, currency, egress, lend)
        return Replicas({p.base_url: client_of(p, currency, egress, lend) for p in places}, self._clock)

    def forget(self) -> None:
        """Build everything anew when it is asked next; calls under way go on."""
        self._old += self._models.values()
        self._models = {}
        if self._egress is not None:
            self._old.append(self._egress)
            self._egress = None

    async def close(self) -> None:
        """Let go of everything."""
        self.forget()
        for each in self._old:
            await each.close()
        self._old.clear()


def client_of(route: ModelRoute, currency: str, egress: Egress, lend: Callable[[str], str]) -> OpenAIChat:
    """The client of a route; it asks what kind of server it speaks to where that matters and nobody says."""
    key = (lambda: lend(route.api_key)) if route.api_key else None
    endpoint = endpoint_of(route, currency)
    if route.thinking is None or understood(route, currency).known.name is not None:
        return OpenAIChat(endpoint, egress, key)
    return OpenAIChat(
        endpoint, egress, key, settle=lambda owner: endpoint_of(route, currency, capabilities().owner(owner))
    )
