"""``openbook validate``: how far records agree with labels made by people."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from openbook.cli import app
from openbook.cli._options import MISSING_RECORDS, OptionalRecordsOptions, with_options
from openbook.text import percent

_percent = partial(percent, digits=2, sign="")


@app.command()
@with_options(chosen=OptionalRecordsOptions)
def validate(
    chosen: OptionalRecordsOptions,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Labels: CSV (see `openbook label`) or Parquet. Without this option, the records file must hold the labels too."
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            help="TOML file that says how a table of labels made elsewhere names its columns and codes "
            "(docs: Other people's labels)."
        ),
    ] = None,
    gold: Annotated[
        Path | None,
        typer.Option(
            help="Labelled sentences (Parquet or CSV: paper, sentence, a column per variable): reports whether quotes prove "
            "their answers and what was missed. Needs a folder of records."
        ),
    ] = None,
    outcomes: Annotated[
        Path | None,
        typer.Option(
            help="CSV of papers and whether they were reproduced (id, reproduced): fits how well documentation predicts it. "
            "The word example takes the built-in replication study."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Compare records with labels: accuracy, precision, recall, F1, kappa, score bias, corrected prevalence, stability.

    Records are Parquet, CSV or a folder; two files are joined on `id`. One file may hold both sides, as `llm_<variable>`
    and `human_<variable>`. The labels of two people give the agreement between annotators. If the records hold several runs (columns `run` and `index`), the
    majority answer is compared, and stability between runs is reported. If the labels come in several versions
    (`<variable>_<version>`), each is reported. Intervals are at 95 %: Wilson for shares, bootstrap over papers (seeded)
    for F1, kappa and scores, Lang and Reiczigel for corrected prevalence.

        openbook validate out/ --labels mine.csv
        openbook validate out/ --labels theirs.csv --mapping theirs.toml
        openbook validate out/ --gold sentences.parquet
        openbook validate --outcomes example
    """
    import json

    records = chosen.path
    if outcomes is not None:
        from openbook.corpus.validation.outcomes import read_outcomes, replication_study, validate_outcomes

        papers = replication_study() if str(outcomes) == "example" else read_outcomes(outcomes, records)
        fitted = validate_outcomes(papers)
        print(json.dumps(fitted)) if as_json else _show_outcomes(fitted)
        return
    if records is None:
        raise typer.BadParameter(MISSING_RECORDS)

    if gold is not None:
        if labels is not None or mapping is not None:
            raise typer.BadParameter("give either --gold or --labels", param_hint="--gold")
        from openbook.corpus.validation.evidence import validate_evidence

        found = validate_evidence(records, gold)
        if as_json:
            print(json.dumps(found, ensure_ascii=False))
        else:
            _show_evidence(found)
        return

    from openbook.corpus.validation.label_tables import read_label_table, read_mapping
    from openbook.corpus.validation.report import validate as compare

    answers = read_label_table(records, "records")
    report = compare(answers, read_label_table(labels or records, "labels", read_mapping(mapping) if mapping else None))
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
        return
    _show(report)
    for line in report["odd"]:
        print(f"openbook: odd value: {line}", file=sys.stderr)


def _show_outcomes(report: dict[str, Any]) -> None:
    print(f"{report['reproduced']} of {report['papers']} papers were reproduced")
    for kind, one in report["classes"].items():
        low, high = one["interval"]
        print(f"  {kind}: {one['reproduced']} of {one['papers']}, rate {one['rate']:.2f} [{low:.2f}, {high:.2f}]")
    print("Does documentation predict reproduction? Gain in log loss over the base rate, each paper left out in turn:")
    names = {
        "by_class": "rates by class, learned",
        "fixed": "the fixed score (.86, .33, 0)",
        "by_score": "logistic, by score",
    }
    for key, name in names.items():
        if key in report:
            one = report[key]
            between = f" [{one['gain_interval'][0]:.3f}, {one['gain_interval'][1]:.3f}]" if one["gain_interval"] else ""
            verdict = "predicts" if one["predicts"] else "no evidence that it predicts"
            print(f"  {name}: {one['gain']:+.3f}{between}, {verdict}")


def _show_evidence(report: dict[str, Any]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(
        f"{report['records']} against the sentences of {report['gold']}: {report['papers']} papers", soft_wrap=True
    )
    quotes = Table("answered yes", box=SIMPLE, padding=(0, 1), pad_edge=False)
    for column in ("judged", "not\njudged", "first quote\nproves, %", "any quote\nproves, %"):
        quotes.add_column(column, justify="right", no_wrap=True)
    missed = Table("a sentence proves it", box=SIMPLE, padding=(0, 1), pad_edge=False)
    for column in ("papers", "denied, %"):
        missed.add_column(column, justify="right", no_wrap=True)
    for name, one in (*report["variables"].items(), ("all", report["all"])):
        quotes.add_row(
            name,
            str(one["yes"]),
            str(one["unread"]),
            _percent(one["first_quote_proves"], interval=one["first_quote_proves_interval"]),
            _percent(one["any_quote_proves"]),
        )
        missed.add_row(name, str(one["provable"]), _percent(one["share_missed"], interval=one["share_missed_interval"]))
    console.print(quotes)
    console.print(missed)


def _show(report: dict[str, Any]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"{report['records']} against {report['labels']}: {report['papers']} papers", soft_wrap=True)
    agreement = Table("variable", box=SIMPLE, padding=(0, 1), pad_edge=False)
    prevalence = Table("share of yes, %", box=SIMPLE, padding=(0, 1), pad_edge=False)
    for column in ("n", "accuracy %", "prec.", "recall", "F1", "kappa"):
        agreement.add_column(column, justify="right")
    for column in ("labelled", "answered", "papers", "answered, corrected"):
        prevalence.add_column(column, justify="right")
    for name, one in report["variables"].items():
        share = one["prevalence"]
        agreement.add_row(
            name,
            str(one["n"]),
            _percent(one["accuracy"], interval=one["intervals"]["accuracy"]),
            *(_percent(one[key]) for key in ("precision", "recall", "f1")),
            "-" if one["kappa"] is None else f"{one['kappa']:.3f}",
        )
        prevalence.add_row(
            name,
            _percent(share["labelled"]),
            _percent(share["apparent"]),
            f"{share['papers']:,}",
            _percent(share["corrected"], interval=share["corrected_interval"]),
        )
    console.print(agreement)
    console.print(prevalence)
    score = report["documentation"]
    if score:
        low, high = score["bias_interval"] or (float("nan"), float("nan"))
        console.print(
            f"Documentation Score on {score['n']} empirical papers: bias {score['bias']:+.3f} [{low:+.3f}, {high:+.3f}], "
            f"exact {percent(score['exact'], 1)}, within one {percent(score['within_one'], 1)}"
        )
    if "stability" in report:
        _show_stability("labels as they are", report["stability"])
        stable = report["stability"]
        console.print(
            f"Between two of {stable['runs']} runs {percent(stable['two_runs'], 1)} of {stable['papers']} papers change at least "
            f"one of {stable['answers']} answers; over all runs {percent(stable['any_run'], 1)}"
        )
    for version, other in report.get("label_versions", {}).items():
        accuracies = ", ".join(f"{name} {_percent(one['accuracy'])}" for name, one in other["variables"].items())
        console.print(f"Against the labels {version!r}: accuracy % {accuracies}")
        if "stability" in other:
            _show_stability(f"labels {version!r}", other["stability"])


def _show_stability(which: str, stability: dict[str, Any]) -> None:
    for name in ("unanimous", "split"):
        one = stability[name]
        print(f"{name} answers, {which}: {_percent(one['accuracy'], interval=one['interval'])} % right of {one['n']}")
