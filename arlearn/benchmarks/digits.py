"""Cost and accuracy of multiplication as the digits grow: one table, one figure.

    for n in 2 3 6 8; do arlearn train multiplication-linear-$n --out runs/mul$n; done
    arlearn train multiplication-linear --out runs/mul4
    python arlearn/benchmarks/digits.py runs/mul2 runs/mul3 runs/mul4 runs/mul6 runs/mul8 --out docs/figures/digits.svg

Every run is evaluated on uniformly drawn held-out pairs and on hard ones; ``--count`` says how many. What is evaluated
is kept beside the model in evaluations.json, and read from there as long as the model is the same (the table says how
many questions each figure rests on); ``--again`` evaluates anew.

    python arlearn/benchmarks/digits.py --rows docs/arithmetic.md --out docs/figures/digits.svg

draws the figure from the table that stands in a page, so that the two say the same where the runs are no longer at hand.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from matplotlib import pyplot

from arlearn.errors import ArlearnError
from arlearn.evaluation.exact_match import choose_questions, exact_match, wilson
from arlearn.files import file_sha256, write_atomically
from arlearn.predictors.saving import load_predictor
from arlearn.tasks.arithmetic import MultiplicationTask


def evaluated(run: Path, count: int, again: bool) -> dict[str, Any]:
    """What the table says of one run."""
    sha256 = file_sha256(run / "model.safetensors")
    kept = run / "evaluations.json"
    if kept.is_file() and not again:
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        if found["sha256"] == sha256:
            return found
    predictor, card = load_predictor(run)
    task = MultiplicationTask.from_configuration(card["task"]["configuration"])
    result: dict[str, Any] = {"sha256": sha256, "digits": task.digits, "tokens": task.generated}
    result |= {"weights": predictor.parameter_count(), "frozen": predictor.frozen(), "seconds": card["seconds"]}
    result["examples"] = card["metrics"]["steps"] * card["recipe"]["training"]["batch"]
    for name, hard in (("uniform", False), ("hard", True)):
        result[name] = exact_match(predictor, task, choose_questions(task, count, hard, 0)[0]).summary()
    write_atomically(kept, json.dumps(result, indent=1))
    return result


def published(page: str) -> list[dict[str, Any]]:
    """The rows of the table "More digits" in a Markdown page. Raises ArlearnError if there are none."""
    rows = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        found = [re.search(r"([\d,]+) wrong of (?:all )?([\d,]+)$", cell) for cell in cells[-2:]]
        weights = re.fullmatch(r"([\d.]+) M", cells[2]) if len(cells) == 6 else None
        if weights and all(found):
            row: dict[str, Any] = {"digits": int(cells[0]), "tokens": int(cells[1])}
            row["weights"] = 1e6 * float(weights[1])
            for name, match in zip(("uniform", "hard"), found, strict=True):
                assert match is not None
                wrong, count = (int(number.replace(",", "")) for number in match.groups())
                row[name] = {"wrong": wrong, "count": count, "interval": wilson(count - wrong, count)}
            rows.append(row)
    if not rows:
        raise ArlearnError("the page has no table of digits, tokens, weights, updates and two columns 'N wrong of M'")
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| digits | tokens generated | weights | examples | training s | wrong, uniform | wrong, hard | products/s |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        uniform, hard = row["uniform"], row["hard"]
        lines.append(
            f"| {row['digits']} | {row['tokens']} | {row['weights']:,} | {row['examples']:,} | {row['seconds']:.0f} "
            f"| {uniform['wrong']:,} of {uniform['count']:,} | {hard['wrong']:,} of {hard['count']:,} "
            f"| {uniform['products_per_second']:,.0f} |"
        )
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Left: tokens and weights; right: share of wrong products, with intervals."""
    pyplot.rcParams["svg.hashsalt"] = "digits"  # the same rows give the same file
    figure, (cost, accuracy) = pyplot.subplots(1, 2, figsize=(10, 4))
    digits = [row["digits"] for row in rows]
    for name, label in (("tokens", "tokens generated"), ("weights", "weights")):
        cost.plot(digits, [row[name] for row in rows], "o-", label=label)
    cost.set(yscale="log", xlabel="digits of each factor", xticks=digits, title="cost")
    for shift, (name, colour) in enumerate((("uniform", "C0"), ("hard", "C3"))):
        wrong = [row[name]["wrong"] / row[name]["count"] for row in rows]
        low = [1 - row[name]["interval"][1] for row in rows]
        high = [1 - row[name]["interval"][0] for row in rows]
        below = [w - l for w, l in zip(wrong, low, strict=True)]
        above = [h - w for w, h in zip(wrong, high, strict=True)]
        places = [d + 0.1 * shift for d in digits]
        accuracy.errorbar(
            places, wrong, (below, above), fmt="o", color=colour, capsize=3, label=f"{name} held-out pairs"
        )
    accuracy.axhline(0.001, color="grey", linestyle=":", label="99.9 % exact")
    accuracy.set(yscale="symlog", xlabel="digits of each factor", xticks=digits, title="share of products wrong")
    accuracy.set_yscale("symlog", linthresh=1e-5)
    accuracy.set_ylim(-4e-6, max(0.05, accuracy.get_ylim()[1]))
    for axis in (cost, accuracy):
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--rows", type=Path, help="Draw the table of this page in place of runs.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    if options.rows:
        draw(published(options.rows.read_text(encoding="utf-8")), options.out)
        return
    rows = sorted(
        (evaluated(run, options.count, options.again) for run in options.runs), key=lambda row: int(row["digits"])
    )
    print(table(rows))
    draw(rows, options.out)


if __name__ == "__main__":
    main()
