"""``openbook``: the command line. Each command stands in a module of its own, which is imported when it is used."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command_from_info, get_command_name, get_group_from_info

from openbook.errors import OpenbookError


class CommandsOnUse(TyperGroup):
    """The commands of this package, by the names of its modules. A module is imported when its command is looked at."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(_modules())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands:
            modules = _modules()
            # an older name, such as train-linear, is registered by the module of the first word
            module = modules.get(cmd_name) or modules.get(cmd_name.split("-")[0])
            if module:
                import_module(f"{__name__}.{module}")
            found = _registered(cmd_name)
            if found is None:
                return None
            self.commands[cmd_name] = found
        return self.commands[cmd_name]


def _modules() -> dict[str, str]:
    """The module of each command: ``import`` is made by ``import_``."""
    names = (module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    return {get_command_name(name).strip("-"): name for name in names}


def _registered(name: str) -> Any:
    """The command or the group of commands that was registered with ``app`` under this name; None if there is none."""
    how: dict[str, Any] = {"pretty_exceptions_short": True, "rich_markup_mode": app.rich_markup_mode}
    for info in app.registered_commands:
        if name == (info.name or get_command_name(info.callback.__name__ if info.callback else "")):
            return get_command_from_info(info, **how)
    for group in app.registered_groups:
        if group.name == name:
            return get_group_from_info(group, suggest_commands=True, **how)
    return None


app = typer.Typer(
    name="openbook",
    help="Read AI papers, record what they document, and prove every answer with a sentence that is really there.",
    cls=CommandsOnUse,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from openbook import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Read AI papers, record what they document, and prove every answer with a sentence that is really there."""


def main() -> None:
    """Run the command line. Bad input ends with one line on stderr and exit code 1, wrong usage with exit code 2."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # at the exit nobody could be told that it failed
    except OpenbookError as error:
        print(f"openbook: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EPIPE):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what is left in the buffer
        if error.errno != errno.EPIPE:  # a reader that has read enough needs no message
            what = error.filename or "the output"
            print(f"openbook: cannot write {what}: {error.strerror}; free the space and run it again", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("openbook: interrupted", file=sys.stderr)
        sys.exit(130)
