"""Hosts of tools."""
