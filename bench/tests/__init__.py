"""Tests of the harness; run by `python -m pytest bench/tests`."""
