"""What a study's runs leave behind: runs and verdicts, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from openbook.errors import OpenbookError
from openbook.files import write_atomically
from openbook.studies.schema import SizeName, Verdict


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Also(_Kept):
    """A further number of a claim."""

    measured: float | None
    expected: float
    agrees: bool


class ClaimResult(_Kept):
    """What became of one claim."""

    verdict: Verdict
    reason: str = Field(default="", description="Why not run, why partly, or what limits the verdict.")
    measured: float | None = None
    interval: tuple[float, float] | None = None
    published: float | None = None
    target: float | None = Field(default=None, description="What the measured number was compared with.")
    seconds: float | None = Field(default=None, description="Wall time of the run; claims may share one.")
    size: SizeName | None = None
    scale: str = ""
    also: dict[str, Also] = {}
    run: str | None = Field(default=None, description="The KEY of its run.")


class Verdicts(_Kept):
    """``results/verdicts.json``."""

    study: str
    written: str = Field(description="UTC, ISO 8601.")
    claims: dict[str, ClaimResult]


class Run(_Kept):
    """``results/runs/KEY.json``: one run of one command."""

    key: str
    command: list[str] = Field(description="As in study.toml, places not filled in.")
    inputs: dict[str, str] = Field(description="What the result depends on: place -> SHA-256.")
    started: str
    seconds: float
    commit: str | None = Field(description="Of the repository; null where there is none.")
    dirty: bool = Field(description="Files differed from the commit, or there was none.")
    versions: dict[str, str]
    hardware: dict[str, Any]
    seeds: list[int] = []
    found: dict[str, Any] = Field(description="The object that the command printed.")


def results_folder(study: Path) -> Path:
    """Where a study's results are."""
    return study / "results"


def run_path(study: Path, key: str) -> Path:
    """The file of a run."""
    return results_folder(study) / "runs" / f"{key}.json"


def read_run(study: Path, key: str) -> Run | None:
    """A kept run, or None where there is none that can be read: then it is run again."""
    try:
        run = Run.model_validate_json(run_path(study, key).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None
    return run if run.key == key else None


def write_run(study: Path, run: Run) -> None:
    """Keep a run, whole or not at all."""
    write_atomically(run_path(study, run.key), run.model_dump_json(indent=1) + "\n")


def read_verdicts(study: Path) -> Verdicts | None:
    """The verdicts of a study, or None before its first run. Raises OpenbookError if the file is damaged."""
    path = results_folder(study) / "verdicts.json"
    try:
        return Verdicts.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise OpenbookError(
            f"{path} cannot be read; remove it, then openbook study run {study.name} writes it anew"
        ) from error


def write_verdicts(study: Path, verdicts: Verdicts) -> None:
    """Keep the verdicts, whole or not at all."""
    write_atomically(results_folder(study) / "verdicts.json", verdicts.model_dump_json(indent=1) + "\n")
