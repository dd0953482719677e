"""Traces of runs for OpenTelemetry, read off the journal: whatever was restarted, each span is told, under one name."""
