"""Runs as people look at them: lists, one run as a timeline of effects, where a value came from, its files."""
