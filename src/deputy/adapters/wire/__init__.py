"""Codecs and protocols that several adapters share."""
