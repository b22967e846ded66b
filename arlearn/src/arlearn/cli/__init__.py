"""``arlearn``: the command line. Each command has its own module and imports what it needs when it runs."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, NoReturn

import typer

from arlearn.errors import ArlearnError, Terminated

app = typer.Typer(
    name="arlearn",
    help="Next-token predictors that are linear, or nearly so: train, evaluate, generate, compile, explain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from arlearn import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Next-token predictors that are linear, or nearly so: train, evaluate, generate, compile, explain."""


def read_prompt(prompt: str | None) -> str | None:
    """The prompt that was given; ``-`` stands for what standard input holds, without the line break at its end.

    Raises ArlearnError unless it is UTF-8 text. A byte-order mark is no text.
    """
    try:
        if prompt == "-":
            return sys.stdin.buffer.read().decode("utf-8-sig").replace("\r\n", "\n").rstrip("\n")
        return prompt if prompt is None else prompt.encode().decode("utf-8")
    except UnicodeError as error:
        raise ArlearnError("the prompt is not UTF-8 text; convert it first, with iconv for example") from error


def main() -> None:
    """Run the command line. Bad input ends with one line on stderr and exit code 1, wrong usage with exit code 2."""
    for stream in (sys.stdout, sys.stderr):  # a path that is no UTF-8 is shown, not a reason to fail
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # at the exit nobody could be told that it failed
    except ArlearnError as error:
        _fail(str(error), 1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EPIPE):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what is left in the buffer
        if error.errno == errno.EPIPE:  # a reader that has read enough needs no message
            sys.exit(1)
        what = error.filename or "the output"
        _fail(f"cannot write {what}: {error.strerror}; free the space and run it again", 1)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except Terminated:
        _fail("terminated", 143)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not re.search(r"allocate memory|out of memory", str(error)):
            raise
        _fail("there is not enough memory for these sizes; choose smaller ones", 1)


def _fail(message: str, code: int) -> NoReturn:
    if os.environ.get("RANK", "0") == "0":  # of several processes the first reports
        print(f"arlearn: {message}", file=sys.stderr)
    sys.exit(code)


# Each module of this package that is not private registers its command with ``app`` when it is imported.
for _module in iter_modules(__path__):
    if not _module.name.startswith("_"):
        import_module(f"{__name__}.{_module.name}")
