"""What a build of the site says of bad records, wrong arguments and a full disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from site_records import made_up, write_folder
from typer.testing import CliRunner

from openbook.cli import app
from openbook.errors import OpenbookError
from openbook.web.site.building import SiteSettings, build
from openbook.web.site.state import write_fast


def test_bad_records_are_named_and_left_out(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "records", [made_up(1), made_up(2), made_up(1, title="The same id again")])
    (source / "x.json").write_text('{"paper": 5}', encoding="utf-8")
    result = CliRunner().invoke(
        app, ["site", "--records", str(source), "--out", str(tmp_path / "site"), "--no-search", "--json"]
    )
    assert result.exit_code == 3
    report = json.loads(result.stdout)
    assert report["pages"] == 2
    assert [why for why in report["left_out"] if "x.json" in why]
    assert [why for why in report["left_out"] if "a second record of paper_1" in why]
    assert "The same id" not in (tmp_path / "site/papers/paper_1/index.html").read_text(encoding="utf-8")


def test_what_cannot_be_done_is_said(tmp_path: Path, records: Path) -> None:
    table = tmp_path / "t.parquet"
    table.write_bytes(b"no parquet")
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine", encoding="utf-8")
    for given, out, message in (
        (tmp_path / "absent", tmp_path / "site", "there is no file or folder"),
        (table, tmp_path / "site", "not a Parquet file"),
        (records, other, "not empty and not a site"),
        (records, table, "is a file"),
        (records, Path("/proc/nowhere"), "cannot write"),
    ):
        with pytest.raises(OpenbookError, match=message):
            build(SiteSettings(given, out, search=False))
    assert (other / "mine.txt").read_text(encoding="utf-8") == "mine"
    with pytest.raises(OpenbookError, match="there is no folder"):
        build(SiteSettings(records, tmp_path / "site", studies=tmp_path / "none", search=False))
    for flags in (["--base-url", "javascript:x"], ["--base-url", "https://x/?a"], ["--corrections", "ftp://x"]):
        arguments = ["site", "--records", str(records), "--out", str(tmp_path / "s"), *flags]
        assert CliRunner().invoke(app, arguments).exit_code == 2


def test_a_full_disk_leaves_whole_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "file"
    write_fast(str(place), b"old")

    def full(handle: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        write_fast(str(place), b"new")
    assert place.read_bytes() == b"old"
    source = write_folder(tmp_path / "records", []) or tmp_path
    monkeypatch.undo()
    write_folder(tmp_path / "records", [made_up(1)])
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OpenbookError, match="No space left on device; free the space"):
        build(SiteSettings(source, tmp_path / "site", search=False))
