"""Papers' pages are made anew when the code, the templates or the data that make them change, and only then."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from site_records import made_up, write_folder

import openbook
from openbook.web.site.state import page_files, seal


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package that a test may edit."""
    source = Path(openbook.__file__).parent
    left_out = shutil.ignore_patterns("__pycache__", "*.npz", "*.safetensors")
    return Path(shutil.copytree(source, tmp_path / "src" / "openbook", ignore=left_out))


MAKERS = """
    web/site/paper_page.py web/site/rows.py web/record/view.py record/model.py corpus/audit/findings.py
    advice/advising.py advice/drafts.toml variables/definitions.toml web/templates/site/paper.html.jinja
    web/templates/site/base.html.jinja web/templates/site/bar.html.jinja web/templates/site/badge.svg.jinja
    web/templating.py web/addresses.py
""".split()
OTHERS = """
    web/server/pages.py web/templates/server/home.html.jinja web/templates/site/home.html.jinja web/site/lists.py
    cli/show.py web/static/theme.css
""".split()


def test_the_seal_changes_with_all_that_makes_a_page_and_with_nothing_else(package: Path) -> None:
    before = seal("settings", root=package)
    assert seal("settings", root=package) == before
    assert seal("other settings", root=package) != before
    for name in MAKERS + OTHERS:
        path = package / name
        kept = path.read_bytes()
        path.write_bytes(kept + b"\n")
        assert (seal("settings", root=package) != before) == (name in MAKERS), name
        path.write_bytes(kept)
    assert seal("settings", root=package) == before


def test_every_module_that_a_page_needs_is_found() -> None:
    """What importing the page maker really loads is among the files that are looked at."""
    code = "import sys, openbook.web.site.rendering; print(*(n for n in sys.modules if n.startswith('openbook')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    root = Path(openbook.__file__).parent
    known = {path.relative_to(root).with_suffix("").as_posix() for path in page_files(root)}
    names = {name.partition(".")[2].replace(".", "/") for name in loaded}
    assert len(names) > 15
    assert not {name for name in names if not {name, f"{name}/__init__".lstrip("/")} & known}


def test_an_edit_of_each_kind_makes_pages_anew(package: Path, tmp_path: Path) -> None:
    records = write_folder(tmp_path / "records", [made_up(1), made_up(2)])

    def build() -> tuple[int, str]:
        command = [
            sys.executable,
            "-m",
            "openbook.cli",
            "site",
            "--records",
            str(records),
            "--out",
            str(tmp_path / "site"),
        ]
        environment = os.environ | {"PYTHONPATH": str(package.parent)}
        told = subprocess.run([*command, "--no-search", "--json"], capture_output=True, text=True, env=environment)
        assert told.returncode == 0, told.stderr
        page = (tmp_path / "site/papers/paper_1/index.html").read_text(encoding="utf-8")
        return json.loads(told.stdout)["written"], page

    def edit(name: str, before: str, after: str) -> None:
        path = package / name
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after), encoding="utf-8")

    assert build()[0] == 2
    assert build()[0] == 0
    for name, before, after in (
        ("web/templates/site/scores.html.jinja", "Documentation Score", "Score of the orchard"),
        ("web/record/view.py", '"word for word"', '"apple for apple"'),
        ("variables/definitions.toml", 'title = "Pseudocode"', 'title = "Recipes for pie"'),
    ):
        edit(name, before, after)
        written, page = build()
        assert written == 2, name
        assert after.split('"')[-2 if '"' in after else 0] in page, name
    edit("web/static/site.css", "/* What only", "/* Plums. What only")
    assert build()[0] == 0  # a page only links to it
    assert "Plums" in (tmp_path / "site/assets/site.css").read_text(encoding="utf-8")
