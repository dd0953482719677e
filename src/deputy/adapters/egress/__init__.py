"""The only way out over HTTP: addresses on a list, certificates checked, every wait and every answer bounded."""

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
    Unreachable,
    dispatching,
    origin,
    reason,
    received,
)
from deputy.adapters.egress.places import Address, Places, address_of

__all__ = [
    "Address", "Answer", "Dispatch", "Egress", "EgressError", "EgressRefused", "Interrupted", "Network", "Places",
    "ResponseTooLarge", "Timeouts", "Unreachable", "address_of", "dispatching", "origin", "reason", "received",
]  # fmt: skip
