"""A disk that is full: one clear line, no success, nothing half-written that counts as whole; with room, it goes on.

The disk is a small file system in memory, which only the administrator can mount; the tests are skipped elsewhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import kills
import pytest
import safetensors.torch
import torch

from openbook.benchmarks.stages import make_text
from openbook.record.files import read_record

OPENBOOK = [sys.executable, "-m", "openbook.cli"]
ARLEARN = [sys.executable, "-m", "arlearn.cli"]
Size = Callable[[str], None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Size]]:
    """A folder on a disk of its own, and what changes the disk's size."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True)

    try:
        made = mount("size=64k")
    except FileNotFoundError:
        pytest.skip("mount is not there")
    if made.returncode:
        pytest.skip("only the administrator can mount a file system")
    try:
        yield place, lambda size: mount(f"remount,size={size}").check_returncode()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty papers."""
    folder = tmp_path_factory.mktemp("texts")
    for number in range(20):
        (folder / f"p{number:02d}.txt").write_text(make_text(number, pages=2), encoding="utf-8")
    return folder


def refused(command: list[str], folder: Path, into: IO[str] | int = subprocess.PIPE) -> str:
    """A command that must fail in one clear line, without a traceback; what it said."""
    done = subprocess.run(command, cwd=folder, stdout=into, stderr=subprocess.PIPE, text=True, timeout=300)
    assert done.returncode not in (0, -9), done.stderr
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(("openbook: ", "arlearn: ")), done.stderr[-2000:]
    assert any(word in done.stderr.lower() for word in ("full", "no space", "no room", "free")), done.stderr[-2000:]
    return done.stderr


def goes_on(command: list[str], folder: Path) -> str:
    """The same command with room; what it printed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("size", ["64k", "160k", "400k"])
@pytest.mark.parametrize("ledger", [False, True])
def test_a_batch(disk: tuple[Path, Size], texts: Path, tmp_path: Path, size: str, ledger: bool) -> None:
    place, resize = disk
    resize("16k" if size == "64k" and not ledger else "64k" if not ledger else size)
    command = [*OPENBOOK, "assess", str(texts), "--out", str(place / "out")]
    if ledger:
        command += ["--ledger", f"sqlite:///{place / 'ledger.db'}"]
    refused(command, tmp_path)
    for path in (place / "out").glob("*.json"):
        read_record(path)
    assert not list(place.rglob("*.part"))
    resize("32m")
    goes_on(command, tmp_path)
    assert len(list((place / "out").glob("*.json"))) == 20
    if ledger:
        assert kills.check_ledger(place / "ledger.db")["assessments"] == 20


def test_a_site(disk: tuple[Path, Size], texts: Path, tmp_path: Path) -> None:
    place, resize = disk
    resize("300k")
    goes_on([*OPENBOOK, "assess", str(texts), "--out", str(tmp_path / "records")], tmp_path)
    command = [*OPENBOOK, "site", "--records", "records", "--out", str(place / "site"), "--no-search"]
    refused(command, tmp_path)
    resize("64m")
    goes_on(command, tmp_path)
    fresh = [*command[:-2], str(tmp_path / "fresh"), command[-1]]
    goes_on(fresh, tmp_path)
    for path in (tmp_path / "fresh").rglob("*.html"):
        assert (place / "site" / path.relative_to(tmp_path / "fresh")).read_bytes() == path.read_bytes()


def test_the_site_of_before_stays_where_new_pages_find_no_room(
    disk: tuple[Path, Size], texts: Path, tmp_path: Path
) -> None:
    place, resize = disk
    resize("64m")
    assess = [*OPENBOOK, "assess", "--out", str(tmp_path / "records")]
    command = [*OPENBOOK, "site", "--records", "records", "--out", str(place / "site"), "--no-search"]
    goes_on([*assess, *(str(texts / f"p{number:02d}.txt") for number in range(4))], tmp_path)
    goes_on(command, tmp_path)
    before = {path: path.read_bytes() for path in (place / "site").rglob("*.html")}
    used = sum(4096 * (1 + path.stat().st_size // 4096) for path in place.rglob("*"))
    goes_on([*assess, str(texts)], tmp_path)
    resize(str(used + 120_000))
    refused(command, tmp_path)
    for path, page in before.items():  # a page is the old one or a new one, and whole
        assert path.read_bytes() == page or path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert not list(place.rglob("*.part"))
    resize("64m")
    goes_on(command, tmp_path)
    goes_on([*command[:-2], str(tmp_path / "fresh"), command[-1]], tmp_path)
    for path in (tmp_path / "fresh").rglob("*.html"):
        assert (place / "site" / path.relative_to(tmp_path / "fresh")).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("size", ["16k", "120k"])
def test_training(disk: tuple[Path, Size], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    place, resize = disk
    resize(size)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "tiny.toml").write_text(kills.TINY.replace("steps = 300", "steps = 40"), encoding="utf-8")
    (tmp_path / "stories.txt").write_text("the dog saw a big red ball and then it was happy . " * 400, encoding="utf-8")
    command = [*ARLEARN, "train", "tiny.toml", "--data", "stories.txt", "--resume", "--out"]
    refused([*command, str(place / "run")], tmp_path)
    assert not (place / "run" / "model.safetensors").exists()
    resize("32m")
    goes_on([*command, str(place / "run")], tmp_path)
    goes_on([*command, str(tmp_path / "whole")], tmp_path)
    one, other = (safetensors.torch.load_file(run / "model.safetensors") for run in (place / "run", tmp_path / "whole"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_compiling(disk: tuple[Path, Size], tmp_path: Path) -> None:
    place, resize = disk
    resize("16k")
    command = [*ARLEARN, "compile", "addition", "--digits", "3", "--out", str(place / "sum")]
    refused(command, tmp_path)
    assert subprocess.run([*ARLEARN, "generate", str(place / "sum"), "--prompt", "1"], capture_output=True).returncode
    resize("32m")
    goes_on(command, tmp_path)


STUDY = """
name = "toy"
title = "A toy, rebuilt"
[paper]
title = "A Toy"
index_id = "a_toy__0"
[[claims]]
id = "right"
sentence = "It is 2."
where = "section 1"
metric = "a number"
published = 2.0
tolerance = 0.1
command = ["{python}", "{study}/measure.py"]
read = "a.value"
quick = true
"""


@pytest.mark.parametrize("size", ["8k", "32k", "64k"])
def test_a_study(disk: tuple[Path, Size], tmp_path: Path, size: str) -> None:
    place, resize = disk
    resize("32m")
    study = place / "studies" / "toy"
    study.mkdir(parents=True)
    (study / "study.toml").write_text(STUDY, encoding="utf-8")
    told = "import sys; print('measuring ' * 20_000, file=sys.stderr)"  # more than a pipe holds
    (study / "measure.py").write_text(told + '\nprint(\'{"a": {"value": 2.0}}\')\n', encoding="utf-8")
    resize(size)
    command = [*OPENBOOK, "study", "run", "toy", "--studies", str(study.parent)]
    refused(command, tmp_path)
    assert not list(place.rglob("*.part"))
    resize("32m")
    goes_on(command, tmp_path)
    verdict = json.loads((study / "results" / "verdicts.json").read_text())["claims"]["right"]["verdict"]
    assert verdict == "reproduced"


@pytest.mark.parametrize("fits", ["nothing", "the archive"])
def test_the_weights_of_before_stay_where_new_ones_find_no_room(
    disk: tuple[Path, Size], tmp_path: Path, fits: str
) -> None:
    """``openbook train`` writes an archive and its card: both or neither."""
    from openbook.assessors.linear.model import load_model, save_model
    from openbook.assessors.linear.weight_files import CARD_FILE, SHIPPED, WEIGHTS_FILE
    from openbook.errors import OpenbookError

    place, resize = disk
    model, weights = load_model(SHIPPED), place / "weights"
    save_model(model, tmp_path)
    weights.mkdir()
    for name in (CARD_FILE, WEIGHTS_FILE):
        (weights / name).write_text("small, and of before")
    archive = (tmp_path / WEIGHTS_FILE).stat().st_size
    resize(str(16_384 + (archive if fits == "the archive" else 0)))
    with pytest.raises(OpenbookError, match="No space left on device"):
        save_model(model, weights)
    assert {path.read_text() for path in weights.iterdir()} == {"small, and of before"}
    assert len(list(weights.iterdir())) == 2
    resize("32m")
    save_model(model, weights)
    assert load_model(weights).card == load_model(tmp_path).card


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no file that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_is_printed_into_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbuffered: str) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    goes_on([*ARLEARN, "compile", "addition", "--digits", "3", "--out", "sum"], tmp_path)
    for command in ([*ARLEARN, "generate", "sum", "--prompt", "12 + 34"], [*OPENBOOK, "schema"]):
        with open("/dev/full", "w") as full:
            refused(command, tmp_path, into=full)


def test_a_server(disk: tuple[Path, Size], tmp_path: Path) -> None:
    import httpx

    place, resize = disk
    command = [*OPENBOOK, "serve", "--json", "--port", "0", "--rate", "0", "--ledger", f"sqlite:///{place / 'l.db'}"]
    refused(command, tmp_path)
    resize("16m")  # room for the ledger, none for uploads
    program = kills.Program(command, tmp_path)
    try:
        assert program.process.stdout
        url = json.loads(program.process.stdout.readline())["url"]
        paper = {"file": ("a.txt", make_text(1).encode())}
        full = httpx.post(f"{url}/api/v1/papers", files=paper, timeout=60)
        assert (full.status_code, full.json()["title"]) == (507, "The disk is full")
        resize("600m")
        assert httpx.post(f"{url}/api/v1/papers", files=paper, timeout=60).status_code == 202
    finally:
        program.process.terminate()
        program.process.communicate(timeout=60)
    assert "Traceback" not in program.said.read_text()
