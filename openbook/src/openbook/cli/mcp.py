"""``openbook mcp``: openbook's tools for an assistant, over standard input and output."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from openbook.cli import app


@app.command()
def mcp(
    root: Annotated[Path, typer.Option(help="The folder whose papers and code the assistant may read.")] = Path(),
) -> None:
    """Serve the tools read, assess, locate, checklist and code to an assistant, by the Model Context Protocol (stdio).

    With them, an assistant can look up the sentence that proves an answer instead of inventing one. Needs the extra `mcp`.

        openbook mcp --root papers
    """
    from openbook.errors import OpenbookError
    from openbook.web.mcp_server import mcp_server

    if not root.is_dir():
        raise OpenbookError(f"--root {root} is not a folder; give the folder that holds the papers")
    mcp_server(root).run("stdio")
