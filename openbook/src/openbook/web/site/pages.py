"""The pages that are not lists: the first one, trends, studies, method, accuracy, corrections, downloads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from openbook.charts import Figure
from openbook.errors import OpenbookError
from openbook.record.model import (
    CLEAR_FROM,
    CODE_AND_DATA,
    DATA_ONLY,
    RATE_CODE_AND_DATA,
    RATE_DATA_ONLY,
    wilson,
)
from openbook.studies import Study, load_studies
from openbook.text import percent
from openbook.variables import SCORED, VARIABLES
from openbook.variables.definitions import definition, definitions
from openbook.web.addresses import group_folder, is_web
from openbook.web.record.view import MATCHES
from openbook.web.site.frame import Site, render
from openbook.web.site.lists import TITLES
from openbook.web.site.paper_page import StudyBox
from openbook.web.site.rows import UNKNOWN, Figures, Listed, by, figures

#: Figures on the first page.
_AT_HOME: Final = ("variables",)


def home(site: Site, papers: Sequence[Listed], charts: Sequence[Figure], studies: Sequence[Study]) -> str:
    """The first page."""
    venues = by(papers, lambda one: one.venue)
    years = by(papers, lambda one: one.year_name)
    whole = figures(papers)
    known = known_years(papers)
    return site.page(
        "home.html.jinja",
        "index.html",
        "",
        whole=whole,
        stats=_stats(whole, len(venues), {year: figures(years[year]) for year in known}),
        figures=[one for one in charts if one.name in _AT_HOME] if len(known) > 1 else [],
        titles=TITLES,
        studies=[study_view(study) for study in studies],
        venues=[
            (venue, f"venues/{group_folder(venue)}/index.html", figures(chosen)) for venue, chosen in venues.items()
        ],
        years=[*reversed(known), *([UNKNOWN] if UNKNOWN in years else [])],
    )


def known_years(papers: Sequence[Listed]) -> list[str]:
    """The years of the papers, in order."""
    return sorted({one.year_name for one in papers} - {UNKNOWN})


def _stats(whole: Figures, venues: int, years: dict[str, Figures]) -> list[tuple[str, str, str]]:
    """The figures at the top of the first page: (number, unit, what it counts)."""
    known = list(years)
    span = f", {known[0]} to {known[-1]}" if len(known) > 1 else f", {known[0]}" if known else ""
    what = f"papers of {venues} venues{span}" if venues > 1 else f"papers{span}"
    stats = [(f"{whole.papers:,}", "", what)]
    if whole.mean is not None:
        stats.append((f"{whole.mean:.2f}", "of 7", "things that a reader needs are documented, on average"))
    first, last = (years[known[0]], years[known[-1]]) if len(known) > 1 else (whole, whole)
    if first is not last and first.code_and_data is not None and last.code_and_data is not None:
        stats.append((percent(first.code_and_data), "", f"of empirical papers came with code and data in {known[0]}"))
        stats.append((percent(last.code_and_data), "", f"of empirical papers did in {known[-1]}"))
    elif whole.code_and_data is not None:
        stats.append((percent(whole.code_and_data), "", "of empirical papers come with code and data"))
    return stats


def trends(site: Site, papers: Sequence[Listed], charts: Sequence[Figure], corrected: bool) -> str:
    """The page of trends. Without two known years, figures by year have nothing to show: bars stand there instead."""
    by_year = len(known_years(papers)) > 1
    shown = [one for one in charts if by_year or "year" not in one.columns]
    return site.page(
        "trends.html.jinja",
        "trends/index.html",
        "Trends",
        crumbs=[("Trends", None)],
        corrected=corrected,
        by_year=by_year,
        figures=shown,
        titles=TITLES,
        whole=figures(papers),
    )


def downloads(site: Site, sizes: Sequence[tuple[str, str, int]]) -> str:
    """The page of downloads: (path, what it is, bytes)."""
    crumbs = [("Data", None)]
    return site.page("data.html.jinja", "data/index.html", "Data and downloads", crumbs=crumbs, sizes=sizes)


def method(site: Site) -> str:
    """What each variable asks, what counts as evidence, and what the scores mean."""
    rates = [
        (RATE_CODE_AND_DATA, "code and data", *CODE_AND_DATA, wilson(*CODE_AND_DATA)),
        (RATE_DATA_ONLY, "data only", *DATA_ONLY, wilson(*DATA_ONLY)),
    ]
    return site.page(
        "method.html.jinja",
        "method/index.html",
        "Method",
        crumbs=[("Method", None)],
        rates=rates,
        matches=MATCHES,
        unclear=CLEAR_FROM,
        definitions=list(definitions().values()),
    )


def accuracy(site: Site, records: Path, labels: Path | None) -> str:
    """How far answers agree with people's labels (``openbook validate``), and what the offline assessor's card says.

    Raises OpenbookError if the records and the labels cannot be compared.
    """
    report: dict[str, Any] | None = None
    if labels is not None:
        from openbook.corpus.validation.label_tables import read_label_table
        from openbook.corpus.validation.report import validate

        report = validate(read_label_table(records, "records"), read_label_table(labels, "labels"))
    card = json.loads(files("openbook.assessors.linear").joinpath("weights/linear.json").read_text(encoding="utf-8"))
    titles = {name: known.title for name, known in definitions().items()}
    crumbs = [("Accuracy", None)]
    return site.page(
        "accuracy.html.jinja", "accuracy/index.html", "Accuracy", crumbs=crumbs, report=report, card=card, titles=titles
    )


def corrections(site: Site) -> str:
    """How to propose a correction, with a form that makes its text."""
    titles = {name: definition(name).title for name in VARIABLES}
    crumbs = [("Propose a correction", None)]
    at = "corrections/index.html"
    return site.page("corrections.html.jinja", at, "Propose a correction", crumbs=crumbs, titles=titles)


# --- studies of rebuilt papers


def read_studies(folder: Path | None) -> list[Study]:
    """The studies of a folder. Raises OpenbookError if it is not there, or one of them is not a valid study."""
    if folder is None:
        return []
    if not folder.is_dir():
        raise OpenbookError(f"there is no folder {folder}; --studies names the folder that holds NAME/study.toml")
    return load_studies(folder)


def study_boxes(studies: Sequence[Study], root: str) -> dict[str, StudyBox]:
    """Paper's id -> what its page shows of its studies; ``root`` leads from the page to the root of the site."""
    found: dict[str, StudyBox] = {}
    for study in studies:
        if study.index_id:
            box = found.setdefault(study.index_id, StudyBox())
            box.markup += render("study_box.html.jinja", study=study_view(study), root=root)
            for variable, values in study.guesses().items():
                box.guessed.setdefault(variable, []).extend(values)
    return found


def study_pages(site: Site, studies: Sequence[Study], folders: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The list and a page per study: (path, page). ``folders`` maps papers' ids to their folders."""
    views = [study_view(study) for study in studies]
    crumbs: list[tuple[str, str | None]] = [("Studies", None)]
    yield (
        "studies/index.html",
        site.page(
            "studies.html.jinja",
            "studies/index.html",
            "Studies",
            crumbs=crumbs,
            studies=views,
            needed=values_needed(studies),
        ),
    )
    for study, view in zip(studies, views, strict=True):
        folder = folders.get(study.index_id or "")
        crumbs = [("Studies", "studies/index.html"), (study.name, None)]
        documents = site.paper(folder) if folder else ""
        yield (
            view["path"],
            site.page("study.html.jinja", view["path"], view["title"], crumbs=crumbs, study=view, documents=documents),
        )


def values_needed(studies: Sequence[Study]) -> list[tuple[str, int, int]]:
    """Title of each variable, how many values of it the rebuilds found in their papers, and how many they guessed."""
    values = [value for study in studies for value in study.file.values]
    rows = []
    for variable in SCORED:
        of = [value.guessed for value in values if value.variable == variable]
        if of:
            rows.append((definition(variable).title, of.count(False), of.count(True)))
    return rows


def study_view(study: Study) -> dict[str, Any]:
    """A study as pages show it."""
    paper = study.file.paper
    return {
        "name": study.name,
        "title": study.file.title,
        "path": f"studies/{group_folder(study.name)}/index.html",
        "paper": paper,
        "link": paper.url if is_web(paper.url) else None,
        "headline": study.headline() if study.was_run else f"{len(study.claims)} claims, none tested here yet",
        "counts": list(study.counts().items()),
        "guesses": [(definition(variable).title, values) for variable, values in study.guesses().items()],
        "claims": [_claim_view(study, name) for name in study.claims],
    }


def _claim_view(study: Study, name: str) -> dict[str, Any]:
    claim, result, run = study.claims[name], study.verdicts[name], study.run_of(name)
    between = f" [{_number(result.interval[0])}, {_number(result.interval[1])}]" if result.interval else ""
    told = [
        ("Where", claim.where),
        ("Metric", claim.metric),
        ("Command", " ".join(claim.command)),
        ("Scale", result.scale),
        ("Answers", ", ".join(definition(one).title.lower() for one in claim.variables)),
        ("Took", "" if result.seconds is None else f"{result.seconds:,.0f} s"),
    ]
    if run is not None:
        told += [
            ("Started", run.started),
            ("Commit", (run.commit or "unknown") + (", changed" if run.dirty else "")),
            ("Machine", ", ".join(f"{key} {value}" for key, value in run.hardware.items())),
            ("Versions", ", ".join(f"{key} {value}" for key, value in run.versions.items())),
            ("Seeds", ", ".join(map(str, run.seeds))),
        ]
    told += [
        ("Also", "; ".join(f"{key}: {one.measured} (expected {one.expected})" for key, one in result.also.items()))
    ]
    return {
        "name": name,
        "sentence": claim.sentence,
        "metric": claim.metric,
        "ours": claim.ours,
        "published": "–" if claim.published is None else _number(claim.published),
        "measured": "–" if result.measured is None else f"{_number(result.measured)}{between}",
        "verdict": result.verdict,
        "kind": result.verdict.replace(" ", "-"),
        "reason": result.reason,
        "revised": claim.revised,
        "told": [(key, value) for key, value in told if value],
    }


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 1 else f"{value:.4g}"
