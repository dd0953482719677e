"""Prove a model route by real calls; a person asks for it, no run does, and its cost is bounded and said beforehand."""

from deputy.app.proof.route import Proof, named_route, prove

__all__ = ["Proof", "named_route", "prove"]
