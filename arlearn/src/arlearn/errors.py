"""The one family of errors that arlearn raises for bad input. The command line prints their message and exits 1."""


class ArlearnError(Exception):
    """Something the user gave cannot be used. The message says what was wrong, where, and what to do."""


class Terminated(SystemExit):
    """SIGTERM ended the work; the command exits with 143, like a process that the signal kills."""

    def __init__(self) -> None:
        super().__init__(143)
