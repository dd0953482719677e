"""Servers that complete conversations."""
