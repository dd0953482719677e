"""The only way out over HTTP: addresses on a list, certificates checked, every wait and every answer bounded."""

from typing import TYPE_CHECKING

from deputy.adapters.egress.addresses import Network
from deputy.adapters.egress.client import (
    Answer,
    Dispatch,
    Egress,
    EgressError,
    EgressRefused,
    Interrupted,
    ResponseTooLarge,
    Timeouts,
    TooLate,
    Unreachable,
    dispatching,
    origin,
    reason,
    received,
)
from deputy.adapters.egress.places import Address, Places, address_of

if TYPE_CHECKING:
    from httpx2 import Response as Response

__all__ = [
    "Address", "Answer", "Dispatch", "Egress", "EgressError", "EgressRefused", "Interrupted", "Network", "Places",
    "ResponseTooLarge", "Timeouts", "TooLate", "Unreachable", "address_of", "dispatching", "origin", "reason",
    "received",
]  # fmt: skip
