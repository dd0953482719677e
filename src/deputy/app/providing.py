"""Sign in by a provider (OpenID Connect): send a person there, and take who comes back for whom the provider says.

Each attempt is bound to the browser that began it, is good once and for ten minutes, and is kept in memory alone. Whom
people.toml does not know, or whose address is not verified, does not come in; nobody is made by signing in.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal, NamedTuple, cast

from deputy.adapters.oidc import Attempt, Claims, Provider, ProviderAway, ProviderRefused, host_of
from deputy.app.access import Caller
from deputy.app.bootstrap import Office
from deputy.app.config.settings import Oidc
from deputy.app.opening import SignInNeeded, address_of, entrance_of
from deputy.app.sessions import Begun, begin
from deputy.base.canonical import digest
from deputy.base.errors import DeputyError, UsageError
from deputy.base.ids import new_secret
from deputy.domain.principal import ROLES, Person, Role

__all__ = ["LASTS", "Back", "ProviderUnfit", "Reception", "SignInRefused", "Sent", "local_path", "sign_in_examined"]

LASTS = 600.0  #: seconds that an attempt is good
MOST = 10_000  #: attempts under way
_LONGEST = 4_000  # characters of what comes back
Word = Literal["expired", "denied", "unverified", "unknown_person", "no_role", "away", "failed"]


class SignInRefused(UsageError):
    """Whoever came back from the provider does not come in."""

    code = "sign_in_refused"

    def __init__(self, word: Word, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.word = word


class ProviderUnfit(DeputyError):
    """Nobody can be sent to the provider now."""

    code = "provider_unfit"


class Sent(NamedTuple):
    """Where a browser is sent, and what it keeps until it is back, under which name."""

    location: str
    name: str
    secret: str


class Back(NamedTuple):
    """A session that was begun, and where its person wanted to go."""

    begun: Begun
    to: str


class _Flow(NamedTuple):
    attempt: Attempt
    browser: str  #: digest of what the browser keeps
    to: str
    began: float
    before: str  #: the session that the browser had


def local_path(text: str) -> str:
    """A path of ours to go on at; the first page instead of anything else."""
    fine = text.startswith("/") and not text.startswith("//") and "\\" not in text and len(text) <= 2_000
    if not fine or not text.isascii() or not text.isprintable() or " " in text:
        return "/"
    return "/" if text.startswith(("/api/", "/sign-in")) else text


class Reception:
    """Attempts to sign in by the provider that deputy.toml names now."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._flows = OrderedDict[str, _Flow]()
        self._provider: tuple[Oidc, Provider] | None = None

    @property
    def name(self) -> str | None:
        """What people call the provider; None where there is none."""
        oidc = self._office.settings.auth.oidc
        return None if oidc is None else oidc.name or host_of(oidc.issuer)

    async def send(self, origin: str, to: str, before: Caller | None) -> Sent:
        """Begin; raises UsageError and ProviderUnfit."""
        provider = self._known()
        secret, state = new_secret(), new_secret()
        attempt = Attempt(state, new_secret(), new_secret(), f"{origin}/sign-in/callback")
        try:
            location = await provider.address(attempt)
        except (ProviderAway, ProviderRefused) as exc:
            self._tell(exc)
            raise ProviderUnfit(exc.message, exc.remedy) from None
        now = self._office.clock.boot()
        while self._flows and (len(self._flows) >= MOST or now - next(iter(self._flows.values())).began > LASTS):
            self._flows.popitem(last=False)
        known = "" if before is None else before.granted.id
        self._flows[state] = _Flow(attempt, digest(secret.encode()), local_path(to), now, known)
        return Sent(location, self.cookie(state), secret)

    @staticmethod
    def cookie(state: str) -> str:
        """The name under which a browser keeps what binds it to an attempt: attempts may go on side by side."""
        plain = "".join(mark for mark in state[:12] if mark.isascii() and mark.isalnum())
        return f"deputy_signing_{plain}"

    async def receive(self, told: Mapping[str, str], kept: str, program: str) -> Back:
        """Take who came back with this in the address; raises SignInRefused."""
        flow = self._flows.pop(told.get("state", ""), None)
        now = self._office.clock.boot()
        if flow is None or now - flow.began > LASTS or digest(kept.encode()) != flow.browser:
            raise SignInRefused("expired", "This attempt to sign in is not known, or too old.", "Begin anew.")
        try:
            return await self._received(flow, told, program)
        except SignInRefused as exc:
            self._tell(exc)
            raise
        except ProviderAway as exc:
            self._tell(exc)
            raise SignInRefused("away", exc.message, exc.remedy) from None
        except DeputyError as exc:
            self._tell(exc)
            raise SignInRefused("failed", exc.message, exc.remedy) from None

    async def _received(self, flow: _Flow, told: Mapping[str, str], program: str) -> Back:
        provider = self._known()
        code = told.get("code", "")
        if "error" in told or not 0 < len(code) <= _LONGEST:
            word = told.get("error", "")
            denied = word in ("access_denied", "login_required", "interaction_required", "consent_required")
            why = "The person refused, or was refused." if denied else "The provider sent nobody back."
            raise SignInRefused("denied" if denied else "failed", why, "Try again.")
        claims = await provider.claims(flow.attempt, code, told.get("iss"))
        oidc = self._office.settings.auth.oidc
        if oidc is None:
            raise SignInRefused("failed", "No provider is named any more.", "Ask whoever runs Deputy.")
        person = self._person(oidc, claims)
        begun = await begin(self._office, person, oidc.issuer, _roles(oidc, claims.said, person), program)
        if flow.before:
            await self._office.store.access.withdraw(flow.before)
        return Back(begun, flow.to)

    def _person(self, oidc: Oidc, claims: Claims) -> Person:
        """Whom the verified address belongs to."""
        email = claims.email.strip()
        shown = email[:200] if email.isprintable() else "an address with hidden characters"
        if not email or not (claims.verified or (claims.verified is None and oidc.assume_verified)):
            what = f"calls {shown} unverified" if email else "tells no e-mail address"
            remedy = "Let it verify addresses and tell of it (`email`, `email_verified`)."
            raise SignInRefused("unverified", f"The provider {what}.", remedy)
        folded = email.casefold()
        people = self._office.settings.directory.people.values()
        found = next((one for one in people if one.email and one.email.casefold() == folded), None)
        if found is None:
            remedy = "Give a person of people.toml this `email`."
            raise SignInRefused("unknown_person", f"Nobody in people.toml has the address {shown}.", remedy)
        return found

    async def goodbye(self, caller: Caller, origin: str) -> str:
        """Where a browser goes to sign out at the provider as well; "" where nowhere."""
        if not caller.granted.note.startswith("oidc:"):
            return ""
        try:
            return await self._known().goodbye(caller.person.email, f"{origin}/sign-in")
        except DeputyError as exc:
            self._tell(exc)  # one is signed out here all the same
            return ""

    def _known(self) -> Provider:
        oidc = self._office.settings.auth.oidc
        if oidc is None:
            raise UsageError("No provider to sign in by is named here.", "Use a link: `deputy sign-in` prints one.")
        if self._provider is None or self._provider[0] != oidc:
            self._provider = (oidc, provider_of(self._office, oidc))
        return self._provider[1]

    def _tell(self, exc: DeputyError) -> None:
        self._office.notices(f"Nobody was signed in: {exc.message} {exc.remedy}".strip())


async def sign_in_examined(office: Office) -> AsyncGenerator[tuple[Literal["ok", "warning", "error"], str, str]]:
    """What `deputy doctor` says of signing in: level, message, remedy."""
    settings = office.settings
    try:
        entrance_of(settings, settings.web.host, "")
    except SignInNeeded as exc:
        yield "error", exc.message, exc.remedy
    oidc = settings.auth.oidc
    if oidc is None:
        return
    try:
        shown = await provider_of(office, oidc).prove()
    except DeputyError as exc:
        yield "error", exc.message, exc.remedy
        return
    back = f"{address_of(settings)}/sign-in/callback"
    if not shown:
        yield "error", "The provider shows no key that we take.", "Let it sign with RS256, PS256 or ES256."
    else:
        yield "ok", f"The provider at {host_of(oidc.issuer)} answers; it must send people back to {back}.", ""
    without = [one.id for one in settings.directory.people.values() if not one.email]
    if without:
        message = f"{', '.join(sorted(without)[:10])} cannot sign in by the provider: they have no `email`."
        yield "warning", message, "Write it in people.toml."


def provider_of(office: Office, oidc: Oidc) -> Provider:
    """The provider that a table of deputy.toml names; its secret is lent where it is used."""

    def secret() -> str:
        return office.secrets.lend(oidc.client_secret) if oidc.client_secret else ""

    return Provider(oidc.issuer, oidc.client_id, secret, oidc.scopes, office.clock)


def _roles(oidc: Oidc, said: Mapping[str, Any], person: Person) -> tuple[Role, ...]:
    """The roles that a claim gives; none where people.toml gives them. Raises SignInRefused where it gives none."""
    if not oidc.roles_claim:
        return ()
    value: object = said.get(oidc.roles_claim)
    if value is None:
        value = said
        for step in oidc.roles_claim.split("."):
            value = cast("dict[str, object]", value).get(step) if isinstance(value, dict) else None
    names = [value] if isinstance(value, str) else cast("list[object]", value) if isinstance(value, list) else []
    found = {role for name in names if isinstance(name, str) for role in oidc.roles.get(name, ())}
    if not found:
        remedy = "`roles` under [auth.oidc] of deputy.toml says which of the provider's groups give which roles."
        raise SignInRefused("no_role", f"The provider gives {person.id} no role here.", remedy)
    return cast("tuple[Role, ...]", tuple(role for role in ROLES if role in found))
