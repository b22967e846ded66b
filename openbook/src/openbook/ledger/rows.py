"""Records as rows of the ledger, and back; the keys of papers and runs; people's corrections put on a record."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from openbook.files import sha256
from openbook.record.model import Answer, Correction, Evidence, PaperInfo, Record, Run, Scores
from openbook.record.scores import score_answers
from openbook.variables import SCORED


def run_key(run: Run) -> str:
    """64 hex digits that name everything about a run that can change an answer."""
    described = [run.assessor, run.model, run.prompt_hash, run.parameters, run.version]
    return sha256(json.dumps(described, sort_keys=True))


def paper_key(info: PaperInfo) -> str:
    """The content hash of the paper's file, or its id where the file was never seen."""
    return info.sha256 or f"id:{info.id}"


def paper_row(info: PaperInfo, moment: str) -> dict[str, Any]:
    """A paper as a row; ``moment`` is when it came in."""
    values = info.model_dump()
    return {"key": paper_key(info), "paper_id": values.pop("id"), "added": moment} | values


def run_row(run: Run, moment: str) -> dict[str, Any]:
    """A run as a row; ``moment`` is when it was first used."""
    named = run.model_dump(include={"assessor", "model", "prompt_hash", "parameters", "version"})
    return named | {"key": run_key(run), "first_used": moment}


def assessment_row(paper: str, run: str, text_hash: str, record: Record) -> dict[str, Any]:
    """A record's scores, and what the run used for it, as a row."""
    scores = record.scores.model_dump()
    low, high = scores.pop("reproducibility_interval") or (None, None)
    used = record.run.model_dump(include={"input_tokens", "output_tokens", "cost", "seconds", "created"})
    key = {"paper": paper, "run": run, "text_hash": text_hash, "notice": record.notice}
    code = {"code": record.code.model_dump(mode="json") if record.code else None}
    return key | code | scores | {"reproducibility_low": low, "reproducibility_high": high} | used


def info_of(row: Row[Any]) -> PaperInfo:
    """The paper of a row."""
    values = {name: getattr(row, name) for name in PaperInfo.model_fields if name != "id"}
    return PaperInfo(id=row.paper_id, **values)


def scores_of(row: Row[Any]) -> Scores:
    """The scores of a row."""
    low, high = row.reproducibility_low, row.reproducibility_high
    return Scores(
        documentation=row.documentation,
        reproducibility=row.reproducibility,
        reproducibility_interval=None if low is None or high is None else (low, high),
        unverified=row.unverified,
    )


def run_of(row: Row[Any]) -> Run:
    """The run of a row."""
    values = {name: getattr(row, name) for name in Run.model_fields}
    return Run(**values | {"text_hash": row.text_hash or None})


def corrected(record: Record, changes: dict[str, Row[Any]]) -> Record:
    """The record with people's corrections, and its scores counted again.

    A correction replaces the response by its reason and the evidence by the quotes in that reason. Where it confirms a
    result, the assessor's evidence stays.
    """
    if not changes:
        return record
    after = dict(record.answers)
    for variable, row in changes.items():
        before = after.get(variable, Answer(result="unread" if variable in SCORED else "unknown"))
        correction = Correction(result=row.result, replaced=before.result, who=row.who, when=row.when, why=row.why)
        changed = row.result != before.result
        located = [Evidence.model_validate(item) for item in row.evidence or []]
        after[variable] = Answer(
            result=row.result,
            response=row.why,
            evidence=located if changed else [*located, *before.evidence],
            near_miss=None if changed else before.near_miss,
            correction=correction,
        )
    return record.model_copy(update={"answers": after, "scores": score_answers(after)})
