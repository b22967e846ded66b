"""Showing one record: on the terminal, and as one self-contained page."""
