"""What a server says of itself in its list of models: who it is, and how long a conversation it takes."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple, cast

from deputy.adapters.egress import Egress, EgressError
from deputy.base.canonical import decode

__all__ = ["Listing", "listing"]

PATIENCE = 5.0  #: seconds
MOST = 1_000_000  #: bytes of a list
LONGEST = 100_000_000  #: tokens of a context that anybody would believe


class Listing(NamedTuple):
    """What a list of models told; empty where it told nothing."""

    status: int = 0  #: of HTTP; 0 where nothing came
    owner: str = ""
    models: tuple[str, ...] = ()
    context: int = 0  #: of the model asked for


async def listing(egress: Egress, base_url: str, model: str, key: str) -> Listing:
    """Ask a server for its models; whatever is wrong with the answer, an empty list comes back."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await egress.request("GET", f"{base_url}/models", headers=headers, limit=MOST)
    except (EgressError, TimeoutError):
        return Listing()
    if answer.status != 200:
        return Listing(answer.status)
    try:
        entries = _entries(decode(answer.body))
    except (ValueError, RecursionError):
        return Listing(answer.status)
    names = tuple(str(entry.get("id", ""))[:200] for entry in entries)[:1000]
    one = next((entry for entry in entries if entry.get("id") == model), entries[0] if entries else {})
    context = one.get("max_model_len")
    return Listing(
        answer.status, str(one.get("owned_by", ""))[:100], names,
        context if isinstance(context, int) and 0 < context < LONGEST else 0,
    )  # fmt: skip


def _entries(said: object) -> list[Mapping[str, object]]:
    data = cast("Mapping[str, object]", said).get("data") if isinstance(said, Mapping) else None
    found = cast("list[object]", data) if isinstance(data, list) else []
    return [cast("Mapping[str, object]", entry) for entry in found if isinstance(entry, Mapping)]
