"""Benchmarks of Deputy, each beside its peers in the same run; `python -m bench --help`.

No test of the product: what is measured here is written to RESULTS.md and never asserted.
"""
