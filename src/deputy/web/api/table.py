"""What a route of the API is: the one declaration from which routing, rights, checks, the OpenAPI document and its
tests are made."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple

from deputy.app.access import Caller
from deputy.app.bootstrap import Office
from deputy.app.commands import Asking
from deputy.app.rights import Action
from deputy.base.errors import DeputyError

__all__ = ["Asked", "Endpoint", "Method", "Stream"]

Method = Literal["GET", "POST", "DELETE"]


class Asked(NamedTuple):
    """A request that was let in, its parts read and checked."""

    office: Office
    caller: Caller
    path: Mapping[str, str]
    query: Any = None  #: of the endpoint's `query`
    body: Any = None  #: of the endpoint's `body`
    last: str = ""  #: Last-Event-ID
    shared: Any = None  #: what followers share
    going: Callable[[], bool] = lambda: True  #: whether the server goes on
    asking: Asking | None = None  #: of a write


class Stream(NamedTuple):
    """An answer that comes in parts."""

    parts: Any  #: an asynchronous generator of bytes
    kind: str
    name: str = ""  #: of the file, for one that is to be kept


class Endpoint(NamedTuple):
    """One route."""

    method: Method
    path: str  #: under /api/v1, with {names} of one segment
    action: Action
    summary: str
    call: Callable[[Asked], Awaitable[Any]]
    answer: Any  #: the type that the answer's JSON is of
    query: Any = None  #: a struct of what may stand in the query
    body: Any = None  #: a struct of what must stand in the body
    errors: tuple[type[DeputyError], ...] = ()
    example: Any = None  #: of the body
    kind: str = "application/json"
    status: int = 200
    once: str = ""  #: the member of the answer that is told once, and null where a write is sent again
    in_person: bool = False  #: whether it takes a session: a token that leaked must not make others
    takes: int = 0  #: the most bytes of the file that the body is, where it is none of JSON
    pure: bool = False  #: of a POST that changes nothing: it needs no key, and is done each time
    private: bool = False  #: whether not even a digest of the body may be kept
