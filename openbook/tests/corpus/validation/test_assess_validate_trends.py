"""From papers to figures: assess writes a folder, and validate, trends and audit read it as they read a Parquet file."""

import csv
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from openbook.cli import app
from openbook.variables import SCORED

FILLER = " ".join(
    f"Run {number} repeats the comparison of the method with the baseline and its mean is close to that of the others."
    for number in range(60)
)
DOCUMENTED = (
    "Our code is available at https://github.com/ann/sort. We use the MNIST data set (LeCun et al., 1998), with 50,000 "
    "training, 10,000 validation and 10,000 test images. All models were trained on one NVIDIA A100 GPU. The learning "
    "rate was 0.1, the batch size 32, and training took 20 epochs."
)


def invoke(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_assess_validate_trends_audit(tmp_path: Path) -> None:
    papers = []
    for number in range(4):
        path = tmp_path / f"paper{number}.txt"
        told = DOCUMENTED if number % 2 else "We sort numbers."
        path.write_text(
            f"Sorting Numbers {number}\n\nAnn Author\nUniversity of Nowhere\n\nAbstract\nWe study how to sort numbers.\n\n"
            f"1 Introduction\n{FILLER}\n\n2 Experiments\n{told} The results show that the method is better."
        )
        papers.append(str(path))
    out = tmp_path / "out"
    assert invoke("assess", *papers, "--out", str(out))["papers"] == 4
    labels = tmp_path / "labels.csv"
    with labels.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", *SCORED, "research_type"])
        writer.writeheader()
        for number in range(4):
            yes = "yes" if number % 2 else "no"
            row = dict.fromkeys(SCORED, yes) | {"pseudocode": "no", "software_dependencies": "no"}
            writer.writerow({"id": f"paper{number}", "research_type": "experimental", **row})
    report = invoke("validate", "--records", str(out), "--labels", str(labels))
    assert report["papers"] == 4
    assert set(SCORED) <= set(report["variables"])
    assert report["documentation"]["n"] + report["documentation"]["all"]["n"] > 0
    rows = invoke("trends", "--records", str(out), "--by", "year")
    assert rows[-1]["papers"] == 4
    records = [json.loads(path.read_text()) for path in sorted(out.glob("*.json"))]
    empirical = [one for one in records if one["answers"]["research_type"]["result"] != "theoretical"]
    assert rows[-1]["empirical"] == len(empirical)
    mean = sum(one["scores"]["documentation"] for one in empirical) / len(empirical)
    assert abs(rows[-1]["documentation_mean"] - mean) < 1e-12
    found = invoke("audit", str(out), "--papers", str(tmp_path), "--kinds", "quote_absent,ghost")
    assert found["findings"] == [], "what assess quotes is in the paper"
    assert sum(found["quotes_checked"].values()) == sum(
        answer["result"] == "yes" for one in records for name, answer in one["answers"].items() if name in SCORED
    )
