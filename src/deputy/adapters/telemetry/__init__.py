"""Traces over OTLP, and the place in the journal up to which they were told."""

from deputy.adapters.telemetry.otlp import Otlp, installed
from deputy.adapters.telemetry.place import Place

__all__ = ["Otlp", "Place", "installed"]
