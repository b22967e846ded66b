"""The one family of errors that arlearn raises for bad input. The command line prints their message and exits 1."""


class ArlearnError(Exception):
    """Something the user gave cannot be used. The message says what was wrong, where, and what to do."""
