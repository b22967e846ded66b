"""Incremental generation and sampling."""
