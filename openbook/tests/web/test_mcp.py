"""The MCP server, asked by the SDK's own client: in this process, and as the command over standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")
from mcp import Client, StdioServerParameters

from openbook.web.mcp_server import mcp_server

TEXT = """River Levels from Rain Gauges

Ada Example
University of Example

Abstract

We study a small neural model that predicts river levels from rain gauges, on eight rivers and over twenty years of records.

1 Introduction

Floods cost lives, and a warning of a few hours can save many of them. Rain gauges are cheap and stand almost everywhere.

2 Experiments

We split the 900 records into 700 for training, 100 for validation and 100 for testing, drawn at random with a fixed seed.
All models were trained on four NVIDIA A100 GPUs with 80 GB of memory, and one run took two hours and a half in the mean.
"""


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    (tmp_path / "paper.txt").write_text(TEXT)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("x = 1\n")
    return tmp_path


async def _asked(server: Any, calls: list[tuple[str, dict[str, Any]]]) -> tuple[list[str], list[Any]]:
    async with Client(server) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        return tools, [await client.call_tool(name, arguments) for name, arguments in calls]


def content(result: Any) -> Any:
    found = result.structured_content
    if found is None:
        return json.loads(result.content[0].text)
    return found.get("result", found) if set(found) == {"result"} else found


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("read", {"path": "paper.txt"}),
    ("assess", {"path": "paper.txt"}),
    ("locate", {"path": "paper.txt", "quote": "four NVIDIA A100 GPUs"}),
    ("locate", {"path": "paper.txt", "quote": "sixteen TPU pods of the newest kind"}),
    ("checklist", {"path": "paper.txt", "venue": "neurips"}),
    ("code", {"source": "code"}),
]


@pytest.mark.parametrize("over", ["in process", "stdio"])
def test_every_tool_answers_from_the_paper(papers: Path, over: str) -> None:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "openbook.cli", "mcp", "--root", str(papers)], env=dict(os.environ)
    )
    tools, results = asyncio.run(_asked(mcp_server(papers) if over == "in process" else command, CALLS))
    assert set(tools) == {"read", "assess", "locate", "checklist", "code"}
    read, record, found, absent, draft, code = map(content, results)
    assert read["title"] == "River Levels from Rain Gauges"
    assert record["answers"]["hardware_specification"]["result"] == "yes"
    assert found[0]["match"] == "exact"
    assert absent[0]["match"] == "absent"
    assert draft["draft"] is True
    assert "missing_readme" in [finding["kind"] for finding in code["findings"]]


def test_nothing_outside_the_folder_is_read(papers: Path, tmp_path: Path) -> None:
    (papers / "link.txt").symlink_to("/etc/hostname")
    calls: list[tuple[str, dict[str, Any]]] = [
        *(("read", {"path": path}) for path in ("../x.txt", "/etc/passwd", "link.txt")),
        ("checklist", {"path": "paper.txt", "venue": "nowhere"}),
        ("code", {"source": "https://127.0.0.1/x"}),
    ]
    _, results = asyncio.run(_asked(mcp_server(papers), calls))
    assert all(result.is_error for result in results)
    assert all("outside" in result.content[0].text for result in results[:3])
