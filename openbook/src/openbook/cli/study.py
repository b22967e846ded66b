"""``openbook study``: rebuilt papers, their claims tested by running them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app

if TYPE_CHECKING:
    from openbook.studies.results import Study
    from openbook.studies.running import Outcome

study_app = typer.Typer(
    no_args_is_help=True, help="Rebuild papers: test their claims by running them, and report the results."
)
app.add_typer(study_app, name="study")

Studies = Annotated[Path, typer.Option("--studies", help="The folder that holds the studies.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


@study_app.command("list")
def list_studies(studies: Studies = Path("studies"), as_json: Json = False) -> None:
    """List the studies, and the verdicts of their claims on this machine."""
    import json

    from openbook.errors import OpenbookError
    from openbook.studies import load_studies

    found = load_studies(studies)
    if not found:
        raise OpenbookError(f"there is no study in {studies}; --studies DIR names the folder that holds them")
    if as_json:
        print(json.dumps({"studies": [_summary(study) for study in found]}, ensure_ascii=False))
        return
    for study in found:
        state = study.headline() if study.was_run else f"{len(study.claims)} claims, never run here"
        print(f"{study.name}: {study.file.title}\n  {state}")


def _summary(study: Study) -> dict[str, object]:
    return {
        "name": study.name,
        "title": study.file.title,
        "paper": study.file.paper.model_dump(),
        "claims": len(study.claims),
        "verdicts": study.counts(),
    }


@study_app.command()
def new(
    paper: Annotated[str, typer.Argument(metavar="PAPER|RECORD", help="The paper to rebuild, or a record of it.")],
    out: Annotated[Path, typer.Option(help="The folder of the new study, such as studies/ding2015.")],
    as_json: Json = False,
) -> None:
    """Begin a study: write a study.toml with the claims that look testable, each with its sentence, page and span.

    Beside the claims stand the bibliography, the sentences and tables that a runner needs, the data sets with their links, and
    what the paper does not say. Nothing is invented; metric and direction are guesses, and the commands are left empty.

        openbook study new paper.pdf --out studies/paper2024
        openbook study check paper2024
    """
    import json

    from openbook.cli.advise import record_and_paper
    from openbook.errors import OpenbookError
    from openbook.studies.scaffold import scaffold, write_scaffold

    record, read = record_and_paper(paper, None)
    content = scaffold(read, record, _study_name(out))
    if not content["claims"]:
        raise OpenbookError(f"{paper}: no sentence looks like a testable claim, so no study was written")
    path = write_scaffold(content, out)
    found = {"study": str(path), "claims": len(content["claims"]), "tables": len(content["found"]["tables"])}
    if as_json:
        print(json.dumps(found | {"missing": content["found"]["missing"]}))
        return
    print(
        f"{path}: {found['claims']} claims, {found['tables']} tables; missing: {', '.join(content['found']['missing']) or 'nothing'}"
    )
    print(f"Next: give each claim a command, then: openbook study check {out.name} --studies {out.parent}")


@study_app.command("import")
def import_rubric(
    rubric: Annotated[Path, typer.Option(help="The rubric.json of a replication benchmark.")],
    out: Annotated[Path, typer.Option(help="The folder of the new study.")],
    title: Annotated[str, typer.Option(help="The title of the paper.")] = "",
    as_json: Json = False,
) -> None:
    """Begin a study from a benchmark's rubric tree: its leaves become claims with weights, and reports give the weighted score.

    openbook study import --rubric rubric.json --out studies/paper2024
    """
    import json

    from openbook.studies.scaffold import read_rubric, write_scaffold

    claims = read_rubric(rubric)
    name = _study_name(out)
    path = write_scaffold(
        {"name": name, "title": f"{title or name}, rebuilt", "paper": {"title": title or name}, "claims": claims}, out
    )
    if as_json:
        print(json.dumps({"study": str(path), "claims": len(claims)}))
    else:
        print(f"{path}: {len(claims)} claims, their weights sum to 1")


def _study_name(folder: Path) -> str:
    import re

    from openbook.errors import OpenbookError

    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", folder.name):
        raise OpenbookError(f"--out {folder}: the name {folder.name!r} is invalid; use small letters, digits, - and _")
    return folder.name


@study_app.command()
def check(
    name: Annotated[str, typer.Argument(help="The study, as `openbook study list` names it.")],
    studies: Studies = Path("studies"),
    as_json: Json = False,
) -> None:
    """List what is still empty or only guessed in a study's file. Exit code 4 if there is anything."""
    import json

    from openbook.studies.results import find_study

    study = find_study(studies, name)
    open_points = study.unfinished()
    if as_json:
        print(json.dumps({"study": name, "claims": len(study.claims), "unfinished": open_points}, ensure_ascii=False))
    else:
        print(
            "\n".join(
                [*open_points, f"{name}: {len(open_points) or 'nothing'} to finish in {len(study.claims)} claims"]
            )
        )
    if open_points:
        raise typer.Exit(4)


@study_app.command()
def run(
    name: Annotated[str, typer.Argument(help="The study, as `openbook study list` names it.")],
    claim: Annotated[list[str] | None, typer.Option(help="Test only this claim; may be given several times.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Run only what takes minutes on two cores.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse to run unless the code is at a commit, unchanged.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Run claims again that already have a result.")] = False,
    studies: Studies = Path("studies"),
    as_json: Json = False,
) -> None:
    """Test a study's claims by running their commands, and give each a verdict.

    Results are kept in DIR/NAME/results with commit, versions, machine, seeds and wall time; a result whose command and
    inputs have not changed is not run again, so an interrupted run continues with the same command. Claims with the same
    command are measured by one run. Verdicts: *reproduced*, *partly*, *not reproduced*, *not run* (and why). Exit
    code 0 for any verdicts, 3 when a command failed.

        openbook study run malach2024 --quick
        openbook study run malach2024 --claim mlp-size --json
    """
    import json

    from openbook.studies.results import find_study
    from openbook.studies.running import run_study

    study = find_study(studies, name)
    outcome = run_study(study, claim or (), quick, strict, force, lambda line: print(line, file=sys.stderr, flush=True))
    if as_json:
        print(json.dumps(_outcome(study, outcome), ensure_ascii=False))
    else:
        _show(study, outcome)
    if outcome.failed:
        raise typer.Exit(3)


@study_app.command()
def report(
    name: Annotated[str, typer.Argument(help="The study, as `openbook study list` names it.")],
    out: Annotated[
        Path | None, typer.Option(help="The folder for report.pdf and report.html.", show_default="DIR/NAME/report")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            help="Leave this section out, to see what its absence costs; may be given several times.", metavar="SECTION"
        ),
    ] = None,
    studies: Studies = Path("studies"),
    as_json: Json = False,
) -> None:
    """Write a study's report, PDF and HTML, from its results.

    The report is a paper of its own: algorithms, data with hashes, splits, setup, hardware, software, code at its commit,
    results beside the published ones, failures, what was not run. `openbook assess` can read it. For an ablation,
    --without takes the name of a section: one of the seven variables, background, results, details, failures, not_run,
    limits.

        openbook study report malach2024 && openbook assess studies/malach2024/report/report.pdf
    """
    import json

    from openbook.studies.report.composing import build_report
    from openbook.studies.results import find_study

    pdf, html = build_report(find_study(studies, name), out, without or ())
    if as_json:
        print(json.dumps({"study": name, "pdf": str(pdf), "html": str(html)}))
    else:
        print(f"{pdf}\n{html}\nNext: openbook assess {pdf}")


def _outcome(study: Study, outcome: Outcome) -> dict[str, object]:
    return {
        "study": study.name,
        "claims": {
            name: {
                "sentence": study.claims[name].sentence,
                "metric": study.claims[name].metric,
                "ours": study.claims[name].ours,
                **result.model_dump(),
            }
            for name, result in outcome.claims.items()
        },
        "ran": outcome.ran,
        "kept": outcome.kept,
        "failed": outcome.failed,
        "seconds": round(outcome.seconds, 3),
        "results": str(study.folder / "results"),
    }


def _show(study: Study, outcome: Outcome) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    colours = {"reproduced": "green", "partly": "yellow", "not reproduced": "red", "not run": "dim"}
    table = Table(box=SIMPLE, padding=(0, 1), pad_edge=False)
    table.add_column("claim", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("measured", justify="right")
    table.add_column("published", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("remark", overflow="fold")
    for name, result in outcome.claims.items():
        table.add_row(
            name,
            f"[{colours[result.verdict]}]{result.verdict}[/]",
            "" if result.measured is None else f"{result.measured:.6g}",
            "" if result.published is None else f"{result.published:g}",
            "" if result.seconds is None else f"{result.seconds:.1f}",
            "; ".join(part for part in (result.scale, result.reason) if part),
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    fresh = f"{outcome.ran} commands run, {outcome.kept} kept from before"
    print(f"{fresh}, in {outcome.seconds:.1f} s -> {study.folder / 'results'}")
    print(f"Next: openbook study report {study.name}")
