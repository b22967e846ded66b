"""Asking a person, in the terminal or in the browser."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.errors import OpenbookError

if TYPE_CHECKING:
    from openbook.corpus.validation.questions import QuestionQueue

BrowserOption = Annotated[
    bool, typer.Option("--browser", help="Ask in the browser instead, one key for each answer. Ctrl-C stops.")
]
PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="With --browser, listen on this port; 0 takes a free one.")
]


def one_key(prompt: str) -> str:
    """One key from a terminal, with a line break behind it; one line from anything else. Empty at the end of the input."""
    print(prompt, end="", flush=True)
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    key = typer.getchar()
    if key in ("\x03", "\x04"):
        return ""
    print(key if key.isprintable() else "")
    return f"{key.strip() if key.isprintable() else ''}\n"


def ask_in_browser(queue: QuestionQueue, port: int) -> None:
    """Ask the questions of a queue on a page that only this machine reaches, until all are answered or Ctrl-C."""
    try:
        from openbook.web.server.questions import serve_questions
    except ModuleNotFoundError as error:
        raise OpenbookError(f"--browser needs {error.name}: pip install 'openbook[server]'") from error

    def ready(address: str) -> None:
        import webbrowser

        print(f"openbook: asking at {address} (Ctrl-C stops; answers are kept at once)", file=sys.stderr, flush=True)
        webbrowser.open(address)

    serve_questions(queue, port, ready)
