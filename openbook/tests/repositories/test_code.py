"""Repositories that the tests make, sound, poor and hostile, and what a look at them finds."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from openbook.cli import app
from openbook.errors import OpenbookError
from openbook.record.model import Answer, CodeReport, Evidence, PaperInfo, Record, Run, score_answers
from openbook.repositories.cloning import cloned, refuse_private
from openbook.repositories.inspection import KINDS, inspect_code
from openbook.variables import SCORED

README = """# Pebbles

Sorts pebbles by colour, as in our paper. Install with pip, download the data, train, evaluate, compare the results of Table 1.
Pretrained weights are at https://zenodo.org/record/1 for everyone who would like to try them at home.

    pip install -r requirements.txt
    python train.py --epochs 3

```
$ bash scripts/run.sh
make tables
```
"""


def write(root: Path, **files: str | bytes) -> Path:
    """Files by name; ``__`` stands for a slash and ``_dot_`` for a dot at the beginning."""
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def sound(root: Path) -> Path:
    files: dict[str, str | bytes] = {
        "README.md": README,
        "LICENSE": "MIT License\n\nPermission is hereby granted, free of charge, to any person",
        "requirements.txt": "numpy==1.26.4\ntorch==2.3.0  # GPU\n",
        "constraints.txt": "numpy==1.26.4\n",
        "train.py": "import numpy as np\nrng = np.random.default_rng(7)\nLEARNING_RATE = 1e-3\nDATA = 'PebbleNet'\n",
        "scripts__run.sh": "python train.py\n",
        "Makefile": "tables:\n\tpython train.py\n",
        "tests__test_train.py": "def test(): pass\n",
        ".github__workflows__ci.yml": "on: push\n",
    }
    return write(root, **files)


def kinds(report: CodeReport) -> list[str]:
    return [finding.kind for finding in report.findings]


def test_a_sound_repository_has_nothing_to_mend(tmp_path: Path) -> None:
    report = inspect_code(str(sound(tmp_path)))
    assert kinds(report) == []
    assert all(report.covers.values())
    assert (report.licence, report.files) == ("MIT", 9)


def test_a_poor_repository(tmp_path: Path) -> None:
    key = "ghp_" + "a1B2" * 9
    write(
        tmp_path,
        **{
            "train.py": f"import numpy as np\nx = np.random.rand(3)\nDATA = '/home/ada/data/x.csv'\nTOKEN = '{key}'\n",
            "requirements.txt": "numpy\ntorch>=2\n",
            "README.md": "Code.\n\n    python evaluate.py\n    python path/to/yours.py\n",
            "weights.bin": b"\0" * 10_000_001,
        },
    )
    report = inspect_code(str(tmp_path))
    found = {finding.kind: finding for finding in report.findings}
    wanted = (
        "missing_licence missing_entry_point secret unpinned_versions no_seeds machine_path large_binary no_lock_file"
    )
    assert set(wanted.split()) <= set(found)
    assert (found["secret"].file, found["secret"].line) == ("train.py", 4)
    assert (found["machine_path"].file, found["machine_path"].line) == ("train.py", 3)
    assert key not in report.model_dump_json(), "a secret is never repeated"
    assert "numpy, torch" in found["unpinned_versions"].message
    assert "evaluate.py" in found["missing_entry_point"].message
    assert kinds(report).count("missing_entry_point") == 1, "a placeholder is no file"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([(1, ["x"]), (2, ["y"])], set()),
        ([(2, ["x"]), (1, ["y"])], {"notebook_order"}),
        ([(1, ["x"]), (None, [])], {"notebook_order"}),
        ([(1, []), (2, [])], {"notebook_outputs"}),
    ],
)
def test_notebooks(tmp_path: Path, cells: list[tuple[int | None, list[str]]], expected: set[str]) -> None:
    sound(tmp_path)
    made = [{"cell_type": "code", "source": ["1"], "execution_count": count, "outputs": out} for count, out in cells]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": made}))
    assert set(kinds(inspect_code(str(tmp_path)))) == expected


def test_hostile_folders_are_looked_at_and_nothing_is_followed(tmp_path: Path) -> None:
    secret = tmp_path / "outside.py"
    secret.write_text("AKIA" + "A" * 16)
    root = sound(tmp_path / "r")
    (root / "link.py").symlink_to(secret)
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.py")
    (root / "odd\nname.py").write_text("x = 1\n")
    (root / "deep.ipynb").write_text('{"cells": ' + "[" * 100_000)
    (root / "binary.py").write_bytes(b"\0\xff" * 100)
    report = inspect_code(str(root))
    assert {"link_outside", "odd_name", "broken_notebook"} == set(kinds(report))
    assert all(finding.file is None or "\n" not in finding.file for finding in report.findings)


def record(**quotes: str) -> Record:
    answers = {name: Answer(result="yes" if name in quotes else "no") for name in SCORED}
    for name, quote in quotes.items():
        answers[name].evidence = [Evidence(quote=quote, match="exact")]
    answers |= {"research_type": Answer(result="experimental"), "affiliation": Answer(result="unknown")}
    return Record(paper=PaperInfo(id="p"), answers=answers, scores=score_answers(answers), run=Run(assessor="t"))


def test_the_paper_and_the_repository_are_compared(tmp_path: Path) -> None:
    root = sound(tmp_path)
    agreeing = record(
        software_dependencies="We used PyTorch 2.3 and NumPy 1.26.4.",
        experiment_setup="The learning rate was 0.001.",
        open_datasets="We train on PebbleNet.",
    )
    assert kinds(inspect_code(str(root), agreeing)) == []
    differing = record(
        software_dependencies="We used PyTorch 1.13 and Gurobi 9.5.",
        experiment_setup="We use a learning rate of 0.05 and a batch size of 777.",
        open_datasets="We train on ShellSet10.",
    )
    found = inspect_code(str(root), differing).findings
    messages = " ".join(finding.message for finding in found)
    assert sorted(finding.kind for finding in found) == ["paper_only"] * 4 + ["version_differs"]
    for word in ("1.13", "Gurobi 9.5", "0.05", "777", "ShellSet10"):
        assert word in messages
    unsaid = inspect_code(str(root), record())
    assert kinds(unsaid) == ["repository_only"]


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True)


def committed(folder: Path) -> Path:
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x")
    return folder


def test_a_clone_runs_nothing_and_is_removed(tmp_path: Path) -> None:
    root = sound(tmp_path / "r")
    (root / ".gitattributes").write_text("*.py filter=evil\n")
    (root / "link.py").symlink_to("/etc/hostname")
    committed(root)
    ran = tmp_path / "ran"
    hook = root / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    with cloned(f"file://{root}", protocol="file") as folder:
        report = inspect_code(str(folder))
        assert (folder / "train.py").is_file()
        assert not (folder / "link.py").is_symlink(), "links are checked out as plain files"
        assert report.commit is not None
        assert report.last_change is not None
    assert not folder.exists()
    assert not ran.exists()


def test_limits_of_a_clone(tmp_path: Path) -> None:
    root = tmp_path / "r"
    write(root, **{"big.bin": os.urandom(3_000_000), "a.py": "x = 1\n"})
    committed(root)
    with pytest.raises(OpenbookError, match="larger than 1 MB"), cloned(f"file://{root}", protocol="file", megabytes=1):
        pass
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    with pytest.raises(OpenbookError, match="empty repository"), cloned(f"file://{empty}", protocol="file"):
        pass
    with pytest.raises(OpenbookError, match="cannot be fetched"), cloned(f"file://{tmp_path}/none", protocol="file"):
        pass


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/x", "ssh://example.org/x", "file:///etc", "git@github.com:a/b", "ext::sh -c true"),
        *(
            "https://127.0.0.1/x",
            "https://localhost/x",
            "https://[::1]/x",
            "https://10.0.0.1/x",
            "https://169.254.169.254/x",
        ),
    ],
)
def test_addresses_that_are_never_asked(url: str) -> None:
    with pytest.raises(OpenbookError):
        refuse_private(url)


def test_the_command(tmp_path: Path) -> None:
    runner = CliRunner()
    root = sound(tmp_path / "r")
    done = runner.invoke(app, ["code", str(root), "--json", "--strict"])
    assert done.exit_code == 0, done.output
    assert CodeReport.model_validate_json(done.output).licence == "MIT"
    (root / "LICENSE").unlink()
    done = runner.invoke(app, ["code", str(root), "--strict"])
    assert done.exit_code == 4
    assert "no licence" in done.output
    assert set(runner.invoke(app, ["code", "--kinds"]).output.split()) >= set(KINDS)


@pytest.mark.parametrize("given", ["missing", "a.py", "empty"])
def test_wrong_input_is_one_clear_error(tmp_path: Path, given: str) -> None:
    (tmp_path / "a.py").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(OpenbookError, match=r"does not exist|is a file|is empty"):
        inspect_code(str(tmp_path / given))
