"""Recomputes the figures of the published index from its own files; each call prints one JSON object.

    measure.py trends      group (2014 ... 2024, ALL, academia, industry) -> figure -> value, interval, corrected,
                           corrected_interval, without_ghosts
    measure.py agreement   variable -> metric -> value, interval; and documentation -> bias, exact, within_one
    measure.py stability   two_runs, any_run; unanimous and split -> value, interval, original_labels

``value`` is the figure as the records have it; ``corrected`` is what it becomes when the assessor's errors, as seen on the
160 papers that people labelled, are taken out; ``without_ghosts`` leaves out the papers whose text the assessor never had.
The files are found at OPENBOOK_DATA (default: ../shared/data beside the repository), in its folder ``index/``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def index() -> Path:
    """The folder with the published files."""
    folder = Path(os.environ.get("OPENBOOK_DATA", ROOT.parent / "shared" / "data")) / "index"
    if not (folder / "records.parquet").exists():
        raise SystemExit(f"the published index is not at {folder}; set OPENBOOK_DATA to the folder that holds index/")
    return folder


def trends() -> dict[str, Any]:
    """The figures by year and by affiliation."""
    from openbook.corpus.audit.rules import audit
    from openbook.corpus.trends.report import learn_errors, rows
    from openbook.variables import SCORED

    records = index() / "records.parquet"
    errors = learn_errors(records, index() / "test_set.parquet")
    ghosts = {finding.id for finding in audit(records, kinds=["ghost"])}
    figures = ("documentation_mean", "code_and_data", "reproducibility", "reproducibility_exact", *SCORED)
    found: dict[str, Any] = {"ghosts": len(ghosts)}
    for by in ("affiliation", "year"):
        for row in rows(records, [by], errors, ghosts):
            one = found[str(row[by])] = {"papers": row["papers"], "empirical": row["empirical"]}
            for figure in figures:
                exact = figure == "reproducibility_exact"
                corrected = row["corrected"]
                one[figure] = {
                    "value": row[figure],
                    "interval": row["interval"] if exact else None,
                    "corrected": corrected[figure],
                    "corrected_interval": corrected["interval"] if exact else corrected["intervals"][figure],
                    "without_ghosts": row["audited"][figure],
                }
    return found


def agreement() -> dict[str, Any]:
    """How the index's answers agree with people's, on the papers that both answered."""
    from openbook.corpus.validation.label_tables import read_label_table
    from openbook.corpus.validation.report import validate

    path = index() / "test_set.parquet"
    report = validate(read_label_table(path, "records"), read_label_table(path, "labels"))
    score = report["documentation"]
    return {
        **{
            variable: {metric: {"value": one[metric], "interval": ends} for metric, ends in one["intervals"].items()}
            for variable, one in report["variables"].items()
        },
        "documentation": {
            metric: {"value": score[metric], "interval": score[f"{metric}_interval"]}
            for metric in ("bias", "exact", "within_one")
        },
    }


def stability() -> dict[str, Any]:
    """What five identical runs over 400 papers say; accuracies also against the labels before they were edited."""
    from openbook.corpus.validation.label_tables import read_label_table
    from openbook.corpus.validation.report import validate

    report = validate(
        read_label_table(index() / "prompt_opt_runs.parquet", "records"),
        read_label_table(index() / "gundersen2018.parquet", "labels"),
    )
    found, before = report["stability"], report["label_versions"]["orig2018"]
    return {
        "two_runs": found["two_runs"],
        "any_run": found["any_run"],
        **{
            name: {
                "value": found[name]["accuracy"],
                "interval": found[name]["interval"],
                "original_labels": before["stability"][name]["accuracy"],
            }
            for name in ("unanimous", "split")
        },
        "edited_splits": before["changed"]["dataset_splits"],
    }


COMMANDS = {"trends": trends, "agreement": agreement, "stability": stability}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        raise SystemExit(f"usage: measure.py {'|'.join(COMMANDS)}")
    print(json.dumps(COMMANDS[sys.argv[1]]()))
